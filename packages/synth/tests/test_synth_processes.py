"""However a run with workers ends, no process and, after the next run, no unfinished file is left of it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from linelet_common.files import sweep, write_atomically

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


def of_group(group: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[2]) == group and rest.split()[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def start(out: Path) -> "subprocess.Popen[str]":
    """A synthesis with two workers that are at work."""
    command = [sys.executable, "-m", "linelet_common", "synth", "health-app", "--out", str(out), "--count", "100000"]
    command += ["--workers", "2", "--grey", "--look", "plain", "--format", "webdataset"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    deadline = time.monotonic() + 120
    while not list(out.glob(".*.tar.*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None
    return process


def wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + 60
    while of_group(group) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert of_group(group) == []


def test_sigterm_ends_a_run_and_its_workers(tmp_path: Path) -> None:
    process = start(tmp_path / "data")
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 143
    assert said.splitlines()[-1] == "linelet synth: terminated"
    assert "Traceback" not in said
    wait_until_gone(process.pid)
    assert not list((tmp_path / "data").glob(".*.tmp"))


def test_workers_end_when_their_parent_is_killed_and_the_next_run_sweeps(tmp_path: Path) -> None:
    out = tmp_path / "data"
    process = start(out)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    wait_until_gone(process.pid)
    sweep(out)
    assert not list(out.glob(".*.tmp"))


def test_sweeping_spares_what_is_being_written(tmp_path: Path) -> None:
    def pieces():  # type: ignore[no-untyped-def]
        yield b"one"
        sweep(tmp_path)
        yield b"two"

    (tmp_path / ".labels.txt.0123abcd.tmp").write_text("of a killed run")
    (tmp_path / ".mine.tmp").write_text("not ours")
    write_atomically(tmp_path / "labels.txt", pieces())
    assert (tmp_path / "labels.txt").read_bytes() == b"onetwo"
    assert {p.name for p in tmp_path.iterdir()} == {"labels.txt", ".mine.tmp"}
