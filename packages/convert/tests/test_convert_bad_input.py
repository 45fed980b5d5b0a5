"""Files that are no networks, commands that ask for the impossible: one line, exit code 2, nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from linelet_common.spec import ONNX_KEY, ReaderSpec
from linelet_convert.verbs import main


def reader(path: Path, change: Any = None, classes: int = 4, spec: bool = True) -> Path:
    """A small reader with charset abc; ``change`` gets the model before it is written."""
    random = np.random.default_rng(3)
    held = [
        numpy_helper.from_array(random.standard_normal((classes, 1, 32, 4)).astype(np.float32), "w"),
        numpy_helper.from_array(np.array([2], np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("Conv", ["images", "w"], ["a"], name="conv", strides=[1, 4]),
        helper.make_node("Squeeze", ["a", "axes"], ["b"], name="squeeze"),
        helper.make_node("Transpose", ["b"], ["scores"], name="turn", perm=[0, 2, 1]),
    ]
    given = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["N", 1, 32, "W"])
    made = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", "T", classes])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [given], [made], held), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    if spec:
        entry = model.metadata_props.add()
        entry.key, entry.value = ONNX_KEY, ReaderSpec(charset="abc").to_json()
    if change:
        change(model)
    path.write_bytes(model.SerializeToString())
    return path


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], *words: str) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 1, captured.err
    for word in words:
        assert word in lines[0], lines[0]


def test_a_reader_converts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(reader(tmp_path / "m.onnx")), "--out", str(tmp_path / "out"), "--onnx"]) == 0
    assert "texts equal" in capsys.readouterr().out
    assert (tmp_path / "out" / "model.onnx").exists()


def _nan(model: onnx.ModelProto) -> None:
    array = numpy_helper.to_array(model.graph.initializer[0]).copy()
    array[0, 0, 0, 0] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "w"))


def _cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = "scores"


def _untyped(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.Clear()


def _shapeless(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.ClearField("shape")


def _external(location: str) -> Any:
    def change(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location

    return change


def _huge(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[:] = [2**40, 2**20]


def _opset(model: onnx.ModelProto) -> None:
    model.opset_import[0].version = 6


def _twice(model: onnx.ModelProto) -> None:
    model.graph.node[1].output[0] = "a"


def _nothing(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[1] = "ghost"


def _unknown(model: onnx.ModelProto) -> None:
    model.graph.node[0].op_type = "Deformable"


def _bad_spec(model: onnx.ModelProto) -> None:
    model.metadata_props[0].value = '{"version": 1, "charset": ""}'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_nan, ("1 of", "'w' are NaN")),
        (_cycle, ("cycle",)),
        (_untyped, ("'images' has no tensor type",)),
        (_shapeless, ("'images' has no shape",)),
        (_external("/etc/passwd"), ("outside the model's folder",)),
        (_external("../elsewhere.bin"), ("outside the model's folder",)),
        (_external("missing.bin"), ("'missing.bin', which is missing",)),
        (_huge, ("'w' is broken",)),
        (_opset, ("opset 6", "7 to")),
        (_twice, ("'a' twice",)),
        (_nothing, ("'ghost', which nothing makes",)),
        (_unknown, ("Deformable (node 'conv')",)),
        (_bad_spec, ("linelet_spec", "charset")),
    ],
)  # fmt: skip
def test_a_broken_model_is_refused_in_one_line(
    change: Any, words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = reader(tmp_path / "m.onnx", change)
    refused([str(path), "--out", str(tmp_path / "out")], capsys, "m.onnx", *words)
    assert [p.name for p in tmp_path.iterdir()] == ["m.onnx"]


def test_external_weights_beside_the_model_are_read(tmp_path: Path) -> None:
    weights = np.random.default_rng(3).standard_normal((4, 1, 32, 4)).astype(np.float32)
    (tmp_path / "w.bin").write_bytes(weights.tobytes())
    assert main([str(reader(tmp_path / "m.onnx", _external("w.bin"))), "--out", str(tmp_path / "out")]) == 0
    (tmp_path / "w.bin").write_bytes(weights.tobytes()[:100])
    assert main([str(tmp_path / "m.onnx"), "--out", str(tmp_path / "out2")]) == 2


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 40, b"not a model", b"\xff" * 1000], ids=["empty", "zeros", "text", "ff"]
)
def test_what_is_no_onnx_file_is_refused(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.onnx").write_bytes(data)
    refused([str(tmp_path / "m.onnx"), "--out", str(tmp_path / "out")], capsys, "m.onnx")


def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = reader(tmp_path / "m.onnx").read_bytes()
    for end in range(1, len(data), 41):
        (tmp_path / "m.onnx").write_bytes(data[:end])
        refused([str(tmp_path / "m.onnx"), "--out", str(tmp_path / "out")], capsys, "m.onnx")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--width", "0"], ("'0'", "--help")),
        (["--width", "x"], ("'x'",)),
        (["--charset", "ab", "--dictionary", "d"], ("--charset and --dictionary",)),
        (["--via", "onnx-tf"], ("--python",)),
        (["--spec", "missing.json"], ("missing.json",)),
        (["--weights", "float16", "--data", "missing"], ("missing: no such dataset",)),
        (["--tolerance", "2"], ("'2'",)),
    ],
)
def test_a_command_that_cannot_be_is_refused(
    arguments: list[str], words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = reader(tmp_path / "m.onnx")
    refused([str(path), "--out", str(tmp_path / "out"), *arguments], capsys, *words)
    assert not (tmp_path / "out").exists()


def test_a_folder_with_somebodys_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    refused([str(reader(tmp_path / "m.onnx")), "--out", str(tmp_path / "out")], capsys, "out exists")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_mutated_files_neither_crash_nor_hang() -> None:
    script = Path(__file__).with_name("fuzz_convert.py")
    command = [sys.executable, str(script), "--count", "250", "--seed", "20"]
    # Without Node a conversion takes milliseconds.
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": ""})
    assert done.returncode == 0, done.stdout + done.stderr
