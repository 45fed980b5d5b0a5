"""Screens one by one: the engine behind files, previews and training without files.

Screen i is a pure function of the recipe (with the content of its fonts and corpora), the seed and i, as a line is.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from linelet_common.preprocess import Pixels
from linelet_synth.fonts import Face, bundled, read_faces
from linelet_synth.recipe import Recipe
from linelet_synth.recipe_faces import companion_faces, faces_content, parts, usable_faces
from linelet_synth.recipe_texts import build_mixture, family_characters, read_corpora, recipe_grammar
from linelet_synth.rng import Rng
from linelet_synth.screens.drawing import Drawer, ScreenPicture
from linelet_synth.screens.icons import icon_faces
from linelet_synth.screens.sayings import FieldForm, Languages, Sayings
from linelet_synth.shaping import is_complex

# Bumped whenever the same recipe and seed draw other screens than before.
GENERATION = 5


class ScreenSource:
    """Numbered screens of a recipe. rgb draws in colour instead of grey. Can be pickled.

    Raises RecipeError for what the recipe's charset, fonts or files cannot give.
    """

    def __init__(self, recipe: Recipe, seed: int, split: str = "all", rgb: bool = True) -> None:
        self.recipe, self.seed, self.split, self.rgb = recipe, seed, split, rgb
        self._prepare()

    def _prepare(self) -> None:
        recipe = self.recipe
        files = read_corpora(recipe)
        found, _ = usable_faces(recipe, family_characters(recipe, files)[""])
        main = parts(found)
        chained = parts([face for face in found if face.chain])  # a page has one of them, and the others for the rest
        latin, _ = companion_faces(recipe)
        rest = [face for path in (*bundled(), *bundled("latin")) for face in read_faces(path)]
        latin = latin or [face for face in rest if "的" not in face.characters]
        mixture = build_mixture(recipe, self.split, files)
        self.grammar = recipe_grammar(recipe, files)
        icons = icon_faces()
        used = dict.fromkeys(face.path for face in (*main, *latin, *rest, *icons))
        content = {f"font {k}": Path(path).read_bytes() for k, path in enumerate(used)}
        content |= faces_content({"": found}, latin, list(used))
        content |= {f"corpus {k}": data for k, data in enumerate(files.values())}
        fields = {key: field.model_dump(mode="json") for key, field in recipe.fields.items()}
        content |= {"fields": json.dumps(fields).encode(), "screens": b"%d" % GENERATION}
        if is_complex(recipe.charset):
            content["shaping"] = b"HarfBuzz"
        self.digest = recipe.digest(content)
        everything = frozenset().union(*(face.characters for face in (*main, *latin, *rest)))
        sayings = Sayings(mixture, self._fields(), Languages(everything), " " in recipe.charset)
        self._drawer = Drawer(recipe, (main, latin, [*chained, *_fallback(rest)]), sayings, icons, self.rgb)
        self._rng = Rng(bytes.fromhex(self.digest), self.seed)

    def _fields(self) -> list[FieldForm]:
        return [FieldForm(key, field.names, tuple(field.pieces())) for key, field in self.recipe.fields.items()]

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("recipe", "seed", "split", "rgb")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._prepare()

    def screen(self, i: int) -> ScreenPicture:
        """Screen i with all that is known of it."""
        self._rng.seek(i)
        return self._drawer.draw(self._rng)

    def screens(self, numbers: Sequence[int]) -> Iterator[ScreenPicture]:
        """Screens in order."""
        for i in numbers:
            yield self.screen(i)

    def sample(self, i: int) -> tuple[Pixels, list[tuple[float, float, float, float]]]:
        """Picture uint8 and the boxes of its lines, x, y, width, height in pixels."""
        screen = self.screen(i)
        return screen.picture, [line.box for line in screen.lines]


def _fallback(faces: list[Face]) -> list[Face]:
    """The faces for characters that a page's own lack: the widest first."""
    return sorted(faces, key=lambda face: (-len(face.characters), face.place))[:12]
