"""The faces of a recipe: those for its whole charset, companions for its digits and Latin letters, and the rest."""

from collections.abc import Sequence

from linelet_common.errors import RecipeError
from linelet_synth.fonts import Face, Rejected, ascii_part, bundled, find_faces, read_faces
from linelet_synth.recipe import Recipe
from linelet_synth.rng import Rng


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
            if character not in face.characters:
                if other is None or character not in other.characters:
                    other = rng.choice(self._faces_having(character))
                chosen = other
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
