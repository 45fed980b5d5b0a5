"""The recipe: one TOML file that describes an app's lines. Every later stage takes the characters from it.

Precedence: the defaults below < the file < flags of the command. Paths in a recipe are relative to its file.
"""

import hashlib
import json
import tomllib
import unicodedata
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic
import tomli_w

from linelet_common.bidi import Direction, is_rtl
from linelet_common.charset import Charset
from linelet_common.codec import EQUIVALENTS, Codec
from linelet_common.errors import CharsetError, RecipeError, describe_characters
from linelet_common.fields import Field, check_fields
from linelet_common.files import read_bytes, real
from linelet_common.schema import Checked, parse
from linelet_synth.colours import Colour, parse_colour

Look = Literal["plain", "screen"]
LOOKS: tuple[Look, ...] = ("plain", "screen")

# Bumped whenever the same recipe and seed draw other lines than before: a dataset that was begun with other lines is
# then not resumed. packages/synth/tests/golden.json holds digests of this generation's lines.
GENERATION = 9


def _named(fonts: tuple[str | tuple[str, ...], ...]) -> tuple[str | tuple[str, ...], ...]:
    if not all(entry and all(entry) for entry in fonts):
        raise ValueError("a font without a name; name a file, a folder, a chain of files, 'bundled' or 'system'")
    return fonts


# Files (face.ttc#1), folders, "bundled", "system"; a list within the list is a chain, as CSS has it.
Fonts = Annotated[tuple[str | tuple[str, ...], ...], pydantic.AfterValidator(_named)]
Share = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]
Weight = Annotated[int, pydantic.Field(ge=1, le=1000)]


def _range(low: float, high: float) -> Any:
    def ordered(value: tuple[float, float]) -> tuple[float, float]:
        if not low <= value[0] <= value[1] <= high:
            raise ValueError(f"write [smallest, largest] within {low:g}..{high:g}")
        return value

    return pydantic.AfterValidator(ordered)


def _colour(value: str) -> str:
    parse_colour(value)
    return value


def _canvas(value: tuple[int, int]) -> tuple[int, int]:
    if not (16 <= value[0] <= 4096 and 16 <= value[1] <= 512):
        raise ValueError("write [width, height] in pixels, from 16 to 4096 and from 16 to 512")
    return value


Hex = Annotated[str, pydantic.AfterValidator(_colour)]


class RandomText(Checked):
    """Strings of random characters."""

    length: Annotated[tuple[int, int], _range(1, 50)] = (1, 8)  # characters
    tokens: tuple[str, ...] = ()  # groups that stay together, each as likely as a character
    alphabet: str = ""  # characters to draw from; none: the whole charset


class TextKind(Checked):
    """One kind of text and how often it occurs. Give exactly one of forms, corpus and random."""

    weight: float = pydantic.Field(default=1.0, gt=0.0, le=1e9)  # share among the kinds
    role: str = "field"  # a table of [roles]
    forms: tuple[str, ...] = ()  # templates: {field}, {40..110:.1f}公斤
    corpus: str = ""  # a UTF-8 file with one text per line
    random: RandomText | None = None  # strings of random characters
    fonts: Fonts = ()  # for these texts, instead of the role's or the recipe's; they need their characters only

    @pydantic.model_validator(mode="after")
    def _one_source(self) -> Self:
        if (bool(self.forms), bool(self.corpus), self.random is not None).count(True) != 1:
            raise ValueError("give exactly one of forms, corpus and random")
        return self


class Role(Checked):
    """What a kind of text looks like."""

    weights: tuple[Weight, ...] = (400,)  # of the font, each equally likely
    colours: tuple[str, ...] = ()  # names of [palette.text], best first; none: all of them
    fonts: Fonts = ()  # for the role's texts, instead of the recipe's


class Palette(Checked):
    """The app's colours."""

    backgrounds: tuple[Hex, ...] = ("#ffffff",)  # #rrggbb, each equally likely
    # Text colours by name, #rrggbb; the first of a role's that reaches the contrast is taken.
    text: dict[str, Hex] = pydantic.Field(default={"dark": "#333333", "light": "#ffffff"}, min_length=1)
    saturation: Share = 0.06  # how far a background's saturation and value vary, 0-1
    value: Share = 0.08  # the same for its value


class Degradation(Checked):
    """The five degradations of the plain look: how often, and how strong."""

    blur: Share = 0.6  # Gaussian, 3 or 5 pixels
    blur_sigma: Annotated[tuple[float, float], _range(0.1, 5)] = (0.5, 3.0)  # pixels
    motion: Share = 0.3  # along a line of 3 or 5 pixels
    jpeg: Share = 0.7  # JPEG's artefacts
    jpeg_quality: Annotated[tuple[int, int], _range(1, 100)] = (82, 98)  # 100: the best
    noise: Share = 0.5  # Gaussian, each pixel by itself
    noise_std: Annotated[tuple[float, float], _range(0, 64)] = (2.24, 5.48)  # grey levels: variance 5-30
    light: Share = 0.5  # brightness and contrast, each by at most:
    brightness: Share = 0.15  # of the full range
    contrast: Share = 0.15  # of what it was


class PlainLook(Checked):
    """Flat backgrounds, one face and size per line. A canvas grows where a text does not fit in the smallest size."""

    weight: float = pydantic.Field(default=1.0, ge=0.0, le=1e9)  # share among the looks
    min_contrast: float = pydantic.Field(default=3.0, ge=1.0, le=21.0)  # WCAG ratio
    size: Annotated[tuple[int, int], _range(8, 128)] = (28, 36)  # pixels per em
    canvas: Annotated[tuple[int, int], pydantic.AfterValidator(_canvas)] = (200, 50)  # width and height in pixels
    cropped: Share = 0.4  # lines cut out close to their text instead of standing on the canvas
    degradation: Degradation = Degradation()  # what happens to the picture afterwards


class ScreenLook(Checked):
    """What screenshots show: mixed faces and sizes, neighbours, gradients, tilt, rescaling."""

    weight: float = pydantic.Field(default=0.0, ge=0.0, le=1e9)  # share among the looks
    min_contrast: float = pydantic.Field(default=1.5, ge=1.15, le=21.0)  # apps do write white on orange
    size: Annotated[tuple[int, int], _range(10, 96)] = (12, 56)  # pixels per em
    companions: Share = 0.75  # lines whose digits and Latin letters have a face of their own
    neighbours: Share = 0.4  # lines with something else at their edges
    textured: Share = 0.28  # gradients and photos behind the text
    pills: Share = 0.1  # lines on a coloured shape of their own
    tilted: Share = 0.25  # lines that are not level, up to 45 degrees
    spaced: bool = True  # where the charset has a space, nothing else looks like one: gaps between parts stay narrower
    hardness: float = pydantic.Field(default=1.0, ge=0.0, le=2.0)  # how much may go wrong with one line; 0: nothing


class Looks(Checked):
    """The looks of a recipe; their weights are their shares of the lines."""

    plain: PlainLook = PlainLook()  # flat and regular
    screen: ScreenLook = ScreenLook()  # what screenshots have

    @pydantic.model_validator(mode="after")
    def _any(self) -> Self:
        if not self.plain.weight + self.screen.weight:
            raise ValueError("every look has weight 0; give one a weight")
        return self


class Transform(Checked):
    """A transform of albumentations, applied to every line after the look's own degradation."""

    name: str  # the class in albumentations
    p: Share = 1.0  # share of the lines that it is applied to
    arguments: dict[str, Any] = pydantic.Field(default={})  # of the class; unknown ones are refused


class Recipe(Checked):
    """What to synthesise."""

    name: str = pydantic.Field(min_length=1)  # shown to people; the reader gets it too
    charset: str  # every character that a reader is to know, in the order of its classes
    direction: Literal["ltr", "rtl"] = "ltr"  # of lines; "rtl" for Arabic, Hebrew and all other texts of their screens
    # Files (face.ttc#1), folders, "bundled", "system", chains of them ([["LED.woff2#U+30-39", "App.woff2"]]): for the
    # whole charset, or what the texts without fonts of their own need of it.
    fonts: Fonts = ("bundled",)
    companion_fonts: tuple[str, ...] = ()  # the same, for the charset's ASCII characters only
    vocabulary: dict[str, tuple[str, ...]] = pydantic.Field(default={})  # words by name, for {name} in forms
    texts: tuple[TextKind, ...] = pydantic.Field(min_length=1)  # kinds of text
    fields: dict[str, Field] = pydantic.Field(default={})  # values that screens show beside their names
    # For a character of the charset, others that labels write as it, unless the charset has them too.
    equivalents: dict[str, str] = pydantic.Field(default=EQUIVALENTS)
    roles: dict[str, Role] = pydantic.Field(default={"field": Role()})  # what kinds of text look like, by name
    palette: Palette = Palette()  # the app's colours
    looks: Looks = Looks()  # how lines are drawn
    transforms: tuple[Transform, ...] = ()  # of albumentations, after the look's own
    alike: bool = False  # use faces for texts with characters that they draw alike too, as 0 and O
    unknown: bool = True  # lines with characters outside the charset too, labelled U+FFFD: a reader's "don't know"
    validation: Share = 0.1  # share of texts kept for validation
    floor: Share = (
        0.005  # each character is in at least this share of the lines within the charset, as far as random texts can
    )

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            Codec(Charset(self.charset), direction=self.towards)
        except CharsetError as failure:
            raise ValueError(str(failure)) from None
        self._check_direction()
        for number, kind in enumerate(self.texts):
            if kind.role not in self.roles:
                raise ValueError(f"texts.{number} has the role {kind.role!r}; known are {', '.join(self.roles)}")
        for name, role in self.roles.items():
            if not role.weights:
                raise ValueError(f"roles.{name}.weights is empty; name at least one")
            for colour in role.colours:
                if colour not in self.palette.text:
                    known = ", ".join(self.palette.text)
                    raise ValueError(f"roles.{name}.colours names {colour!r}; known in palette.text are {known}")
        for character, others in self.equivalents.items():
            if len(character) != 1 or character in others or set(others + character) & set("{}"):
                raise ValueError(
                    f"equivalents: {character!r} = {others!r}; write one character = the others, no braces"
                )
        folded = [c for each in self.equivalents.values() for c in each]
        if twice := [c for c in dict.fromkeys(folded) if folded.count(c) > 1]:
            raise ValueError(f"equivalents: {twice[0]!r} is written as two characters; keep one of them")
        if not self.palette.backgrounds:
            raise ValueError("palette.backgrounds is empty; name at least one")
        for name, words in self.vocabulary.items():
            if not words or not all(words):
                raise ValueError(f"vocabulary.{name} is empty or holds an empty word; name at least one")
        try:
            check_fields(_folded(self.fields, self.folding), Charset(self.charset))
        except RecipeError as failure:
            raise ValueError(str(failure)) from None
        return self

    def _check_direction(self) -> None:
        letters = "".join(c for c in self.charset if is_rtl(c))[:4]
        if letters and not self.towards:
            raise ValueError(
                f"the charset holds {describe_characters(letters)} of a script that is written from right to left; "
                'write direction = "rtl"'
            )
        if self.towards and self.fields:
            raise ValueError(
                'fields are looked for in screens from left to right; remove [fields] or direction = "rtl"'
            )

    @property
    def towards(self) -> Direction | None:
        """The direction as readers are told it: None from left to right."""
        return "rtl" if self.direction == "rtl" else None

    @cached_property
    def characters(self) -> Charset:
        """The charset as an object."""
        return Charset(self.charset)

    @cached_property
    def folding(self) -> dict[int, str]:
        """What labels write for characters that the charset has an equivalent of, for str.translate."""
        return {
            ord(other): character
            for character, others in self.equivalents.items()
            if character in self.charset
            for other in others
            if other not in self.charset and not self._stands_elsewhere(other, character)
        }

    def _stands_elsewhere(self, other: str, character: str) -> bool:
        """Whether lines from right to left have a character elsewhere than its equivalent. Spaces are set as one."""
        kinds = unicodedata.bidirectional(other), unicodedata.bidirectional(character)
        return self.towards is not None and character != " " and kinds[0] != kinds[1]

    def text_colours(self, role: str) -> tuple[Colour, ...]:
        """The role's colours, best first."""
        names = self.roles[role].colours or tuple(self.palette.text)
        return tuple(parse_colour(self.palette.text[name]) for name in names)

    def to_toml(self) -> str:
        """The whole recipe, defaults included, as TOML; no direction where it is the usual one."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True, exclude=self._usual()))

    def _usual(self) -> set[str]:
        """What older recipes could not say, where they would say nothing else."""
        return set() if self.towards else {"direction"}

    def digest(self, files: dict[str, bytes]) -> str:
        """Hash of all that decides the samples: the recipe, and the content of the files (fonts, corpora) it uses."""
        content = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
        # Where a file lies does not matter, what it holds does.
        # Fields are drawn on screens only, whose digest takes them in by itself.
        left_out = {"fonts", "companion_fonts", "fields", "alike", "equivalents", *self._usual()}
        settings = self.model_dump(mode="json", exclude=left_out)
        # What a recipe does not use leaves its digest as it was before that could be written.
        if settings["looks"]["screen"].pop("spaced") and " " in self.charset:
            settings["spaced"] = True
        if self.folding:
            settings["equivalents"] = sorted(self.folding.items())
        for table in (*settings["texts"], *settings["roles"].values()):
            del table["fonts"]
        settings["texts"] = [{**kind, "corpus": bool(kind["corpus"])} for kind in settings["texts"]]
        whole = json.dumps([GENERATION, settings, content], sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(whole.encode()).hexdigest()


def _folded(fields: dict[str, Field], folding: dict[int, str]) -> dict[str, Field]:
    """Fields as readers write them; those that hold no equivalents as they are."""
    held = set(map(chr, folding))
    return {
        key: field if held.isdisjoint("".join((*field.names, *field.forms))) else field.folded(folding)
        for key, field in fields.items()
    }


def builtin_names() -> list[str]:
    """The recipes that come with the package."""
    folder = resources.files("linelet_synth") / "recipes"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_recipe(recipe: str) -> Recipe:
    """The recipe of a TOML file or a built-in name. RecipeError naming the key, its value and the remedy."""
    if recipe in builtin_names():
        folder = Path(str(resources.files("linelet_synth") / "recipes"))
        return parse_recipe((folder / f"{recipe}.toml").read_bytes(), recipe, folder)
    path = Path(recipe)
    try:
        content = read_bytes(path, 1 << 24)
    except OSError as failure:
        known = ", ".join(builtin_names())
        raise RecipeError(
            f"{recipe}: {failure.strerror}; name a TOML file ('linelet init' writes one) or a built-in recipe: {known}"
        ) from None
    return parse_recipe(content, recipe, path.parent)


def parse_recipe(content: bytes, where: str, folder: Path) -> Recipe:
    """A recipe from TOML; its relative paths are taken from ``folder``."""
    try:
        data = tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError:
        raise RecipeError(f"{where} is nested too deeply to be read; correct it", place=where) from None
    except ValueError as failure:  # not TOML, not UTF-8, a number of thousands of digits
        raise RecipeError(f"{where} is not TOML: {failure}; correct it", place=where) from None
    recipe = parse(Recipe, data, where, RecipeError)
    keep = {"bundled", "system"}

    def absolute(entries: Fonts) -> Fonts:
        return tuple(path(e) if isinstance(e, str) else tuple(map(path, e)) for e in entries)

    def path(entry: str) -> str:
        return entry if entry in keep else str(real(folder / entry))

    texts = tuple(
        kind.model_copy(update={"corpus": kind.corpus and path(kind.corpus), "fonts": absolute(kind.fonts)})
        for kind in recipe.texts
    )
    roles = {name: role.model_copy(update={"fonts": absolute(role.fonts)}) for name, role in recipe.roles.items()}
    update = {
        "fonts": absolute(recipe.fonts),
        "companion_fonts": absolute(recipe.companion_fonts),
        "fields": _folded(recipe.fields, recipe.folding),
        "texts": texts,
        "roles": roles,
    }
    return recipe.model_copy(update=update)
