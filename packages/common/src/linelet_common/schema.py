"""Checked structures read from TOML and JSON: unknown keys are refused with the nearest known one, in one line.

Bounds: Python reads JSON nested up to about a thousand levels and integers of up to 4,300 digits; what goes beyond is
refused here like any other mistake. Files are bounded in size where they are read (see files.read_bytes).
"""

import difflib
import json
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic

from linelet_common.errors import LineletError

_SHOWN = 120  # characters of a value in a message


class Checked(pydantic.BaseModel):
    """Base of everything that is read from a file: immutable, no unknown keys, no silent type conversion."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


M = TypeVar("M", bound=pydantic.BaseModel)


def read_json(text: str | bytes, where: str, error: type[LineletError], remedy: str) -> Any:
    """JSON as Python's values. ``error`` naming ``where`` for anything else, and for what is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError:
        raise error(f"{where} is nested too deeply to be read; {remedy}", place=where) from None
    except ValueError as failure:
        raise error(f"{where} is not JSON ({failure}); {remedy}", place=where) from None


def parse(model: type[M], data: Mapping[str, Any], where: str, error: type[LineletError]) -> M:
    """Validate ``data``; raise ``error`` with one line that names ``where``, the key, the value and the remedy."""
    try:
        # JSON rules: a list is a tuple, an integer is a float, but a string is never a number.
        return model.model_validate_json(_to_json(data))
    except pydantic.ValidationError as failure:
        problems = failure.errors(include_url=False)
        rest = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
        raise error(f"{where}: {_describe(problems[0], model)}{rest}", place=where) from None
    except RecursionError:
        raise error(f"{where} is nested too deeply to be read; correct it", place=where) from None


def _to_json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, default=str).encode("utf-8", "surrogatepass")


def _describe(problem: Any, model: type[pydantic.BaseModel]) -> str:
    location = tuple(problem["loc"])
    path = ".".join(str(part) for part in location) or "the whole"
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown key {path!r}; {remedy}"
    if problem["type"] == "missing":
        return f"{path!r} is missing; add it"
    reason = problem["msg"].removeprefix("Value error, ")
    if not location:  # a rule about several keys; showing the whole file would help nobody
        return str(reason)
    shown = repr(problem["input"])
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    return f"{path} = {shown}: {reason[:1].lower()}{reason[1:]}"


def _keys_at(model: type[pydantic.BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys that the models nested at ``location`` know. Members of a union, items and values stand one level in."""
    level = [model]
    for part in location:
        fields = [m.model_fields[part].annotation for m in level if part in m.model_fields]
        # A part that is no field is a list's index or a dict's key: the models are the same ones.
        level = [m for annotation in fields for m in _models_in(annotation)] if fields else level
    return [key for m in level for key in m.model_fields]


def _models_in(annotation: Any) -> list[type[pydantic.BaseModel]]:
    """Every model that an annotation mentions: ``dict[str, Face] | None`` gives Face."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [m for argument in typing.get_args(annotation) for m in _models_in(argument)]
