"""Edit distances, by Levenshtein (GPL-2.0-or-later, the default) or by rapidfuzz (MIT), as the caller chooses."""

from types import ModuleType
from typing import Literal

from linelet_common.errors import UsageError

Edits = Literal["levenshtein", "rapidfuzz"]


def edits_by(name: Edits) -> ModuleType:
    """The module with ``distance`` and ``editops``; both give equal distances. UsageError if it isn't installed."""
    try:
        if name == "rapidfuzz":
            from rapidfuzz.distance import Levenshtein as Rapidfuzz

            return Rapidfuzz
        import Levenshtein

        return Levenshtein
    except ImportError:
        other = "levenshtein" if name == "rapidfuzz" else "rapidfuzz"
        raise UsageError(
            f"--edits {name} needs the package {name}; pip install {name}, or use --edits {other}"
        ) from None
