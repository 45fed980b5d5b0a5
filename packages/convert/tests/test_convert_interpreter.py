"""The numpy interpreter refuses what it does not know; that it computes what TensorFlow.js does is tested operator by
operator and network by network.
"""

import json
from pathlib import Path

import pytest

from linelet_common.errors import ConversionError
from linelet_convert.interpreter import Interpreter


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
