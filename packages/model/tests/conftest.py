"""A small dataset of digits in Pillow's own font, and a reader trained on it for some seconds."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import matplotlib
import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_model.networks import NETWORKS
from linelet_model.settings import Settings
from linelet_model.state import State

CHARSET = "0123456789.%"


@pytest.hookimpl(tryfirst=True)  # before -m looks at the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of networks on torchvision's backbones have a session of their own."""
    for item in items:
        name = getattr(getattr(item, "callspec", None), "params", {}).get("name")
        if NETWORKS.get(name, "").startswith("linelet_model.networks.pictures"):
            item.add_marker(pytest.mark.torchvision)


def draw_dataset(
    folder: Path, count: int, seed: int, charset: str = CHARSET, longest: int = 4, font_file: str = ""
) -> Path:
    """Write a folder dataset of random labels, in Pillow's own font or one of matplotlib's."""
    rng = random.Random(seed)
    sizes = (20, 24, 28)
    if font_file:
        folder_of_fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
        fonts = [ImageFont.truetype(folder_of_fonts / font_file, size) for size in sizes]
    else:
        fonts = [ImageFont.load_default(size) for size in sizes]
    (folder / "images").mkdir(parents=True)
    rows = []
    for i in range(count):
        label = "".join(rng.choices(charset, k=rng.randint(1, longest)))
        font = rng.choice(fonts)
        left, top, right, bottom = font.getbbox(label)
        image = Image.new("RGB", (int(right - left) + 12, int(bottom - top) + 8), "white")
        ImageDraw.Draw(image).text((6 - left, 4 - top), label, font=font, fill=(60, 60, 60))
        image.save(folder / f"images/{i}.png")
        rows.append(f"images/{i}.png\t{label}\n")
    (folder / "labels.txt").write_text("".join(rows), encoding="utf-8")
    manifest = {
        "name": "digits",
        "charset": charset,
        "grammar": {"forms": ["{0..99}%", "{0..9}{0..9:.1f}"]},
        "count": count,
        "seed": seed,
        "recipe_digest": "-",
        "complete": True,
    }
    (folder / "dataset.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def draw():
    return draw_dataset


@pytest.fixture(scope="session")
def digits(tmp_path_factory):
    return draw_dataset(tmp_path_factory.mktemp("digits") / "data", 1200, seed=1)


@pytest.fixture(scope="session")
def unseen(tmp_path_factory):
    return draw_dataset(tmp_path_factory.mktemp("unseen") / "data", 200, seed=2)


@pytest.fixture(scope="session")
def run_folder(digits, tmp_path_factory):
    from linelet_model.training import train

    out = tmp_path_factory.mktemp("run") / "run"
    train(Settings(data=(str(digits),), epochs=14, batch=32, threads=1), out)
    return out


@pytest.fixture
def killed_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Path], AbstractContextManager[None]]:
    """A block in which a training is killed after so many steps, right behind a checkpoint in ``out``."""

    @contextmanager
    def block(step: int, out: Path) -> Iterator[None]:
        steps = iter(range(1000))

        def explode(state: State) -> bool:
            if next(steps) == step:
                state.save(out)
                raise KeyboardInterrupt
            return False

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):  # noqa: PT012  # the block is the test's
            patch.setattr("linelet_model.state.State.checkpoint_due", explode)
            yield

    return block
