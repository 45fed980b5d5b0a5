"""What a training says while it goes on: at a terminal one line that is redrawn, elsewhere a line a minute."""

import sys
import time
from collections import deque

_REDRAWN = 0.5  # seconds between two drawings at a terminal
_LOGGED = 60.0  # seconds between two lines of a log file
_RECENT = 200  # steps that loss and rate are taken from
_NOTABLE = 0.1  # share of the time that waiting for lines may take before it is told


class Meter:
    """Loss, rate and time left on stderr; silent where ``visible`` is not set, as in all processes but the first."""

    def __init__(self, unit: str, visible: bool = True) -> None:
        self._unit, self._visible = unit, visible
        self._clock = time.monotonic
        self._terminal = sys.stderr.isatty()
        self._told = self._clock()
        self._recent: deque[tuple[float, int, float, float]] = deque(maxlen=_RECENT)  # time, count, loss, waited
        self._began: tuple[float, float] | None = None  # time and progress of this session's first step
        self._waits: float | None = None  # since when
        self._drawn = False

    def step(self, place: str, count: int, loss: float, progress: float, waited: float) -> None:
        """Take note of a step. place: ``epoch 2, step 30 of 400``; count: of units; progress: 0-1; waited: seconds."""
        now = self._clock()
        self._waits = None
        self._began = self._began or (now, progress)
        self._recent.append((now, count, loss, waited))
        if self._due(now) and len(self._recent) > 1:
            self._tell(f"{place}: {self._figures()}, {self._left(now, progress)}", now)

    def waiting(self) -> None:
        """Say that lines are waited for."""
        now = self._clock()
        self._waits = now if self._waits is None else self._waits
        if self._due(now):
            self._tell(f"waiting for lines since {duration(now - self._waits)}; more --workers make more", now)

    def clear(self) -> None:
        """Make place for another message."""
        if self._drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self._drawn = False

    def _figures(self) -> str:
        span = max(self._recent[-1][0] - self._recent[0][0], 1e-9)
        steps = list(self._recent)[1:]  # the first one's work was done before its time
        loss = sum(step[2] for step in steps) / len(steps)
        rate = sum(step[1] for step in steps) / span
        waited = sum(step[3] for step in steps) / span
        said = f", {100 * waited:.0f} % of the time waiting for lines" if waited > _NOTABLE else ""
        return f"loss {loss:.4f}, {rate:.0f} {self._unit}/s{said}"

    def _left(self, now: float, progress: float) -> str:
        assert self._began
        time_then, progress_then = self._began
        if progress <= progress_then:
            return "time left unknown yet"
        return f"{duration((now - time_then) * (1 - progress) / (progress - progress_then))} left"

    def _due(self, now: float) -> bool:
        return self._visible and now - self._told >= (_REDRAWN if self._terminal else _LOGGED)

    def _tell(self, text: str, now: float) -> None:
        self._told = now
        if self._terminal:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Seconds as people write them: 0:07, 12:30, 1:05:00."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"
