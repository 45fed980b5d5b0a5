"""What a training says while it goes on."""

import io

import pytest

from linelet_model import meter as meter_module
from linelet_model.meter import Meter, duration


class Screen(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def told(monkeypatch):
    """A meter, its clock, and what it has written."""

    def make(terminal, visible=True):
        screen, now = Screen(terminal), [0.0]
        monkeypatch.setattr(meter_module.sys, "stderr", screen)
        monkeypatch.setattr(meter_module.time, "monotonic", lambda: now[0])
        return Meter("lines", visible), now, screen.getvalue

    return make


def go(meter, now, seconds, waited=0.0):
    """A step of 64 lines a second; a thousand steps are the training."""
    for _ in range(seconds):
        now[0] += 1
        step = int(now[0])
        meter.step(f"epoch 1, step {step} of 1000", 64, 1 / step, step / 1000, waited)


def test_a_log_file_gets_a_line_a_minute(told):
    meter, now, written = told(False)
    go(meter, now, 59)
    assert written() == ""
    go(meter, now, 130)
    lines = written().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1, step 60 of 1000: loss ")
    assert lines[0].endswith(", 64 lines/s, 15:40 left")
    meter.clear()
    assert len(written().splitlines()) == 3


def test_a_terminal_gets_one_line_that_is_redrawn_and_makes_place(told):
    meter, now, written = told(True)
    go(meter, now, 5)
    assert "\n" not in written()
    assert written().count("\r\x1b[K") == 4  # of one step alone there is no rate
    assert written().endswith("step 5 of 1000: loss 0.3208, 64 lines/s, 16:35 left")
    meter.clear()
    assert written().endswith("\r\x1b[K")
    before = written()
    meter.clear()
    assert written() == before


def test_loss_and_rate_are_the_latest(told):
    meter, now, written = told(True)
    go(meter, now, 400)
    loss = sum(1 / step for step in range(202, 401)) / 199
    assert f"step 400 of 1000: loss {loss:.4f}, 64 lines/s, 10:00 left" in written()


def test_makers_that_are_behind_are_told_of(told):
    meter, now, written = told(False)
    for _ in range(100):
        now[0] += 2
        meter.waiting()
    assert written().splitlines() == [
        "waiting for lines since 0:58; more --workers make more",
        "waiting for lines since 1:58; more --workers make more",
        "waiting for lines since 2:58; more --workers make more",
    ]
    go(meter, now, 70, waited=0.4)
    assert "64 lines/s, 40 % of the time waiting for lines, " in written().splitlines()[3]


def test_other_processes_say_nothing(told):
    meter, now, written = told(True, visible=False)
    go(meter, now, 200)
    meter.waiting()
    meter.clear()
    assert written() == ""


@pytest.mark.parametrize(("seconds", "text"), [(7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (3900, "1:05:00")])
def test_durations(seconds, text):
    assert duration(seconds) == text
