"""Every file of a run that decides what is read carries its digest; the tools that ship readers write them too."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from linelet_common.cli import main
from linelet_common.digests import SEAL_KEY, check_sealed_file
from linelet_common.errors import LineletError, ReaderError, TrainingError
from linelet_model import run
from linelet_model.settings import Settings
from linelet_model.training import train
from linelet_read import load_reader
from linelet_read.shipped import CHINESE, FINDER, HEALTH_APP

TOOLS = Path(__file__).parents[1] / "tools"


def flip(path, at=0.5):
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 4
    path.write_bytes(data)


@pytest.fixture
def copy(run_folder, tmp_path):
    return Path(shutil.copytree(run_folder, tmp_path / "run"))


@pytest.mark.parametrize("name", ["weights.safetensors", "spec.json"])
def test_a_flipped_byte_of_a_run_is_named(copy, name):
    load_reader(copy)
    flip(copy / name)
    with pytest.raises(ReaderError, match=rf"{name} was changed since it was written.*run\.json says.*put back"):
        load_reader(copy)


def test_a_flipped_byte_of_a_checkpoint_is_named(copy, digits):
    flip(copy / "checkpoint.pt")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt was changed since it was written"):
        train(Settings(data=(str(digits),), epochs=14, batch=32, threads=1), copy, resume=True)


def test_kills_between_a_digest_and_its_file_do_no_harm(tmp_path, monkeypatch):
    """However many there are: the file that is there stays one whose digest is known, unless it was changed."""
    run.write_plan(tmp_path, {"version": run.VERSION})
    run.write_file(tmp_path, "weights.safetensors", "weights")
    path, write = tmp_path / "weights.safetensors", run.write_atomically

    def killed(place, data):
        if place == path:
            raise KeyboardInterrupt
        write(place, data)

    monkeypatch.setattr(run, "write_atomically", killed)
    for turn in range(3):
        with pytest.raises(KeyboardInterrupt):
            run.write_file(tmp_path, path.name, f"new weights, {turn}")
        run.check_file(tmp_path, path.name)
    assert path.read_text() == "weights"
    flip(path)
    with pytest.raises(KeyboardInterrupt):
        run.write_file(tmp_path, path.name, "newer weights")
    with pytest.raises(ReaderError, match="was changed since it was written"):
        run.check_file(tmp_path, path.name)
    monkeypatch.undo()
    run.write_file(tmp_path, path.name, "newest weights")
    run.check_file(tmp_path, path.name)


def test_a_run_without_digests_loads(copy):
    plan = json.loads((copy / "run.json").read_text())
    del plan["digests"]
    (copy / "run.json").write_text(json.dumps(plan))
    load_reader(copy)


@pytest.mark.parametrize("digests", [[], 7, {"spec.json": 7}, {"spec.json": []}, {"spec.json": [7]}])
def test_digests_that_are_none_never_end_in_a_traceback(copy, digests):
    plan = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**plan, "digests": digests}))
    with contextlib.suppress(ReaderError):
        load_reader(copy)


def test_a_kill_between_digest_and_file_leaves_a_run_that_loads(copy, monkeypatch):
    def stop(path, data):
        if path.name == "weights.safetensors":
            raise KeyboardInterrupt
        write(path, data)

    write = run.write_atomically
    monkeypatch.setattr(run, "write_atomically", stop)
    with pytest.raises(KeyboardInterrupt):
        run.write_file(copy, "weights.safetensors", b"new")
    load_reader(copy)


def test_an_exported_reader_is_sealed(copy, tmp_path):
    out = tmp_path / "reader.onnx"
    assert main(["export", str(copy), "--out", str(out)]) == 0
    load_reader(out)
    for at in (0.1, 0.5, 0.9):
        shutil.copyfile(out, tmp_path / "flipped.onnx")
        flip(tmp_path / "flipped.onnx", at)
        with pytest.raises(ReaderError, match="was changed since it was exported"):
            load_reader(tmp_path / "flipped.onnx")


def check_shipped(folder, names, model):
    plan = run.read_run(folder)
    assert set(names) <= set(plan["digests"])
    for name in names:
        run.check_file(folder, name)
    assert SEAL_KEY.encode() in (folder / model).read_bytes()
    check_sealed_file(folder / model)


def test_the_tool_ships_digests(copy, tmp_path):
    out = tmp_path / "shipped"
    subprocess.run([sys.executable, str(TOOLS / "ship_reader.py"), str(copy), str(copy), str(out)], check=True)
    check_shipped(out, ["spec.json", "weights.safetensors"], "reader.onnx")
    load_reader(out / "reader.onnx")
    load_reader(out)


def test_what_ships_carries_digests():
    for folder in (HEALTH_APP, CHINESE):
        check_shipped(folder, ["spec.json", "weights.safetensors"], "reader.onnx")
    check_shipped(FINDER, ["finder.json", "weights.safetensors"], "finder.onnx")


@pytest.mark.parametrize("digests", [True, False])
@pytest.mark.parametrize("name", ["weights.safetensors", "spec.json", "checkpoint.pt"])
def test_a_pipe_in_a_run_is_named_and_not_waited_for(copy, digits, name, digests):
    if not digests:
        plan = json.loads((copy / "run.json").read_bytes())
        (copy / "run.json").write_text(json.dumps({k: v for k, v in plan.items() if k != "digests"}))
    (copy / name).unlink()
    os.mkfifo(copy / name)
    settings = Settings(data=(str(digits),), epochs=14, batch=32, threads=1)
    read = partial(train, settings, copy, resume=True) if name == "checkpoint.pt" else partial(load_reader, copy)
    with pytest.raises((LineletError, OSError), match="is a pipe or device, not a file"):
        read()
