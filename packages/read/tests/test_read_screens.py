"""Whole screens through the shipped finder and reader, and what the command prints of them."""

import csv
import dataclasses
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from linelet_common.boxes import Box
from linelet_common.charset import Charset
from linelet_common.cli import main
from linelet_common.codec import Codec
from linelet_common.screens import ScreenLine
from linelet_read import evaluate_screens, load_finder, load_reader, read_screen
from linelet_read.fields import FieldValue
from linelet_read.pictures import SUFFIXES
from linelet_read.screen_evaluation import ScreenEvaluation, count_screen
from linelet_read.screens import ScreenLine as Line
from linelet_read.screens import ScreenReading, is_screen

ROWS = [("BMI", "24.6"), ("", "21.3%"), ("", "1520"), ("", "32")]


@pytest.fixture(scope="module")
def screen():
    """A light screen with values at the right, one of them beside its name, and where each line's ink is."""
    picture = Image.new("RGB", (480, 800), "#f5f5f5")
    draw = ImageDraw.Draw(picture)
    font, lines = ImageFont.load_default(30), []
    for k, (name, value) in enumerate(ROWS):
        y = 120 + 120 * k
        draw.rounded_rectangle((24, y - 30, 456, y + 62), 14, fill="white")
        for text, x in ((name, 48), (value, 320)):
            if text:
                draw.text((x, y), text, font=font, fill="#33415c")
                left, top, right, bottom = draw.textbbox((x, y), text, font=font)
                lines.append(
                    ScreenLine(text, (left, top, right - left, bottom - top), "bmi" if text == "24.6" else None)
                )
    return picture, lines


@pytest.fixture(scope="module")
def path(screen, tmp_path_factory):
    file = tmp_path_factory.mktemp("screens") / "screen.png"
    screen[0].save(file)
    return str(file)


def test_a_screens_lines_are_found_and_read_in_order_with_their_values(screen):
    read = read_screen(load_reader("health-app"), load_finder(), np.asarray(screen[0]))
    assert [line.text for line in read.lines] == [text for row in ROWS for text in row if text]
    assert all(line.confidence > 0.9 for line in read.lines)
    assert {key: value.value for key, value in read.fields.items()} == {"bmi": 24.6}
    for line, true in zip(read.lines, screen[1], strict=True):
        x, y, width, height = true.box
        assert line.box.x <= x
        assert line.box.y <= y
        assert line.box.x + line.box.width >= x + width - 1
        assert line.box.y + line.box.height >= y + height - 1


def test_evaluating_counts_what_was_found_read_and_named(screen):
    class Screens:
        manifest = None

        def __len__(self):
            return 1

        def name(self, i):
            return "screen"

        place = name

        def image(self, i):
            return np.asarray(screen[0])

        def lines(self, i):
            return [*screen[1], ScreenLine("睡眠", (40, 700, 60, 30))]

    found = evaluate_screens(load_reader("health-app"), load_finder(), Screens())
    assert (found.lines, found.found, found.readable, found.exact) == (6, 5, 5, 5)
    assert (found.fields, found.fields_right, found.fields_wrong) == (1, 1, 0)
    assert (found.screens, found.screens_right, found.invented) == (1, 1, 0)
    assert found.summary()["recall"] == 5 / 6
    (missed,) = found.mistakes  # a line is missed though the reader could not have written it
    assert (missed.kind, missed.truth, missed.read, missed.box) == ("not found", "睡眠", None, Box(40, 700, 60, 30))


@pytest.mark.parametrize(
    ("charset", "right", "wrong"), [("0123456789km ", "5 km", "5km"), ("0123456789km", "5km", "5k m")]
)
def test_a_space_counts_where_the_charset_has_one(charset, right, wrong):
    codec, box = Codec(Charset(charset), unknown=True), Box(10, 10, 60, 20)
    truth = [ScreenLine("5\u00a0 km", tuple(box), "way")]
    for text, exact in ((right, 1), (wrong, 0)):
        field = FieldValue(5.0, text, 0.99, box)
        found = ScreenEvaluation()
        count_screen(found, codec, ScreenReading([Line(text, 0.99, box)], {"way": field}), truth)
        assert (found.readable, found.exact, found.screens_right, found.fields_right) == (1, exact, exact, exact)


def test_what_a_charset_folds_is_readable():
    codec, box = Codec(Charset("0123456789-"), unknown=True), Box(10, 10, 60, 20)
    found = ScreenEvaluation()
    truth = [ScreenLine("\u22125", tuple(box)), ScreenLine("±5", (10, 50, 60, 20))]
    count_screen(found, codec, ScreenReading([Line("-5", 0.99, box)], {}), truth)
    assert (found.lines, found.readable, found.exact) == (2, 1, 1)


def test_every_mistake_is_told_once_and_shown_in_the_report(screen, tmp_path, capsys):
    """The truth is made wrong, so that a right reading is every kind of mistake."""
    lines = [line for line in screen[1] if line.text != "1520"]  # what is read there is invented
    lines = [dataclasses.replace(line, text="32.5") if line.text == "32" else line for line in lines]
    lines = [dataclasses.replace(line, text="21.4") if line.text == "24.6" else line for line in lines]
    lines += [ScreenLine("68.5公斤", (40, 700, 60, 30), "weight")]
    (tmp_path / "data").mkdir()
    screen[0].save(tmp_path / "data" / "a&b.png")
    annotations = [{"image_id": 0, "bbox": list(line.box), "text": line.text, "field": line.field} for line in lines]
    coco = {"images": [{"id": 0, "file_name": "a&b.png"}], "annotations": annotations}
    (tmp_path / "data" / "screens.json").write_text(json.dumps(coco), encoding="utf-8")
    report = tmp_path / "report.html"
    main(["evaluate", "health-app", "--data", str(tmp_path / "data"), "--json", "--report", str(report)])
    mistakes = json.loads(capsys.readouterr().out)["mistakes"]
    assert sorted((m["kind"], m["truth"], m["read"]) for m in mistakes if m["kind"] != "invented") == [
        ("misread", "21.4", "24.6"),
        ("misread", "32.5", "32"),
        ("no value", "weight: 68.5公斤", None),
        ("not found", "68.5公斤", None),
        ("wrong value", "bmi: 21.4", "bmi: 24.6"),
    ]
    assert [m["read"] for m in mistakes if m["kind"] == "invented"] == ["1520"]
    assert {m["screen"] for m in mistakes} == {"a&b.png"}
    page = report.read_text(encoding="utf-8")
    assert page.count("<figure><img") == len(mistakes)
    assert "a&amp;b.png" in page
    assert "<script" not in page


def test_a_picture_without_text_has_no_lines_and_says_so(tmp_path, capsys):
    Image.new("RGB", (480, 800), "#2fb680").save(tmp_path / "empty.png")
    assert main(["read", "health-app", str(tmp_path / "empty.png")]) == 0
    printed = capsys.readouterr()
    assert (printed.out, "no text found" in printed.err) == ("", True)
    assert main(["read", "health-app", str(tmp_path / "empty.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0] == {"image": str(tmp_path / "empty.png"), "lines": [], "fields": {}}


def test_the_command_prints_lines_boxes_and_fields_in_every_form(path, capsys):
    assert main(["read", "health-app", path, "--json"]) == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert [line["text"] for line in said["lines"]] == ["BMI", "24.6", "21.3%", "1520", "32"]
    assert said["lines"][0]["box"].keys() == {"x", "y", "width", "height"}
    assert main(["read", "health-app", path, "--fields"]) == 0
    assert json.loads(capsys.readouterr().out)["bmi"]["value"] == 24.6
    assert main(["read", "health-app", path, path, "--fields"]) == 0
    assert [one["image"] for one in json.loads(capsys.readouterr().out)] == [path, path]
    assert main(["read", "health-app", path, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["text"] for row in rows] == ["BMI", "24.6", "21.3%", "1520", "32"]
    assert int(rows[0]["x"]) == said["lines"][0]["box"]["x"]
    assert main(["read", "health-app", path]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith(f"{path}\tBMI\t")
    assert printed[-1].startswith(f"{path}\tbmi = 24.6\t")


def test_a_folder_stands_for_its_pictures_and_shapes_can_be_told(path, tmp_path, capsys):
    line = Image.new("RGB", (90, 40), "white")
    ImageDraw.Draw(line).text((8, 2), "62.1", font=ImageFont.load_default(30), fill="black")
    line.save(tmp_path / "b.png")
    Image.open(path).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("x")
    assert main(["read", "health-app", str(tmp_path), "--json"]) == 0
    said = capsys.readouterr()
    assert said.err == f"note: {tmp_path} holds 1 entry that is no picture by name ({', '.join(SUFFIXES)})\n"
    first, second = json.loads(said.out)
    assert (len(first["lines"]), second["lines"][0]["text"]) == (5, "62.1")
    assert second["lines"][0]["box"] == {"x": 0, "y": 0, "width": 90, "height": 40}
    (tmp_path / "none").mkdir()
    for words, message in (
        ([str(tmp_path / "none")], "holds no pictures"),
        ([path, "--screen", "--line"], "not allowed with"),
        ([path, "--finder", str(tmp_path / "b.png")], "not an ONNX model"),
        ([path, "--finder", str(tmp_path / "no.onnx")], "no such finder"),
    ):
        assert main(["read", "health-app", *words]) == 2
        said = capsys.readouterr().err.strip().splitlines()
        assert len(said) == 1
        assert message in said[0]


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_lines_and_screens_are_told_by_their_shape(width, height):
    """Both sides of 240 and more, and high or not wide: what lines, whose height is below 240, never are."""
    picture = np.broadcast_to(np.uint8(0), (height, width))
    if min(width, height) < 240:
        assert not is_screen(picture)
    elif height >= 400:
        assert is_screen(picture)
    else:
        assert is_screen(picture) == (2 * width < 3 * height)
