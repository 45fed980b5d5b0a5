import pytest
import torch

from linelet_common.errors import TrainingError
from linelet_model import device
from linelet_model.device import note_threads, pick_device, pick_threads

# A second of each core, in hundredths: user, nice, system, idle, iowait, irq, softirq, steal.
IDLE = [2, 0, 1, 97, 0, 0, 0, 0]
BUSY = [95, 0, 5, 0, 0, 0, 0, 0]
NICE = [0, 98, 2, 0, 0, 0, 0, 0]
STOLEN = [0, 0, 0, 5, 0, 0, 0, 95]


@pytest.fixture
def machine(monkeypatch):
    """A machine of such cores."""

    def make(*cores):
        seen = []

        def times():
            seen.append(None)
            return {i: [len(seen) * value for value in core] for i, core in enumerate(cores)}

        monkeypatch.setattr(device, "_times", times)
        monkeypatch.setattr(device, "_cores", lambda: set(range(len(cores))))
        monkeypatch.setattr(device.time, "sleep", lambda seconds: None)

    return make


@pytest.mark.parametrize(
    ("cores", "threads"),
    [
        ([IDLE, IDLE], 2),
        ([IDLE, BUSY], 1),
        ([BUSY, BUSY], 1),
        ([NICE, IDLE], 2),
        ([STOLEN, IDLE, IDLE], 2),
        ([IDLE] * 5 + [BUSY] * 3, 5),
    ],
)
def test_as_many_threads_as_others_leave_cores(machine, capsys, cores, threads):
    machine(*cores)
    assert pick_threads(0) == threads
    note_threads(threads)
    said = capsys.readouterr().err
    assert bool(said) == (threads < len(cores))
    count = "1 thread" if threads == 1 else f"{threads} threads"
    assert (f"training on {count}; --threads {len(cores)} takes all" in said) == (threads < len(cores))


def test_what_was_asked_and_what_a_resumed_run_had_count_before_what_is_free(machine, capsys):
    machine(BUSY, BUSY)
    assert pick_threads(7) == 7
    assert pick_threads(0, before=4) == 4
    assert capsys.readouterr().err == ""


def test_processes_of_one_machine_share_its_cores(machine, monkeypatch):
    machine(*[IDLE] * 8)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert pick_threads(0) == 2


def test_a_system_that_tells_nothing_has_all_its_cores(machine, monkeypatch):
    machine(IDLE, BUSY)
    monkeypatch.setattr(device, "_times", dict)
    assert pick_threads(0) == 2


def test_this_systems_times_are_understood():
    found = device._times()
    assert all(len(values) >= 8 for values in found.values())


@pytest.mark.parametrize("name", ["auto", "cuda"])
def test_more_processes_than_cuda_devices_are_refused(monkeypatch, name):
    """Before torch, whose own message is a traceback of an invalid device ordinal."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(TrainingError, match="process 2 of this machine has no CUDA device, torch finds 2; start 2"):
        pick_device(name)
