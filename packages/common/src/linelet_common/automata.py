"""A reader's forms, compiled: what tells whether a text is one of them, and which numbers it says.

Forms are compiled here and nowhere else. Browsers get the result as JSON: ``automata.json`` in a bundle, the metadata
entry ``linelet_automata`` in an ONNX file.
"""

import json
import re
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from linelet_common.fields import Field
from linelet_common.grammar import Automaton, Grammar, Number, Piece
from linelet_common.moments import Moment
from linelet_common.spec import ReaderSpec

VERSION = 1
ONNX_KEY = "linelet_automata"
FILE_NAME = "automata.json"


@dataclass(frozen=True)
class FieldForm:
    """A form as what takes the numbers out of the texts that it writes, spaces left out.

    expression: a regular expression that Python and JavaScript read alike, a group for each number; marks: what groups
    digits and what stands before decimals in each of them; written: the text, with its spaces, where there is but one.
    """

    expression: str
    marks: tuple[tuple[str, str], ...]
    written: str | None


@dataclass(frozen=True)
class FieldForms:
    """A field's forms, and the automaton of their texts without spaces: a screen shows a wide gap and none alike."""

    automaton: Automaton
    forms: tuple[FieldForm, ...]


@lru_cache(maxsize=256)
def field_forms(forms: tuple[str, ...]) -> FieldForms:
    """Compile a field's forms. RecipeError for a number format whose texts cannot be listed."""
    compiled = []
    for pieces in Field(name="-", form=forms).pieces():
        marks = tuple(_marks(piece) for piece in pieces if isinstance(piece, Number))
        fixed = [piece for piece in pieces if isinstance(piece, str)]
        written = "".join(fixed) if len(fixed) == len(pieces) else None
        compiled.append(FieldForm("".join(map(_expression, pieces)), marks, written))
    return FieldForms(Grammar(forms=forms).automaton(spaced=False), tuple(compiled))


def _marks(number: Number) -> tuple[str, str]:
    return (_bare(number.marks.group), number.marks.point) if number.marks else (",", ".")


def _expression(piece: Piece) -> str:
    if isinstance(piece, Number):
        group, point = map(_escape, _marks(piece))
        return f"([-+]*[0-9{group}]+(?:{point}[0-9]+)?)"
    if isinstance(piece, Moment):
        return piece.expression(lambda text: _escape(_bare(text)))
    return f"(?:{'|'.join(_escape(_bare(text)) for text in ([piece] if isinstance(piece, str) else piece))})"


def _bare(text: str) -> str:
    return "".join(text.split())


def _escape(text: str) -> str:
    """A text as a pattern of both languages, in a class too."""
    return re.sub(r"[^\w]", lambda found: f"\\x{ord(found[0]):02x}" if found[0] < "\x80" else found[0], text)


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
        data["fields"][key] = {
            "automaton": _states(compiled.automaton),
            "forms": [asdict(form) for form in compiled.forms],
        }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"


def _states(automaton: Automaton) -> list[tuple[int, dict[str, int]]]:
    states = []
    for accepting, edges in zip(automaton.accepting, automaton.edges, strict=True):
        characters: dict[int, str] = {}
        for character, state in edges.items():
            characters[state] = characters.get(state, "") + character
        states.append((int(accepting), {together: state for state, together in characters.items()}))
    return states
