"""A reader's forms, compiled: what tells whether a text is one of them, and which numbers it says.

Forms are compiled here and nowhere else. Browsers get the result as JSON: ``automata.json`` in a bundle, the metadata
entry ``linelet_automata`` in an ONNX file.
"""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from linelet_common.fields import Field
from linelet_common.grammar import Automaton, Grammar, Number
from linelet_common.spec import ReaderSpec

VERSION = 1
ONNX_KEY = "linelet_automata"
FILE_NAME = "automata.json"

# A form's spaces, and its numbers, whose formats may hold some.
_SPACES = re.compile(r"(\{[^{}]*\})|\s+")


@dataclass(frozen=True)
class FieldForms:
    """A field's forms. Spaces do not count in them: a screen shows a wide gap and none alike.

    automaton: of their texts without spaces; pieces: each form's literal texts, None for a number between them;
    written: each form's text with its spaces, where it has no number.
    """

    automaton: Automaton
    pieces: tuple[tuple[str | None, ...], ...]
    written: tuple[str | None, ...]


@lru_cache(maxsize=256)
def field_forms(forms: tuple[str, ...]) -> FieldForms:
    """Compile a field's forms. RecipeError for a number format whose texts cannot be listed."""
    bare = tuple(_SPACES.sub(lambda found: found[1] or "", form) for form in forms)
    pieces = tuple(
        tuple(None if isinstance(piece, Number) else "".join(piece) for piece in form)
        for form in Field(name="-", form=bare).pieces()
    )
    written = tuple(
        None if any(isinstance(piece, Number) for piece in form) else "".join(map("".join, form))  # type: ignore[arg-type]
        for form in Field(name="-", form=forms).pieces()
    )
    return FieldForms(Grammar(forms=bare).automaton(), pieces, written)


def automata_json(spec: ReaderSpec) -> str:
    """The automata of a reader's grammar and fields as JSON, for its browser side.

    An automaton is a list of states, each [whether a text may end there, {characters: the state behind each of them}].
    RecipeError for a number format whose texts cannot be listed.
    """
    data: dict[str, Any] = {"version": VERSION}
    if spec.grammar is not None:
        data["grammar"] = _states(spec.automaton)
    data["fields"] = {}
    for key, field in spec.fields.items():
        compiled = field_forms(field.forms)
        forms = [
            {"pieces": pieces} if written is None else {"pieces": pieces, "written": written}
            for pieces, written in zip(compiled.pieces, compiled.written, strict=True)
        ]
        data["fields"][key] = {"automaton": _states(compiled.automaton), "forms": forms}
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"


def _states(automaton: Automaton) -> list[tuple[int, dict[str, int]]]:
    states = []
    for accepting, edges in zip(automaton.accepting, automaton.edges, strict=True):
        characters: dict[int, str] = {}
        for character, state in edges.items():
            characters[state] = characters.get(state, "") + character
        states.append((int(accepting), {together: state for state, together in characters.items()}))
    return states
