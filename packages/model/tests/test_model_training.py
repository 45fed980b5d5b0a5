import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from linelet_common.cli import main
from linelet_common.datasets import open_dataset
from linelet_common.errors import DatasetError, ReaderError, TrainingError
from linelet_model.settings import Settings
from linelet_model.state import State
from linelet_model.training import train
from linelet_read import load_reader
from linelet_read.evaluation import compare, evaluate

SHORT = {"epochs": 3, "batch": 64, "threads": 1, "precision": "fp32"}


def test_a_short_training_learns_to_read_unseen_lines(run_folder, unseen):
    result = evaluate(load_reader(run_folder), open_dataset(unseen))
    assert result.exact >= 0.9


def test_the_run_folder_holds_what_it_promises(run_folder):
    names = {p.name for p in run_folder.iterdir()}
    expected = {"run.json", "spec.json", "weights.safetensors", "checkpoint.pt", "metrics.jsonl", "predictions.txt"}
    assert names == expected | {"curves.png"}
    rows = [json.loads(line) for line in (run_folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 15))
    assert rows[-1]["loss"] < rows[0]["loss"]
    spec = json.loads((run_folder / "spec.json").read_text())
    assert spec["charset"] == "0123456789.%"
    assert spec["name"] == "digits"
    assert spec["grammar"]["forms"] == ["{0..99}%", "{0..9}{0..9:.1f}"]
    with Image.open(run_folder / "curves.png") as curves:
        assert curves.width > 400


@pytest.mark.parametrize("threads", ["1", "2"])
def test_resuming_after_a_kill_equals_never_having_stopped(digits, tmp_path, threads):
    """SIGKILL at a random moment, then --resume: the weights are bit for bit those of an uninterrupted training."""
    command = [sys.executable, "-m", "linelet_common", "train", "--data", str(digits), "--epochs", "3", "--batch", "64"]
    command += ["--threads", threads, "--precision", "fp32"]
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True, capture_output=True)
    process = subprocess.Popen([*command, "--out", str(tmp_path / "cut")], stderr=subprocess.DEVNULL)
    while not (tmp_path / "cut" / "checkpoint.pt").exists():
        time.sleep(0.05)
    time.sleep(float(np.random.default_rng().uniform(0, 1.5)))
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([*command, "--out", str(tmp_path / "cut"), "--resume"], check=True, capture_output=True)
    for name in ("weights.safetensors", "metrics.jsonl", "spec.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_resuming_in_the_middle_of_an_epoch_is_exact(digits, tmp_path, killed_at):
    settings = Settings(data=(str(digits),), **SHORT)
    train(settings, tmp_path / "whole")
    with killed_at(25, tmp_path / "cut"):
        train(settings, tmp_path / "cut")
    train(settings, tmp_path / "cut", resume=True)
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_resuming_between_accumulated_steps_is_exact(digits, tmp_path, monkeypatch):
    """A checkpoint is never written between the steps whose gradients add up to one update."""
    settings = Settings(data=(str(digits),), **{**SHORT, "accumulate": 4})
    train(settings, tmp_path / "whole")
    monkeypatch.setattr("linelet_model.checkpoint.SECONDS", -1.0)
    steps = iter(range(1000))
    train_step = State.train_step

    def step(self, batch, spec):
        if next(steps) == 10:
            raise KeyboardInterrupt
        return train_step(self, batch, spec)

    monkeypatch.setattr(State, "train_step", step)
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "cut")
    monkeypatch.undo()
    train(settings, tmp_path / "cut", resume=True)
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_a_run_is_trained_by_one_process_at_a_time(digits, tmp_path, monkeypatch):
    settings = Settings(data=(str(digits),), **{**SHORT, "epochs": 1})

    def step(self, batch, spec):
        with pytest.raises(TrainingError, match="is being written by another process"):
            train(settings, tmp_path / "run", resume=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(State, "train_step", step)
    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "run")


def test_what_a_run_killed_at_its_very_start_leaves_is_no_hindrance(digits, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / ".run.json.0123abcd.tmp").write_bytes(b"{")
    settings = Settings(data=(str(digits),), **{**SHORT, "epochs": 1})
    (out / "notes.txt").write_text("mine")
    with pytest.raises(TrainingError, match="is not empty"):
        train(settings, out)
    (out / "notes.txt").unlink()
    train(settings, out)
    assert not list(out.glob(".*"))


def test_a_run_does_not_go_on_with_other_data(draw, tmp_path):
    data = draw(tmp_path / "data", 300, seed=3)
    settings = Settings(data=(str(data),), **{**SHORT, "epochs": 1})
    train(settings, tmp_path / "run")
    train(settings, tmp_path / "run", resume=True)
    labels = (data / "labels.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    for changed in (labels[:-20], [*labels[20:], *labels[:20]]):
        (data / "labels.txt").write_text("".join(changed), encoding="utf-8")
        with pytest.raises(TrainingError, match="begun with other data"):
            train(settings, tmp_path / "run", resume=True)
    rows = [row.rstrip("\n").split("\t") for row in labels]
    swapped = [f"{path}\t{text}\n" for (path, _), (_, text) in zip(rows, reversed(rows), strict=True)]
    (data / "labels.txt").write_text("".join(swapped), encoding="utf-8")
    with pytest.raises(TrainingError, match="put the data back"):
        train(settings, tmp_path / "run", resume=True)


def test_a_run_of_before_an_option_existed_goes_on_as_it_began(digits, tmp_path):
    settings = Settings(data=(str(digits),), **{**SHORT, "epochs": 1, "scramble": 0.0})
    train(settings, tmp_path / "run")
    path = tmp_path / "run" / "run.json"
    about = json.loads(path.read_text(encoding="utf-8"))
    del about["settings"]["scramble"], about["data_digest"]
    path.write_text(json.dumps(about), encoding="utf-8")
    train(settings, tmp_path / "run", resume=True)
    about["settings"]["foreign"] = 0.0
    path.write_text(json.dumps(about), encoding="utf-8")
    train(settings, tmp_path / "run", resume=True)
    about["settings"]["turbo"] = True
    path.write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(TrainingError, match="turbo"):
        train(settings, tmp_path / "run", resume=True)


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_precisions_on_the_cpu_learn_alike(digits, tmp_path, precision):
    train(Settings(data=(str(digits),), **{**SHORT, "precision": precision, "epochs": 1}), tmp_path / "run")
    (row,) = [json.loads(x) for x in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert row["train_loss"] < 8


def test_accumulated_halves_move_the_weights_as_often_as_whole_batches(digits, tmp_path):
    train(Settings(data=(str(digits),), **{**SHORT, "epochs": 1, "batch": 32, "accumulate": 2}), tmp_path / "halves")
    train(Settings(data=(str(digits),), **{**SHORT, "epochs": 1}), tmp_path / "whole")
    updates = [
        torch.load(tmp_path / n / "checkpoint.pt", weights_only=True)["counters"][2] for n in ("halves", "whole")
    ]
    assert abs(updates[0] - updates[1]) <= 1


def test_patience_stops_a_training_that_no_longer_gets_better(digits, tmp_path):
    settings = Settings(data=(str(digits),), lr=1e-9, patience=2, **{**SHORT, "epochs": 30})
    train(settings, tmp_path / "run")
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) < 30


def test_minutes_bound_the_training(digits, tmp_path):
    start = time.monotonic()
    train(Settings(data=(str(digits),), minutes=0.05, threads=1), tmp_path / "run")
    assert time.monotonic() - start < 30


def test_starting_from_a_run_keeps_what_it_knows(run_folder, digits, unseen, tmp_path):
    settings = Settings(data=(str(digits),), start=str(run_folder), lr=1e-5, **{**SHORT, "epochs": 1})
    train(settings, tmp_path / "tuned")
    assert evaluate(load_reader(tmp_path / "tuned"), open_dataset(unseen)).exact >= 0.85


def test_a_larger_charset_keeps_what_the_old_reader_knows(run_folder, draw, unseen, tmp_path):
    """New characters get classes behind the old ones; before any training the old texts are read as before."""
    from linelet_model.start import build_network

    more = draw(tmp_path / "more", 60, seed=9, charset="0123456789.%kg")
    network, spec = build_network(Settings(data=(str(more),), start=str(run_folder)).checked())
    assert spec.charset == "0123456789.%kg"
    with torch.inference_mode():
        lines = torch.rand(2, 1, 32, 64)
        old = load_reader(run_folder).network(lines)
        torch.testing.assert_close(network.eval()(lines)[:, :, :13], old)
    settings = Settings(data=(str(more),), start=str(run_folder), lr=1e-4, validation=0.2, **{**SHORT, "epochs": 1})
    train(settings, tmp_path / "run")
    assert evaluate(load_reader(tmp_path / "run"), open_dataset(unseen)).exact >= 0.85


def test_a_trimmed_charset_keeps_what_the_old_reader_knows_of_it(run_folder, draw, tmp_path):
    """The new data's characters alone, in its order; what they share is scored as before, whatever was dropped."""
    from linelet_model.start import build_network

    few = draw(tmp_path / "few", 40, seed=9, charset="k9871g")
    network, spec = build_network(Settings(data=(str(few),), start=str(run_folder), trim=True).checked())
    before = load_reader(run_folder)
    assert spec.charset == "k9871g"
    assert sum(p.numel() for p in network.parameters()) < sum(p.numel() for p in before.network.parameters())
    with torch.inference_mode():
        lines = torch.rand(2, 1, 32, 64)
        old, new = before.network(lines), network.eval()(lines)
    for character in "9871":
        ours, theirs = spec.codec.class_of(character), before.spec.codec.class_of(character)
        torch.testing.assert_close(new[:, :, ours], old[:, :, theirs])
    torch.testing.assert_close(new[:, :, spec.codec.blank], old[:, :, before.spec.codec.blank])


def test_trimming_needs_a_reader_to_trim_and_characters_to_keep(run_folder, digits, tmp_path):
    from linelet_model.start import build_network

    with pytest.raises(TrainingError, match="--trim goes with --from READER"):
        Settings(data=(str(digits),), trim=True).checked()
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "labels.tsv").write_text("", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"has no dataset\.json that names them; give --charset"):
        build_network(Settings(data=(str(bare),), start=str(run_folder), trim=True).checked())


def test_fifty_crops_of_a_new_font_lift_its_reading_and_keep_the_old(run_folder, digits, unseen, draw, tmp_path):
    font = "STIXGeneralBolIta.ttf"
    real = draw(tmp_path / "real", 50, seed=11, font_file=font)
    held_out = draw(tmp_path / "held-out", 200, seed=12, font_file=font)
    settings = Settings(
        data=(str(real), f"{digits}:4"), start=str(run_folder), lr=5e-4, epochs=4, batch=32, threads=1, validation=0.1
    )
    train(settings, tmp_path / "tuned")
    before, after = load_reader(run_folder), load_reader(tmp_path / "tuned")
    new, old = open_dataset(held_out), open_dataset(unseen)
    lifted = compare(evaluate(before, new), evaluate(after, new))
    assert lifted.only_b > lifted.only_a
    assert lifted.p_value < 0.001
    assert evaluate(after, old).exact >= evaluate(before, old).exact - 0.01


def test_datasets_are_mixed_by_their_weights(digits, draw, tmp_path):
    from linelet_common import ReaderSpec
    from linelet_model.feeds import DatasetFeed, Part

    other = draw(tmp_path / "other", 150, seed=5, charset="78")
    parts = [Part(str(path), open_dataset(path), weight) for path, weight in ((digits, 1), (other, 3))]
    feed = DatasetFeed(parts, Settings(data=("a", "b")), ReaderSpec(charset="0123456789.%"))
    labels = feed.epoch(0).lines.labels
    assert sum(set(label) <= set("78") for label in labels) / len(labels) == pytest.approx(0.75, abs=0.06)
    assert feed.epoch(0).lines.labels == labels != feed.epoch(1).lines.labels


def test_two_processes_train_as_one(digits, tmp_path):
    """Two gloo processes, each with half of every batch, give the loss curve and weights of one with whole batches."""
    command = ["-m", "linelet_common", "train", "--data", str(digits), "--epochs", "1", "--batch", "64"]
    command += ["--threads", "1", "--precision", "fp32", "--device", "cpu"]
    # A low rate: the first steps turn rounding noise into full steps, and the curves part at the usual one.
    command += ["--lr", "1e-5", "--ema", "0.5", "--out"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29611"]
    subprocess.run([sys.executable, *command, str(tmp_path / "one")], check=True, capture_output=True, env=environment)
    subprocess.run([*launcher, *command, str(tmp_path / "two")], check=True, capture_output=True, env=environment)
    curves = []
    for name in ("one", "two"):
        rows = [json.loads(x) for x in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        curves.append([[row["train_loss"], row["loss"]] for row in rows])
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-3)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
def test_processes_end_when_torchrun_is_killed(digits, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "29612", "-m"]
    command += [
        "linelet_common",
        "train",
        "--data",
        str(digits),
        "--minutes",
        "30",
        "--threads",
        "1",
        "--out",
        str(out),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launcher = subprocess.Popen(
        [*command, "--device", "cpu"], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (out / "spec.json").exists() and launcher.poll() is None:
        time.sleep(0.1)
    processes = [int(n) for n in Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()]
    assert len(processes) == 2
    launcher.kill()
    launcher.wait()
    deadline = time.monotonic() + 60
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [n for n in processes if alive(n)]


def alive(process: int) -> bool:
    """Whether a process is at work, and not merely waited for by nobody."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_loss_that_is_no_number_stops_with_its_batch_saved(digits, tmp_path, monkeypatch):
    from linelet_model import training

    def poisoned(batch, spec, seed):
        varied = augment(batch, spec, seed)
        if seed[2] == 3:
            varied.images[0] = torch.nan
        return varied

    augment = training.augment
    monkeypatch.setattr(training, "augment", poisoned)
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, step 4; .*bad-batch\.pt.*lower --lr"):
        train(Settings(data=(str(digits),), **SHORT), tmp_path / "run")
    assert torch.load(tmp_path / "run" / "bad-batch.pt", weights_only=True)["images"].isnan().any()


def spoiled(digits, tmp_path):
    folder = tmp_path / "spoiled"
    shutil.copytree(digits, folder)
    rows = (folder / "labels.txt").read_text().splitlines()
    rows[4] = rows[4].split("\t")[0] + "\t5斤"
    rows[9] = rows[9].split("\t")[0] + "\t" + "1" * 40
    (folder / "labels.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "images" / "20.png").write_bytes((folder / "images" / "20.png").read_bytes()[:60])
    return folder


def test_all_bad_lines_are_listed_before_the_first_step(digits, tmp_path):
    with pytest.raises(DatasetError) as failure:
        train(Settings(data=(str(spoiled(digits, tmp_path)),), **SHORT), tmp_path / "run")
    message = str(failure.value)
    assert message.startswith("3 bad lines")
    for part in ("line 5 of", "U+65A4", "line 10 of", "needs 79 frames", "line 21 of", "damaged"):
        assert part in message
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def test_bad_lines_can_be_skipped_and_are_counted(digits, tmp_path):
    train(Settings(data=(str(spoiled(digits, tmp_path)),), skip_bad=True, **{**SHORT, "epochs": 1}), tmp_path / "run")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["skipped_lines"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "takes either --data DIR or --recipe"),
        ({"data": ("x",), "epochs": 0}, "--epochs 0 is outside 1 to"),
        ({"data": ("x",), "lr": -1.0}, "--lr -1.0 is outside"),
        ({"data": ("x",), "epochs": 1, "minutes": 1.0}, "are both given"),
        ({"data": ("x",), "look": "plain"}, "--look plain goes with --recipe"),
        ({"data": ("/nowhere",)}, "/nowhere: no such dataset"),
        ({"data": ("/",)}, "has no dataset.json"),
        ({"data": ("x:0",)}, "the weight 0 is not above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message, tmp_path):
    with pytest.raises((TrainingError, DatasetError), match=message):
        train(Settings(**options), tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this is what happens without CUDA")
def test_a_device_that_is_not_there_is_refused(digits, tmp_path):
    with pytest.raises(TrainingError, match="no CUDA device"):
        train(Settings(data=(str(digits),), device="cuda"), tmp_path / "run")


def test_a_folder_in_use_is_never_overwritten(run_folder, digits, tmp_path):
    with pytest.raises(TrainingError, match="--resume goes on with it"):
        train(Settings(data=(str(digits),)), run_folder)
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(TrainingError, match="name a new folder"):
        train(Settings(data=(str(digits),)), tmp_path)


def test_resuming_with_other_settings_is_refused(run_folder, digits):
    with pytest.raises(TrainingError, match=r"--lr 0.5 \(was 0.003\)"):
        train(Settings(data=(str(digits),), epochs=14, batch=32, threads=1, lr=0.5), run_folder, resume=True)


def without_digests(folder):
    """A run as former versions wrote it."""
    plan = json.loads((folder / "run.json").read_text())
    del plan["digests"]
    (folder / "run.json").write_text(json.dumps(plan))
    return folder


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda run: (run / "run.json").unlink(), "is not a run folder"),
        (lambda run: (run / "run.json").write_text('{"version": 7}'), "of version 7, this Linelet reads version 1"),
        (lambda run: (run / "weights.safetensors").unlink(), "has no weights.safetensors yet"),
        (lambda run: (run / "weights.safetensors").write_bytes(b"x" * 50), "was changed since it was"),
        (lambda run: (without_digests(run) / "weights.safetensors").write_bytes(b"x" * 50), "is damaged"),
    ],
)
def test_a_broken_run_folder_is_refused(run_folder, tmp_path, spoil, message):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    spoil(folder)
    with pytest.raises(ReaderError, match=message):
        load_reader(folder)


def test_a_damaged_checkpoint_is_refused(run_folder, digits, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    (without_digests(folder) / "checkpoint.pt").write_bytes(b"x" * 100)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt is damaged"):
        train(Settings(data=(str(digits),), epochs=14, batch=32, threads=1), folder, resume=True)


def test_weights_of_another_charset_are_refused(run_folder, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(run_folder, folder)
    spec = json.loads((without_digests(folder) / "spec.json").read_text())
    (folder / "spec.json").write_text(json.dumps({**spec, "charset": "0123"}))
    with pytest.raises(ReaderError, match="does not fit the network light-conv"):
        load_reader(folder)


def test_the_command_reports_bad_data_in_one_line(digits, tmp_path, capsys):
    data, out = str(spoiled(digits, tmp_path)), str(tmp_path / "run")
    assert main(["train", "--data", data, "--out", out, "--threads", "1"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("linelet train: 3 bad lines")
    assert error.count("\n") == 1


def test_an_overflow_in_half_precision_spoils_no_weight(digits):
    """fp16's scaler looks at each optimiser alone; one gradient beyond its range must stop the step of both."""
    from linelet_model.distributed import World
    from linelet_model.start import build_network
    from linelet_model.state import State

    settings = Settings(data=(str(digits),), precision="fp16", device="cpu", epochs=1).checked()
    network, _ = build_network(settings)
    state = State(settings, network, torch.device("cpu"), World.join())
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for gradients, moved in ((torch.inf, False), (1.0, True)):
        state.scaler.scale(torch.ones(1))
        for name, parameter in network.named_parameters():
            parameter.grad = torch.ones_like(parameter)
            if name == "backbone.0.0.weight":
                parameter.grad[0] = gradients
        scale = state.scaler.get_scale()
        state._update()
        changed = [not torch.equal(before[name], p) for name, p in network.named_parameters()]
        assert all(p.isfinite().all() for p in network.parameters())
        assert any(changed) == moved
        assert (state.scaler.get_scale() < scale) == (not moved)
