"""Errors carry their parts, and every message in the packages' sources says a remedy."""

import ast
import pickle
from pathlib import Path

import pytest

from linelet_common import LineletError, open_dataset
from linelet_common.charset import Charset
from linelet_common.codec import Codec
from linelet_common.errors import CharsetError, DatasetError

PACKAGES = Path(__file__).parents[2]


def test_an_error_carries_value_place_and_remedy(tmp_path):
    (tmp_path / "labels.txt").write_text("a.png 12\n", encoding="utf-8")
    with pytest.raises(DatasetError) as caught:
        open_dataset(tmp_path)
    assert caught.value.value == "a.png 12"
    assert caught.value.place == f"line 1 of {tmp_path / 'labels.txt'}"
    assert caught.value.remedy == "write 'path<TAB>text'"
    assert str(caught.value) == f"{caught.value.place} is 'a.png 12' with 0 TABs; {caught.value.remedy}"
    with pytest.raises(CharsetError) as caught_text:
        Codec(Charset("01")).encode("012")
    assert caught_text.value.value == "012"


def test_an_error_comes_whole_out_of_another_process():
    error = LineletError("x is wrong; mend it", value=7, place="x")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.value, again.place, again.remedy) == (str(error), 7, "x", "mend it")


def raised_messages():
    """Every message given to one of our errors, with its place: the literal parts of it."""
    kinds = {kind.__name__ for kind in LineletError.__subclasses__()} | {"LineletError"}
    for path in PACKAGES.glob("*/src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            call = node.exc if isinstance(node, ast.Raise) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in kinds and call.args:
                message = call.args[0]
                parts = message.values if isinstance(message, ast.JoinedStr) else [message]
                text = "".join(p.value for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str))
                computed = not any(c.isalpha() for c in text.replace("output", ""))  # it passes another message on
                yield f"{path.name}:{node.lineno}", text, computed or len(call.args) != 1


def test_every_message_says_a_remedy():
    found = list(raised_messages())
    assert len(found) > 150
    silent = [place for place, text, computed in found if ";" not in text and not computed]
    assert silent == []
