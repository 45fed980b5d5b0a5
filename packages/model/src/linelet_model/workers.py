"""Processes that make or read lines while the network is trained."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

from linelet_common.processes import end_with_parent

T = TypeVar("T")
Waiting = Callable[[], None]  # told every other second while the training waits for lines

_PATIENCE = 2.0  # seconds between two such calls


def start_workers(count: int, prepare: Callable[..., None] | None = None, *arguments: Any) -> ProcessPoolExecutor:
    """A pool of ``count`` processes, each prepared by ``prepare(*arguments)`` before its first task."""
    # spawn: forking a process that holds torch's threads can hang.
    return ProcessPoolExecutor(
        count, get_context("spawn"), initializer=_start, initargs=(prepare, arguments) if prepare else (None, ())
    )


def _start(prepare: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Give way to the training, and end with it."""
    if hasattr(os, "nice"):
        # torch's threads wait for each other at every layer: one that a worker takes the core from stops them all.
        # Where both want a core, Linux gives nice 5 a third of what nice 0 gets, and nice 10 a tenth: too little.
        os.nice(5)
    end_with_parent()
    if prepare:
        prepare(*arguments)


def outcome(future: Future[T], waiting: Waiting) -> T:
    """What a worker's task returns; ``waiting`` is called while it takes long."""
    while True:
        try:
            return future.result(timeout=_PATIENCE)
        except TimeoutError:
            if future.done():  # it is the task's own
                raise
            waiting()
