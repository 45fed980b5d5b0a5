"""Datasets of screens: the same in every form, whatever the workers and shards; read back by linelet_common."""

import json
from pathlib import Path

import numpy as np
import pytest

from linelet_common.cli import Parser
from linelet_common.datasets import open_dataset
from linelet_common.errors import DatasetError, UsageError
from linelet_common.screens import open_screens
from linelet_synth import load_recipe
from linelet_synth.dataset import generate
from linelet_synth.job import Job
from linelet_synth.storage import STORAGES
from linelet_synth.verbs import PREVIEW, SYNTH

COUNT = 43  # more than a chunk in every form
FORMS = list(STORAGES)


def job(form: str = "folder") -> Job:
    return Job(load_recipe("health-app"), 7, COUNT, grey=True, storage=form, screens=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("screens")
    for form in FORMS:
        generate(job(form), folder / form)
    return {form: folder / form for form in FORMS}


def files(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("form", FORMS)
def test_open_screens_gives_the_screens(whole: dict[str, Path], form: str) -> None:
    dataset = open_screens(whole[form])
    content = job().content()
    assert len(dataset) == COUNT
    assert dataset.manifest is not None
    assert dataset.manifest.kind == "screens"
    assert dataset.manifest.recipe_digest == content.facts["recipe_digest"]
    assert dataset.manifest.fields == load_recipe("health-app").fields
    source = content._source  # type: ignore[attr-defined]
    for i in (0, 9, 10, COUNT - 1):
        screen = source.screen(i)
        assert np.array_equal(dataset.image(i)[:, :, 0], screen.picture)
        assert [(line.text, line.field) for line in dataset.lines(i)] == [
            (line.text, line.field) for line in screen.lines
        ]
        assert np.allclose([line.box for line in dataset.lines(i)], [line.box for line in screen.lines], atol=0.051)


def test_the_folder_is_coco(whole: dict[str, Path]) -> None:
    listed = json.loads((whole["folder"] / "screens.json").read_bytes())
    assert listed["categories"] == [{"id": 1, "name": "line"}]
    assert [image["id"] for image in listed["images"]] == list(range(1, COUNT + 1))
    assert [one["id"] for one in listed["annotations"]] == list(range(1, len(listed["annotations"]) + 1))
    sizes = {image["id"]: (image["width"], image["height"]) for image in listed["images"]}
    for one in listed["annotations"]:
        x, y, width, height = one["bbox"]
        assert x + width <= sizes[one["image_id"]][0] + 0.1
        assert y + height <= sizes[one["image_id"]][1] + 0.1
        assert one["category_id"] == 1
        assert ("field" in one) == ("value" in one)


@pytest.mark.parametrize("form", ["folder", "webdataset"])
def test_workers_shards_and_resuming_change_nothing(whole: dict[str, Path], form: str, tmp_path: Path) -> None:
    assert not generate(job(form), tmp_path / "out", shard=(0, 2))
    assert generate(job(form), tmp_path / "out", workers=2, resume=True)
    assert files(tmp_path / "out") == files(whole[form])


def test_lines_and_screens_are_not_taken_for_each_other(whole: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="screens, not of lines"):
        open_dataset(whole["folder"])
    generate(Job(load_recipe("health-app"), 0, 3, grey=True), tmp_path / "lines")
    with pytest.raises(DatasetError, match="a dataset of lines"):
        open_screens(tmp_path / "lines")
    with pytest.raises(UsageError, match="another dataset"):
        generate(Job(load_recipe("health-app"), 7, COUNT, grey=True), whole["folder"], resume=True)


def coco(annotation: str) -> str:
    return '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{' + annotation + ', "text": "1"}]}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "is not a JSON object"),
        ("{", "is not JSON"),
        ('{"images": [], "annotations": []}', "lists no images"),
        (coco('"image_id": 2, "bbox": [0, 0, 1, 1]'), "names image 2"),
        (coco('"image_id": 1, "bbox": [0, 0, 0, 1]'), r"annotations\.0\.bbox"),
    ],
)
def test_a_broken_list_is_told(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "screens.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        open_screens(tmp_path)


def test_no_dataset_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="linelet synth RECIPE --screens"):
        open_screens(tmp_path / "none")
    with pytest.raises(DatasetError, match=r"needs a screens\.json"):
        open_screens(tmp_path)


def run(verb: object, *arguments: str) -> None:
    parser = Parser(prog="linelet")
    verb.configure(parser)  # type: ignore[attr-defined]
    verb.run(parser.parse_args(arguments))  # type: ignore[attr-defined]


def test_the_verbs_write_screens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(SYNTH, "wallet", "--screens", "--out", str(tmp_path / "data"), "--count", "2")
    assert "linelet train --task find" in capsys.readouterr().err
    assert len(open_screens(tmp_path / "data")) == 2
    run(PREVIEW, "wallet", "--screens", "--out", str(tmp_path / "sheet.png"), "--count", "3")
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_what_only_lines_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--look"):
        run(SYNTH, "wallet", "--screens", "--look", "plain", "--out", str(tmp_path / "x"), "--count", "1")
    with pytest.raises(UsageError, match="html"):
        run(PREVIEW, "wallet", "--screens", "--out", str(tmp_path / "x.html"))
