"""Values by their names are Python's: the shared vectors, and screens of scattered lines."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from linelet_common.automata import automata_json
from linelet_common.boxes import Box
from linelet_common.codec import UNKNOWN
from linelet_common.errors import SpecError
from linelet_common.fields import Field
from linelet_common.schema import parse
from linelet_common.spec import ReaderSpec
from linelet_read.fields import FieldValue, ScreenText, read_fields

Run = Callable[[list[dict[str, Any]]], list[Any]]
VECTORS = Path(__file__).parents[4] / "packages/read/tests/fields_vectors.json"


def shown(found: dict[str, FieldValue]) -> dict[str, Any]:
    return {key: dataclasses.asdict(value) | {"box": value.box._asdict()} for key, value in found.items()}


def written(fields: dict[str, Field]) -> dict[str, str]:
    """A reader's spec and automata as its bundle holds them."""
    spec = ReaderSpec(charset="0", fields=fields)
    return {"spec": spec.to_json(), "automata": automata_json(spec)}


def test_the_shared_vectors_hold(run_vectors: Run) -> None:
    vectors = json.loads(VECTORS.read_text("utf-8"))
    given = {key: parse(Field, field, key, SpecError) for key, field in vectors["fields"].items()}
    cases = [{"kind": "fields", "lines": case["lines"], **written(given)} for case in vectors["cases"]]
    assert len(cases) > 10
    for case, result in zip(vectors["cases"], run_vectors(cases), strict=True):
        assert result == case["fields"], case["name"]


def test_scattered_lines_give_pythons_values(run_vectors: Run) -> None:
    """Names, values, units and unknown texts on a coarse grid, where ties and overlaps abound."""
    vectors = json.loads(VECTORS.read_text("utf-8"))["fields"]
    fields = {key: parse(Field, given, key, SpecError) for key, given in vectors.items()}
    fields["amount"] = Field(name="Betrag", form=("{0..99999 as 1.234,50} €", "{0..9999999 as 12,34,567} ₹"))
    fields["day"] = Field(name="Datum", form="{2024-01-01..2024-12-31:%d.%m.%Y}")
    fields["state"] = Field(name="Stand", form="{offen|zu}[{1..9}-{1..9}]")
    texts = [name for field in fields.values() for name in field.names]
    texts += [
        "68.5",
        "68.5公斤",
        "公斤",
        "21.3%",
        "42",
        "1.234,50 €",
        "12,34,567 ₹",
        "05.03.2024",
        "offen[3-4]",
        "120/80",
        "标准",
        "1,234",
        "体重:70.0",
        "12.0体重",
        "体重" + UNKNOWN,
    ]
    texts += [UNKNOWN, "其他"]
    rng = np.random.default_rng(3)
    screens = []
    for _ in range(600):
        lines = []
        for _ in range(int(rng.integers(0, 14))):
            text, height = str(rng.choice(texts)), int(rng.choice([16, 20, 40]))
            x, y = (int(step * rng.integers(0, 8)) for step in (30, 15))
            box = Box(x, y, int(0.6 * height * len(text)) + 1, height)
            lines.append(ScreenText(text, float(rng.choice([0.0, 0.4, 0.5, 0.99], p=[0.1, 0.1, 0.1, 0.7])), box))
        screens.append(lines)
    cases = [
        {
            "kind": "fields",
            **written(fields),
            "lines": [{"text": n.text, "confidence": n.confidence, "box": n.box._asdict()} for n in lines],
        }
        for lines in screens
    ]
    wanted = [shown(read_fields(lines, fields)) for lines in screens]
    assert run_vectors(cases) == wanted
    assert sum(map(len, wanted)) > 150
