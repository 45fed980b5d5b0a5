import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from linelet_common import ReaderSpec, Reading, open_dataset
from linelet_common.cli import main
from linelet_common.errors import DatasetError, UsageError
from linelet_common.lines import Details
from linelet_read.edits import edits_by
from linelet_read.evaluation import Evaluation, compare, evaluate, line_of, traits_of
from linelet_read.readers import load_reader


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


def test_the_calibration_error_worked_out_by_hand():
    """Guo et al.: the mean gap between confidence and correctness over bins, weighted by their lines."""
    rows = [("1", "1", 0.95), ("2", "3", 0.95), ("4", "4", 0.31), ("5", "6", 0.32), ("7", "7", 0.0)]
    rows.append(("8\ufffd", "8\ufffd", 0.0))  # says that it doesn't know, which is no estimate
    result = Evaluation([line_of(i, "x", a, Reading(b, c, ())) for i, (a, b, c) in enumerate(rows)])
    gaps = 2 * abs(0.95 - 0.5) + 2 * abs(0.315 - 0.5) + 1 * abs(0.0 - 1.0)
    assert result.calibration_error() == pytest.approx(gaps / 5)
    assert [(r.band, r.lines, r.exact) for r in result.reliability()] == [
        ("0 to under 0.5", 3, 2 / 3),
        ("0.95 to under 0.99", 2, 0.5),
    ]
    assert Evaluation().calibration_error() == 0


def test_labels_are_judged_as_the_reader_writes_them(tmp_path):
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    (tmp_path / "labels.txt").write_text("a.png\t7kg\n", encoding="utf-8")

    class Fixed:
        def __init__(self, unknown):
            self.spec = ReaderSpec(charset="0123456789", unknown=unknown)

        def scores(self, batch):
            scores = np.zeros((1, batch.shape[3] // 4, self.spec.classes), np.float32)
            scores[0, :, 0] = 9
            scores[0, 0, 8], scores[0, 0, 0] = 9, 0
            scores[0, 2, -1], scores[0, 2, 0] = 9, 0
            return scores

    knows_not = evaluate(Fixed(True), open_dataset(tmp_path))
    assert (knows_not.lines[0].label, knows_not.exact, knows_not.unwritable) == ("7\ufffd", 1.0, 0)
    guesses = evaluate(Fixed(False), open_dataset(tmp_path))
    assert (guesses.lines[0].label, guesses.exact, guesses.unwritable) == ("7kg", 0.0, 1)


def test_breakdowns_count_every_line_once():
    result = evaluation(("1", "1"), ("22", "2"), ("4444", "4444"), ("7777777", "777"), ("1" * 12, "1" * 12))
    found = result.breakdowns()
    assert [(row["value"], row["lines"], row["exact"]) for row in found["length"]] == [
        ("0 to 1", 1, 1.0), ("2 to 3", 1, 0.0), ("4 to 6", 1, 1.0), ("7 to 10", 1, 0.0), ("11 to 20", 1, 1.0)
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
    assert [(row["value"], row["exact"]) for row in found["height"]] == [("0 to 15", 0.0), ("16 to 23", 1.0)]
    assert [(row["value"], row["exact"]) for row in found["contrast"]] == [("2 to under 3", 0.0), ("7 or more", 1.0)]
    assert [(row["value"], row["lines"]) for row in found["style"]] == [("faint", 1), ("tilted", 1)]
    assert [row["value"] for row in found["font"] + found["look"]] == ["Serif", "screen"]
    assert traits_of(black_on_white, None).contrast == pytest.approx(21)


def test_the_report_shows_the_pictures_of_the_mistakes_and_escapes_their_texts(tmp_path):
    from linelet_read.report import write_report

    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    (tmp_path / "labels.txt").write_text("a.png\t<1>\n")
    result = evaluation(("<1>", "7"))
    page = write_report(result, open_dataset(tmp_path), "x & y")
    assert "&lt;1&gt;" in page
    assert "x &amp; y" in page
    # The mistake, and each confusion that it is an example of.
    assert page.count("data:image/png;base64,") == 1 + len(result.confusions())
    assert "<1>" not in page


@given(st.text("ab体", max_size=8), st.text("ab体", max_size=8))
def test_rapidfuzz_gives_the_distances_that_levenshtein_gives(label, text):
    mit, gpl = (edits_by(name) for name in ("rapidfuzz", "levenshtein"))
    assert mit.distance(label, text) == gpl.distance(label, text)
    assert len(list(mit.editops(label, text))) == len(gpl.editops(label, text)) == gpl.distance(label, text)
    assert all(kind in ("replace", "insert", "delete") for kind, _, _ in mit.editops(label, text))


def test_a_distance_that_is_not_installed_names_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance", None)
    with pytest.raises(UsageError, match="pip install rapidfuzz, or use --edits levenshtein"):
        edits_by("rapidfuzz")


def folder_of(tmp_path, rows, size=(40, 20)):
    for name, _ in rows:
        Image.new("RGB", size, "white").save(tmp_path / name)
    (tmp_path / "labels.txt").write_text("".join(f"{name}\t{label}\n" for name, label in rows), "utf-8")
    return tmp_path


def test_a_picture_with_two_labels_is_refused(tmp_path):
    """One of them is counted wrong whatever is read. The same label twice is a line that counts twice."""
    dataset = open_dataset(folder_of(tmp_path, [("a.png", "1"), ("b.png", "2"), ("a.png", "1"), ("a.png", "3")]))
    with pytest.raises(DatasetError, match=r"line 4 of .*labels\.txt says '3' of a\.png, line 1 .* says '1'; keep"):
        evaluate(load_reader("health-app"), dataset)


def test_a_picture_that_no_reader_takes_is_named(tmp_path, capsys):
    folder_of(tmp_path, [("a.png", "1")], (5000, 1))
    assert main(["read", "health-app", str(tmp_path / "a.png")]) == 2
    assert f"{tmp_path / 'a.png'}: a line of 5000 x 1 pixels" in capsys.readouterr().err
    assert main(["evaluate", "health-app", "--data", str(tmp_path)]) == 2
    assert f"line 1 of {tmp_path / 'labels.txt'}: a line of 5000 x 1 pixels" in capsys.readouterr().err


def test_a_report_takes_the_place_of_a_report_only(tmp_path, capsys):
    folder_of(tmp_path, [("a.png", "1")])
    out = tmp_path / "notes.html"
    out.write_text("<p>mine")
    command = ["evaluate", "health-app", "--data", str(tmp_path), "--report", str(out)]
    assert main(command) == 2
    assert capsys.readouterr().err.startswith(f"linelet evaluate: {out} was not written by linelet; name another place")
    assert out.read_text() == "<p>mine"
    out.unlink()
    assert [main(command), main(command)] == [0, 0]


def test_a_finder_is_not_ignored_where_lines_are_read(tmp_path, capsys):
    folder_of(tmp_path, [("a.png", "1")])
    assert main(["evaluate", "health-app", "--data", str(tmp_path), "--finder", "nosuch.onnx"]) == 2
    assert capsys.readouterr().err.endswith(f"is for screens, and {tmp_path} holds lines; leave it out\n")


def test_a_line_break_in_a_pictures_name_breaks_no_line(tmp_path, capsys):
    picture = tmp_path / "a\nb.png"
    Image.new("RGB", (40, 20), "white").save(picture)
    assert main(["read", "health-app", str(picture)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}/a\\nb.png\t")
