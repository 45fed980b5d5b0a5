"""The numpy interpreter refuses what it does not know; that it computes what TensorFlow.js does is tested operator by
operator and network by network.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linelet_common.errors import ConversionError
from linelet_convert.interpreter import OPERATORS, Interpreter


@pytest.mark.parametrize(
    ("operator", "arguments", "what"),
    [
        ("GatherV2", (np.arange(3.0), np.array([-1]), np.array(0)), "gathers by negative indices"),
        ("ReverseV2", (np.array([True, False]), np.array([0])), "reverses booleans"),
        ("Slice", (np.arange(4.0), np.array([3]), np.array([2])), r"takes \[2\] of \[4\] from \[3\]"),
        ("StridedSlice", (np.arange(4), np.array([0]), np.array([4]), np.array([2])), "strided slice of int64"),
    ],
)
def test_what_some_backend_gets_wrong_is_refused(operator: str, arguments: tuple[Any, ...], what: str) -> None:
    with pytest.raises(ConversionError, match=what):
        OPERATORS[operator]({"begin_mask": 0, "end_mask": 0}, *arguments)


def test_operators_that_our_converter_never_writes_are_named_before_anything_runs(tmp_path: Path) -> None:
    nodes = [
        {"name": "x", "op": "Placeholder"},
        {"name": "a", "op": "Pad", "input": ["x"], "attr": {"_output_shapes": {"list": {}}}},
        {"name": "b", "op": "BiasAdd", "input": ["a"]},
        {"name": "c", "op": "Identity", "input": ["b"]},
    ]
    model = {"modelTopology": {"node": nodes}, "signature": {}, "weightsManifest": []}
    (tmp_path / "model.json").write_text(json.dumps(model))
    with pytest.raises(
        ConversionError, match=r"^model.json has BiasAdd, Pad, which only TensorFlow.js .* install Node"
    ):
        Interpreter(tmp_path / "model.json")
