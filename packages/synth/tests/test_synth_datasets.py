"""Datasets on disk: the same whatever the workers, kills and shards; read back by the libraries they are for."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest

from linelet_common import open_dataset
from linelet_common.cli import main
from linelet_common.errors import DatasetError, UsageError
from linelet_common.files import alone
from linelet_synth import Job, generate, load_recipe
from linelet_synth.pack import pack
from linelet_synth.png import encode_png
from linelet_synth.storage import STORAGES, tar_member

COUNT = 620
FORMS = list(STORAGES)


def job(form: str = "folder", **changes: object) -> Job:
    return Job(load_recipe("health-app"), 7, COUNT, "plain", grey=True, storage=form, details=True, **changes)  # type: ignore[arg-type]


def content(out: Path) -> dict[str, bytes]:
    """All that a dataset holds, by name; of LMDB the records."""
    files = {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    if "data.mdb" in files:
        del files["data.mdb"], files["lock.mdb"]
        # How its pages lie, and so its digest, depends on the kills.
        about = json.loads(files["dataset.json"])
        about.pop("digests", None)
        files["dataset.json"] = json.dumps(about).encode()
        with lmdb.open(str(out), readonly=True) as environment, environment.begin() as transaction:
            files |= {key.decode(): bytes(value) for key, value in transaction.cursor()}
    return files


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("whole")
    for form in FORMS:
        generate(job(form), folder / form)
    return {form: folder / form for form in FORMS}


@pytest.mark.parametrize("form", FORMS)
def test_open_dataset_gives_the_samples(whole: dict[str, Path], form: str) -> None:
    dataset, source = open_dataset(whole[form]), job().source()
    assert len(dataset) == COUNT
    assert dataset.manifest is not None
    assert dataset.manifest.recipe_digest == source.digest
    assert dataset.manifest.grammar == source.grammar
    for i in (0, 249, 250, COUNT - 1):
        picture, text = source.sample(i)
        assert dataset.label(i) == text
        assert np.array_equal(dataset.image(i)[:, :, 0], picture)


@pytest.mark.parametrize("form", FORMS)
def test_workers_change_nothing(whole: dict[str, Path], form: str, tmp_path: Path) -> None:
    generate(job(form), tmp_path / "out", workers=2)
    assert content(tmp_path / "out") == content(whole[form])


@pytest.mark.parametrize("form", ["folder", "webdataset"])
def test_shards_of_several_machines_make_up_the_whole(whole: dict[str, Path], form: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert [generate(job(form), out, shard=(i, 3)) for i in (1, 2, 0)][-1]
    assert content(out) == content(whole[form])


def test_lmdb_cannot_be_written_from_several_places(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--shard cannot write --format lmdb"):
        generate(job("lmdb"), tmp_path / "out", shard=(0, 2))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form", FORMS)
def test_killed_at_any_moment_and_resumed(whole: dict[str, Path], form: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import sys; from pathlib import Path; from linelet_synth import *\n"
        f"generate(Job(load_recipe('health-app'), 7, {COUNT}, 'plain', grey=True, storage={form!r}, details=True), "
        f"Path({str(out)!r}), resume=True)"
    )
    dice = random.Random(form)
    kills = 0
    for _ in range(40):
        process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
        started = time.monotonic()
        while not out.exists() and process.poll() is None and time.monotonic() - started < 60:
            time.sleep(0.005)
        # The first few die somewhere in the writing; then one may finish.
        try:
            process.wait(dice.uniform(0.0, 0.25) if kills < 4 else 120)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            manifest = out / "dataset.json"
            if manifest.exists() and not json.loads(manifest.read_text())["complete"]:
                with pytest.raises(DatasetError, match=r"unfinished|empty|labels\.txt"):
                    open_dataset(out)
            continue
        assert process.returncode == 0
        break
    assert kills
    leftovers = [name for name in content(out) if name.endswith(".tmp")]
    assert {k: v for k, v in content(out).items() if k not in leftovers} == content(whole[form])


def test_what_a_run_killed_at_its_very_end_leaves_is_swept(whole: dict[str, Path], tmp_path: Path) -> None:
    out = Path(shutil.copytree(whole["folder"], tmp_path / "out"))
    (out / ".parts").mkdir()
    (out / ".parts" / "000000.labels.txt").write_text("a part")
    assert generate(job(), out, resume=True)
    assert {p.name for p in out.iterdir()} == {p.name for p in whole["folder"].iterdir()}
    assert ".parts" not in {p.name for p in out.iterdir()}


def test_an_lmdb_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    with alone(tmp_path / "out"), pytest.raises(UsageError, match="is being written by another process"):
        generate(job("lmdb"), tmp_path / "out")


def test_another_datasets_folder_is_left_alone(
    whole: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content(whole["folder"])
    command = ["synth", "health-app", "--out", str(whole["folder"]), "--count", "5", "--resume"]
    assert main(command) == 2
    assert "holds another dataset: its count is" in capsys.readouterr().err
    assert main(command[:-1]) == 2
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["synth", "health-app", "--out", str(tmp_path), "--count", "5"]) == 2
    assert "is not a Linelet dataset; name a new folder" in capsys.readouterr().err
    assert content(whole["folder"]) == before
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_paddleocrs_list_form(whole: dict[str, Path]) -> None:
    """As PaddleOCR's SimpleDataSet reads it: lines split at the delimiter, paths joined to the data's folder."""
    lines = (whole["folder"] / "labels.txt").read_bytes().splitlines(keepends=True)
    assert len(lines) == COUNT
    for line in lines[::50]:
        path, label = line.decode("utf-8").strip("\n").split("\t")
        assert label
        assert cv2.imread(os.path.join(whole["folder"], path)) is not None


def test_lmdb_as_parseq_reads_it(whole: dict[str, Path]) -> None:
    """The key scheme of PARSeq's LmdbDataset and deep-text-recognition-benchmark, by lmdb itself."""
    environment = lmdb.open(
        str(whole["lmdb"]), max_readers=1, readonly=True, lock=False, readahead=False, meminit=False
    )
    with environment, environment.begin(write=False) as transaction:
        assert int(transaction.get(b"num-samples")) == COUNT
        for index in range(1, COUNT + 1, 100):
            assert transaction.get(b"label-%09d" % index).decode()
            data = np.frombuffer(transaction.get(b"image-%09d" % index), dtype=np.uint8)
            assert cv2.imdecode(data, cv2.IMREAD_COLOR) is not None


# webdataset leaves its shard to be closed by the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_the_shards(whole: dict[str, Path]) -> None:
    wds = pytest.importorskip("webdataset")
    samples = list(wds.WebDataset(str(whole["webdataset"] / "000000.tar"), shardshuffle=False).decode("rgb8"))
    assert len(samples) == COUNT
    picture, text = job().source().sample(3)
    assert samples[3]["txt"] == text
    assert np.array_equal(samples[3]["png"][:, :, 0], picture)
    assert len(samples[3]["details.json"]["boxes"]) == len(text)


def test_tar_members_are_what_tarfile_reads(tmp_path: Path) -> None:
    data = bytes(range(256)) * 3
    path = tmp_path / "a.tar"
    path.write_bytes(b"".join([*tar_member(b"1.png", data), *tar_member(b"1.txt", b""), bytes(1024)]))
    with tarfile.open(path) as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    assert found == {"1.png": data, "1.txt": b""}


@pytest.mark.parametrize("spread", [1, 256])  # flat and grain
@pytest.mark.parametrize("shape", [(1, 1), (13, 7), (50, 200), (255, 256), (256, 256), (9, 5, 3), (1, 300, 3)])
def test_png_holds_every_pixel(shape: tuple[int, ...], spread: int) -> None:
    picture = np.random.default_rng(0).integers(0, spread, shape, dtype=np.uint8)
    decoded = cv2.imdecode(np.frombuffer(encode_png(picture), dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(decoded if picture.ndim == 2 else decoded[:, :, ::-1], picture)


def test_boxes_hold_their_characters_ink(whole: dict[str, Path]) -> None:
    """Text differs from its background inside its boxes, and nowhere else on an undegraded line."""
    recipe = load_recipe("health-app")
    plain = recipe.looks.plain.degradation.model_copy(
        update=dict.fromkeys(("blur", "motion", "jpeg", "noise", "light"), 0.0)
    )
    looks = recipe.looks.model_copy(update={"plain": recipe.looks.plain.model_copy(update={"degradation": plain})})
    source = Job(recipe.model_copy(update={"looks": looks}), 0, 1, "plain", grey=True).source()
    for i in range(100):
        line = source.line(i)
        outside = line.picture != line.picture[0, 0] if not line.boxes[0].x == 0 == line.boxes[0].y else None
        if outside is None:
            continue
        for box in line.boxes:
            x, y = int(box.x), int(box.y)
            area = outside[y : y + int(box.height), x : x + int(box.width)]
            assert area.any() or not box.width
            area[:] = False
        assert not outside.any()


@pytest.mark.parametrize("form", ["folder", "lmdb", "webdataset"])
def test_details_say_of_each_line_what_was_drawn(whole: dict[str, Path], form: str) -> None:
    dataset, source = open_dataset(whole[form]), job().source()
    for i in (0, 7, COUNT - 1):
        line, found = source.line(i), dataset.details(i)
        assert found is not None
        told = found.model_dump(mode="json", exclude={"image"})
        assert told == json.loads(json.dumps(line.details()))
        assert found.font == "Noto Sans SC"
        assert found.look == "plain"
        assert len(found.boxes) == len(dataset.label(i))


def test_a_full_disk_loses_nothing(
    whole: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errno

    from linelet_synth import storage

    out = tmp_path / "out"
    written = storage.write_atomically

    def full(path: Path, data: bytes | str) -> None:
        if path.name.startswith("000001"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written(path, data)

    command = ["synth", "health-app", "--out", str(out), "--count", str(COUNT), "--seed", "7", "--look", "plain"]
    command += ["--grey", "--details", "--resume"]
    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_atomically", full)
        assert main(command) == 2
    message = capsys.readouterr().err
    assert "No space left on device; check the path, its permissions and the free space" in message
    with pytest.raises(DatasetError):
        open_dataset(out)
    assert main(command) == 0
    assert content(out) == content(whole["folder"])


def test_an_lmdb_that_cannot_grow_loses_nothing(whole: dict[str, Path], tmp_path: Path) -> None:
    import resource

    out = tmp_path / "out"
    command = [sys.executable, "-m", "linelet_common", "synth", "health-app", "--out", str(out), "--count", str(COUNT)]
    command += ["--seed", "7", "--look", "plain", "--grey", "--details", "--format", "lmdb", "--resume"]

    def limit() -> None:  # no file may be larger: what a full disk is to LMDB
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))

    ended = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True)
    assert ended.returncode == 2, ended.stderr
    assert "data.mdb: " in ended.stderr
    assert "check the free space and continue with --resume" in ended.stderr
    assert "Traceback" not in ended.stderr
    with pytest.raises(DatasetError):
        open_dataset(out)
    subprocess.run(command, check=True)
    assert content(out) == content(whole["lmdb"])


def test_a_folder_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert main(["synth", "health-app", "--out", str(tmp_path / "file" / "out"), "--count", "2"]) == 2
    assert "Not a directory" in capsys.readouterr().err


@pytest.mark.parametrize("form", FORMS)
def test_a_flipped_byte_is_named(whole: dict[str, Path], tmp_path: Path, form: str) -> None:
    """Wherever it is: in a label, in a picture's bytes in a shard, in LMDB's pages."""
    dice = random.Random(form)
    for turn in range(20):
        out = tmp_path / str(turn)
        shutil.copytree(whole[form], out)
        files = list(json.loads((out / "dataset.json").read_text())["digests"])
        path = out / dice.choice(files)
        data = bytearray(path.read_bytes())
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        with pytest.raises(DatasetError, match="was changed since it was written"):
            open_dataset(out)


def test_a_recipe_of_somebodys_own_is_not_overwritten(tmp_path: Path) -> None:
    """recipe.toml is what 'linelet init' calls one, and what a dataset calls its own."""
    own = tmp_path / "app" / "recipe.toml"
    own.parent.mkdir()
    own.write_text("# mine\n" + job().recipe.to_toml())
    before = own.read_bytes()
    with pytest.raises(UsageError, match="exists and is not a Linelet dataset"):
        generate(Job(load_recipe(str(own)), 0, 1, "plain"), own.parent)
    assert own.read_bytes() == before


def test_what_a_run_killed_before_its_manifest_leaves_is_swept(tmp_path: Path) -> None:
    out = tmp_path / "data"
    out.mkdir()
    (out / "recipe.toml").write_text(job().recipe.to_toml())
    for name in (".recipe.toml.0123abcd.tmp", ".dataset.json.0123abcd.tmp"):
        (out / name).write_text("half")
    generate(Job(load_recipe("health-app"), 7, 3, "plain"), out)
    assert not [p.name for p in out.iterdir() if p.name.startswith(".")]


def test_a_recipe_that_was_cut_off_is_written_again(tmp_path: Path) -> None:
    out = tmp_path / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STORAGES["folder"], "take", stopped)
        with pytest.raises(KeyboardInterrupt):
            generate(job(), out)
    whole = (out / "recipe.toml").read_bytes()
    (out / "recipe.toml").write_bytes(whole[:100])
    generate(job(), out, resume=True)
    assert (out / "recipe.toml").read_bytes() == whole


def test_a_part_that_was_cut_off_makes_no_shorter_dataset(whole: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STORAGES["folder"], "join", stopped)
        with pytest.raises(KeyboardInterrupt):
            generate(job(), out)
    part = out / ".parts" / "000001.labels.txt"
    part.write_bytes(part.read_bytes()[:500])
    with pytest.raises(DatasetError, match=r"holds \d+ of 620 labels, so a file there was cut off; remove"):
        generate(job(), out, resume=True)
    shutil.rmtree(out / ".parts")
    generate(job(), out, resume=True)
    assert content(out) == content(whole["folder"])


@pytest.mark.parametrize("name", ["images", ".parts", "images/0000001.png", "data.mdb"])
def test_nothing_is_written_through_links(tmp_path: Path, name: str) -> None:
    """--resume of a dataset in which something has become a link to somebody else's file or folder."""
    made = job("lmdb" if name == "data.mdb" else "folder")
    out, theirs = tmp_path / "data", tmp_path / "theirs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(STORAGES[made.storage], "take", stopped)
        with pytest.raises(KeyboardInterrupt):
            generate(made, out)
    (out / name).rename(theirs) if name != "images/0000001.png" else theirs.write_text("precious")
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(theirs)
    shutil.rmtree(out / ".parts") if name.endswith(".png") else None
    before = sorted(p.stat().st_mtime_ns for p in (theirs, *theirs.glob("*")))
    with pytest.raises((DatasetError, OSError), match=r"is a link|symbolic link"):
        generate(made, out, resume=True)
    assert sorted(p.stat().st_mtime_ns for p in (theirs, *theirs.glob("*"))) == before


def stopped(*arguments: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("name", ["recipe.toml", "Font.ttf", "words.txt", "labels"])
def test_previews_and_zips_are_called_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / name).write_text("mine")
    for words in (["preview", "health-app"], ["preview", "health-app", "--screens"], ["pack", str(tmp_path)]):
        assert main([*words, "--out", str(tmp_path / name)]) == 2
        assert f"{name} does not end in ." in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["gone.png", "../elsewhere.png"])
def test_a_dataset_that_lacks_pictures_is_not_packed(name: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "elsewhere.png").write_bytes(b"")
    (tmp_path / "data" / "labels.txt").write_text(f"{name}\t1\n")
    with pytest.raises(DatasetError, match=r"line 1 of .*labels\.txt"):
        pack(tmp_path / "data", tmp_path / "data.zip")
    assert not (tmp_path / "data.zip").exists()


@pytest.mark.parametrize("name", ["sheet.png", "report.html", "screens.png", "data.zip"])
def test_only_files_that_are_ours_are_overwritten(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / name
    if name == "data.zip":
        generate(Job(load_recipe("health-app"), 0, 2), tmp_path / "data")
        command = ["pack", str(tmp_path / "data"), "--out", str(out)]
    else:
        screens = ["--screens"] if name == "screens.png" else []
        command = ["preview", "health-app", *screens, "--count", "2", "--out", str(out)]
    out.write_text("mine")
    assert main(command) == 2
    assert f"{out} was not written by linelet; name another place" in capsys.readouterr().err
    assert out.read_text() == "mine"
    link = tmp_path / f"link-{name}"
    link.symlink_to(out)
    assert main([*command[:-1], str(link)]) == 2
    out.unlink()
    for _ in range(2):  # where there is nothing, and over its own; through a link, which stays one
        assert main([*command[:-1], str(link)]) == 0
    assert link.is_symlink()
    assert out.stat().st_size > 100
    out.unlink()
    out.mkdir()
    assert main(command) == 2
    assert f"{out} is a folder; name a file" in capsys.readouterr().err


def test_what_is_refused_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Notes on the recipe's colours come only with what is made."""
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "made", tmp_path / "made", tmp_path / "file"):
        made = not out.exists()
        assert main(["synth", "health-app", "--out", str(out), "--count", "2"]) == (0 if made else 2)
        said = capsys.readouterr().err
        assert said.startswith("note: ") if made else said.count("\n") == 1
