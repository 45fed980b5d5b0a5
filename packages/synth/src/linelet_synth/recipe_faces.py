"""The faces of a recipe: those for its whole charset, companions for its digits and Latin letters, and the rest."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from linelet_common.errors import RecipeError, describe_characters
from linelet_synth.atlas import SPACES
from linelet_synth.fonts import Face, Rejected, ascii_part, bundled, find_faces, read_faces
from linelet_synth.recipe import Recipe, TextKind
from linelet_synth.rng import Rng


def usable_faces(recipe: Recipe, characters: str | None = None) -> tuple[list[Face], list[Rejected]]:
    """The faces of 'fonts' that draw the characters (none: the charset), and the rest with reasons.

    RecipeError if there is none.
    """
    needed = recipe.charset if characters is None else characters
    faces, rejected = find_faces(recipe.fonts, needed, recipe.alike)
    if not faces:
        of = "the whole charset" if needed == recipe.charset else "all characters of their texts"
        raise RecipeError(f"no font of {list(recipe.fonts)} has {of}; {_remedy(rejected, needed)}")
    return faces, rejected


def _remedy(rejected: Sequence[Rejected], needed: str) -> str:
    costs = costly(rejected, needed)
    return f"{costs}; name a font in 'fonts', a chain of fonts, or 'fonts' for the [[texts]] or [roles] that need them"


def costly(rejected: Sequence[Rejected], needed: str) -> str:
    """Which characters cost how many faces, those that cost most first."""
    counts: Counter[str] = Counter()
    for one in rejected:
        counts.update(one.missing)
    if not counts:
        return f"{rejected[0].place}: {rejected[0].reason}" if rejected else "there are none"
    most = sorted(counts.items(), key=lambda pair: (-pair[1], needed.index(pair[0])))[:8]
    return "faces lack " + ", ".join(f"{describe_characters(c)}: {count}" for c, count in most)


def family(kind: TextKind, recipe: Recipe, number: int) -> str:
    """What names the fonts of a kind of text: its own, its role's, or those of the recipe (an empty name)."""
    return f"texts.{number}" if kind.fonts else role_family(recipe, kind.role)


def role_family(recipe: Recipe, role: str) -> str:
    """What names the fonts of a role: its own, or those of the recipe (an empty name)."""
    return f"roles.{role}" if recipe.roles[role].fonts else ""


def families(recipe: Recipe, characters: Mapping[str, str]) -> tuple[dict[str, list[Face]], list[Rejected]]:
    """The faces of every family that draw its characters, and the rest with reasons. RecipeError for one with none.

    characters: of the texts of each family.
    """
    main, rejected = usable_faces(recipe, characters.get("", ""))
    found = {"": main}
    for name, needed in characters.items():
        if name:
            table, _, key = name.partition(".")
            entries = recipe.texts[int(key)].fonts if table == "texts" else recipe.roles[key].fonts
            faces, others = find_faces(entries, needed, recipe.alike)
            if not faces:
                reason = f" ({others[0].place}: {others[0].reason})" if others else ""
                raise RecipeError(f"no font of {name}.fonts has all characters of its texts{reason}; name another")
            found[name] = faces
            rejected += others
    return found, rejected


def parts(faces: Sequence[Face]) -> list[Face]:
    """The faces, those of chains one by one."""
    return list(dict.fromkeys(part for face in faces for part in face.chain or (face,)))


def faces_content(
    found: Mapping[str, Sequence[Face]], companions: Sequence[Face], paths: Sequence[str]
) -> dict[str, bytes]:
    """What a digest must know of faces beside the files at ``paths``: which of them are drawn, and with which texts."""
    numbers = {path: k for k, path in enumerate(paths)}

    def one(face: Face) -> list[object]:
        drawn = [[numbers[part.path], part.index, *map(list, part.ranges)] for part in parts([face])]
        return [drawn, sorted(face.ambiguous)]

    used = [{name: [one(face) for face in faces] for name, faces in found.items()}, [one(face) for face in companions]]
    return {"faces": json.dumps(used).encode()}


def companion_faces(recipe: Recipe) -> tuple[list[Face], list[Rejected]]:
    """The faces for the charset's ASCII characters beside those of the rest."""
    characters = ascii_part(recipe.characters)
    if not characters or not recipe.companion_fonts:
        return [], []
    faces, rejected = find_faces(recipe.companion_fonts, characters, recipe.alike)
    # A face for the whole charset is no companion: it is there anyway.
    return [face for face in faces if not _is_cjk(face)], rejected


def fallback_faces(faces: Sequence[Face]) -> list[Face]:
    """The bundled faces that are not among ``faces``: they draw what those of the recipe lack."""
    present = {face.place for face in faces}
    found = [face for path in (*bundled(), *bundled("latin")) for face in read_faces(path, False)]
    return [face for face in found if face.place not in present]


class Fallback:
    """Faces to draw any text with, those of the recipe first."""

    def __init__(self, faces: Sequence[Face]) -> None:
        self.faces = list(faces)
        self.characters = frozenset[str]().union(*(face.characters for face in faces))
        self._having: dict[str, list[Face]] = {}

    def runs(self, text: str, face: Face, rng: Rng) -> list[tuple[str, Face]]:
        """The text in stretches, each with a face that has its characters: ``face`` wherever it does.

        ValueError for a character that none has.
        """
        runs: list[tuple[str, Face]] = []
        other: Face | None = None
        for character in text:
            chosen = face
            if character in SPACES:  # whatever the face, it is drawn
                chosen = runs[-1][1] if runs else face
            elif character not in face.characters:
                if other is None or character not in other.characters:
                    other = rng.choice(self._faces_having(character))
                chosen = other
            elif face.chain:
                chosen = face.part(character)
            if runs and runs[-1][1] is chosen:
                runs[-1] = (runs[-1][0] + character, chosen)
            else:
                runs.append((character, chosen))
        return runs

    def _faces_having(self, character: str) -> list[Face]:
        found = self._having.get(character)
        if found is None:
            found = self._having[character] = [face for face in self.faces if character in face.characters]
            if not found:
                raise ValueError(f"no face has {character!r}")
        return found


def _is_cjk(face: Face) -> bool:
    return "的" in face.characters
