"""The reference, generated from the code: commands, recipe keys, specs, files, operators, Python and JavaScript API.

Nothing here says what the code does not: meanings are the parsers' help, the comments beside the keys, the docstrings.
What has none fails the build.
"""

import ast
import importlib
import inspect
import io
import re
import textwrap
import tokenize
import types
import typing
from collections.abc import Callable, Iterator
from typing import Any

import pages as sources
import pydantic
from pydantic_core import PydanticUndefined

from linelet_common import boxes, folder, grammar, lines, manifest, moments, preprocess, screens, spec
from linelet_common.cli import Parser, installed_verbs
from linelet_common.fields import Field
from linelet_convert.conversion import Report
from linelet_convert.operators.__main__ import table as operators
from linelet_model import run
from linelet_synth import recipe

PACKAGES = ("common", "synth", "read", "model", "convert")
Model = type[pydantic.BaseModel]


def pages() -> dict[str, str]:
    """The generated pages: path on the site -> Markdown."""
    return {
        "reference/commands.md": commands(),
        "reference/recipe.md": recipe_keys(),
        "reference/spec.md": specs(),
        "reference/files.md": files(),
        "reference/operators.md": operators(),
        "reference/javascript.md": javascript((sources.ROOT / sources.READER / "linelet.d.ts").read_text("utf-8")),
        **{f"reference/python/{package}.md": python(package) for package in PACKAGES},
    }


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _stacked(rows: list[str]) -> str:
    """A table that site.css shows on a phone with what a row's first cells say above its last."""
    return "\n".join(['<div class="stacked" markdown>', "", *rows, "", "</div>"])


def _prose(docstring: str | None, of: str) -> str:
    """A docstring as Markdown: reStructuredText's double backticks are single ones there."""
    if not docstring:
        raise ValueError(f"{of} has no docstring; the reference is made of them")
    return inspect.cleandoc(docstring).replace("``", "`")


# --- commands


def commands() -> str:
    """Every verb with its options, as its parser knows them."""
    parts = [
        "# Commands",
        "What `linelet VERB --help` says. Exit codes: 0 done, 2 bad input (one line on stderr), 130 interrupted, "
        "143 terminated.",
    ]
    for name, verb in installed_verbs().items():
        parser = Parser(prog=f"linelet {name}")
        verb.configure(parser)
        formatter: Any = parser._get_formatter()
        summary = verb.summary[0].upper() + verb.summary[1:]
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        parts += [
            f"## {name}",
            f"{summary}.",
            "```text\n" + "\n".join(textwrap.wrap(usage, 76, subsequent_indent="    ")),
        ]
        parts[-1] += "\n```"
        for group in parser._action_groups:
            rows = [
                (formatter._format_action_invocation(action), formatter._expand_help(action))
                for action in group._group_actions
                if action.dest != "help"
            ]
            if rows:
                table = ["| " + (group.title or "") + " | |", "|---|---|"]
                parts.append(_stacked(table + [f"| `{_cell(a)}` | {_cell(b)} |" for a, b in rows]))
    return "\n\n".join(parts) + "\n"


# --- models


def comments(model: Model) -> dict[str, str]:
    """What the comments beside a model's keys say: those on the key's own lines, or the lines just above it."""
    source = textwrap.dedent(inspect.getsource(model))
    said: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            said[token.start[0]] = token.string.removeprefix("#").strip()
    found, before = {}, 0
    (tree,) = ast.parse(source).body
    assert isinstance(tree, ast.ClassDef)
    for node in tree.body:
        end = node.end_lineno or node.lineno
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = " ".join(said[line] for line in range(before + 1, end + 1) if line in said)
            found[node.target.id] = text
        before = end
    return found


def _kind(annotation: Any, link: Callable[[Model], str]) -> str:
    """A type in a recipe writer's words."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return " ".join(filter(None, [_kind(arguments[0], link), *map(_bounds, arguments[1:])]))
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_kind(a, link) for a in arguments if a is not type(None))
    if origin is tuple and arguments[-1] is Ellipsis:
        one = _kind(arguments[0], link)
        return f"list of ({one})" if " or " in one else f"list of {one}"
    if origin is tuple:
        return f"list of {len(arguments)}: {_kind(arguments[0], link)}"
    if origin is dict:
        return f"table of {_kind(arguments[1], link)}"
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return link(annotation)
    names = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`", Any: "anything"}
    return names[annotation]


def _bounds(constraint: Any) -> str:
    if isinstance(constraint, pydantic.fields.FieldInfo):
        return " ".join(filter(None, map(_bounds, constraint.metadata)))
    if isinstance(constraint, pydantic.AfterValidator):
        known = inspect.getclosurevars(constraint.func).nonlocals
        return f"within {known['low']:g} to {known['high']:g}" if "low" in known else ""
    words = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}
    return " ".join(f"{words[k]} {v:g}" for k in words if (v := getattr(constraint, k, None)) is not None)


def _value(value: Any) -> str:
    if isinstance(value, pydantic.BaseModel):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        pairs = (f"{k if k.isidentifier() else _value(k)} = {_value(v)}" for k, v in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, str):
        shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value)
        return f'"{shown}"'
    return str(value)


def _default(field: pydantic.fields.FieldInfo) -> str:
    if field.default is PydanticUndefined:
        return "**needed**"
    shown = _value(field.default) if field.default is not None else ""
    if isinstance(field.default, dict) and any(isinstance(v, pydantic.BaseModel) for v in field.default.values()):
        shown = ""
    return f"`{shown}`" if shown else ""


def keys(model: Model, link: Callable[[Model], str]) -> str:
    """A table of a model's keys: type, default, meaning. ValueError for a key whose meaning is said nowhere."""
    rows = ["| key | type | default | meaning |", "|---|---|---|---|"]
    said: dict[str, str] = {}
    for parent in reversed(model.__mro__):
        if issubclass(parent, pydantic.BaseModel) and parent.__module__.startswith("linelet"):
            said |= comments(parent)
    for name, field in model.model_fields.items():
        if not said.get(name):
            raise ValueError(f"{model.__name__}.{name} has no comment that says what it means; write one beside it")
        kind = " ".join(filter(None, [_kind(field.annotation, link), *map(_bounds, field.metadata)]))
        rows.append(f"| `{name}` | {_cell(kind)} | {_cell(_default(field))} | {_cell(said[name])} |")
    return _stacked(rows)


def _models(model: Model, seen: dict[Model, None] | None = None) -> dict[Model, None]:
    """A model and those that its keys hold, in order."""
    seen = {} if seen is None else seen
    seen[model] = None

    def inside(annotation: Any) -> Iterator[Model]:
        if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
            yield annotation
        for argument in typing.get_args(annotation):
            yield from inside(argument)

    for field in model.model_fields.values():
        for other in inside(field.annotation):
            if other not in seen:
                _models(other, seen)
    return seen


# Where a model stands in a recipe.
TABLES = {
    recipe.Recipe: "The recipe",
    recipe.TextKind: "`[[texts]]`",
    recipe.RandomText: "`random` of `[[texts]]`",
    Field: "`[fields]`",
    recipe.Role: "`[roles.NAME]`",
    recipe.Palette: "`[palette]`",
    recipe.Looks: "`[looks]`",
    recipe.PlainLook: "`[looks.plain]`",
    recipe.Degradation: "`[looks.plain.degradation]`",
    recipe.ScreenLook: "`[looks.screen]`",
    recipe.Transform: "`[[transforms]]`",
}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w]+", "-", heading.lower()).strip("-")


def recipe_keys() -> str:
    """Every key of a recipe, and the language of forms."""
    parts = ["# Recipe keys", _prose(recipe.__doc__, "recipe"), "Unknown keys are refused, with the nearest known one."]
    for model in _models(recipe.Recipe):
        heading = TABLES[model]
        parts += [f"## {heading} {{: #{_anchor(heading)} }}", _prose(model.__doc__, model.__name__)]
        parts.append(keys(model, lambda m: f"[{TABLES[m]}](#{_anchor(TABLES[m])})"))
    parts += ["## Forms", _prose(grammar.__doc__, "grammar"), "### Days and times", _prose(moments.__doc__, "moments")]
    return "\n\n".join(parts) + "\n"


def specs() -> str:
    """The reader spec and the finder spec."""
    grammar_link = {grammar.Grammar: "[grammar](#grammar)", Field: "[field](recipe.md#fields)"}
    parts = ["# Reader spec, finder spec", _prose(spec.__doc__, "spec")]
    parts += ["## Reader spec", _prose(spec.ReaderSpec.__doc__, "ReaderSpec")]
    parts.append(keys(spec.ReaderSpec, lambda m: grammar_link[m]))
    parts += ["### Grammar", _prose(grammar.Grammar.__doc__, "Grammar")]
    parts.append(keys(grammar.Grammar, lambda m: grammar_link[m]))
    parts += ["## From picture to input", _prose(preprocess.__doc__, "preprocess")]
    parts += ["## Finder spec", _prose(boxes.FinderSpec.__doc__, "FinderSpec")]
    parts.append(keys(boxes.FinderSpec, lambda m: grammar_link[m]))
    parts += ["## From screen to boxes", _prose(boxes.__doc__, "boxes")]
    return "\n\n".join(parts) + "\n"


def files() -> str:
    """What a dataset, a run and a bundle hold."""
    links = {grammar.Grammar: "[grammar](spec.md#grammar)", Field: "[field](recipe.md#fields)"}
    run_text = _prose(run.__doc__, "run")
    opening, _, listing = run_text.partition("\n\n")
    parts = [
        "# Files",
        "Which versions of these are read, and for how long, is said in [what stays](../policy.md).",
        "## Datasets of lines",
        _prose(folder.__doc__, "folder"),
        "### dataset.json",
        _prose(manifest.__doc__, "manifest"),
        _prose(manifest.Manifest.__doc__, "Manifest"),
        keys(manifest.Manifest, lambda m: links[m]),
        "### Details of a line",
        _prose(lines.Details.__doc__, "Details"),
        keys(lines.Details, lambda m: links[m]),
        "## Datasets of screens",
        _prose(screens.__doc__, "screens").partition("\n\n")[2],
        "## Run folders",
        opening,
        f"```text\n{listing}\n```",
        "## Bundles",
        "`model.json` and its weights (a TensorFlow.js graph model; `model-W.json` for each of several widths), "
        "`spec.json`, `automata.json` (its forms, compiled), `finder/`, the browser's reader with "
        "its TensorFlow.js, the page, `files.json` with the SHA-256 of each, and `conversion.json`:",
        _prose(Report.__doc__, "Report"),
    ]
    return "\n\n".join(parts) + "\n"


# --- Python


def python(package: str) -> str:
    """A package's public names, by mkdocstrings."""
    module = importlib.import_module(f"linelet_{package}")
    opening = _prose(module.__doc__, f"linelet_{package}").partition("\n\n")[0]
    parts = [f"# linelet_{package}", opening]
    for name in module.__all__:
        if name != "__version__":
            value = getattr(module, name)
            home = getattr(value, "__module__", None) if callable(value) else None
            parts.append(f"::: {home or f'linelet_{package}'}.{name}")
    return "\n\n".join(parts) + "\n"


# --- JavaScript

_EXPORT = re.compile(
    r"(?:^/\*\*\s*(?P<said>(?:(?!\*/).)*?)\s*\*/\n)?"
    r"^export (?P<code>(?:interface|class) (?P<name>\w+)[^{]*\{(?P<body>.*?)\}$"
    r"|(?:type|function) (?P<other>\w+)[^;]*;)",
    re.MULTILINE | re.DOTALL,
)
_MEMBER = re.compile(
    r"(?:/\*\*\s*(?P<said>(?:(?!\*/).)*?)\s*\*/\s*)?(?P<code>(?:readonly )?\w+\??(?:\(.*?\))?: .*?);\n", re.DOTALL
)


def _comment(text: str | None) -> str:
    return " ".join(re.sub(r"^\s*\* ?", "", text or "", flags=re.MULTILINE).split())


def javascript(declarations: str) -> str:
    """The exports of linelet.d.ts with their comments."""
    parts = ["# JavaScript API", _comment(re.match(r"/\*\*(.*?)\*/", declarations, re.DOTALL)[1])]  # type: ignore[index]
    parts[-1] = parts[-1].replace("See README.md.", "How to use it: [the npm package](../packages/javascript.md).")
    for match in _EXPORT.finditer(declarations):
        name = match["name"] or match["other"]
        parts.append(f"## {name}")
        if match["said"]:
            parts.append(_comment(match["said"]).replace("@throws", "Throws"))
        if not (match["body"] or "").strip():
            parts.append(f"```ts\n{match['code']}\n```")
            continue
        rows = ["| member | |", "|---|---|"]
        for member in _MEMBER.finditer(match["body"]):
            rows.append(f"| `{_cell(member['code'])}` | {_cell(_comment(member['said']))} |")
        parts.append(_stacked(rows))
    found = re.findall(r"^export (?:interface|type|class|function) (\w+)", declarations, re.MULTILINE)
    missing = [name for name in found if f"## {name}" not in parts]
    if missing:
        raise ValueError(
            f"linelet.d.ts exports {', '.join(missing)}, which the reference could not read; mend its parser"
        )
    return "\n\n".join(parts) + "\n"
