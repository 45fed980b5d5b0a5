"""What can be checked of a recipe before a line is drawn: fonts, texts, colours, sizes, character frequencies."""

from dataclasses import dataclass

from linelet_common.bidi import to_logical, to_visual
from linelet_common.errors import describe_characters
from linelet_synth.atlas import Atlas, Placed, ink_box, set_line
from linelet_synth.colours import choose_text_colour, contrast, parse_colour
from linelet_synth.recipe import Recipe
from linelet_synth.recipe_faces import costly, parts
from linelet_synth.recipe_texts import read_corpora, repeated_phrases, written
from linelet_synth.rng import Rng
from linelet_synth.source import Source
from linelet_synth.texts import ESTIMATE, frequencies

# Rows of pixels that readers see of a line, and the least pixels per em of them that texts should have.
_HEIGHT, _LEAST = 32, 10
# Texts tried for the widest one. A template's longest value turns up early.
_TRIES = 3000
# Texts that are read as others, named in notes.
_NAMED = 3


@dataclass(frozen=True)
class Findings:
    """What a check found. notes: what the recipe's author should know; none of them prevents lines from being drawn."""

    characters: int
    faces: int
    companions: int
    widest: str
    rarest: tuple[str, float]  # a character and its share of the lines
    notes: tuple[str, ...]


def check(recipe: Recipe) -> Findings:
    """Check a recipe. RecipeError for a font without a character or a text that the charset cannot encode."""
    source = Source(recipe, 0)
    notes = contrast_notes(recipe)
    widest, width = _widest(source, recipe.looks.plain.size[0])
    canvas = recipe.looks.plain.canvas[0]
    if recipe.looks.plain.weight and width > canvas:
        notes.append(
            f"{widest!r} is {width} pixels wide at the smallest size, looks.plain.canvas {canvas}: it gets a wider one"
        )
    if small := _small_note(recipe):
        notes.append(small)
    notes += face_notes(source)
    notes += text_notes(recipe)
    notes += order_notes(source)
    # An estimate of a share scatters; with thirty lines expected at the floor, half of it is beyond chance.
    draws = min(max(ESTIMATE, round(30 / recipe.floor)), 20 * ESTIMATE) if recipe.floor else ESTIMATE
    shares = frequencies(source.mixture, recipe.characters, draws)
    rare = sorted((c for c, share in shares.items() if share < recipe.floor / 2), key=shares.__getitem__)
    if rare:
        more = f" and {len(rare) - 8} more" if len(rare) > 8 else ""
        random = any(kind.random and not kind.random.alphabet for kind in recipe.texts)
        remedy = "give the random [[texts]] more weight" if random else "add a [[texts]] with random strings"
        notes.append(
            f"{describe_characters(''.join(rare[:8]))}{more}: in under {100 * recipe.floor:g}% of the lines; "
            f"add texts with them, or {remedy}"
        )
    rarest = min(shares.items(), key=lambda pair: pair[1])
    return Findings(len(recipe.charset), len(source.faces), len(source.companions), widest, rarest, tuple(notes))


def _small_note(recipe: Recipe) -> str:
    """Of texts that the plain look sets too small for its canvas: readers see a picture at one height."""
    look = recipe.looks.plain
    size, height = look.size[0], look.canvas[1]
    pixels = size * _HEIGHT / height
    if not look.weight or look.cropped == 1 or pixels >= _LEAST:
        return ""
    return (
        f"looks.plain draws texts of {size} pixels per em on a canvas {height} high, of which readers see {pixels:.0f}"
        f"; raise looks.plain.size, or lower the canvas's height to {size * 2} or so"
    )


def face_notes(source: Source) -> list[str]:
    """What fonts cannot be used for their texts, and which characters cost how many of them."""
    notes = []
    used = {face.place for faces in (*source.families.values(), source.companions) for face in parts(faces)}
    unused = [one for one in source.rejected if one.place not in used]
    lacking = [one for one in dict.fromkeys(unused) if one.missing]
    if lacking:
        charset = source.charset
        notes.append(f"{len({one.place for one in lacking})} faces are not used, since {costly(lacking, charset)}")
    for one in unused:
        if not one.missing:
            notes.append(f"{one.place} is not used: {one.reason}")
    for name, faces in source.families.items():
        if name:
            notes.append(f"{name} has fonts of its own; faces that draw all characters of its texts: {len(faces)}")
        for face in faces:
            if face.ambiguous:
                drawn = describe_characters("".join(sorted(face.ambiguous)[:8]))
                notes.append(f"{face.name} is not used for texts with {drawn}: it draws them as others")
    return notes


def text_notes(recipe: Recipe) -> list[str]:
    """What of the recipe's texts is not labelled, or not counted, as it is written."""
    files = read_corpora(recipe)
    notes = [
        f"{path}: {count} texts are there more than once; each counts once"
        for path, count in repeated_phrases(recipe, files).items()
    ]
    held = {c for kind in recipe.texts for c in written(recipe, kind, files)}
    folded: dict[str, str] = {}
    for code, character in recipe.folding.items():
        if chr(code) in held:
            folded[character] = folded.get(character, "") + chr(code)
    notes += [f"labels write {describe_characters(others)} as {character!r}" for character, others in folded.items()]
    return notes


def order_notes(source: Source) -> list[str]:
    """Texts from right to left that look like others, and are read as those."""
    rng, found = Rng(b"order", 0), dict[str, str]()
    for i in range(_TRIES if source.direction else 0):
        rng.seek(i)
        text = source.mixture.draw(rng)
        read = to_logical(to_visual(text.text))
        if text.parts[0].kind != "random" and read != text.text:
            found[text.text] = read
    return [f"{text!r} looks like {read!r}, and is read so" for text, read in list(found.items())[:_NAMED]]


def contrast_notes(recipe: Recipe) -> list[str]:
    """The backgrounds on which no text colour of the palette reaches the plain look's contrast."""
    notes = []
    minimum = recipe.looks.plain.min_contrast
    every = [parse_colour(colour) for colour in recipe.palette.text.values()]
    for name in recipe.palette.backgrounds if recipe.looks.plain.weight else ():
        background = parse_colour(name)
        best, reached = choose_text_colour(background, every, every, minimum)
        if not reached:
            best_name = "#{:02x}{:02x}{:02x}".format(*best)
            ratio = contrast(background, best)
            notes.append(f"no text colour reaches {minimum:g}:1 on {name}; {best_name} comes nearest, {ratio:.2f}:1")
    return notes


def _width(placed: list[Placed]) -> int:
    left, _, right, _ = ink_box(placed)
    return right - left


def _widest(source: Source, size: int) -> tuple[str, int]:
    """The widest text, and its width in pixels at a size."""
    atlas, rng = Atlas(source.charset), Rng(b"widest", 0)
    faces = {name: next(face for face in faces if face.primary) for name, faces in source.families.items()}
    best, width = "", 0
    for i in range(_TRIES):
        rng.seek(i)
        text = source.mixture.draw(rng)
        runs = faces[text.family].runs(text.drawn)
        own = _width(
            set_line([(run, atlas.strike(face, 400, size)) for run, face in runs], source.direction == "rtl")[0]
        )
        if own > width:
            best, width = text.text, own
    return best, width
