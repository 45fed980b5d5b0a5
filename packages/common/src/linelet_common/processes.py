"""Processes that end with the one that started them, and a clean end on SIGTERM."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import parent_process
from types import FrameType


class Terminated(BaseException):
    """SIGTERM came. Like KeyboardInterrupt it is no Exception: whoever handles errors must not swallow it."""


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
    raise Terminated


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM raises Terminated within the block, so that files are closed, leftovers removed and workers ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end_with_parent() -> None:
    """To be called in a worker: it ends when the process that started it does, however that ends.

    Otherwise a pool's workers would wait for work forever once their parent is killed. Ctrl+C, which a terminal sends
    to all of them, is the parent's to deal with.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_with_launcher() -> None:
    """To be called in a process that a launcher such as torchrun started: it ends when that is killed outright.

    Any other end of a launcher ends its processes by itself.
    """
    launcher = os.getppid()

    def watch() -> None:
        while os.getppid() == launcher:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_with_us(
    command: Sequence[str], seconds: float, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command of ours that is no Python worker, and read what it prints.

    It ends with this process, even where that is killed: its stdin is a pipe whose other end this process holds, and it
    watches that. subprocess.TimeoutExpired if it takes longer than ``seconds``; OSError if it cannot be run.
    """
    theirs, ours = os.pipe()
    try:
        return subprocess.run(
            command, stdin=theirs, capture_output=True, text=True, encoding="utf-8", errors="replace", timeout=seconds,
            check=False, env=environment,
        )  # fmt: skip
    finally:
        os.close(theirs)
        os.close(ours)
