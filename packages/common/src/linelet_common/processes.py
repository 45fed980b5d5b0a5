"""Worker processes that end with the one that started them, and a clean end on SIGTERM."""

import os
import signal
import threading
from collections.abc import Iterator
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
