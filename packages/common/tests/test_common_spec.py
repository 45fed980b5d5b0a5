import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import ReaderSpec
from linelet_common.errors import SpecError


def test_json_and_back():
    spec = ReaderSpec(charset="012体重", widths=(100, 200), temperature=1.5)
    assert ReaderSpec.from_json(spec.to_json(), "spec.json") == spec
    assert "体重" in spec.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, r"spec.json is a reader spec of version 2, this Linelet reads version 1"),
        ({"charst": "1"}, r"unknown key 'charst'; did you mean 'charset'\?"),
        ({"charset": "11"}, r"holds '1' \(U\+0031\) more than once"),
        ({"height": "32"}, r"height = '32': input should be a valid integer"),
        ({"blank": 1}, r"blank is class 1; it must be the first \(0\) or the last \(3\)"),
        ({"std": [0.0]}, "std holds a zero"),
        ({"mean": [0.5, 0.5]}, "mean needs one number or 1, not 2"),
        ({"widths": [200, 100]}, "widths must ascend"),
        ({"temperature": 0}, "temperature = 0"),
    ],
)
def test_a_wrong_spec_is_refused_with_place_and_value(change, message):
    data = {**json.loads(ReaderSpec(charset="012").to_json()), **change}
    with pytest.raises(SpecError, match=message):
        ReaderSpec.from_json(json.dumps(data), "spec.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", b"\xff\xfe"])
def test_what_is_no_spec_at_all_is_refused(text):
    with pytest.raises(SpecError, match="export or convert again"):
        ReaderSpec.from_json(text, "spec.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SpecError, match="No such file"):
        ReaderSpec.load(tmp_path / "spec.json")


@given(st.integers(1, 5000), st.integers(1, 64))
def test_any_width_is_padded_to_the_next_step(width, step):
    padded = ReaderSpec(charset="0", width_step=step).padded_width(width)
    assert padded % step == 0
    assert 0 <= padded - width < step


def test_fixed_widths_take_the_next_larger():
    spec = ReaderSpec(charset="0", widths=(100, 200))
    assert [spec.padded_width(w) for w in (1, 100, 101, 900)] == [100, 100, 200, 200]
