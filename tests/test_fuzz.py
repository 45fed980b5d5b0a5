"""Every parser, given damaged and invented files: it reads them or says in one line why not, and soon. ``nox -s fuzz``.

Files are made of whole ones: bytes flipped, cut, doubled and spliced, numbers and words replaced by hostile ones.
LINELET_FUZZ: how many of each (default 200); LINELET_FUZZ_SECONDS: for how long (60); LINELET_FUZZ_SEED: others.
"""

import io
import json
import os
import random
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from linelet_common.boxes import FinderSpec
from linelet_common.datasets import open_dataset
from linelet_common.errors import LineletError
from linelet_common.grammar import Grammar
from linelet_common.lines import read_details
from linelet_common.preprocess import load_image
from linelet_common.screens import open_screens
from linelet_common.spec import ReaderSpec
from linelet_convert.onnxfile import OnnxFile
from linelet_convert.third_party import _read_dictionary
from linelet_model import run
from linelet_model.distributed import World
from linelet_model.settings import Settings
from linelet_model.start import claim_run
from linelet_read.readers import load_reader
from linelet_read.shipped import FINDER, HEALTH_APP
from linelet_synth.recipe import load_recipe

pytestmark = [
    pytest.mark.fuzz,
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin"),
]
COUNT = int(os.environ.get("LINELET_FUZZ", "200"))
SECONDS = 20.0

HOSTILE = [
    b"0",
    b"-1",
    b"1e999",
    b"NaN",
    b"9" * 400,
    b"9" * 5000,
    b"100000000",
    b"null",
    b"true",
    b'""',
    b"[]",
    b"{}",
    b"[" * 2000,
    b'{"a":' * 2000,
    b"\xff\xfe",
    b"\x00",
    b"\xed\xa0\x80",
    "\u202e".encode(),
    b"../../etc/passwd",
    b"/dev/zero",
    b"\t",
    b"\n",
    b"\r",
    b"{0..1e9:.99f}",
    b"{",
    b"}}",
    b"'" * 3,
    b'"""',
]


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A file with one to six faults in it."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(changed) + 1)
        kind = dice.randrange(7)
        if kind == 0 and changed:
            changed[min(at, len(changed) - 1)] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del changed[at:]
        elif kind == 2:
            del changed[at : at + dice.randint(1, 40)]
        elif kind == 3:
            changed[at:at] = changed[at : at + dice.randint(1, 200)]
        elif kind == 4:
            changed[at:at] = dice.choice(HOSTILE)
        elif kind == 5:
            changed[at:at] = dice.randbytes(dice.randint(1, 20))
        else:  # a value in the place of another
            end = at
            while end < len(changed) and end - at < 40 and chr(changed[end]) not in ',:]}"\n=':
                end += 1
            changed[at:end] = dice.choice(HOSTILE)
    return bytes(changed)


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((40, 20), 60).save(file, kind)
    return file.getvalue()


def shards() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for i in range(3):
            for name, data in (
                (f"{i}.png", picture("PNG")),
                (f"{i}.txt", b"12"),
                (f"{i}.details.json", b'{"look": "x"}'),
            ):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


ABOUT = {"name": "n", "charset": "0123", "count": 1, "seed": 0, "recipe_digest": "-", "complete": True}
COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "text": "12"}],
}


def dataset(path: Path) -> None:
    opened = open_dataset(path.parent)
    for i in range(min(len(opened), 3)):
        opened.label(i), opened.image(i), opened.details(i)


def screens(path: Path) -> None:
    opened = open_screens(path.parent)
    for i in range(min(len(opened), 3)):
        opened.lines(i), opened.image(i)


def checkpoint(path: Path) -> None:
    from linelet_model.networks import network_class
    from linelet_model.state import State

    settings = Settings(data=("x",), epochs=1, network="light-conv").checked()
    State(settings, network_class("light-conv")(5), torch.device("cpu"), World()).restore(path.parent)


def saved_checkpoint() -> bytes:
    from linelet_model.networks import network_class
    from linelet_model.state import State

    settings = Settings(data=("x",), epochs=1, network="light-conv").checked()
    with tempfile.TemporaryDirectory() as folder:
        run.write_plan(Path(folder), {"version": 1})
        State(settings, network_class("light-conv")(5), torch.device("cpu"), World()).save(Path(folder))
        return (Path(folder) / run.CHECKPOINT).read_bytes()


def resumed(path: Path) -> None:
    claim_run(Settings(data=("x",), epochs=1), path.parent, True, World())


def grammar(path: Path) -> None:
    Grammar(**json.loads(path.read_text())).automaton()


def forms(path: Path) -> None:
    form = path.read_bytes().decode("utf-8", "replace")
    ReaderSpec.from_json(json.dumps({"charset": "0123456789.kg", "grammar": {"forms": [form]}}), "spec").automaton  # noqa: B018


def shipped(name: str) -> bytes:
    return (HEALTH_APP / name).read_bytes()


def plan() -> bytes:
    return json.dumps({"version": 1, "settings": Settings(data=("x",), epochs=1).to_dict(), "digests": {}}).encode()


# Parser: the file's name, a whole one, what reads it, and files that lie beside it.
Case = tuple[str, Callable[[], bytes], Callable[[Path], object], Callable[[Path], object] | None]


def _picture_beside(folder: Path) -> None:
    (folder / "a.png").write_bytes(picture("PNG"))


def _labels_beside(folder: Path) -> None:
    _picture_beside(folder)
    (folder / "labels.txt").write_text("a.png\t12\n")


def _plan_beside(folder: Path) -> None:
    (folder / "run.json").write_text('{"version": 1}')


def _run_beside(folder: Path) -> None:
    for name in ("run.json", "spec.json", "weights.safetensors"):
        shutil.copyfile(HEALTH_APP / name, folder / name)
    plan = json.loads((folder / "run.json").read_bytes())
    (folder / "run.json").write_text(json.dumps({k: v for k, v in plan.items() if k != "digests"}))


CASES: dict[str, Case] = {
    "labels": ("labels.txt", lambda: "a.png\t12\na.png\t体\n".encode(), dataset, _picture_beside),
    "manifest": ("dataset.json", lambda: json.dumps({**ABOUT, "digests": {}}).encode(), dataset, _labels_beside),
    "details": ("details.jsonl", lambda: b'{"image": "a.png", "boxes": [[0, 0, 1, 1]]}\n', dataset, _labels_beside),
    "shard": ("000000.tar", shards, dataset, None),
    "screens": ("screens.json", lambda: json.dumps(COCO).encode(), screens, _picture_beside),
    "recipe": ("r.toml", lambda: _builtin_recipe(), lambda path: load_recipe(str(path)), None),
    "spec": ("spec.json", lambda: shipped("spec.json"), lambda p: ReaderSpec.load(p).padded_width(100), None),
    "finder's spec": (
        "finder.json",
        lambda: (FINDER / "finder.json").read_bytes(),
        lambda p: FinderSpec.from_json(p.read_bytes(), str(p)),
        None,
    ),
    "form": ("form.txt", lambda: b"{40..110:.1f}kg {0..99}", forms, None),
    "dictionary": ("keys.txt", lambda: "0\n1\n体\n".encode(), _read_dictionary, None),
    "ONNX, to read": ("reader.onnx", lambda: shipped("reader.onnx")[:-84], lambda p: load_reader(p), None),
    "ONNX, to convert": (
        "finder.onnx",
        lambda: (FINDER / "finder.onnx").read_bytes()[:-84],
        lambda p: OnnxFile(p),
        None,
    ),
    "run": ("run.json", plan, resumed, None),
    "weights": (
        "weights.safetensors",
        lambda: shipped("weights.safetensors"),
        lambda p: run.load_network(p.parent),
        _run_beside,
    ),
    "checkpoint": ("checkpoint.pt", saved_checkpoint, checkpoint, _plan_beside),
    "PNG": ("a.png", lambda: picture("PNG"), load_image, None),
    "JPEG": ("a.jpg", lambda: picture("JPEG"), load_image, None),
    "WebP": ("a.webp", lambda: picture("WEBP"), load_image, None),
    "BMP": ("a.bmp", lambda: picture("BMP"), load_image, None),
    "TIFF": ("a.tif", lambda: picture("TIFF"), load_image, None),
    "GIF": ("a.gif", lambda: picture("GIF"), load_image, None),
    "details, a record": (
        "d.json",
        lambda: b'{"look": "plain", "contrast": 4.5}',
        lambda p: read_details(p.read_bytes(), "d"),
        None,
    ),
}


def _builtin_recipe() -> bytes:
    from importlib import resources

    return (resources.files("linelet_synth") / "recipes" / "health-app.toml").read_bytes()


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_file_is_read_or_named(name: str, tmp_path: Path) -> None:
    file, whole, read, beside = CASES[name]
    if beside:
        beside(tmp_path)
    data, path = whole(), tmp_path / file
    path.write_bytes(data)
    read(path)  # the whole one is read
    dice = random.Random(f"{name} {os.environ.get('LINELET_FUZZ_SEED', '')}")
    slowest = 0.0
    said: list[str] = []
    deadline = time.monotonic() + float(os.environ.get("LINELET_FUZZ_SECONDS", "60"))
    for turn in range(COUNT):
        content = mutated(data, dice) if turn % 20 else dice.randbytes(dice.randrange(2000))
        path.write_bytes(content)
        started = time.monotonic()
        try:
            read(path)
        except LineletError as failure:
            said.append(str(failure))
        except Exception as failure:
            kept = Path(tempfile.gettempdir()) / f"linelet-fuzz-{file}"
            kept.write_bytes(content)
            raise AssertionError(
                f"{name}: {type(failure).__name__}: {failure}; the file is kept as {kept}"
            ) from failure
        slowest = max(slowest, time.monotonic() - started)
        if time.monotonic() > deadline:
            break
    print(f"{name}: {turn + 1} files, {len(said)} refused, the slowest took {slowest:.2f} s")
    assert slowest < SECONDS
    assert not [message for message in said if message.count("\n")]
