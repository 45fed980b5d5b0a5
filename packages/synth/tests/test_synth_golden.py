"""The same recipe and seed draw the same lines and screens while GENERATION stays; `golden.py` rewrites the digests."""

import importlib.util
import json
from pathlib import Path

import pytest

from linelet_synth.recipe import GENERATION

SPEC = importlib.util.spec_from_file_location("golden", Path(__file__).with_name("golden.py"))
assert SPEC
assert SPEC.loader
golden = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(golden)
REGENERATE = "run python packages/synth/tests/golden.py"


def test_the_golden_digests_are_this_generations() -> None:
    held = json.loads(golden.PATH.read_text())
    assert (held["generation"], held["screen_generation"]) == (GENERATION, golden.screens.GENERATION), REGENERATE


@pytest.mark.parametrize("name", json.loads(golden.PATH.read_text())["lines"])
def test_lines_are_those_of_their_generation(name: str) -> None:
    held = json.loads(golden.PATH.read_text())
    found = golden.digests(*name.split(", "))
    message = f"{name}: the same seed draws other lines; bump GENERATION in recipe.py, then {REGENERATE}"
    _check(found, held["lines"][name], held["versions"], message)


@pytest.mark.parametrize("recipe", json.loads(golden.PATH.read_text())["screens"])
def test_screens_are_those_of_their_generation(recipe: str) -> None:
    held = json.loads(golden.PATH.read_text())
    found = golden.screen_digests(recipe)
    message = f"{recipe}: the same seed draws other screens; bump GENERATION in screens/source.py, then {REGENERATE}"
    _check(found, held["screens"][recipe], held["versions"], message, measured=True)


def _check(
    found: dict[str, str], held: dict[str, str], versions: dict[str, str], message: str, measured: bool = False
) -> None:
    """measured: whether the texts depend on widths, which Pillow's FreeType tells, as those of screens do."""
    same = {package for package, number in versions.items() if golden.version(package) == number}
    if "pillow" in same or not measured:
        assert found["texts"] == held["texts"], message
    if "pillow" in same:
        assert found["content"] == held["content"], message
    if same == set(versions):
        assert found["pixels"] == held["pixels"], message


def test_every_look_and_builtin_recipe_has_a_digest() -> None:
    names = {f"{recipe}, {look}" for recipe in golden.builtin_names() for look in golden.LOOKS}
    held = json.loads(golden.PATH.read_text())
    assert set(held["lines"]) == names, REGENERATE
    assert set(held["screens"]) == set(golden.builtin_names()), REGENERATE
