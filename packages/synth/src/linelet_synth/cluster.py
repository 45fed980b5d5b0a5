"""Chunks made on a Ray cluster. A task whose worker dies is made anew elsewhere; a chunk is whole or not there."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from linelet_common.errors import UsageError
from linelet_synth.job import Job
from linelet_synth.storage import Payload

# A machine that goes takes all of its tasks with it; several in a row must not end the run.
_RETRIES = 10


def on_ray(job: Job, out: Path, chunks: list[int]) -> Iterator[tuple[int, Payload]]:
    """Make chunks on the cluster that RAY_ADDRESS names, or on a local one; yields them in order.

    Folders and tar shards are written by the tasks, so ``out`` must be the same place on every machine.
    """
    try:
        import ray
    except ImportError:
        raise UsageError("--engine ray needs ray; pip install 'linelet-synth[ray]'") from None
    if not ray.is_initialized():
        ray.init(log_to_driver=False)
    make: Any = ray.remote(max_retries=_RETRIES)(make_chunk)
    settings = ray.put((job, out.resolve()))
    ahead = 4 * max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting: deque[tuple[int, Any]] = deque()
    for k in chunks:
        waiting.append((k, make.remote(settings, k)))
        if len(waiting) > ahead:
            first, task = waiting.popleft()
            yield first, ray.get(task)
    for k, task in waiting:
        yield k, ray.get(task)


_made: dict[str, Any] = {}


def make_chunk(settings: tuple[Job, Path], k: int) -> Payload:
    """Make chunk k in a worker, which keeps its source from task to task."""
    job, out = settings
    if _made.get("settings") != settings:
        _made.update(settings=settings, storage=job.open_storage(out, job.content()))
    payload: Payload = _made["storage"].make(k, job.samples(k))
    return payload
