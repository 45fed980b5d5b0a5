"""A recipe of its own taken the whole way once: lines, run, ONNX, bundle."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from linelet_common.cli import main

RECIPE = """
name = "scale"
charset = "0123456789.kg"
fonts = ["bundled"]

[[texts]]
forms = ["{40..110:.1f}kg", "{0..99}", "{0..9:.1f}"]

[fields]
load = { name = "kg", form = "{40..110:.1f}" }

[looks.plain]
size = [24, 32]
cropped = 1.0
min_contrast = 4.5

[looks.plain.degradation]
blur = 0.2
motion = 0.0
"""


@dataclass(frozen=True)
class Whole:
    """The artefacts of the whole way."""

    recipe: Path
    lines: Path
    unseen: Path
    run: Path
    onnx: Path
    bundle: Path


def linelet(*words: object) -> None:
    """Run a command that must succeed."""
    assert main([str(word) for word in words]) == 0, words


@pytest.fixture(scope="session")
def scale(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe alone."""
    path = tmp_path_factory.mktemp("whole") / "scale.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def whole(scale: Path) -> Whole:
    made = Whole(scale, *(scale.parent / n for n in ("lines", "unseen", "run", "reader.onnx", "bundle")))
    linelet("synth", made.recipe, "--out", made.lines, "--count", 3000, "--split", "train")
    linelet("synth", made.recipe, "--out", made.unseen, "--count", 200, "--split", "validation", "--seed", 1)
    linelet("train", "--data", made.lines, "--out", made.run, "--epochs", 6, "--batch", 32, "--threads", os.cpu_count())
    linelet("export", made.run, "--out", made.onnx)
    linelet("convert", made.onnx, "--out", made.bundle, "--data", made.unseen)
    return made
