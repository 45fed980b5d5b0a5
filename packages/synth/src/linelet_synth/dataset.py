"""Writing datasets in chunks, by any number of processes or machines; a run can be killed and resumed at any moment.

Every chunk of samples is written whole or not at all, and the manifest ``dataset.json`` says ``complete`` only once all
are there. So the result is the same whatever the workers, interruptions and machines.
"""

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from linelet_common.cli import Progress
from linelet_common.errors import DatasetError, UsageError
from linelet_common.files import alone, digest_of, is_temporary, read_bytes, sweep, write_atomically
from linelet_common.processes import end_with_parent
from linelet_synth.contents import Content
from linelet_synth.job import Job
from linelet_synth.storage import PARTS, Payload, Storage

MANIFEST = "dataset.json"
RECIPE = "recipe.toml"


def generate(
    job: Job,
    out: Path,
    workers: int = 1,
    resume: bool = False,
    shard: tuple[int, int] = (0, 1),
    engine: str = "local",
) -> bool:
    """Write a dataset to ``out``; returns whether it is complete.

    shard (i, n) makes every n-th chunk only, beginning with the i-th; whoever finds all of them there completes it.
    Raises UsageError if ``out`` holds anything else, or a part of this dataset and ``resume`` was not asked for, and
    where another process writes a storage that only one can write.
    """
    content = job.content()
    next(content.samples(range(1)))  # what the recipe cannot give is said before anything is written
    storage = job.open_storage(out, content)
    if shard[1] > 1 and not storage.shared:
        raise UsageError(f"--shard cannot write --format {job.storage} from several places; write webdataset or folder")
    with nullcontext() if storage.shared else alone(out):
        with closing(storage):
            if not _claim(job, content, out, storage, resume or shard[1] > 1):
                return True
            mine = range(shard[0], job.chunks(), shard[1])
            todo = [k for k in mine if not storage.done(k)]
            progress = Progress(sum(len(job.samples(k)) for k in mine), content.unit)
            progress.advance(sum(len(job.samples(k)) for k in mine) - sum(len(job.samples(k)) for k in todo))
            for k, payload in _work(job, out, storage, todo, workers, engine):
                storage.take(k, job.samples(k), payload)
                progress.advance(len(job.samples(k)))
            if not all(storage.done(k) for k in range(job.chunks())):
                return False  # other shards are still being made
            storage.join(job.chunks(), job.count)
        digests = {name: digest_of(out / name) for name in storage.files(job.chunks())}
        write_atomically(out / MANIFEST, _json({**job.manifest(content, True), "digests": digests}))
        shutil.rmtree(out / PARTS, ignore_errors=True)
    return True


def _claim(job: Job, content: Content, out: Path, storage: Storage, resume: bool) -> bool:
    """Take the folder for this job; False if the dataset is there already."""
    manifest = out / MANIFEST
    if manifest.exists():
        try:
            found = json.loads(read_bytes(manifest))
            found["complete"]
        except (ValueError, RecursionError, TypeError, KeyError):
            raise DatasetError(
                f"{manifest} is not a dataset's; remove {out} or name another folder with --out", place=out
            ) from None
        for key, value in job.manifest(content, True).items():
            if key != "complete" and found.get(key) != value:
                raise UsageError(
                    f"{out} holds another dataset: its {key} is {str(found.get(key))[:70]!r}, not {str(value)[:70]!r}; "
                    "name another folder with --out",
                    value=str(found.get(key))[:70],
                    place=out,
                )
        if not resume:
            state = "this dataset already" if found["complete"] else "an unfinished part of this dataset"
            raise UsageError(
                f"{out} holds {state}; continue it with --resume or name another folder with --out", place=out
            )
        sweep(out)
        if found["complete"]:
            shutil.rmtree(out / PARTS, ignore_errors=True)  # of a run killed at its very end
            return False
        sweep(out / PARTS)
        write_atomically(out / RECIPE, job.recipe.to_toml())  # it may be cut off: no digest says so
        storage.prepare()  # a run killed between its first steps may have left none
        return True
    recipe = job.recipe.to_toml()
    if out.exists() and (not out.is_dir() or any(not _leftover(p, recipe) for p in out.iterdir())):
        raise UsageError(f"{out} exists and is not a Linelet dataset; name a new folder with --out", place=out)
    out.mkdir(parents=True, exist_ok=True)
    for name in (RECIPE, MANIFEST):
        sweep(out, name)
    write_atomically(out / RECIPE, recipe)
    write_atomically(manifest, _json(job.manifest(content, False)))
    storage.prepare()
    return True


def _leftover(path: Path, recipe: str) -> bool:
    """Whether a file is what a run of this recipe leaves behind that was killed before its manifest was written.

    A recipe.toml that says anything else is somebody's own: it has the name that 'linelet init' gives one.
    """
    if path.name == RECIPE:
        try:
            return not path.is_symlink() and read_bytes(path) == recipe.encode()
        except OSError:
            return False
    return is_temporary(path, RECIPE) or is_temporary(path, MANIFEST)


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _work(
    job: Job, out: Path, storage: Storage, chunks: list[int], workers: int, engine: str
) -> Iterator[tuple[int, Payload]]:
    """Make chunks, here, in worker processes or on a cluster; yields each, in order, when it is made."""
    if engine == "ray":
        from linelet_synth.cluster import on_ray

        yield from on_ray(job, out, chunks)
    elif workers == 1 or len(chunks) < 2:
        for k in chunks:
            yield k, storage.make(k, job.samples(k))
    else:
        # Not forked: a copy of a process with threads can hang, and other systems have nothing else.
        pool = ProcessPoolExecutor(min(workers, len(chunks)), get_context("spawn"), _start_worker, (job, out))
        try:
            yield from in_order(chunks, lambda k: pool.submit(_make_in_worker, k), 2 * workers)
        finally:
            pool.shutdown(cancel_futures=True)


def in_order(
    chunks: list[int], submit: Callable[[int], "Future[Payload]"], ahead: int
) -> Iterator[tuple[int, Payload]]:
    """Results in the order of the chunks, at most ``ahead`` of them waiting: memory stays flat."""
    waiting: deque[tuple[int, Future[Payload]]] = deque()
    for k in chunks:
        waiting.append((k, submit(k)))
        if len(waiting) > ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for k, future in waiting:
        yield k, future.result()


_worker: tuple[Job, Storage] | None = None


def _start_worker(job: Job, out: Path) -> None:
    global _worker
    end_with_parent()
    _worker = job, job.open_storage(out, job.content())


def _make_in_worker(k: int) -> Payload:
    assert _worker is not None
    job, storage = _worker
    return storage.make(k, job.samples(k))
