"""How fast datasets are read for training, and in how much memory, without any network.

    python benchmarks/feed.py                                    # 20,000 and 200,000 lines of every form
    python benchmarks/feed.py --lines 3000 --read 3000           # a look

2,000 lines of health-app are drawn and written again and again: as a folder that names its pictures several times, as
LMDB and as tar shards, all of them soon in the machine's cache of files. Each is opened in a process of its own, and
--read lines are taken from its first epoch. Columns: seconds to open it and survey its labels; lines a second of one
core, by the CPU time of the processes that read; the most memory that the training's side and a reading process held
(no torch is imported, which takes some 300 MB besides). ``memory`` is the folder loaded as a whole, as up to 50,000
lines are.
"""

import argparse
import io
import json
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb

from linelet_common import ReaderSpec, open_dataset
from linelet_common.manifest import Manifest
from linelet_model.feeds import DatasetFeed, Part
from linelet_model.settings import Settings
from linelet_model.streams import StreamFeed

DRAWN = 2000
FORMS = ("memory", "folder", "lmdb", "tar")


def write_forms(drawn: Path, out: Path, count: int) -> None:
    """A folder, LMDB and shards of ``count`` lines, those of a folder over and over."""
    rows = [row.split("\t") for row in (drawn / "labels.txt").read_text("utf-8").splitlines()]
    lines = [((drawn / path).read_bytes(), label.encode()) for path, label in rows]
    about = json.loads((drawn / "dataset.json").read_text("utf-8")) | {"count": count, "digests": {}}
    for form in FORMS[1:]:
        (out / form).mkdir(parents=True)
        (out / form / "dataset.json").write_text(json.dumps(about, ensure_ascii=False), "utf-8")
    (out / "folder" / "images").symlink_to((drawn / "images").resolve())
    with (out / "folder" / "labels.txt").open("w", encoding="utf-8") as file:
        file.writelines("\t".join(rows[i % len(rows)]) + "\n" for i in range(count))
    with lmdb.open(str(out / "lmdb"), map_size=1 << 36) as environment:
        for start in range(0, count, 5000):
            with environment.begin(write=True) as transaction:
                for i in range(start, min(start + 5000, count)):
                    picture, label = lines[i % len(lines)]
                    transaction.put(b"image-%09d" % (i + 1), picture)
                    transaction.put(b"label-%09d" % (i + 1), label)
                transaction.put(b"num-samples", b"%d" % count)
    for start in range(0, count, 1000):
        with tarfile.open(out / "tar" / f"{start // 1000:06d}.tar", "w") as archive:
            for i in range(start, min(start + 1000, count)):
                for kind, data in zip(("png", "txt"), lines[i % len(lines)], strict=True):
                    info = tarfile.TarInfo(f"{i:09d}.{kind}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))


def megabytes(process: str = "self") -> float:
    """The most resident memory that a process has held, in MB."""
    [line] = [row for row in Path(f"/proc/{process}/status").read_text().splitlines() if row.startswith("VmHWM")]
    return int(line.split()[1]) / 1000


def measure(form: str, path: Path, read: int, workers: int) -> dict[str, Any]:
    """Open a dataset and take lines from it, in this process."""
    manifest = Manifest.load(path)
    assert manifest
    spec = ReaderSpec(charset=manifest.charset, unknown=manifest.unknown)
    start = time.perf_counter()
    dataset = open_dataset(path, follow_links=True)
    settings = Settings(data=(str(path),), workers=workers)
    parts = [Part(str(path), dataset, 1.0)]
    if form == "memory":
        used = time.process_time()
        DatasetFeed(parts, settings, spec)
        rate = len(dataset) / (time.process_time() - used)
        return {"open": time.perf_counter() - start, "rate": rate, "main": megabytes(), "worker": 0.0}
    feed = StreamFeed(parts, settings, spec, lambda: None)
    opened, held = time.perf_counter() - start, len(feed.held_out)
    taken = 0
    steps = read // settings.batch
    for batch in islice(feed.epoch(0).batches(0), steps):
        taken += len(batch)
    ahead = 2 * 32 * settings.batch  # pools that are read by then, or soon
    worker = max(megabytes(str(pid)) for pid in feed._pool._processes)
    feed._pool.shutdown(wait=True)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate = (taken + held + ahead) / (spent.ru_utime + spent.ru_stime)
    return {"open": opened, "rate": rate, "main": megabytes(), "worker": worker}


def main() -> None:
    """Measure each form and size in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--read", type=int, default=10_000, help="lines taken of each")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--one", nargs=2, metavar=("FORM", "DIR"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(measure(args.one[0], Path(args.one[1]), args.read, args.workers)))
        return
    from linelet_synth import Job, generate, load_recipe

    folder = Path(tempfile.mkdtemp())
    try:
        generate(Job(load_recipe("health-app"), seed=0, count=DRAWN), folder / "drawn")
        print("lines    form    open, s   lines/s a core   MB, training's side   MB, a worker")
        for count in args.lines:
            out = folder / str(count)
            write_forms(folder / "drawn", out, count)
            for form in FORMS:
                if form == "memory" and count > 50_000:
                    continue
                path = out / ("folder" if form == "memory" else form)
                command = [sys.executable, __file__, "--one", form, str(path)]
                command += ["--read", str(args.read), "--workers", str(args.workers)]
                found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                print(
                    f"{count:<8d} {form:<7s} {found['open']:<9.1f} {found['rate']:<16.0f} {found['main']:<21.0f} "
                    f"{found['worker']:.0f}",
                    flush=True,
                )
            shutil.rmtree(out)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
