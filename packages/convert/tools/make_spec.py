"""Writes what the browser knows of the reader spec from its one definition, ``linelet_common.spec.ReaderSpec``.

    python packages/convert/tools/make_spec.py

``web/reader/spec-rules.js`` has the keys with their defaults and bounds, by which spec.js checks a spec;
``web/reader/spec-types.d.ts`` has its type. Rules about several keys stand in spec.py and spec.js; a table of specs
that both must accept or refuse alike holds them together (tests/spec_table.json).
"""

import inspect
import json
import re
from pathlib import Path
from typing import Any

from linelet_common.spec import ReaderSpec

READER = Path(__file__).parents[1] / "src" / "linelet_convert" / "web" / "reader"
_HEAD = "Generated from linelet_common/spec.py by tools/make_spec.py; change it there."
# Types that JSON Schema has no short word for.
_STRUCTURES = {
    "grammar": (
        "{ readonly forms: readonly string[]; readonly vocabulary?: Readonly<Record<string, readonly string[]>> }"
    ),
    "fields": (
        "Readonly<Record<string, "
        "{ readonly name: string | readonly string[]; readonly form: string | readonly string[] }>>"
    ),
}

# Keys that a spec without them lacks.
_OPTIONAL = ("direction", "grammar")


def rules() -> dict[str, dict[str, Any]]:
    """Every key's type, default, choices and bounds."""
    schema = ReaderSpec.model_json_schema()
    defaults = json.loads(ReaderSpec(charset="0").model_dump_json())
    found = {}
    for key, said in schema["properties"].items():
        # Of a choice or null, the choice.
        optional = next((one for one in said.get("anyOf", ()) if "const" in one), None)
        said = optional or said
        rule: dict[str, Any] = {"type": _type(key, said)}
        if key != "charset" and key not in _OPTIONAL:
            rule["default"] = defaults[key]
        choices = said.get("enum") or ([said["const"]] if "const" in said else None)
        if choices:
            rule["choices"] = choices
        if optional:
            rule["optional"] = True
        bounds = {"minimum": "least", "maximum": "most", "exclusiveMinimum": "above"}
        rule |= {ours: said[theirs] for theirs, ours in bounds.items() if theirs in said}
        found[key] = rule
    return found


def _type(key: str, said: dict[str, Any]) -> str:
    if key in _STRUCTURES:
        return key
    if said.get("type") == "array":
        return "numbers" if said["items"]["type"] == "number" else "integers"
    return str(said.get("type", "integer"))


def javascript() -> str:
    """spec-rules.js."""
    rows = "".join(f"  {key}: {json.dumps(rule, ensure_ascii=False)},\n" for key, rule in rules().items())
    return f"/** {_HEAD} */\nexport const RULES = {{\n{rows}}};\n"


def typescript() -> str:
    """spec-types.d.ts."""
    comments = dict(re.findall(r"^    (\w+): [^#\n]*# (.+)$", inspect.getsource(ReaderSpec), re.MULTILINE))
    names = {"numbers": "readonly number[]", "integers": "readonly number[]", "integer": "number"}
    lines = []
    for key, rule in rules().items():
        kind = _STRUCTURES.get(key) or names.get(rule["type"], rule["type"])
        if rule["type"] == "string" and "choices" in rule:
            kind = " | ".join(f'"{choice}"' for choice in rule["choices"])
        comment = f"  /** {comments[key][:1].upper()}{comments[key][1:]}. */\n" if key in comments else ""
        lines.append(f"{comment}  readonly {key}{'?' if key in _OPTIONAL else ''}: {kind};\n")
    return f"/** {_HEAD} */\nexport interface Spec {{\n{''.join(lines)}}}\n"


if __name__ == "__main__":
    (READER / "spec-rules.js").write_text(javascript(), encoding="utf-8")
    (READER / "spec-types.d.ts").write_text(typescript(), encoding="utf-8")
