"""Samples one by one: the engine behind files, previews and training without files.

Sample i is a pure function of the recipe (with the content of its fonts and corpora), the seed and i. It does not
depend on which samples were drawn before it, in which process, or what they are written to.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linelet_common.errors import RecipeError
from linelet_synth.atlas import Atlas
from linelet_synth.fonts import Face
from linelet_synth.line import Line
from linelet_synth.looks.plain import Plain
from linelet_synth.looks.screen import Screen
from linelet_synth.outside import Outside
from linelet_synth.recipe import LOOKS, Recipe, load_recipe
from linelet_synth.recipe_faces import (
    Fallback,
    companion_faces,
    faces_content,
    fallback_faces,
    families,
    parts,
    role_family,
)
from linelet_synth.recipe_texts import (
    build_mixture,
    family_characters,
    other_spaces,
    read_corpora,
    recipe_grammar,
)
from linelet_synth.rng import Rng
from linelet_synth.shaping import is_complex
from linelet_synth.texts import Text

# Samples that are made together. With twice as many, Python's collector of garbage wakes up for what they hold.
GROUP = 16
# Shares of lines, where the recipe wants unknown characters: texts that hold some, in either look; of the screen look
# also pictures that show no text, and texts of which the picture shows too little to read.
_UNKNOWN_PLAIN = 0.10
_UNKNOWN_SCREEN = 0.27
_PICTURES = 0.012
_FRAGMENTS = 0.015


class Source:
    """Numbered samples of a recipe.

    look restricts to one look; split to one side of the recipe's texts (no text is on both); rgb draws in colour
    instead of grey. Can be pickled: a copy in another process draws the same samples.
    Raises RecipeError for what the recipe's charset, fonts or files cannot give.
    """

    def __init__(
        self, recipe: Recipe, seed: int, look: str | None = None, split: str = "all", rgb: bool = False
    ) -> None:
        if look is not None and look not in LOOKS:
            raise RecipeError(f"unknown look {look!r}; known are {', '.join(LOOKS)}", value=look)
        if split not in ("all", "train", "validation"):
            raise RecipeError(f"unknown split {split!r}; known are all, train, validation", value=split)
        self.recipe, self.seed, self.look, self.split, self.rgb = recipe, seed, look, split, rgb
        self._prepare()

    def _prepare(self) -> None:
        recipe = self.recipe
        self.name, self.charset, self.unknown, self.fields = recipe.name, recipe.charset, recipe.unknown, recipe.fields
        self.direction = recipe.towards
        files = read_corpora(recipe)
        self.mixture = build_mixture(recipe, self.split, files)
        self.families, self.rejected = families(recipe, family_characters(recipe, files))
        self.faces = self.families[""]
        self.companions, rejected = companion_faces(recipe)
        self.rejected += rejected
        own = parts([*(face for faces in self.families.values() for face in faces), *self.companions])
        others = fallback_faces(own) if recipe.unknown else []
        fallback = Fallback([*own, *others])
        self.outside: Outside | None = None
        if recipe.unknown:
            self.outside = Outside(
                recipe.characters,
                self.mixture,
                fallback.characters,
                self.split,
                recipe.validation,
                recipe.folding,
                recipe.towards,
            )
        self.grammar = recipe_grammar(recipe, files)
        paths = _paths(fallback.faces)
        used = {f"font {k}": Path(path).read_bytes() for k, path in enumerate(paths)}
        used |= faces_content(self.families, self.companions, paths)
        if any(face.shaped for face in fallback.faces) or is_complex(recipe.charset):
            used["shaping"] = b"HarfBuzz"
        if other_spaces(recipe, files):
            used["spaces"] = b"in their widths"
        self.digest = recipe.digest({**used, **{f"corpus {k}": data for k, data in enumerate(files.values())}})
        self._rng = Rng(bytes.fromhex(self.digest), self.seed)
        atlas = Atlas(self.charset)
        self._plain = Plain(recipe, self.families, atlas, self.rgb, fallback)
        self._screen = Screen(recipe, self.families, self.companions, atlas, self.rgb, fallback)
        weights = recipe.looks.plain.weight, recipe.looks.screen.weight
        self._plain_share = weights[0] / sum(weights)
        self._roles = tuple(recipe.roles)
        self._transforms = None
        if recipe.transforms:
            from linelet_synth.transforms import Transforms  # albumentations takes a second to import

            self._transforms = Transforms(recipe.transforms, self.rgb)

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("recipe", "seed", "look", "split", "rgb")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def lines(self, numbers: Sequence[int]) -> Iterator[Line]:
        """Samples with all that is known of them.

        Several are planned before they are drawn: planning and drawing in turn, each finds the processor's caches full
        of the other's code and data, and both take longer.
        """
        for start in range(0, len(numbers), GROUP):
            plans = [self._plan(i) for i in numbers[start : start + GROUP]]
            yield from [draw() for draw in plans]

    def line(self, i: int) -> Line:
        """Sample i with all that is known of it."""
        return self._plan(i)()

    def samples(self, numbers: Sequence[int]) -> Iterator[tuple[NDArray[np.uint8], str]]:
        """Picture uint8, grey (H, W) or RGB (H, W, 3), and label of samples."""
        for line in self.lines(numbers):
            yield line.picture, line.text

    def sample(self, i: int) -> tuple[NDArray[np.uint8], str]:
        """Picture uint8, grey (H, W) or RGB (H, W, 3), and label of sample i."""
        line = self.line(i)
        return line.picture, line.text

    def screen(self) -> NDArray[np.uint8]:
        """A screen of the app, RGB uint8 (H, W, 3)."""
        from linelet_synth.screens.source import ScreenSource  # lines have no need of it

        return ScreenSource(self.recipe, self.seed).screen(0).picture

    def _plan(self, i: int) -> Callable[[], Line]:
        """What draws sample i, all that is random in it drawn."""
        rng = self._rng
        rng.seek(i)
        plain = rng.chance(self._plain_share)
        look = self.look or ("plain" if plain else "screen")
        draw = self._plan_plain(rng) if look == "plain" else self._plan_screen(rng)
        return partial(self._transformed, draw, rng.integer(0, 2**31 - 1)) if self._transforms else draw

    def _plan_plain(self, rng: Rng) -> Callable[[], Line]:
        outside = self.outside and rng.chance(_UNKNOWN_PLAIN)
        return self._plain.plan(self._draw_outside(rng) if outside else self.mixture.draw(rng), rng)

    def _plan_screen(self, rng: Rng) -> Callable[[], Line]:
        kind = rng.random() if self.outside else 1.0
        if kind < _UNKNOWN_SCREEN:
            return self._screen.plan(self._draw_outside(rng), rng)
        text = self.mixture.draw(rng)
        kind -= _UNKNOWN_SCREEN
        if kind < _PICTURES:
            return self._screen.picture(text, rng)
        if kind < _PICTURES + _FRAGMENTS:
            return self._screen.fragment(text, rng)
        return self._screen.plan(text, rng)

    def _draw_outside(self, rng: Rng) -> Text:
        """A text with characters outside the charset, in the role of one within it."""
        assert self.outside
        role = rng.choice(self._roles)
        text = self.outside.draw(rng, role)
        family = role_family(self.recipe, role)
        return text._replace(family=family) if family in self.families else text

    def _transformed(self, draw: Callable[[], Line], seed: int) -> Line:
        line = draw()
        assert self._transforms
        self._transforms.apply(line, seed)
        return line


def open_recipe(recipe: str, seed: int, look: str | None = None, split: str = "all") -> Source:
    """The samples of a recipe, a TOML file or the name of a built-in one, in grey."""
    return Source(load_recipe(recipe), seed, look, split)


def _paths(faces: Sequence[Face]) -> list[str]:
    return list(dict.fromkeys(face.path for face in faces))
