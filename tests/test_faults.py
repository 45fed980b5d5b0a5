"""Kills, full disks, permissions, flipped bytes, two writers: each ends in the identical result or a named fault.

``nox -s faults`` runs them and writes docs/faults.md. LINELET_FAULTS: how often each is tried (default 20, which makes
200 kills in all).
"""

import json
import os
import platform
import random
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import lmdb
import pytest

from linelet_common.cli import main
from linelet_common.datasets import open_dataset
from linelet_common.digests import seal
from linelet_common.errors import LineletError
from linelet_common.files import digest_of, read_listing, write_atomically
from linelet_common.preprocess import load_image
from linelet_common.reader import shipped_finder
from linelet_common.screens import open_screens
from linelet_convert.runtimes import find_node
from linelet_model.run import CHECKPOINT, WEIGHTS, write_file, write_plan
from linelet_read import load_reader, read_lines
from linelet_read.finder import load_finder
from linelet_read.shipped import HEALTH_APP

pytestmark = pytest.mark.faults
TIMES = int(os.environ.get("LINELET_FAULTS", "20"))
TABLE = os.environ.get("LINELET_FAULTS_TABLE")
FORMS = ("folder", "lmdb", "webdataset")
# Training with a checkpoint every few steps instead of every minute, so that kills come between two of them.
OFTEN = "from linelet_model import checkpoint; checkpoint.SECONDS = 0.2"
LINELET = [
    sys.executable,
    "-c",
    f"import sys\nif sys.argv[1] == 'train':\n {OFTEN}\n"
    "from linelet_common.cli import main; sys.exit(main(sys.argv[1:]))",
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
# A process that has imported what commands need, and forks for each: it takes as long as all of a small training, and
# what is to be killed is the command at work, not Python's reading of torch.
FORKING = f"""
import json, os, sys
import linelet_convert.conversion, linelet_model.finding.training, linelet_model.training
import linelet_read.evaluation, linelet_read.report, linelet_synth.dataset, linelet_synth.pack
from linelet_common.cli import main
{OFTEN}
for line in sys.stdin:
    words, said = json.loads(line)
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1), os.dup2(out, 2)
        sys.exit(main(words))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

HEAD = """# Faults

What happens to Linelet's files when something goes wrong: each fault ended in the result that there would have been
without it ("identical", "whole"), or in exit code 2 and a message that names the file and the remedy ("named"). Recipes
are not in the table: another letter makes another recipe. `nox -s faults` writes this page; run for a part of the
faults, it renews their rows.

| fault | tried | how it ended | when, on what |
|---|---|---|---|
"""


def note(fault: str, ends: Counter[str]) -> None:
    """Put what was found into the table, each time, so that a run that is broken off leaves its part."""
    print(fault, dict(ends))
    if not TABLE:
        return
    page = Path(TABLE)
    kept = page.read_text(encoding="utf-8").removeprefix(HEAD).splitlines() if page.exists() else []
    rows = {row.split(" | ")[0]: row for row in kept}
    ended = ", ".join(f"{end}: {n}" for end, n in sorted(ends.items()))
    when = f"{time.strftime('%Y-%m-%d')}, Python {platform.python_version()}, {platform.system()}"
    rows[f"| {fault}"] = f"| {fault} | {sum(ends.values())} | {ended} | {when} |"
    write_atomically(page, HEAD + "".join(f"{row}\n" for row in rows.values()))


def synth(out: Path, form: str, *more: str) -> list[str]:
    words = ["synth", "health-app", "--out", str(out), "--count", "1500", "--seed", "7", "--look", "plain", "--grey"]
    return [*words, "--format", form, *more]


def content(out: Path) -> dict[str, bytes]:
    """All that a dataset holds, by name; of LMDB the records, for the layout of its pages depends on the kills."""
    files = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    if "data.mdb" in files:
        for name in ("data.mdb", "lock.mdb", "dataset.json"):
            files.pop(name, None)
        with lmdb.open(str(out), readonly=True, lock=False) as environment, environment.begin() as transaction:
            files |= {key.decode(): bytes(value) for key, value in transaction.cursor()}
    return files


class Forking:
    """Runs linelet's commands in forks of one process (see FORKING), one at a time."""

    def __init__(self, folder: Path) -> None:
        self._said = folder / "said"
        self._process = subprocess.Popen(
            [sys.executable, "-c", FORKING], env=ENVIRONMENT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._answers: Queue[str] = Queue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._answers.put(line)

    def start(self, words: list[str]) -> int:
        """Begin a command; its process."""
        assert self._process.stdin
        print(json.dumps([words, str(self._said)]), file=self._process.stdin, flush=True)
        return int(self._answers.get(timeout=300))

    def code(self, seconds: float | None = 600) -> int:
        """The exit code of the command that was begun; queue.Empty if it takes longer than that."""
        return int(self._answers.get(timeout=seconds))

    def run(self, words: list[str]) -> float:
        """Run a command that must succeed; the seconds that it took."""
        begun = time.monotonic()
        self.start(words)
        assert self.code() == 0, self.said()
        return time.monotonic() - begun

    def said(self) -> str:
        """What the last command printed, on stdout and stderr."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def killed(self, words: list[str], seconds: float, dice: random.Random) -> bool:
        """Kill a command at a random moment of the ``seconds`` that it takes; whether it was still at work."""
        process = self.start(words)
        try:
            self.code(dice.uniform(0.02, 1.0) * seconds)
        except Empty:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(process, dice.choice([signal.SIGKILL, signal.SIGTERM]))
            return self.code() != 0
        return False

    def close(self) -> None:
        """End it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(60)
        self._listener.join(60)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def forking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forking]:
    made = Forking(tmp_path_factory.mktemp("forking"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, forking: Forking) -> dict[str, Path]:
    made = {}
    for form in FORMS:
        made[form] = tmp_path_factory.mktemp(form) / "data"
        forking.run(synth(made[form], form))
    return made


@dataclass(frozen=True)
class Trained:
    """Two trainings that nothing disturbed, and the seconds that each took."""

    reader: Path
    finder: Path
    lines: Path
    screens: Path
    seconds: dict[str, float]

    def command(self, task: str, out: Path, *more: str) -> list[str]:
        data = self.lines if task == "read" else self.screens
        words = ["--task", task, "--data", str(data), "--out", str(out), "--epochs", "2", "--threads", "1", *more]
        return ["train", *words, *(["--batch", "16"] if task == "read" else ["--batch", "2", "--crop", "64"])]

    def whole(self, task: str) -> Path:
        return self.reader if task == "read" else self.finder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, forking: Forking) -> Trained:
    root = tmp_path_factory.mktemp("trained")
    made = Trained(root / "reader", root / "finder", root / "lines", root / "screens", {})
    forking.run(["synth", "health-app", "--out", str(made.lines), "--count", "200", "--look", "plain", "--grey"])
    forking.run(["synth", "health-app", "--screens", "--out", str(made.screens), "--count", "8"])
    for task in ("read", "find"):
        made.seconds[task] = forking.run(made.command(task, made.whole(task)))
    return made


def outcome(folder: Path) -> dict[str, Any]:
    """What a training comes to: weights, spec, and the metrics of each epoch but the time that it took."""
    rows = [json.loads(row) for row in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row.pop("seconds", None)
    named = {p.name: p.read_bytes() for p in folder.iterdir() if p.name in ("spec.json", "finder.json", WEIGHTS)}
    return {**named, "metrics": rows}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("form", FORMS)
def test_kills_of_synth(form: str, workers: int, whole: dict[str, Path], forking: Forking, tmp_path: Path) -> None:
    """SIGKILL or SIGTERM at a random moment, again and again, then --resume."""
    dice, out, kills = random.Random(f"{form} {workers}"), tmp_path / "data", 0
    more = ["--workers", str(workers)]
    seconds = forking.run(synth(tmp_path / "timed", form, *more))
    while kills < (TIMES if workers == 1 else TIMES // 2):
        shutil.rmtree(out, ignore_errors=True)
        resume: list[str] = []
        for _ in range(4):
            kills += forking.killed(synth(out, form, *more, *resume), seconds, dice)
            if (out / "dataset.json").exists():
                resume = ["--resume"]
        forking.run(synth(out, form, *more, *resume))
        assert content(out) == content(whole[form])
    with_workers = f" --workers {workers}" if workers > 1 else ""
    note(
        f"`synth --format {form}{with_workers}` killed at a random moment, then `--resume`",
        Counter({"identical": kills}),
    )


@pytest.mark.parametrize("task", ["read", "find"])
def test_kills_of_training(task: str, trained: Trained, forking: Forking, tmp_path: Path) -> None:
    """Of a reader and of a finder, between checkpoints and within them; resumed, the weights are those of no kill."""
    dice, out, kills = random.Random(task), tmp_path / "run", 0
    wanted = outcome(trained.whole(task))
    while kills < 3 * TIMES // 2:
        shutil.rmtree(out, ignore_errors=True)
        resume: list[str] = []
        for _ in range(5):
            kills += forking.killed(trained.command(task, out, *resume), trained.seconds[task], dice)
            if (out / "run.json").exists():
                resume = ["--resume"]
        forking.run(trained.command(task, out, *resume))
        assert outcome(out) == wanted
        assert not list(out.glob(".*"))
    note(f"`train --task {task}` killed at a random moment, then `--resume`", Counter({"identical": kills}))


def test_kills_of_convert(forking: Forking, tmp_path: Path) -> None:
    """The bundle that was there stays whole, or the new one is there whole."""
    dice, kills, out = random.Random("convert"), 0, tmp_path / "bundle"
    command = ["convert", "health-app", "--out", str(out)]
    seconds = forking.run(command)
    wanted = read_listing(out)
    assert wanted
    while kills < TIMES:
        kills += forking.killed(command, seconds, dice)
        assert {name: digest_of(out / name) for name in wanted} == read_listing(out) == wanted
    forking.run(command)
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]
    note("`convert` into a bundle killed at a random moment", Counter({"the bundle is whole": kills}))


@pytest.mark.parametrize("verb", ["evaluate --report", "pack"])
def test_kills_while_a_file_is_replaced(verb: str, whole: dict[str, Path], forking: Forking, tmp_path: Path) -> None:
    """What was there stays until the new file is there whole; the next run sweeps up."""
    dice, kills, data = random.Random(verb), 0, str(whole["folder"])
    out = tmp_path / ("out.zip" if verb == "pack" else "out.html")
    command = ["pack", data, "--out", str(out)]
    if verb != "pack":
        command = ["evaluate", "health-app", "--data", data, "--report", str(out)]
    seconds = forking.run(command)
    wanted = out.read_bytes()
    while kills < 3 * TIMES // 4:
        out.write_bytes(b"what was there")
        kills += forking.killed(command, seconds, dice)
        assert out.read_bytes() in (wanted, b"what was there")
    forking.run(command)
    assert out.read_bytes() == wanted
    assert list(tmp_path.iterdir()) == [out]
    note(f"`{verb}` killed at a random moment", Counter({"the file is whole, the old or the new": kills}))


def fill_the_disk(disk: Path, size: str, first: list[str], then: list[str]) -> None:
    """Run a command on a small tmpfs, where it must name the lack of space, and another with more; ``disk`` stays."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("a small disk is mounted in a user namespace of its own, which this system does not allow")
    kept = disk.with_name("kept")
    disk.mkdir()
    script = f"""
        mount -t tmpfs -o size={size} tmpfs {disk} || exit 9
        {shlex.join([*LINELET, *first])}; echo "ended $?" >&2
        mount -o remount,size=64m {disk} || exit 9
        {shlex.join([*LINELET, *then])} || exit 8
        cp -r {disk} {kept}
    """
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    said, ended_2, _ = done.stderr.partition("ended 2\n")
    assert ended_2, done.stderr
    assert "space" in said.strip().splitlines()[-1], done.stderr
    disk.rmdir()
    kept.rename(disk)


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk(form: str, whole: dict[str, Path], tmp_path: Path) -> None:
    """A tmpfs of 600 kB fills up; with more space the run goes on to the same end."""
    out = tmp_path / "disk" / "data"
    fill_the_disk(tmp_path / "disk", "600k", synth(out, form), synth(out, form, "--resume"))
    assert content(out) == content(whole[form])
    note(f"`synth --format {form}` on a full disk, then `--resume`", Counter({"named, then identical": 1}))


@pytest.mark.parametrize("task", ["read", "find"])
def test_a_full_disk_while_training(task: str, trained: Trained, tmp_path: Path) -> None:
    """Weights and checkpoint find no place; with more space the run goes on to the same weights."""
    out = tmp_path / "disk" / "run"
    more = trained.command(task, out, "--resume")
    fill_the_disk(tmp_path / "disk", "200k", trained.command(task, out), more)
    assert outcome(out) == outcome(trained.whole(task))
    note(f"`train --task {task}` on a full disk, then `--resume`", Counter({"named, then identical": 1}))


@pytest.mark.parametrize("verb", ["export", "convert", "evaluate", "pack"])
def test_a_full_disk_under_one_output(
    verb: str, whole: dict[str, Path], trained: Trained, forking: Forking, tmp_path: Path
) -> None:
    """Nothing is left of the output that found no place; with more space it is what it would have been."""
    data, disk = str(whole["folder"]), tmp_path / "disk"

    def command(folder: Path) -> list[str]:
        words = {
            "export": [str(trained.reader), "--out", str(folder / "a.onnx")],
            "convert": ["health-app", "--out", str(folder / "bundle")],
            "evaluate": ["health-app", "--data", data, "--report", str(folder / "a.html")],
            "pack": [data, "--out", str(folder / "a.zip")],
        }
        return [verb, *words[verb]]

    (tmp_path / "wanted").mkdir()
    forking.run(command(tmp_path / "wanted"))
    fill_the_disk(disk, "16k", command(disk), command(disk))
    assert content(disk) == content(tmp_path / "wanted")
    note(f"`{verb}` on a full disk, then again", Counter({"named, then identical": 1}))


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


def flips(fault: str, times: int, damage: Callable[[], None], read: Callable[[], Any], wanted: Any) -> None:
    """Damage something and read it, again and again: what is read is what it was, or the damage is named."""
    ends = Counter[str]()
    for _ in range(times):
        damage()
        try:
            assert read() == wanted
            ends["identical"] += 1
        except LineletError:
            ends["named"] += 1
    note(fault, ends)


def test_flipped_bytes_in_screens(trained: Trained, tmp_path: Path) -> None:
    dice, out = random.Random("screens"), tmp_path / "screens"
    names = [p.relative_to(trained.screens) for p in sorted(trained.screens.rglob("*")) if p.is_file()]

    def damage() -> None:
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(trained.screens, out)
        flip(out / dice.choice(names), dice)

    def read(folder: Path = out) -> list[Any]:
        opened = open_screens(folder)
        return [(opened.lines(i), opened.image(i).tobytes()) for i in range(len(opened))]

    flips("a bit flipped in a dataset of screens", TIMES, damage, read, read(trained.screens))


def screen(tmp_path: Path) -> Path:
    assert main(["synth", "health-app", "--screens", "--out", str(tmp_path / "s"), "--count", "1", "--seed", "23"]) == 0
    (picture,) = (tmp_path / "s" / "images").iterdir()
    return picture


def test_flipped_bytes_in_an_onnx_file(tmp_path: Path) -> None:
    """Of a reader, and of a finder."""
    dice, path, picture = random.Random("onnx"), tmp_path / "file.onnx", load_image(screen(tmp_path))
    line = picture[200:232, :300]

    def damage(whole: Path) -> None:
        path.write_bytes(seal(whole.read_bytes()))
        flip(path, dice)

    reader = HEALTH_APP / "reader.onnx"
    wanted = read_lines(load_reader(reader), [line])
    flips("a bit flipped in a reader's ONNX file", TIMES, lambda: damage(reader),
          lambda: read_lines(load_reader(path), [line]), wanted)  # fmt: skip
    finder = shipped_finder()
    assert finder
    found = load_finder(finder).find(picture)
    flips("a bit flipped in a finder's ONNX file", TIMES, lambda: damage(finder),
          lambda: load_finder(path).find(picture), found)  # fmt: skip


def test_flipped_bytes_in_a_run_folder(tmp_path: Path) -> None:
    dice, folder, line = random.Random("run"), tmp_path / "run", load_image(screen(tmp_path))[200:232, :300]

    def damage() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_plan(folder, json.loads((HEALTH_APP / "run.json").read_bytes()) | {"digests": {}})
        for name in ("spec.json", WEIGHTS):
            write_file(folder, name, (HEALTH_APP / name).read_bytes())
        flip(folder / dice.choice(["spec.json", WEIGHTS, "run.json"]), dice)

    def read(reader: Path = folder) -> list[str]:
        return [reading.text for reading in read_lines(load_reader(reader), [line])]

    flips("a bit flipped in a run folder, read", TIMES, damage, read, read(HEALTH_APP))


@pytest.mark.parametrize("task", ["read", "find"])
def test_flipped_bytes_in_what_a_training_goes_on_from(
    task: str, trained: Trained, forking: Forking, tmp_path: Path
) -> None:
    """In the middle of a training a bit flips in the run or in the data; then --resume."""
    dice, ends, kept = random.Random(task), Counter[str](), tmp_path / "kept"
    while not (kept / CHECKPOINT).exists():
        shutil.rmtree(kept, ignore_errors=True)
        forking.killed(trained.command(task, kept), trained.seconds[task], dice)
    out, data = tmp_path / "run", trained.lines if task == "read" else trained.screens
    pictures = sorted(data.rglob("*.png"))
    for turn in range(max(4, TIMES // 4)):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(kept, out)
        place = dice.choice(pictures) if turn % 2 else out / dice.choice([CHECKPOINT, "run.json"])
        before = place.read_bytes()
        flip(place, dice)
        forking.start(trained.command(task, out, "--resume"))
        code, said = forking.code(), forking.said()
        if place.is_relative_to(data):
            place.write_bytes(before)  # it is the other tests' too
        assert "Traceback" not in said
        assert code in (0, 2), said
        if code == 0:
            assert outcome(out) == outcome(trained.whole(task))
        ends["named" if code else "identical"] += 1
    note(f"a bit flipped in the run or the data of `train --task {task}`, then `--resume`", ends)


def test_flipped_bytes_in_a_bundle(tmp_path: Path) -> None:
    from linelet_convert.bundle import read_screen

    assert find_node(), "reading a bundle needs Node 20; install it"
    dice, ends, out = random.Random("bundle"), Counter[str](), tmp_path / "bundle"
    picture = load_image(screen(tmp_path))
    assert main(["convert", "health-app", "--out", str(out)]) == 0
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


def together(*commands: list[str]) -> list[int]:
    """Run commands at once; their exit codes. Whoever has to give way says so in one line."""
    running = [
        subprocess.Popen([*LINELET, *c], env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        for c in commands
    ]
    said = [process.communicate()[1].decode() for process in running]
    codes = [process.returncode for process in running]
    for code, text in zip(codes, said, strict=True):
        assert code in (0, 2), text
        assert "Traceback" not in text
        assert code == 0 or text.strip().splitlines()[-1].startswith("linelet"), text
    return codes


def test_two_writers_of_a_dataset(whole: dict[str, Path], forking: Forking, tmp_path: Path) -> None:
    ends = Counter[str]()
    for form in FORMS:
        out = tmp_path / form
        shards = [[], []] if form == "lmdb" else [["--shard", shard] for shard in ("0/2", "1/2", "0/2", "1/2")]
        together(*[synth(out, form, *shard) for shard in shards])
        forking.run(synth(out, form, "--resume"))
        assert content(out) == content(whole[form])
        ends["identical"] += 1
    note("several runs write one dataset at once: two an LMDB, two each shard of a folder or of tars", ends)


@pytest.mark.parametrize("task", ["read", "find"])
def test_two_writers_of_a_run(task: str, trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "run"
    codes = together(*[trained.command(task, out)] * 2)
    assert sorted(codes) == [0, 2]
    assert outcome(out) == outcome(trained.whole(task))
    note(f"two `train --task {task}` write one run at once", Counter({"one named, the other identical": 1}))


def test_two_writers_of_an_output(whole: dict[str, Path], forking: Forking, tmp_path: Path) -> None:
    data, ends = str(whole["folder"]), Counter[str]()
    commands = {
        "bundle": ["convert", "health-app", "--out", str(tmp_path / "bundle")],
        "a.html": ["evaluate", "health-app", "--data", data, "--report", str(tmp_path / "a.html")],
        "a.zip": ["pack", data, "--out", str(tmp_path / "a.zip")],
    }
    for name, words in commands.items():
        assert 0 in together(*[words] * 2)
        first = content(tmp_path)
        forking.run(words)
        assert content(tmp_path) == first
        assert any(path.startswith(name) for path in first)
        ends["identical"] += 1
    note("two `convert`, `evaluate --report` or `pack` write one output at once", ends)
