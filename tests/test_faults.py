"""Kills, full disks, permissions, flipped bytes, two writers: each ends in the identical result or a named fault.

``nox -s faults`` runs them and writes docs/faults.md. LINELET_FAULTS: how often each is tried (default 20).
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import lmdb
import pytest

from linelet_common.cli import main
from linelet_common.datasets import open_dataset
from linelet_common.digests import seal
from linelet_common.errors import LineletError
from linelet_common.files import read_listing
from linelet_common.preprocess import load_image
from linelet_convert.runtimes import find_node
from linelet_model.run import write_file, write_plan
from linelet_read import load_reader, read_lines
from linelet_read.shipped import HEALTH_APP

pytestmark = pytest.mark.faults
TIMES = int(os.environ.get("LINELET_FAULTS", "20"))
TABLE = os.environ.get("LINELET_FAULTS_TABLE")
FORMS = ("folder", "lmdb", "webdataset")
LINELET = [sys.executable, "-m", "linelet_common"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
ROWS: list[tuple[str, Counter[str]]] = []

HEAD = """# Faults

What happens to Linelet's files when something goes wrong, as `nox -s faults` last found it on this machine: every fault
ended in the result that it would have had without the fault, or in a message that names the file and the remedy.

| fault | tried | how it ended |
|---|---|---|
"""


def note(fault: str, ends: Counter[str]) -> None:
    """Keep what was found; the table is written each time, so that a run that is broken off leaves its part."""
    ROWS.append((fault, ends))
    print(fault, dict(ends))
    if TABLE:
        rows = [
            f"| {what} | {sum(ends.values())} | {', '.join(f'{end}: {n}' for end, n in sorted(ends.items()))} |\n"
            for what, ends in ROWS
        ]
        Path(TABLE).write_text(HEAD + "".join(rows), encoding="utf-8")


def synth(out: Path, form: str, *more: str) -> list[str]:
    words = ["synth", "health-app", "--out", str(out), "--count", "1500", "--seed", "7", "--look", "plain", "--grey"]
    return [*LINELET, *words, "--format", form, *more]


def content(out: Path) -> dict[str, bytes]:
    """All that a dataset holds, by name; of LMDB the records, for the layout of its pages depends on the kills."""
    files = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    if "data.mdb" in files:
        for name in ("data.mdb", "lock.mdb", "dataset.json"):
            files.pop(name, None)
        with lmdb.open(str(out), readonly=True, lock=False) as environment, environment.begin() as transaction:
            files |= {key.decode(): bytes(value) for key, value in transaction.cursor()}
    return files


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for form in FORMS:
        made[form] = tmp_path_factory.mktemp(form) / "data"
        subprocess.run(synth(made[form], form), check=True, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    return made


@pytest.mark.parametrize("form", FORMS)
def test_kills_of_synth(form: str, whole: dict[str, Path], tmp_path: Path) -> None:
    """SIGKILL or SIGTERM at a random moment, again and again, then --resume."""
    dice, ends, out = random.Random(form), Counter[str](), tmp_path / "data"
    kills = 0
    while kills < TIMES:
        shutil.rmtree(out, ignore_errors=True)
        resume: list[str] = []
        for _ in range(4):
            process = subprocess.Popen(synth(out, form, *resume), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
            try:
                process.wait(dice.uniform(0.2, 6.0))
            except subprocess.TimeoutExpired:
                process.send_signal(dice.choice([signal.SIGKILL, signal.SIGTERM]))
                process.wait()
                kills += 1
            if (out / "dataset.json").exists():
                resume = ["--resume"]
        subprocess.run(synth(out, form, *resume), check=True, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        assert content(out) == content(whole[form])
    ends["identical"] = kills
    note(f"`synth --format {form}` killed at a random moment, then `--resume`", ends)


def test_kills_of_convert(tmp_path: Path) -> None:
    """The bundle that was there stays whole, or the new one is there whole."""
    dice, ends, out = random.Random("convert"), Counter[str](), tmp_path / "bundle"
    command = [*LINELET, "convert", "health-app", "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    wanted = read_listing(out)
    for _ in range(max(3, TIMES // 4)):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(dice.uniform(0.5, 20.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert read_listing(out) == wanted
        ends["the bundle is whole"] += 1
    subprocess.run(command, check=True, capture_output=True)
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
    note("`convert` into a bundle killed at a random moment", ends)


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk(form: str, whole: dict[str, Path], tmp_path: Path) -> None:
    """A tmpfs of 600 kB fills up; with more space the run goes on to the same end."""
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    first, then = (" ".join(map(repr, synth(disk / "data", form, *more))) for more in ((), ("--resume",)))
    script = f"""
        mount -t tmpfs -o size=600k tmpfs {disk} || exit 9
        {first}; echo "ended $?" >&2
        mount -o remount,size=64m {disk} || exit 9
        {then} || exit 8
        cp -r {disk}/data {kept}
    """
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    said = done.stderr.split("ended 2")[0].strip().splitlines()[-1]
    assert "space" in said, done.stderr
    assert content(kept) == content(whole[form])
    note(f"`synth --format {form}` on a full disk, then `--resume`", Counter({"named, then identical": 1}))


def test_missing_permissions(tmp_path: Path) -> None:
    """As a user who may not write there, or not read."""
    ends = Counter[str]()
    sealed = tmp_path / "locked"
    sealed.mkdir(mode=0o700)
    code = f"import sys; sys.path[:0] = {sys.path!r}\nfrom linelet_common.cli import main\nsys.exit(main(sys.argv[1:]))"
    commands = [
        ["synth", "health-app", "--out", str(sealed / "data"), "--count", "3"],
        ["preview", "health-app", "--out", str(sealed / "sheet.png")],
        ["init", "--out", str(sealed / "r.toml")],
        ["evaluate", "health-app", "--data", str(sealed)],
        ["read", "health-app", str(sealed / "a.png")],
        ["convert", str(sealed / "r.onnx"), "--out", str(tmp_path / "bundle")],
        ["pack", str(sealed), "--out", str(tmp_path / "a.zip")],
    ]
    sealed.chmod(0)
    # root may do all, unless its capabilities are taken away.
    plain = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.getuid() == 0 else []
    for words in commands:
        command = [*plain, sys.executable, "-c", code, *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/")
        assert done.returncode == 2, (words, done.stderr)
        said = [line for line in done.stderr.splitlines() if line.startswith("linelet")]
        assert len(said) == 1, done.stderr
        assert "Traceback" not in done.stderr
        ends["named"] += 1
    sealed.chmod(0o700)
    note("a folder that may be neither written nor read", ends)


def flip(path: Path, dice: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    path.write_bytes(data)


@pytest.mark.parametrize("form", FORMS)
def test_flipped_bytes_in_datasets(form: str, whole: dict[str, Path], tmp_path: Path) -> None:
    dice, ends = random.Random(form), Counter[str]()

    def read(folder: Path) -> list[tuple[str, bytes]]:
        opened = open_dataset(folder)
        return [(opened.label(i), opened.image(i).tobytes()) for i in range(0, len(opened), 25)]

    wanted = read(whole[form])
    for turn in range(TIMES):
        out = tmp_path / str(turn)
        shutil.copytree(whole[form], out)
        # Of the pictures only those that are looked at.
        looked_at = [p for p in sorted(out.rglob("*")) if p.is_file() and p.suffix != ".png" and p.name != "lock.mdb"]
        looked_at += [out / "images" / f"{i:07d}.png" for i in range(0, 1500, 25)] if form == "folder" else []
        flip(dice.choice(looked_at), dice)
        try:
            assert read(out) == wanted
            ends["identical"] += 1
        except LineletError:
            ends["named"] += 1
        shutil.rmtree(out)
    note(f"a bit flipped in a dataset, {form}", ends)


def screen(tmp_path: Path) -> Path:
    assert main(["synth", "health-app", "--screens", "--out", str(tmp_path / "s"), "--count", "1", "--seed", "23"]) == 0
    (picture,) = (tmp_path / "s" / "images").iterdir()
    return picture


def test_flipped_bytes_in_readers(tmp_path: Path) -> None:
    """Of an ONNX file and of a run folder."""
    dice, onnx, in_run = random.Random("readers"), Counter[str](), Counter[str]()
    picture = load_image(screen(tmp_path))[200:232, :300]
    wanted = read_lines(load_reader("health-app"), [picture])
    path = tmp_path / "reader.onnx"
    for _ in range(TIMES):
        shutil.copyfile(HEALTH_APP / "reader.onnx", path)
        path.write_bytes(seal(path.read_bytes()))
        flip(path, dice)
        try:
            assert read_lines(load_reader(path), [picture]) == wanted
            onnx["identical"] += 1
        except LineletError:
            onnx["named"] += 1
    note("a bit flipped in an ONNX file", onnx)
    for _ in range(TIMES):
        folder = tmp_path / "run"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_plan(folder, json.loads((HEALTH_APP / "run.json").read_bytes()) | {"digests": {}})
        for name in ("spec.json", "weights.safetensors"):
            write_file(folder, name, (HEALTH_APP / name).read_bytes())
        flip(folder / dice.choice(["spec.json", "weights.safetensors", "run.json"]), dice)
        try:
            found = read_lines(load_reader(folder), [picture])
            assert [r.text for r in found] == [r.text for r in wanted]
            in_run["identical"] += 1
        except LineletError:
            in_run["named"] += 1
    note("a bit flipped in a run folder", in_run)


def test_flipped_bytes_in_a_bundle(tmp_path: Path) -> None:
    from linelet_convert.bundle import read_screen

    assert find_node(), "reading a bundle needs Node 20; install it"
    dice, ends, out = random.Random("bundle"), Counter[str](), tmp_path / "bundle"
    picture = load_image(screen(tmp_path))
    subprocess.run([*LINELET, "convert", "health-app", "--out", str(out)], check=True, capture_output=True)
    wanted = read_screen(out, picture)
    kept = tmp_path / "kept"
    shutil.copytree(out, kept)
    names = [p.relative_to(out) for p in out.rglob("*") if p.suffix in (".json", ".bin") and "tfjs" not in p.parts]
    names = [name for name in names if name.name not in ("conversion.json", "package.json")]
    for _ in range(max(5, TIMES // 2)):
        name = dice.choice(names)
        flip(out / name, dice)
        try:
            assert read_screen(out, picture) == wanted
            ends["identical"] += 1
        except LineletError:
            ends["named"] += 1
        shutil.copyfile(kept / name, out / name)
    note("a bit flipped in a bundle's JSON or weights, read in Node", ends)


def test_two_writers(whole: dict[str, Path], tmp_path: Path) -> None:
    """Two runs write the same dataset, or the same bundle, at once."""
    ends = Counter[str]()
    for form in ("folder", "webdataset"):
        out = tmp_path / form
        commands = [synth(out, form, "--shard", shard) for shard in ("0/2", "1/2", "0/2", "1/2")]
        writers = [subprocess.Popen(c, env=ENVIRONMENT, stderr=subprocess.DEVNULL) for c in commands]
        assert all(writer.wait() in (0, 2) for writer in writers)
        time.sleep(0.1)
        subprocess.run(synth(out, form, "--resume"), check=True, env=ENVIRONMENT, stderr=subprocess.DEVNULL)
        assert content(out) == content(whole[form])
        ends["identical"] += 1
    note("four runs write one dataset at once, two of each shard", ends)
