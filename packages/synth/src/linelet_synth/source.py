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
from linelet_common.grammar import LONGEST_FORM, Grammar, Number, literal_form, parse_form
from linelet_synth.atlas import Atlas
from linelet_synth.fonts import Face, Rejected, ascii_part, find_faces
from linelet_synth.line import Line
from linelet_synth.plain import Plain
from linelet_synth.recipe import LOOKS, Recipe, TextKind, load_recipe
from linelet_synth.rng import Rng
from linelet_synth.screen import Screen
from linelet_synth.texts import (
    Drawer,
    Forms,
    Mixture,
    Phrases,
    Random,
    frequencies,
    refuse_unknown,
)

# Samples that are made together. With twice as many, Python's collector of garbage wakes up for what they hold.
GROUP = 16
# Forms and phrases of a grammar. A longer corpus is language rather than a list of what an app says.
_LONGEST_GRAMMAR = 10_000


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
            raise RecipeError(f"unknown look {look!r}; known are {', '.join(LOOKS)}")
        if split not in ("all", "train", "validation"):
            raise RecipeError(f"unknown split {split!r}; known are all, train, validation")
        self.recipe, self.seed, self.look, self.split, self.rgb = recipe, seed, look, split, rgb
        self.charset = recipe.charset
        self.unknown = False
        self.name = recipe.name
        self._prepare()

    def _prepare(self) -> None:
        recipe = self.recipe
        self.faces, self.rejected = usable_faces(recipe)
        self.companions, rejected = companion_faces(recipe)
        self.rejected += rejected
        files = {kind.corpus: _read(kind.corpus) for kind in recipe.texts if kind.corpus}
        self.mixture = build_mixture(recipe, self.split, files)
        self.grammar = recipe_grammar(recipe, files)
        used = {f"font {k}": Path(path).read_bytes() for k, path in enumerate(_paths([*self.faces, *self.companions]))}
        self.digest = recipe.digest({**used, **{f"corpus {k}": data for k, data in enumerate(files.values())}})
        self._rng = Rng(bytes.fromhex(self.digest), self.seed)
        atlas = Atlas(self.charset)
        self._plain = Plain(recipe, self.faces, atlas, self.rgb)
        self._screen = Screen(recipe, self.faces, self.companions, atlas, self.rgb)
        weights = recipe.looks.plain.weight, recipe.looks.screen.weight
        self._plain_share = weights[0] / sum(weights)
        self._transforms = None
        if recipe.transforms:
            from linelet_synth.transforms import Transforms  # albumentations takes a second to import

            self._transforms = Transforms(recipe.transforms, self.rgb)

    def __getstate__(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in ("recipe", "seed", "look", "split", "rgb", "charset", "name")}

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

    def _plan(self, i: int) -> Callable[[], Line]:
        """What draws sample i, all that is random in it drawn."""
        rng = self._rng
        rng.seek(i)
        text = self.mixture.draw(rng)
        plain = rng.chance(self._plain_share)
        look = self.look or ("plain" if plain else "screen")
        draw = (self._plain if look == "plain" else self._screen).plan(text, rng)
        return partial(self._transformed, draw, rng.integer(0, 2**31 - 1)) if self._transforms else draw

    def _transformed(self, draw: Callable[[], Line], seed: int) -> Line:
        line = draw()
        assert self._transforms
        self._transforms.apply(line, seed)
        return line


def open_recipe(recipe: str, seed: int, look: str | None = None, split: str = "all") -> Source:
    """Grey samples of a recipe, a TOML file or the name of a built-in one."""
    return Source(load_recipe(recipe), seed, look, split)


def usable_faces(recipe: Recipe) -> tuple[list[Face], list[Rejected]]:
    """The faces that draw the whole charset, and the rest with reasons. RecipeError if there is none."""
    faces, rejected = find_faces(recipe.fonts, recipe.characters)
    if not faces:
        reason = f" ({rejected[0].place}: {rejected[0].reason})" if rejected else ""
        raise RecipeError(f"no font of {list(recipe.fonts)} has the whole charset{reason}; name one in 'fonts'")
    return faces, rejected


def companion_faces(recipe: Recipe) -> tuple[list[Face], list[Rejected]]:
    """The faces for the charset's ASCII characters beside those of the rest."""
    characters = ascii_part(recipe.characters)
    if not characters or not recipe.companion_fonts:
        return [], []
    faces, rejected = find_faces(recipe.companion_fonts, characters)
    # A face for the whole charset is no companion: it is there anyway.
    return [face for face in faces if not _is_cjk(face)], rejected


def _is_cjk(face: Face) -> bool:
    return "的" in face.characters


def _paths(faces: Sequence[Face]) -> list[str]:
    return list(dict.fromkeys(face.path for face in faces))


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as failure:
        raise RecipeError(f"corpus {path}: {failure.strerror}; name a UTF-8 text file") from None


def build_mixture(recipe: Recipe, split: str, files: dict[str, bytes]) -> Mixture:
    """The recipe's texts, its random ones weighted so that every character reaches the recipe's floor.

    RecipeError naming the characters of any phrase, form or corpus line that the charset cannot encode.
    """
    charset = recipe.characters
    for name, words in recipe.vocabulary.items():
        for word in words:
            refuse_unknown(word, charset, f"vocabulary.{name}")
    weights = [kind.weight for kind in recipe.texts]
    fixed = [None if kind.random else _drawer(recipe, k, files) for k, kind in enumerate(recipe.texts)]

    def mixture(boost: dict[str, float], side: str) -> Mixture:
        drawers = [fixed[k] or _random(kind, recipe, k, boost) for k, kind in enumerate(recipe.texts)]
        return Mixture(drawers, weights, side, recipe.validation)

    plain: dict[str, float] = {}
    if any(kind.random and not kind.random.alphabet for kind in recipe.texts) and recipe.floor:
        shares = frequencies(mixture(plain, "all"), charset)
        # A token's share of the random strings grows by what the lines lack of it, in units of an even share.
        even = sum(_reach(kind) * kind.weight for kind in recipe.texts if kind.random) / sum(weights) / len(charset)
        plain = {c: (recipe.floor - share) / even for c, share in shares.items() if share < recipe.floor}
    return mixture(plain, split)


def recipe_grammar(recipe: Recipe, files: dict[str, bytes]) -> Grammar | None:
    """What the recipe's lines can say but for its random strings: forms, phrases of corpora, and the words in them.

    None where that is nothing, or where a corpus or its texts are too long to be a list of phrases.
    """
    forms = [form for kind in recipe.texts for form in kind.forms]
    for kind in recipe.texts:
        if kind.corpus:
            forms += map(literal_form, _phrases(kind.corpus, files[kind.corpus]))
    if not forms or len(forms) > _LONGEST_GRAMMAR or max(map(len, forms)) > LONGEST_FORM:
        return None
    used = {name for form in forms for name in recipe.vocabulary if f"{{{name}}}" in form}
    words = {name: tuple(dict.fromkeys(words)) for name, words in recipe.vocabulary.items() if name in used}
    return Grammar(vocabulary=words, forms=tuple(dict.fromkeys(forms)))


def _reach(kind: TextKind) -> float:
    random = kind.random
    return 0.0 if random is None or random.alphabet else sum(random.length) / 2


def _drawer(recipe: Recipe, k: int, files: dict[str, bytes]) -> Drawer:
    kind, where, charset = recipe.texts[k], f"texts.{k}", recipe.characters
    if kind.corpus:
        phrases = _phrases(kind.corpus, files[kind.corpus])
        for number, phrase in enumerate(phrases, 1):
            refuse_unknown(phrase, charset, f"{kind.corpus}, text {number},")
        return Phrases(phrases, kind.role)
    forms = [parse_form(form, recipe.vocabulary, where) for form in kind.forms]
    for form in forms:
        for piece in form:
            if isinstance(piece, Number):
                refuse_unknown(piece.characters(), charset, where)
            elif isinstance(piece, str):
                refuse_unknown(piece, charset, where)
    return Forms(forms, kind.role)


def _phrases(path: str, content: bytes) -> list[str]:
    try:
        phrases = [line.rstrip("\r") for line in content.decode("utf-8-sig").split("\n")]
    except UnicodeDecodeError:
        raise RecipeError(f"corpus {path} is not UTF-8; save it as UTF-8") from None
    phrases = [phrase for phrase in phrases if phrase]
    if not phrases:
        raise RecipeError(f"corpus {path} is empty; write one text a line")
    return phrases


def _random(kind: TextKind, recipe: Recipe, k: int, boost: dict[str, float]) -> Random:
    random = kind.random
    assert random is not None
    tokens = [*(random.alphabet or recipe.charset), *random.tokens]
    for token in tokens:
        refuse_unknown(token, recipe.characters, f"texts.{k}.random")
    weights = [1.0 + boost.get(token, 0.0) for token in tokens] if not random.alphabet else [1.0] * len(tokens)
    return Random(tokens, weights, random.length, kind.role)
