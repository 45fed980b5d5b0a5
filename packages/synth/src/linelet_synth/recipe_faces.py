"""The faces of a recipe: those for its whole charset, and the companions for its digits and Latin letters."""

from linelet_common.errors import RecipeError
from linelet_synth.fonts import Face, Rejected, ascii_part, find_faces
from linelet_synth.recipe import Recipe


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
