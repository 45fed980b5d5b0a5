"""Faces: which font files a recipe may use, what they cover, and a FreeType font of one at a weight and size."""

import io
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont, TTLibError
from PIL import ImageFont

from linelet_common.charset import Charset
from linelet_common.errors import RecipeError, describe_characters

# What FreeType's hinter measures a font by, whatever is drawn with it: without them it would hint otherwise.
_MEASURED = (
    "".join(map(chr, range(0x21, 0x7F)))
    + "田囗他们你來們到和地对對就席我时時會来為能舰說说这這齊军同已愿既星是景民照现現理用置要軍那配里開雷露面顧"
    + "个为人以個大有主些因它想意生當看着者自著裡过还进進過道還"
)
# Files below this size are opened as they are.
_LARGE = 150_000

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")


@dataclass(frozen=True)
class Face:
    """One face of a font file.

    weights: the range of its weight axis, or its one weight twice. primary: the plain look uses the face, and the
    screen look in half of its lines: faces that the recipe names itself, and the default one of the bundled.
    """

    path: str
    index: int
    name: str
    weights: tuple[int, int]
    variable: bool
    kerned: bool
    characters: frozenset[str]
    primary: bool = True

    @property
    def place(self) -> str:
        """File and number of the face, as a recipe names it."""
        return f"{self.path}#{self.index}"

    def missing(self, characters: Iterable[str]) -> str:
        """Those of the characters that the face cannot draw, in order."""
        return "".join(c for c in characters if c not in self.characters)

    def nearest(self, weight: int) -> int:
        """The weight of the face that comes nearest."""
        return min(max(weight, self.weights[0]), self.weights[1])

    def font(self, weight: int, size: int, characters: str = "") -> ImageFont.FreeTypeFont:
        """A Pillow font in BASIC layout: glyph by glyph, as the atlas sets them. It need have the characters only."""
        data = slim(self.path, self.index, characters) if characters else None
        file, index = (io.BytesIO(data), 0) if data else (self.path, self.index)
        font = ImageFont.truetype(file, size, index, layout_engine=ImageFont.Layout.BASIC)
        if self.variable:
            font.set_variation_by_axes([self.nearest(weight)])
        return font


@lru_cache(maxsize=1024)
def is_large(path: str) -> bool:
    """Whether a font file is worth cutting to the characters that are drawn."""
    return Path(path).stat().st_size >= _LARGE


@lru_cache(maxsize=512)
def slim(path: str, index: int, characters: str) -> bytes | None:
    """The font cut to some characters, its glyphs as they are; None where the file is small already or cannot be cut.

    Hundreds of sizes of a large font are open at once: of a variable Chinese one each takes 3 MB, of a slim one 0.1.
    """
    if not is_large(path):
        return None
    options = Options()
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "BASE", "MATH", "vhea", "vmtx", "VORG", "VVAR"]
    options.layout_features = []
    options.notdef_outline = True
    options.legacy_kern = True
    buffer = io.BytesIO()
    try:
        with TTFont(path, fontNumber=index, lazy=True) as font:
            subsetter = Subsetter(options)
            subsetter.populate(text=characters + _MEASURED)
            subsetter.subset(font)
            font.save(buffer)
    except Exception:  # FreeType draws many a font that fontTools cannot write; then the whole file serves
        return None
    return buffer.getvalue()


@dataclass(frozen=True)
class Rejected:
    """A face that cannot be used, and why."""

    place: str
    reason: str


@lru_cache(maxsize=256)
def read_faces(path: str, primary: bool = True) -> tuple[Face, ...]:
    """Every face of a font file. RecipeError if the file is missing or broken."""
    try:
        if path.lower().endswith(("ttc", "otc")):
            with TTCollection(path, lazy=True) as collection:
                return tuple(_face(path, i, font, primary) for i, font in enumerate(collection.fonts))
        with TTFont(path, lazy=True) as font:
            return (_face(path, 0, font, primary),)
    except OSError as failure:
        raise RecipeError(f"{path}: {failure.strerror or failure}; name an existing font file", place=path) from None
    except Exception as failure:  # fontTools raises whatever a broken table makes it raise
        raise RecipeError(
            f"{path} is not a font that can be read ({failure}); name a TTF, OTF or TTC file", place=path
        ) from None


def _face(path: str, index: int, font: TTFont, primary: bool) -> Face:
    cmap = font.getBestCmap()
    if not cmap:
        raise TTLibError("it maps no Unicode characters")
    axes = (
        {axis.axisTag: (int(axis.minValue), int(axis.maxValue)) for axis in font["fvar"].axes} if "fvar" in font else {}
    )
    variable = list(axes) == ["wght"]
    weight = int(font["OS/2"].usWeightClass) if "OS/2" in font else 400
    name = str(font["name"].getBestFullName() or Path(path).stem)
    if variable:  # its name may be that of one weight out of many
        instances = [str(font["name"].getDebugName(one.subfamilyNameID)) for one in font["fvar"].instances]
        name = next((name.removesuffix(f" {weight}") for weight in instances if name.endswith(f" {weight}")), name)
    glyphs = font.getGlyphOrder()[0]
    characters = frozenset(chr(code) for code, glyph in cmap.items() if glyph != glyphs)
    return Face(
        path,
        index,
        name,
        axes["wght"] if variable else (weight, weight),
        variable,
        "kern" in font,
        characters,
        primary,
    )


def bundled(folder: str = "") -> list[str]:
    """The bundled font files: the Chinese ones, the default first, or those of the folder 'latin'."""
    root = resources.files("linelet_synth") / "fonts"
    place = root / folder if folder else root
    names = sorted(entry.name for entry in place.iterdir() if entry.name.lower().endswith(SUFFIXES))
    names.sort(key=lambda name: name != "NotoSansSC.ttf")
    return [str(place / name) for name in names]


def system_fonts() -> list[str]:
    """The font files that fontconfig knows. RecipeError without fontconfig."""
    if not shutil.which("fc-list"):
        raise RecipeError('fonts = "system" needs fontconfig\'s fc-list, not found; install fontconfig or name files')
    listed = subprocess.run(["fc-list", "--format", "%{file}\n"], capture_output=True, text=True, check=True).stdout
    return sorted({path for path in listed.splitlines() if path.lower().endswith(SUFFIXES)})


def find_faces(entries: Iterable[str], characters: Iterable[str]) -> tuple[list[Face], list[Rejected]]:
    """The faces that the entries of a recipe name and that draw all the characters; and the rest, with reasons.

    A file named by itself must have every character; folders, "bundled" and "system" are filtered.
    Raises RecipeError for a named file that is missing, broken, or lacks a character.
    """
    needed = "".join(characters)
    faces: list[Face] = []
    rejected: list[Rejected] = []
    for entry in entries:
        path, _, number = entry.partition("#")
        if entry == "bundled":
            files = [(name, i == 0) for i, name in enumerate([*bundled(), *bundled("latin")])]
        elif entry == "system":
            files = [(name, False) for name in system_fonts()]
        elif Path(path).is_dir():
            inside = sorted(str(p) for p in Path(path).rglob("*") if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise RecipeError(f"{path} holds no font ({', '.join(SUFFIXES)}); name a folder with fonts", place=path)
            files = [(name, True) for name in inside]
        else:
            faces += _named(path, number, needed)
            continue
        for name, primary in files:
            try:
                found = read_faces(name, primary)
            except RecipeError as failure:
                rejected.append(Rejected(name, str(failure)))
                continue
            for face in found:
                missing = face.missing(needed)
                if missing:
                    rejected.append(Rejected(face.place, lacks(missing)))
                else:
                    faces.append(face)
    if faces and not any(face.primary for face in faces):
        faces[0] = Face(**{**faces[0].__dict__, "primary": True})
    return faces, rejected


def _named(path: str, number: str, needed: str) -> list[Face]:
    found = read_faces(path)
    if number:
        if not number.isdigit() or int(number) >= len(found):
            raise RecipeError(
                f"{path}#{number}: the file has {len(found)} faces; give #0 to #{len(found) - 1}", place=path
            )
        found = (found[int(number)],)
    for face in found:
        missing = face.missing(needed)
        if missing:
            raise RecipeError(
                f"{path} ({face.name}) {lacks(missing)}; name another font or drop the characters", place=path
            )
    return list(found)


def lacks(missing: str) -> str:
    """What a face lacks, in words; long lists are cut."""
    more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
    return f"lacks {describe_characters(missing[:8])}{more}"


def ascii_part(charset: Charset) -> str:
    """The characters that a companion face draws: digits, Latin letters and signs."""
    return "".join(c for c in charset if c.isascii())
