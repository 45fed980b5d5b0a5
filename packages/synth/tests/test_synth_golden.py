"""The same recipe and seed draw the same lines as long as GENERATION says so; `golden.py` rewrites the digests."""

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
    assert json.loads(golden.PATH.read_text())["generation"] == GENERATION, REGENERATE


@pytest.mark.parametrize("name", json.loads(golden.PATH.read_text())["lines"])
def test_lines_are_those_of_their_generation(name: str) -> None:
    held = json.loads(golden.PATH.read_text())
    found = golden.digests(*name.split(", "))
    message = f"{name}: the same seed draws other lines; bump GENERATION in recipe.py, then {REGENERATE}"
    same = {package for package, number in held["versions"].items() if golden.version(package) == number}
    assert found["texts"] == held["lines"][name]["texts"], message
    if "pillow" in same:
        assert found["content"] == held["lines"][name]["content"], message
    if same == set(held["versions"]):
        assert found["pixels"] == held["lines"][name]["pixels"], message


def test_every_look_and_builtin_recipe_has_a_digest() -> None:
    names = {f"{recipe}, {look}" for recipe in golden.builtin_names() for look in golden.LOOKS}
    assert set(json.loads(golden.PATH.read_text())["lines"]) == names, REGENERATE
