"""A changed byte is noticed; files from before there were digests load."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common.datasets import open_dataset
from linelet_common.digests import SEAL_KEY, check_seal, seal
from linelet_common.errors import DatasetError, ReaderError
from linelet_common.files import digest_of
from linelet_common.manifest import MANIFEST

MODELS = st.binary(max_size=200)


@given(MODELS)
def test_a_sealed_model_passes_and_is_sealed_once(model):
    sealed = seal(model)
    check_seal(sealed, "m.onnx")
    assert sealed.startswith(model)
    assert seal(sealed) == sealed


@given(MODELS.filter(bool), st.data())
def test_a_byte_changed_in_a_sealed_model_is_refused(model, data):
    at = data.draw(st.integers(0, len(model) - 1))
    sealed = bytearray(seal(model))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(ReaderError, match=r"m\.onnx was changed since it was exported: its SHA-256 is not"):
        check_seal(bytes(sealed), "m.onnx")


@given(MODELS.filter(lambda model: SEAL_KEY.encode() not in model))
def test_a_model_without_a_seal_passes(model):
    check_seal(model, "old.onnx")


@given(MODELS, MODELS)
def test_a_seal_that_another_tool_wrote_on_top_of_is_refused(model, more):
    with pytest.raises(ReaderError, match=f"remove the entry '{SEAL_KEY}' if the change was meant"):
        check_seal(seal(model) + b"\0" + more, "m.onnx")


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "labels.txt").write_text("a.png\t1\nb.png\t2\n")
    about = {"name": "n", "charset": "12", "count": 2, "seed": 0, "recipe_digest": "-", "complete": True}
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    open_dataset(tmp_path)  # one from before there were digests
    about["digests"] = {"labels.txt": digest_of(tmp_path / "labels.txt")}
    (tmp_path / MANIFEST).write_text(json.dumps(about))
    open_dataset(tmp_path)
    return tmp_path


def test_changed_labels_are_refused(lines):
    (lines / "labels.txt").write_text("a.png\t1\nb.png\t1\n")
    with pytest.raises(DatasetError, match=r"labels\.txt was changed since it was written: its SHA-256 begins with"):
        open_dataset(lines)


def test_a_listed_file_that_is_missing_is_named(lines):
    (lines / "labels.txt").unlink()
    with pytest.raises(DatasetError, match=r"labels\.txt is missing, which dataset\.json lists; copy it there"):
        open_dataset(lines)


def test_a_listed_file_cannot_lie_elsewhere(lines):
    about = json.loads((lines / MANIFEST).read_text())
    about["digests"] = {"../labels.txt": "0" * 64}
    (lines / MANIFEST).write_text(json.dumps(about))
    with pytest.raises(DatasetError, match=r"is missing, which dataset\.json lists"):
        open_dataset(lines)
