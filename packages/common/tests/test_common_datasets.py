import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from linelet_common import ReaderSpec, open_dataset
from linelet_common.errors import DatasetError
from linelet_common.folder import read_labels
from linelet_common.learnable import problems

SPEC = ReaderSpec(charset="0123456789.%")


def make(folder, rows, size=(64, 32)):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for path, _ in rows:
        Image.new("RGB", size).save(folder / path)
    (folder / "labels.txt").write_text("".join(f"{p}\t{t}\n" for p, t in rows), encoding="utf-8", newline="")
    return folder


def test_samples_in_their_order(tmp_path):
    dataset = open_dataset(make(tmp_path, [("images/a.png", "12.5%"), ("images/b.png", " 7 ")]))
    assert len(dataset) == 2
    assert dataset.label(1) == " 7 "  # spaces belong to labels
    assert dataset.image(0).shape == (32, 64, 3)
    assert dataset.place(1) == f"line 2 of {tmp_path / 'labels.txt'}"


@given(st.lists(st.text(st.characters(exclude_characters="\t\n\r", codec="utf-8"), max_size=9), min_size=1))
def test_any_label_without_tab_or_line_feed_comes_back(tmp_path_factory, labels):
    path = tmp_path_factory.mktemp("labels") / "labels.txt"
    path.write_bytes("".join(f"{i}.png\t{label}\n" for i, label in enumerate(labels)).encode())
    assert [entry.label for entry in read_labels(path)] == labels


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_text(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xef\xbb\xbfa.png\t1\r\nb.png\t2\r\n")
    assert [(e.path, e.label) for e in read_labels(path)] == [("a.png", "1"), ("b.png", "2")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a.png 12\n", r"line 1 of .* is 'a.png 12' with 0 TABs"),
        (b"a.png\t1\n\nb.png\t2\n", r"line 2 of .* with 0 TABs"),
        (b"a.png\t1\tx\n", "with 2 TABs"),
        (b"a.png\t\xff\n", "line 1 of .* is not UTF-8"),
        (b"", "is empty"),
    ],
)
def test_a_malformed_list_is_refused_with_its_line(tmp_path, content, message):
    (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path)


def test_a_missing_dataset_says_how_to_make_one(tmp_path):
    with pytest.raises(DatasetError, match="linelet synth RECIPE"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DatasetError, match="No such file"):
        open_dataset(tmp_path)


def test_a_file_is_no_dataset(tmp_path):
    (tmp_path / "line.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"line\.png is a file, not a dataset; name the dataset's folder"):
        open_dataset(tmp_path / "line.png")


def test_an_unfinished_dataset_is_refused(tmp_path):
    make(tmp_path, [("images/a.png", "1")])
    manifest = {"name": "x", "charset": "1", "count": 5, "seed": 0, "recipe_digest": "d", "complete": False}
    (tmp_path / "dataset.json").write_text(json.dumps(manifest))
    with pytest.raises(DatasetError, match="--resume"):
        open_dataset(tmp_path)
    (tmp_path / "dataset.json").write_text(json.dumps({**manifest, "complete": True, "look": "plain"}))
    assert open_dataset(tmp_path).manifest.charset == "1"
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(DatasetError, match="make the dataset again"):
        open_dataset(tmp_path)


def test_all_problems_are_found_with_their_place(tmp_path):
    rows = [("images/a.png", "12"), ("images/b.png", "5斤"), ("images/c.png", "1" * 9), ("images/d.png", "3")]
    make(tmp_path, rows)
    (tmp_path / "images/d.png").write_bytes(b"")
    found = dict(problems(open_dataset(tmp_path), SPEC))
    assert list(found) == [1, 2, 3]
    assert "line 2 of" in found[1]
    assert "'斤' (U+65A4), not in the charset (12 characters)" in found[1]
    assert "needs 17 frames, its picture gives 16" in found[2]
    assert "is not a picture" in found[3]


def test_a_label_that_just_fits_is_no_problem(tmp_path):
    make(tmp_path, [("images/a.png", "1" * 8 + "2")])
    assert list(problems(open_dataset(tmp_path), SPEC)) == []
    assert np.asarray(open_dataset(tmp_path).image(0)).size
