"""Faces: which font files a recipe may use, what they cover, and a FreeType font of one at a weight and size."""

import io
import logging
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont, TTLibError
from PIL import ImageFont

from linelet_common.charset import Charset
from linelet_common.errors import RecipeError, describe_characters
from linelet_common.files import open_regular
from linelet_synth.outlines import BUNDLED_ALIKE, Outlines, read_outlines
from linelet_synth.shaping import Shaper, has_shapes
from linelet_synth.web_fonts import check_unpacked

# What FreeType's hinter measures a font by, whatever is drawn with it: without them it would hint otherwise.
_MEASURED = (
    "".join(map(chr, range(0x21, 0x7F)))
    + "田囗他们你來們到和地对對就席我时時會来為能舰說说这這齊军同已愿既星是景民照现現理用置要軍那配里開雷露面顧"
    + "个为人以個大有主些因它想意生當看着者自著裡过还进進過道還"
)
# Files below this size are opened as they are.
_LARGE = 150_000

# It warns of tables that it drops or repairs, which no user of a recipe can change.
logging.getLogger("fontTools").setLevel(logging.ERROR)

# What stands on screens beside an app's own texts, in their fonts.
_ASCII = "".join(map(chr, range(0x21, 0x7F)))

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff2", ".woff")

# A range of CSS's unicode-range: U+30, U+30-39, U+4??.
_RANGE = re.compile(r"U\+(?:([0-9A-F]{1,6})(?:-([0-9A-F]{1,6}))?|([0-9A-F]{0,5}\?{1,6}))", re.I)

# A file, a folder, "bundled" or "system"; or several as CSS lists them, the first that has a character drawing it.
Entry = str | tuple[str, ...]


@dataclass(frozen=True)
class Face:
    """One face of a font file.

    weights: the range of its weight axis, or its one weight twice. axes: the defaults of all its axes, by their tags;
    ``axis`` is the weight's. primary: the plain look uses the face, and the screen look in half of its lines: faces
    that the recipe names itself, and the default one of the bundled. ambiguous: characters that it draws as others of
    its texts. chain: the faces that draw its characters, the first that has one; none: it does. shaped: whether its
    layout tables kern or join letters. ranges: the code points to which the recipe restricts its characters.
    """

    path: str
    index: int
    name: str
    weights: tuple[int, int]
    variable: bool
    kerned: bool
    characters: frozenset[str]
    primary: bool = True
    axes: tuple[float, ...] = ()
    tags: tuple[str, ...] = ()
    axis: int = 0
    ambiguous: frozenset[str] = frozenset()
    chain: tuple["Face", ...] = ()
    shaped: bool = False
    ranges: tuple[tuple[int, int], ...] = ()

    @property
    def place(self) -> str:
        """File and number of the face, as a recipe names it."""
        return f"{self.path}#{self.index}"

    def missing(self, characters: Iterable[str]) -> str:
        """Those of the characters that the face cannot draw, in order."""
        return "".join(c for c in characters if c not in self.characters)

    def part(self, character: str) -> "Face":
        """The face that draws a character: of a chain the first that has it."""
        return next((face for face in self.chain if character in face.characters), self)

    def runs(self, text: str) -> Iterator[tuple[str, "Face"]]:
        """The text in stretches, each with the face that draws it."""
        if not self.chain:
            yield text, self
            return
        run, face = "", self
        for character in text:
            # As in browsers, a space or a sign between two letters of one face may still come from another.
            own = self.part(character)
            if own is self and run:  # a space that none of them has
                own = face
            if run and own is not face:
                yield run, face
                run = ""
            run, face = run + character, own
        if run:
            yield run, face

    def nearest(self, weight: int) -> int:
        """The weight of the face that comes nearest."""
        return min(max(weight, self.weights[0]), self.weights[1])

    def shaper(self, weight: int) -> Shaper:
        """What shapes runs in the face at a weight."""
        data = _content(self.path)
        values = [*self.axes[: self.axis], self.nearest(weight), *self.axes[self.axis + 1 :]] if self.variable else []
        return Shaper(self.place, data, self.index, dict(zip(self.tags, values, strict=True)) if values else {})

    def font(
        self, weight: int, size: int, characters: str = "", layout: ImageFont.Layout = ImageFont.Layout.BASIC
    ) -> ImageFont.FreeTypeFont:
        """A Pillow font, in BASIC layout glyph by glyph, as the atlas sets them. It need have the characters only."""
        data = slim(self.path, self.index, characters) if characters else None
        if data is None and self.path.lower().endswith((".woff", ".woff2")):
            data = unpacked(self.path)
        file, index = (io.BytesIO(data), 0) if data else (self.path, self.index)
        font = ImageFont.truetype(file, size, index, layout_engine=layout)
        if self.variable:
            font.set_variation_by_axes([*self.axes[: self.axis], self.nearest(weight), *self.axes[self.axis + 1 :]])
        return font


@lru_cache(maxsize=1024)
def is_large(path: str) -> bool:
    """Whether a font file is worth cutting to the characters that are drawn."""
    return Path(path).stat().st_size >= _LARGE


@lru_cache(maxsize=64)
def _content(path: str) -> bytes:
    return unpacked(path) if path.lower().endswith((".woff", ".woff2")) else Path(path).read_bytes()


@lru_cache(maxsize=64)
def unpacked(path: str) -> bytes:
    """A web font (WOFF, WOFF2) as FreeType reads it."""
    buffer = io.BytesIO()
    with TTFont(path) as font:
        font.flavor = None
        font.save(buffer)
    return buffer.getvalue()


@lru_cache(maxsize=512)
def slim(path: str, index: int, characters: str) -> bytes | None:
    """The font cut to some characters, its glyphs as they are; None where the file is small already or cannot be cut.

    Hundreds of sizes of a large font are open at once: of a variable Chinese one each takes 3 MB, of a slim one 0.1.
    """
    if not is_large(path):
        return None
    options = Options()
    options.drop_tables += ["FFTM", "GSUB", "GPOS", "GDEF", "BASE", "MATH", "vhea", "vmtx", "VORG", "VVAR"]
    options.layout_features = []
    options.notdef_outline = True
    options.legacy_kern = True
    buffer = io.BytesIO()
    try:
        with TTFont(path, fontNumber=index, lazy=True) as font:
            subsetter = Subsetter(options)
            subsetter.populate(text=characters + _MEASURED)
            subsetter.subset(font)
            font.flavor = None
            font.save(buffer)
    except Exception:  # FreeType draws many a font that fontTools cannot write; then the whole file serves
        return None
    return buffer.getvalue()


@dataclass(frozen=True)
class Rejected:
    """A face that cannot be used, and why; the characters that it lacks, if that is why."""

    place: str
    reason: str
    missing: str = ""


@lru_cache(maxsize=256)
def read_faces(path: str, primary: bool = True) -> tuple[Face, ...]:
    """Every face of a font file. RecipeError if the file is missing or broken."""
    try:
        with open_regular(Path(path)) as file:  # fontTools would wait for a pipe
            if path.lower().endswith((".woff", ".woff2")):
                check_unpacked(file)
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
    if not any(table in font for table in ("glyf", "CFF ", "CFF2")):
        raise TTLibError("it has pictures in colour instead of outlines")
    axes = list(font["fvar"].axes) if "fvar" in font else []
    axis = next((k for k, axis in enumerate(axes) if axis.axisTag == "wght"), None)
    variable = axis is not None
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
        (weight, weight) if axis is None else (int(axes[axis].minValue), int(axes[axis].maxValue)),
        variable,
        "kern" in font,
        characters,
        primary,
        tuple(axis.defaultValue for axis in axes),
        tuple(axis.axisTag for axis in axes),
        axis or 0,
        shaped=has_shapes(font),
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


def find_faces(
    entries: Iterable[Entry], characters: Iterable[str], alike: bool = True
) -> tuple[list[Face], list[Rejected]]:
    """The faces that the entries of a recipe name and that draw all the characters; and the rest, with reasons.

    A file named by itself, and a chain, must have every character; folders, "bundled" and "system" are filtered. A path
    ends in #1 or in a part of a name, #SC, for some of its faces, and in #U+30-39,U+2E for some of their characters, as
    CSS's unicode-range. alike: characters may be drawn alike; otherwise the
    faces know which are, and one that draws none alike is primary.
    Raises RecipeError for a named file that is missing, broken, or lacks a character, and where every face draws some
    characters alike.
    """
    needed = "".join(characters)
    faces: list[Face] = []
    rejected: list[Rejected] = []
    for entry in entries:
        if not isinstance(entry, str):
            faces.append(_chain(entry, needed, alike))
            continue
        is_file, found = _listed(entry, rejected)
        for face in found:
            judged, reason = _judge(face, needed, alike)
            if not reason:
                faces.append(judged)
            elif is_file:
                raise RecipeError(
                    f"{face.path} ({face.name}) {reason}; name another font or drop the characters", place=face.path
                )
            else:
                rejected.append(Rejected(face.place, reason, judged.missing(needed)))
    clear = next((k for k, face in enumerate(faces) if not face.ambiguous), None)
    if faces and clear is None:
        pairs = "; ".join(f"{face.name}: {describe_characters(_pair(face))}" for face in faces[:3])
        raise RecipeError(
            f"every face draws characters alike that texts tell apart ({pairs}); drop one of them from those texts, or "
            "add a font to 'fonts'"
        )
    if clear is not None and not any(face.primary and not face.ambiguous for face in faces):
        faces[clear] = replace(faces[clear], primary=True)
    return faces, rejected


def _pair(face: Face) -> str:
    return "".join(sorted(face.ambiguous)[:8])


def _listed(entry: str, rejected: list[Rejected]) -> tuple[bool, list[Face]]:
    """Whether an entry names a file by itself, and its faces; broken files of a folder go to ``rejected``."""
    path, _, part = entry.partition("#")
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
        return True, _parts(read_faces(path), path, part)
    found: list[Face] = []
    for name, primary in files:
        try:
            found += read_faces(name, primary)
        except RecipeError as failure:
            rejected.append(Rejected(name, str(failure)))
    return False, _parts(found, path, part)


def _parts(faces: Sequence[Face], path: str, part: str) -> list[Face]:
    """The faces that the part of a path behind # is about: one by its number, or those with it in their names.

    With ranges of characters (U+30-39) they have no others.
    """
    if "#" in part:
        first, _, rest = part.partition("#")
        return _parts(_parts(faces, path, first), path, rest)
    if not part:
        return list(faces)
    if part.upper().startswith("U+"):
        ranges = tuple(_range(text.strip(), f"{path}#{part}") for text in part.split(","))
        return [
            replace(
                face,
                characters=frozenset(c for c in face.characters if any(a <= ord(c) <= b for a, b in ranges)),
                ranges=ranges,
            )
            for face in faces
        ]
    if part.isdecimal():
        if int(part) >= len(faces):
            raise RecipeError(
                f"{path}#{part}: the file has {len(faces)} faces; give #0 to #{len(faces) - 1}", place=path
            )
        return [faces[int(part)]]
    found = [face for face in faces if f" {part.casefold()} " in f" {face.name.casefold()} "]
    if not found:
        names = ", ".join(dict.fromkeys(face.name for face in faces[:12]))
        raise RecipeError(f"{path}#{part}: no face has {part!r} in its name; there are {names}", place=path)
    return found


def _range(text: str, place: str) -> tuple[int, int]:
    """The first and last code point of a range as CSS writes it."""
    found = _RANGE.fullmatch(text)
    first, last, wild = found.groups("") if found else ("1", "0", "")
    low, high = (
        int(digits, 16) for digits in (first or wild.replace("?", "0"), last or first or wild.replace("?", "F"))
    )
    if not low <= high <= 0x10FFFF:
        raise RecipeError(
            f"{place}: {text!r} is no range of characters; write U+2E, U+30-39 or U+4?? as in CSS", place=place
        )
    return low, high


def _chain(entries: Sequence[str], needed: str, alike: bool) -> Face:
    """One face of several, each for what those before it lack."""
    rejected: list[Rejected] = []
    parts = [_judge(face, needed, True)[0] for entry in entries for face in _listed(entry, rejected)[1]]
    if not parts:
        raise RecipeError(f"the fonts {list(entries)} hold no face that can be read; name others")
    characters = frozenset[str]().union(*(face.characters for face in parts))
    whole = replace(parts[0], characters=characters, primary=True, chain=tuple(parts))
    missing = whole.missing(needed)
    if missing:
        raise RecipeError(f"the fonts {list(entries)} {lacks(missing)}; add one or drop the characters")
    if alike:
        return whole
    own = {c: whole.part(c) for c in needed}
    alone = [_judge(face, "".join(c for c in needed if own[c] is face), False)[0] for face in parts]
    return replace(whole, ambiguous=frozenset[str]().union(*(face.ambiguous for face in alone)))


def _judge(face: Face, needed: str, alike: bool) -> tuple[Face, str]:
    """The face with what it really draws of the characters, and why it cannot be used for them, if it cannot."""
    outlines = _outlines(face, needed if alike else needed + "".join(c for c in _ASCII if c not in needed))
    useless = set(outlines.blank)
    if not alike and outlines.alike:
        own = ["".join(c for c in group if c in needed) for group in outlines.alike]
        face = replace(face, ambiguous=frozenset("".join(group for group in own if len(group) > 1)))
        # An O that looks as the texts' 0 is drawn by another face, where it occurs beside them.
        useless.update(c for group in outlines.alike for c in group if c not in needed)
    if useless:
        face = replace(face, characters=face.characters - useless)
    missing = face.missing(needed)
    if not missing:
        return face, ""
    blank = "".join(c for c in missing if c in outlines.blank)
    return face, lacks(missing) if missing != blank else lacks(missing, "draws nothing for")


def _outlines(face: Face, needed: str) -> Outlines:
    if _is_bundled(face.path) and Path(face.path).name not in BUNDLED_ALIKE:
        return Outlines(frozenset(), ())
    return read_outlines(face.path, face.index, needed)


@lru_cache(maxsize=1024)
def _is_bundled(path: str) -> bool:
    return Path(path).is_relative_to(str(resources.files("linelet_synth") / "fonts"))


def lacks(missing: str, verb: str = "lacks") -> str:
    """What a face lacks, in words; long lists are cut."""
    more = f" and {len(missing) - 8} more" if len(missing) > 8 else ""
    return f"{verb} {describe_characters(missing[:8])}{more}"


def ascii_part(charset: Charset) -> str:
    """The characters that a companion face draws: digits, Latin letters and signs."""
    return "".join(c for c in charset if c.isascii())
