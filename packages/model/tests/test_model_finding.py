import json
import shutil

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from safetensors.torch import load_file

from linelet_common.boxes import ONNX_KEY, FinderSpec, find_cores, guess_line
from linelet_common.cli import main
from linelet_common.digests import SEAL_KEY
from linelet_common.errors import ReaderError, TrainingError
from linelet_model.finding.crops import augment_crop, cut_crop, keep_screen, make_batch
from linelet_model.finding.judging import Found
from linelet_model.finding.loss import map_loss
from linelet_model.finding.onnx_export import export_finder
from linelet_model.finding.run import load_finder
from linelet_model.finding.settings import FinderSettings
from linelet_model.finding.targets import draw_targets
from linelet_model.finding.training import State, train_finder
from linelet_model.networks.finder import Finder

SPEC = FinderSpec()


def boxes_of(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


@pytest.fixture(scope="module")
def screens(tmp_path_factory):
    """A dataset of eight screens of a few lines each, as the folder form has it."""
    folder = tmp_path_factory.mktemp("data") / "screens"
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for i in range(8):
        picture = Image.new("RGB", (160, 128), "white")
        draw = ImageDraw.Draw(picture)
        for k, text in enumerate(("72.5 kg", f"BMI {20 + i}")):
            draw.text((10 + 4 * i, 10 + 60 * k), text, font=ImageFont.load_default(20), fill="black")
            x0, y0, x1, y1 = draw.textbbox((10 + 4 * i, 10 + 60 * k), text, font=ImageFont.load_default(20))
            box = [x0, y0, x1 - x0, y1 - y0]
            annotations.append({"id": len(annotations), "image_id": i, "category_id": 1, "bbox": box, "text": text})
        picture.save(folder / "images" / f"{i}.png")
        images.append({"id": i, "file_name": f"images/{i}.png", "width": 160, "height": 128})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "line"}]}
    (folder / "screens.json").write_text(json.dumps(content))
    return folder


def quick(screens, **changes):
    return FinderSettings(**{"data": (str(screens),), "epochs": 2, "batch": 4, "crop": 64, "threads": 1, **changes})


@pytest.fixture(scope="module")
def run(screens, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    train_finder(quick(screens), out)
    return out


def test_the_network_is_small_and_answers_for_every_cell():
    network = Finder().eval()
    assert sum(p.numel() for p in network.parameters()) <= 150_000
    assert network(torch.zeros(2, 1, 96, 160)).shape == (2, 24, 40)


@given(st.floats(-50, 250), st.floats(-50, 250), st.floats(6, 200), st.floats(5, 90))
def test_targets_hold_the_area_of_the_core_that_is_inside(x, y, width, height):
    targets = draw_targets(boxes_of([x, y, width, height]), (200, 200), SPEC)
    high = max(0.64 * height, min(height, 6))
    wide = max(width - 0.18 * height, 6)
    down = np.clip([y + height / 2 - high / 2, y + height / 2 + high / 2], 0, 200)
    across = np.clip([x + width / 2 - wide / 2, x + width / 2 + wide / 2], 0, 200)
    area = (down[1] - down[0]) * (across[1] - across[0])
    assert 16 * targets.inside.sum() == pytest.approx(area, rel=1e-4, abs=1e-2)
    assert (targets.weight >= 1).all()


def test_lines_too_small_to_read_count_neither_way():
    targets = draw_targets(boxes_of([8, 8, 40, 4]), (64, 64), SPEC)
    assert targets.inside.sum() == 0
    assert (targets.weight[2, 2:12] == 0).all()
    assert targets.weight.sum() == 16 * 16 - 10


@given(st.floats(8, 40), st.floats(0, 4))
def test_lines_close_above_each_other_keep_cores_of_their_own(height, offset):
    rows = boxes_of(*[[20, 20 + offset + k * 1.55 * max(height, 10), 100, height] for k in range(3)])
    levels = np.floor(255 * draw_targets(rows, (256, 256), SPEC).inside + 0.5).astype(np.uint8)
    guesses = [guess_line(core, levels, SPEC, 1.0) for core in find_cores(levels, SPEC)]
    assert len(guesses) == 3
    for guess, (_, y, _, high) in zip(sorted(guesses, key=lambda g: g.middle), rows, strict=True):
        assert guess.middle == pytest.approx(y + high / 2, abs=1.5)


@given(st.integers(0, 2**32), st.integers(200, 900), st.integers(200, 900))
@settings(max_examples=60, deadline=None)
def test_boxes_follow_their_ink_into_the_crop(seed, height, width):
    picture = np.full((height, width), 255, dtype=np.uint8)
    picture[100:140, 50:170] = 0
    screen = keep_screen(picture, boxes_of([50, 100, 120, 40]), SPEC)
    crop, boxes = cut_crop(screen, 320, np.random.default_rng(seed))
    assert crop.shape == (320, 320)
    (x, y, w, h) = boxes[0]
    ink = np.argwhere(crop < 128)
    if not len(ink):
        assert x > 317 or y > 317 or x + w < 3 or y + h < 3
        return
    expected = np.clip([y, x, y + h, x + w], 0, 320)
    np.testing.assert_allclose([*ink.min(axis=0), *(ink.max(axis=0) + 1)], expected, atol=1.6)


def test_a_batch_is_a_function_of_its_seed():
    picture = np.random.default_rng(0).integers(0, 256, (400, 300), dtype=np.uint8)
    screen = keep_screen(picture, boxes_of([50, 100, 120, 40]), SPEC)
    one, same, other = (make_batch([screen] * 3, 96, SPEC, (seed, 5)) for seed in (1, 1, 2))
    assert one.screens.shape == (3, 1, 96, 96)
    assert one.inside.shape == one.weight.shape == (3, 24, 24)
    np.testing.assert_array_equal(one.screens, same.screens)
    assert not np.array_equal(one.screens, other.screens)
    assert -1 <= one.screens.min() < one.screens.max() <= 1


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_augmentation_keeps_text_apart_from_its_background(seed):
    crop = np.full((64, 64), 240, dtype=np.uint8)
    crop[24:40, 8:56] = 20
    augmented = augment_crop(crop, np.random.default_rng(seed)).astype(int)
    assert augmented.shape == (64, 64)
    assert abs(augmented[28:36, 16:48].mean() - augmented[:16].mean()) > 20


def test_the_loss_is_what_is_written():
    rng = np.random.default_rng(0)
    scores, inside, weight = rng.normal(size=(2, 3, 4)), rng.random((2, 3, 4)), rng.integers(0, 3, (2, 3, 4))
    p = 1 / (1 + np.exp(-scores))
    counted = weight * (1 + 2 * inside)
    entropy = -(counted * (inside * np.log(p) + (1 - inside) * np.log(1 - p))).sum() / counted.sum()
    shared = 2 * (p * inside * weight).sum(axis=(1, 2)) + 1
    dice = 1 - shared / (((p**2 + inside**2) * weight).sum(axis=(1, 2)) + 1)
    found = map_loss(*(torch.from_numpy(a) for a in (scores, inside, weight)))
    assert float(found) == pytest.approx(entropy + dice.mean(), rel=1e-5)


def test_what_is_ignored_changes_no_loss():
    inside, weight = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    weight[0, 0] = 0
    quiet, loud = torch.full((1, 4, 4), -9.0), torch.full((1, 4, 4), -9.0)
    loud[0, 0] = 9.0
    assert map_loss(quiet, inside, weight) == map_loss(loud, inside, weight)
    assert map_loss(quiet, inside, weight) < 0.01


def test_recall_and_precision_worked_out_by_hand():
    assert (Found(4, 5, 3).recall, Found(4, 5, 3).precision) == (0.75, 0.6)


def test_a_run_folder_says_what_was_done(run, screens):
    plan = json.loads((run / "run.json").read_text())
    assert plan["task"] == "find"
    assert plan["settings"]["data"] == [str(screens)]
    assert plan["parameters"] <= 150_000
    assert (plan["screens"], plan["held_out_screens"]) == (7, 1)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[1]["train_loss"] < rows[0]["train_loss"]
    network, spec = load_finder(run)
    assert (spec.step, spec.stride) == (32, 4)
    assert not network.training


def test_a_killed_training_goes_on_as_if_nothing_had_happened(run, screens, tmp_path, monkeypatch):
    step = State.train_step

    def killed(state, batch):
        if state.updates == 9:
            raise KeyboardInterrupt
        step(state, batch)

    monkeypatch.setattr(State, "checkpoint_due", lambda state: True)
    monkeypatch.setattr(State, "train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        train_finder(quick(screens), tmp_path / "run")
    monkeypatch.setattr(State, "train_step", step)
    train_finder(quick(screens), tmp_path / "run", resume=True)
    whole, resumed = load_file(run / "weights.safetensors"), load_file(tmp_path / "run" / "weights.safetensors")
    for key, weights in whole.items():
        torch.testing.assert_close(resumed[key], weights, rtol=0, atol=0)


def test_a_run_does_not_go_on_with_other_screens(screens, tmp_path):
    data = tmp_path / "screens"
    shutil.copytree(screens, data)
    found = train_finder(quick(data, epochs=1), tmp_path / "run")
    assert found.lines
    assert train_finder(quick(data, epochs=1), tmp_path / "run", resume=True) == found
    about = json.loads((data / "screens.json").read_text())
    about["annotations"][0]["bbox"][2] += 1
    (data / "screens.json").write_text(json.dumps(about))
    with pytest.raises(TrainingError, match="begun with other data"):
        train_finder(quick(data, epochs=1), tmp_path / "run", resume=True)
    shutil.copyfile(screens / "screens.json", data / "screens.json")
    with Image.open(data / "images" / "3.png") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data / "images" / "3.png")
    with pytest.raises(TrainingError, match="put the data back"):
        train_finder(quick(data, epochs=1), tmp_path / "run", resume=True)


def test_another_run_is_never_overwritten(run, screens):
    with pytest.raises(TrainingError, match="--resume goes on"):
        train_finder(quick(screens), run)
    with pytest.raises(TrainingError, match=r"--lr 0.01 \(was 0.003\)"):
        train_finder(quick(screens, lr=0.01), run, resume=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ()}, "--data DIR"),
        ({"crop": 100}, "take 96"),
        ({"lr": 0}, "--lr 0 is outside"),
        ({"minutes": 1.0, "epochs": 1}, "give one"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(TrainingError, match=message):
        FinderSettings(**{"data": ("x",), **changes}).checked()


def test_the_export_carries_its_spec_and_takes_any_size(run, tmp_path):
    assert export_finder(run, tmp_path / "finder.onnx") <= 1e-4
    network, spec = load_finder(run)
    model = onnx.load(tmp_path / "finder.onnx")
    entry, sealed = model.metadata_props
    assert sealed.key == SEAL_KEY
    assert FinderSpec.from_json(entry.value, "metadata") == spec
    assert entry.key == ONNX_KEY
    session = ort.InferenceSession((tmp_path / "finder.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    screens = np.random.default_rng(0).uniform(-1, 1, (1, 1, 352, 64)).astype(np.float32)
    (found,) = session.run(None, {"screens": screens})
    with torch.inference_mode():
        expected = network(torch.from_numpy(screens)).sigmoid().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ReaderError, match="not a run folder"):
        load_finder(tmp_path)


def test_the_command_trains_goes_on_from_a_run_and_exports(run, screens, tmp_path, capsys):
    out, file = tmp_path / "second", tmp_path / "finder.onnx"
    options = ["--data", str(screens), "--from", str(run), "--epochs", "1", "--batch", "4", "--crop", "64", "--json"]
    assert main(["train", "--task", "find", "--out", str(out), *options, "--lr", "1e-9", "--threads", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["lines"] == 2
    first, second = load_file(run / "weights.safetensors"), load_file(out / "weights.safetensors")
    torch.testing.assert_close(second["scores.weight"], first["scores.weight"], atol=1e-6, rtol=0)
    assert main(["export", str(out), "--out", str(file)]) == 0
    assert "torch's map" in capsys.readouterr().out
    assert onnx.load(file).metadata_props[0].key == ONNX_KEY


def test_options_of_the_other_task_are_refused(screens, tmp_path, capsys):
    out = ["--data", str(screens), "--out", str(tmp_path / "run")]
    assert main(["train", "--task", "find", *out, "--scramble", "0.1"]) == 2
    assert "--scramble is not an option of --task find" in capsys.readouterr().err
    assert main(["train", *out, "--crop", "64"]) == 2
    assert "--crop is not an option of --task read" in capsys.readouterr().err
