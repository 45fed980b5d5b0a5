"""The registry of operators: which converter turns an ONNX operator into TensorFlow.js nodes.

A family of operators has a file in ``operators/``; each operator is one decorated function::

    @converter("Erf", since=9)
    def erf(node: OnnxNode, g: Emitter) -> Value:
        return elementwise(node.input(0), g, "Erf")

``since`` is the operator's oldest version that is understood, ``restrictions`` what the converter refuses, in words for
OPERATORS.md. A converter raises ConversionError through ``node.refuse(reason)``; all refusals of a model are reported
together. Whatever is known before the network runs (constants, shapes) is computed at conversion and never gets here.

Importing ``linelet_convert.operators`` fills the registry.
"""

from collections.abc import Callable
from dataclasses import dataclass

from linelet_convert.values import Emitter, OnnxNode, Value

Convert = Callable[[OnnxNode, Emitter], Value | list[Value]]


@dataclass(frozen=True)
class Entry:
    """An operator's converter, where it lives and what it refuses; None where ONNX's own definition converts it."""

    operator: str
    domain: str
    since: int
    restrictions: str
    family: str
    convert: Convert | None


_ENTRIES: dict[tuple[str, str], Entry] = {}


def converter(operator: str, *, since: int, domain: str = "", restrictions: str = "") -> Callable[[Convert], Convert]:
    """Register a function as the converter of an operator. ValueError if the operator has one already."""

    def register(convert: Convert) -> Convert:
        key = (domain, operator)
        if key in _ENTRIES:
            raise ValueError(f"{operator} has a converter already, in {_ENTRIES[key].family}.py")
        family = convert.__module__.rpartition(".")[2]
        _ENTRIES[key] = Entry(operator, domain, since, restrictions, family, convert)
        return convert

    return register


def by_definition(operator: str, *, since: int, restrictions: str = "") -> None:
    """Register an operator as the function of other operators that ONNX defines it as."""
    _ENTRIES[("", operator)] = Entry(operator, "", since, restrictions, "defined", None)


def find(operator: str, domain: str) -> Entry | None:
    """The converter of an operator, or None."""
    return _ENTRIES.get(("" if domain == "ai.onnx" else domain, operator))


def entries() -> list[Entry]:
    """All operators, by family and name."""
    return sorted(_ENTRIES.values(), key=lambda e: (e.family, e.domain, e.operator))
