import numpy as np
import pytest

from linelet_common import Reading
from linelet_common.lines import Details
from linelet_read.evaluation import Evaluation, compare, line_of, traits_of


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


def test_a_difference_that_chance_makes_is_told_from_a_real_one():
    labels = [str(i) for i in range(200)]
    perfect = evaluation(*[(x, x) for x in labels])
    slightly = evaluation(*[(x, x if i > 2 else "?") for i, x in enumerate(labels)])
    clearly = evaluation(*[(x, x if i > 20 else "?") for i, x in enumerate(labels)])
    assert compare(perfect, slightly).p_value == pytest.approx(2 / 2**3)  # 3 discordant pairs: 2 * (1/2)^3
    assert compare(perfect, clearly).p_value < 1e-4
    assert compare(perfect, clearly).interval[0] > 0
    assert compare(perfect, perfect).p_value == 1


def test_the_interval_holds_the_rate_and_narrows_with_more_lines():
    few = evaluation(*[("1234", "1234" if i % 5 else "1235") for i in range(50)])
    many = evaluation(*[("1234", "1234" if i % 5 else "1235") for i in range(800)])
    for result in (few, many):
        low, high = result.cer_interval()
        assert low < result.cer < high
    assert many.cer_interval()[1] - many.cer_interval()[0] < few.cer_interval()[1] - few.cer_interval()[0]


def test_breakdowns_count_every_line_once():
    result = evaluation(("1", "1"), ("22", "2"), ("4444", "4444"), ("7777777", "777"), ("1" * 12, "1" * 12))
    found = result.breakdowns()
    assert [(row["value"], row["lines"], row["exact"]) for row in found["length"]] == [
        ("0 to 2", 1, 1.0), ("2 to 4", 1, 0.0), ("4 to 7", 1, 1.0), ("7 to 11", 1, 0.0), ("11 to 21", 1, 1.0)
    ]  # fmt: skip
    assert sum(row["lines"] for row in found["confidence"]) == 5
    assert found.keys() == {"length", "confidence"}  # nothing else is known of these lines


def test_breakdowns_go_by_what_the_dataset_says_and_else_by_the_picture():
    black_on_white = np.full((20, 40, 3), 255, np.uint8)
    black_on_white[5:15, 5:15] = 0
    said = Details(look="screen", font="Serif", contrast=2.5, styles=("faint", "tilted"))
    result = Evaluation(
        [
            line_of(0, "a", "1", Reading("1", 0.9, ()), traits_of(black_on_white, None)),
            line_of(1, "b", "2", Reading("7", 0.9, ()), traits_of(black_on_white[:10], said)),
        ]
    )
    found = result.breakdowns()
    assert [(row["value"], row["exact"]) for row in found["height"]] == [("0 to 16", 0.0), ("16 to 24", 1.0)]
    assert [(row["value"], row["exact"]) for row in found["contrast"]] == [("2 to 3", 0.0), ("7 and more", 1.0)]
    assert [(row["value"], row["lines"]) for row in found["style"]] == [("faint", 1), ("tilted", 1)]
    assert [row["value"] for row in found["font"] + found["look"]] == ["Serif", "screen"]
    assert traits_of(black_on_white, None).contrast == pytest.approx(21)


def test_the_report_shows_the_pictures_of_the_mistakes_and_escapes_their_texts(tmp_path):
    from PIL import Image

    from linelet_common.datasets import open_dataset
    from linelet_read.report import write_report

    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    (tmp_path / "labels.txt").write_text("a.png\t<1>\n")
    page = write_report(evaluation(("<1>", "7")), open_dataset(tmp_path), "x & y")
    assert "&lt;1&gt;" in page
    assert "x &amp; y" in page
    assert page.count("data:image/png;base64,") == 1
    assert "<1>" not in page
