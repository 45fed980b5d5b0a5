"""Datasets on disk: made in chunks by any number of processes, killed and resumed at any moment.

A chunk is a range of samples. Whoever makes it writes its pictures first and its part of the labels last, whole or not
at all: a chunk with a part is done. When every part is there they are joined, and the manifest ``dataset.json`` says
``complete``. So the result is the same, byte for byte, whatever the workers, interruptions and machines.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from linelet_common.cli import Progress
from linelet_common.datasets import LABELS
from linelet_common.errors import DatasetError, UsageError
from linelet_common.files import write_atomically
from linelet_common.preprocess import Pixels
from linelet_synth.recipe import Recipe
from linelet_synth.source import Source

MANIFEST = "dataset.json"
RECIPE = "recipe.toml"
PARTS = ".parts"
# Small enough that little is lost when a machine goes, large enough that a part's file costs nothing.
CHUNK = 250


@dataclass(frozen=True)
class Job:
    """All that the bytes of a dataset depend on."""

    recipe: Recipe
    seed: int
    count: int
    look: str | None = None
    split: str = "all"
    grey: bool = False

    def source(self) -> Source:
        """The samples."""
        return Source(self.recipe, self.seed, self.look, self.split, rgb=not self.grey)

    def manifest(self, digest: str, complete: bool) -> dict[str, Any]:
        """The content of dataset.json."""
        return {
            "format": "linelet-dataset",
            "version": 1,
            "name": self.recipe.name,
            "charset": self.recipe.charset,
            "count": self.count,
            "seed": self.seed,
            "look": self.look,
            "split": self.split,
            "grey": self.grey,
            "recipe_digest": digest,
            "complete": complete,
        }


def encode_png(picture: Pixels) -> bytes:
    """PNG of a picture, grey or RGB. Fast settings: the best ones take twenty times as long for 1 % less."""
    if picture.ndim == 3:
        picture = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    ok, data = cv2.imencode(".png", picture, (cv2.IMWRITE_PNG_COMPRESSION, 1))
    if not ok:
        height, width = picture.shape[:2]
        raise DatasetError(f"a picture of {width} x {height} pixels cannot be a PNG; make it smaller")
    return data.tobytes()


def generate(job: Job, out: Path, workers: int = 1, resume: bool = False) -> None:
    """Write a dataset folder. UsageError if ``out`` holds anything else, or this and ``resume`` was not asked for."""
    source = job.source()
    source.sample(0)  # what the recipe cannot give is said before anything is written
    started = _claim(job, source.digest, out, resume)
    if not started:
        return
    todo = [k for k in range(-(-job.count // CHUNK)) if not _part(out, k).exists()]
    progress = Progress(job.count, "lines")
    progress.advance(job.count - sum(_size(job, k) for k in todo))
    for k in _work(job, source, out, todo, workers):
        progress.advance(_size(job, k))
    _join(job, source.digest, out)


def _claim(job: Job, digest: str, out: Path, resume: bool) -> bool:
    """Take the folder for this job; False if the dataset is there already."""
    manifest = out / MANIFEST
    if manifest.exists():
        try:
            found = json.loads(manifest.read_bytes())
        except ValueError:
            raise DatasetError(f"{manifest} is not JSON; remove {out} or name another folder with --out") from None
        expected = job.manifest(digest, True)
        for key, value in expected.items():
            if key != "complete" and found.get(key) != value:
                raise UsageError(
                    f"{out} holds another dataset: its {key} is {str(found.get(key))[:70]!r}, not {str(value)[:70]!r}; "
                    "name another folder with --out"
                )
        if not resume:
            state = "this dataset already" if found["complete"] else "an unfinished part of this dataset"
            raise UsageError(f"{out} holds {state}; go on with --resume or name another folder with --out")
        return not found["complete"]
    if out.exists() and (not out.is_dir() or any(p for p in out.iterdir() if not p.name.startswith("."))):
        raise UsageError(f"{out} exists and is no dataset of Linelet; name a new folder with --out")
    (out / "images").mkdir(parents=True, exist_ok=True)
    (out / PARTS).mkdir(exist_ok=True)
    write_atomically(out / RECIPE, job.recipe.to_toml())
    # Last, since it is what makes the folder ours.
    write_atomically(manifest, _json(job.manifest(digest, False)))
    return True


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _part(out: Path, k: int) -> Path:
    return out / PARTS / f"{k:06d}.txt"


def _size(job: Job, k: int) -> int:
    return min(CHUNK, job.count - k * CHUNK)


def _work(job: Job, source: Source, out: Path, chunks: list[int], workers: int) -> Iterator[int]:
    """Make chunks, here or in worker processes; yields each when it is done."""
    if workers == 1 or len(chunks) < 2:
        for k in chunks:
            _make(job, source, out, k)
            yield k
        return
    # Not forked: a copy of a process with threads can hang, and other systems have nothing else.
    pool = ProcessPoolExecutor(min(workers, len(chunks)), get_context("spawn"), _start_worker, (job, out))
    try:
        for future in as_completed([pool.submit(_make_in_worker, k) for k in chunks]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


_worker: tuple[Job, Source, Path] | None = None


def _start_worker(job: Job, out: Path) -> None:
    global _worker
    _worker = job, job.source(), out


def _make_in_worker(k: int) -> int:
    assert _worker is not None
    job, source, out = _worker
    _make(job, source, out, k)
    return k


def image_name(i: int) -> str:
    """Where sample i's picture lies in its folder."""
    return f"images/{i:07d}.png"


def _make(job: Job, source: Source, out: Path, k: int) -> None:
    """Write the pictures of chunk k, then its labels."""
    labels = []
    for i in range(k * CHUNK, k * CHUNK + _size(job, k)):
        picture, text = source.sample(i)
        name = image_name(i)
        (out / name).write_bytes(encode_png(picture))
        labels.append(f"{name}\t{text}\n")
    write_atomically(_part(out, k), "".join(labels))


def _join(job: Job, digest: str, out: Path) -> None:
    parts: Iterable[Path] = (_part(out, k) for k in range(-(-job.count // CHUNK)))
    write_atomically(out / LABELS, b"".join(part.read_bytes() for part in parts))
    write_atomically(out / MANIFEST, _json(job.manifest(digest, True)))
    shutil.rmtree(out / PARTS)
