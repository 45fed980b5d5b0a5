import pytest

from linelet_common import Reading
from linelet_model.evaluation import Evaluation, line_of


def evaluation(*pairs):
    return Evaluation([line_of(i, f"{i}.png", a, Reading(b, 0.9, ())) for i, (a, b) in enumerate(pairs)])


def test_rates_worked_out_by_hand():
    result = evaluation(("12.5%", "12.5%"), ("62.1", "621"), ("7", "1"), ("", "3"))
    assert result.exact == pytest.approx(1 / 4)
    assert result.cer == pytest.approx(3 / 10)
    assert result.cer_per_line == pytest.approx((0 + 1 / 4 + 1 + 1) / 4)
    assert result.edits() == {"insert": 1, "delete": 1, "replace": 1}
    assert sorted(result.confusions()) == [("", "3", 1), (".", "", 1), ("7", "1", 1)]


def test_mistakes_come_worst_first():
    result = evaluation(("1234", "1235"), ("12", "xx"), ("5", "5"))
    assert [line.label for line in result.mistakes()] == ["12", "1234"]


def test_the_summary_is_plain_data():
    summary = evaluation(("1", "1"), ("2", "3")).summary()
    assert summary["lines"] == 2
    assert summary["exact"] == 0.5
    assert summary["mistakes"] == [{"image": "1.png", "label": "2", "read": "3", "confidence": 0.9}]
