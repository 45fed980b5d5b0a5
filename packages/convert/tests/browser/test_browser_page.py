"""The bundle's page as a person uses it, in real Chromium under the strict policy of `linelet serve`."""

import csv
import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from linelet_common import ReaderSpec, load_image, open_dataset
from linelet_common.automata import automata_json
from linelet_common.boxes import Box
from linelet_common.codec import UNKNOWN
from linelet_common.grammar import Grammar
from linelet_common.learnable import problems
from linelet_common.reader import ONNX_NAME, shipped_finder, shipped_reader
from linelet_common.screens import open_screens
from linelet_convert.assets import PAGE
from linelet_convert.conversion import convert
from linelet_read import load_finder, load_reader, read_lines
from linelet_read.screens import read_screen

Refused = list[str]


@pytest.fixture
def requests(page: Any) -> Refused:
    """Requests that left the page's own server; none ever may."""
    outside: Refused = []

    def note(request: Any) -> None:
        if not request.url.startswith(("http://localhost:", "blob:", "data:")):
            outside.append(request.url)

    page.on("request", note)
    return outside


@pytest.fixture
def opened(page: Any, served: Any, requests: Refused) -> Any:
    """The page with its sample read."""
    console: list[str] = []
    page.on("console", lambda message: message.type in ("error", "warning") and console.append(message.text))
    page.goto(served.url)
    finished(page)
    yield page
    assert requests == []
    assert page.problems == []
    assert console == []


def until(page: Any, condition: str) -> None:
    """Wait for an expression. (Playwright's wait_for_function needs eval, which the policy forbids.)"""
    for _ in range(900):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not within 90 s: {condition}; the page says {page.inner_text('body')[:500]}")


def finished(page: Any) -> None:
    until(page, "/lines? read in|Nothing read/.test(document.getElementById('status').textContent)")


def texts(page: Any) -> list[str]:
    return [element.input_value() for element in page.query_selector_all("#lines .text")]


def copied(page: Any, button: str) -> str:
    """What a button puts on the clipboard, which takes a moment."""
    page.evaluate("document.getElementById('status').textContent = ''")
    page.click(button)
    until(page, "document.getElementById('status').textContent !== ''")
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def choose(page: Any, path: Path) -> None:
    page.evaluate("document.getElementById('status').textContent = ''")
    page.set_input_files("#file", path)
    finished(page)


@pytest.fixture
def line_png(tmp_path: Path) -> Path:
    """A picture of one line."""
    image = Image.new("RGB", (230, 44), (47, 182, 128))
    ImageDraw.Draw(image).text((8, 4), "68.5 kg", fill="white", font_size=30)
    image.save(tmp_path / "line.png")
    return tmp_path / "line.png"


def test_a_newcomer_sees_the_sample_read_as_in_python(opened: Any, served: Any) -> None:
    wanted = read_screen(served.reader, served.finder, load_image(PAGE / "sample.png"))
    assert texts(opened) == [line.text for line in wanted.lines]
    assert len(texts(opened)) > 20
    boxes = opened.evaluate("[...document.querySelectorAll('.box')].map(({ box, dataset }) => [box, dataset.kind])")
    assert [Box(**box) for box, kind in boxes if kind != "unknown"] == [line.box for line in wanted.lines]
    assert opened.inner_text("#reader-name") == "test reader"
    assert f"{len(wanted.lines)} lines read in" in opened.inner_text("#status")
    first = opened.query_selector("#lines li")
    shown = [b.inner_text() for b in first.query_selector_all(".characters b")]
    assert "".join(shown) == texts(opened)[0]


def test_lines_in_which_nothing_is_known_are_shown_if_asked(page: Any, serve: Any, tmp_path: Path) -> None:
    folder, finder = shipped_reader("health-app"), shipped_finder()
    assert folder
    assert finder
    convert(folder / ONNX_NAME, tmp_path / "bundle", finder=finder)
    sample = Image.open(PAGE / "sample.png").convert("RGB")
    screen = Image.new("RGB", (sample.width, sample.height + 120), "white")
    screen.paste(sample, (0, 120))
    ImageDraw.Draw(screen).text((40, 40), "Settings", "black", ImageFont.load_default(40))
    screen.save(tmp_path / "screen.png")
    picture = load_image(tmp_path / "screen.png")
    reader = load_reader(folder)
    known = [line.text for line in read_screen(reader, load_finder(), picture).lines]
    wanted = [line.text for line in read_screen(reader, load_finder(), picture, unknown=True).lines]
    assert UNKNOWN not in known
    assert UNKNOWN in wanted
    page.goto(serve(tmp_path / "bundle") + "?lang=en")
    finished(page)
    choose(page, tmp_path / "screen.png")
    assert texts(page) == known
    page.evaluate("document.getElementById('details').open = true")
    page.check("#unknown-lines")
    assert texts(page) == wanted


def test_a_chosen_line_reads_as_in_python(opened: Any, served: Any, line_png: Path) -> None:
    choose(opened, line_png)
    [wanted] = read_lines(served.reader, [load_image(line_png)])
    assert texts(opened) == [wanted.text]


def test_a_dragged_box_reads_as_the_crop_in_python(opened: Any, served: Any, line_png: Path) -> None:
    choose(opened, line_png)
    opened.click("#lines .remove")
    area = opened.query_selector("#picture").bounding_box()
    opened.mouse.move(area["x"] + 10, area["y"] + 5)
    opened.mouse.down()
    opened.mouse.move(area["x"] + 100, area["y"] + 30, steps=4)
    assert opened.is_visible("#rubber")
    opened.mouse.move(area["x"] + 150, area["y"] + 40)
    opened.mouse.up()
    opened.wait_for_selector("#lines li")
    box = opened.evaluate("document.querySelector('.box').box")
    assert box == {"x": 10, "y": 5, "width": 140, "height": 35}
    crop = load_image(line_png)[5:40, 10:150]
    finished(opened)
    assert texts(opened) == [read_lines(served.reader, [crop])[0].text]


def test_a_box_is_moved_and_resized_by_dragging(opened: Any, served: Any, line_png: Path) -> None:
    choose(opened, line_png)
    opened.click("#lines .remove")
    area = opened.query_selector("#picture").bounding_box()

    def drag(start: tuple[int, int], end: tuple[int, int]) -> Any:
        opened.evaluate("document.getElementById('status').textContent = ''")
        opened.mouse.move(area["x"] + start[0], area["y"] + start[1])
        opened.mouse.down()
        opened.mouse.move(area["x"] + end[0], area["y"] + end[1], steps=5)
        opened.mouse.up()
        opened.wait_for_timeout(200)
        return opened.evaluate("document.querySelector('.box').box")

    assert drag((10, 2), (110, 32)) == {"x": 10, "y": 2, "width": 100, "height": 30}
    assert drag((40, 15), (70, 25)) == {"x": 40, "y": 12, "width": 100, "height": 30}
    assert drag((139, 41), (169, 39)) == {"x": 40, "y": 12, "width": 130, "height": 28}
    crop = load_image(line_png)[12:40, 40:170]
    assert texts(opened) == [read_lines(served.reader, [crop])[0].text]
    for _ in range(3):
        opened.click("#undo")
    until(opened, "document.querySelectorAll('.box').length === 0")
    for _ in range(3):
        opened.click("#redo")
    until(opened, "document.querySelector('.box')?.box.width === 130")
    assert texts(opened) == [read_lines(served.reader, [crop])[0].text]


def test_a_dropped_and_a_pasted_picture_read_alike(opened: Any, served: Any, line_png: Path) -> None:
    [wanted] = read_lines(served.reader, [load_image(line_png)])
    content = list(line_png.read_bytes())
    for kind in ("drop", "paste"):
        opened.evaluate("document.getElementById('status').textContent = ''")
        opened.click("#sample")
        until(opened, "document.querySelectorAll('#lines li').length > 20")
        finished(opened)
        opened.evaluate("document.getElementById('status').textContent = ''")
        opened.evaluate(
            """([kind, content]) => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([new Uint8Array(content)], "line.png", { type: "image/png" }));
              const options = { bubbles: true, cancelable: true, dataTransfer: transfer, clipboardData: transfer };
              document.body.dispatchEvent(new (kind === "drop" ? DragEvent : ClipboardEvent)(kind, options));
            }""",
            [kind, content],
        )
        until(opened, "document.querySelectorAll('#lines li').length === 1")
        finished(opened)
        assert texts(opened) == [wanted.text]


def test_boxes_and_texts_are_linked_both_ways(opened: Any) -> None:
    box, item = opened.locator(".box:not([data-kind='unknown'])"), opened.locator("#lines li")
    box.nth(2).hover()
    assert "linked" in item.nth(2).get_attribute("class")
    item.nth(1).hover()
    assert box.nth(1).get_attribute("class") == "box linked"
    assert box.nth(2).get_attribute("class") == "box"
    box.nth(3).click()
    assert opened.evaluate("document.activeElement === document.querySelectorAll('#lines .text')[3]")


def test_the_keyboard_alone_adds_moves_and_removes_a_box(opened: Any, line_png: Path) -> None:
    choose(opened, line_png)
    opened.focus("#add")
    opened.keyboard.press("Enter")
    until(opened, "document.querySelectorAll('.box').length === 2")
    until(opened, "document.activeElement.classList.contains('box')")
    before = opened.evaluate("document.activeElement.box")
    opened.keyboard.press("PageDown")
    assert opened.evaluate("document.activeElement.box") != before
    opened.keyboard.press("PageUp")
    opened.keyboard.press("ArrowLeft")
    opened.keyboard.press("Control+ArrowRight")
    opened.keyboard.press("Shift+ArrowDown")
    after = opened.evaluate("document.activeElement.box")
    assert after == {**before, "x": before["x"] + 9, "height": before["height"] + 1}
    opened.keyboard.press("Delete")
    assert len(texts(opened)) == 1
    assert opened.evaluate("document.activeElement.classList.contains('box')")
    named = "[...document.querySelectorAll('button, input, select, canvas')].filter((e) => e.checkVisibility())"
    unnamed = opened.evaluate(
        f"{named}.filter((e) => !(e.ariaLabel || e.innerText || e.labels?.length)).map((e) => e.outerHTML)"
    )
    assert unnamed == []


def test_the_networks_input_is_shown_on_request(opened: Any, served: Any, line_png: Path) -> None:
    choose(opened, line_png)
    assert not opened.is_visible("#lines canvas")
    opened.click("#lines .look")
    opened.wait_for_selector("#lines canvas", state="visible")
    size = opened.evaluate(
        "[document.querySelector('#lines canvas').width, document.querySelector('#lines canvas').height]"
    )
    assert size == [served.reader.spec.padded_width(167), 32]


def test_copy_json_and_csv(opened: Any, line_png: Path) -> None:
    choose(opened, line_png)
    read = texts(opened)[0]
    opened.fill("#lines .text", '=1,"2"')
    assert copied(opened, "#copy") == '=1,"2"'
    with opened.expect_download() as download:
        opened.click("#json")
    [picture] = json.loads(Path(download.value.path()).read_text("utf-8"))
    # What was read of the line stands there as such, and not as the confidence of another text.
    assert picture["image"] == "line.png"
    assert picture["lines"] == [{"text": '=1,"2"', "read": read, "box": {"x": 0, "y": 0, "width": 230, "height": 44}}]
    assert picture["fields"] == {}
    with opened.expect_download() as download:
        opened.click("#csv")
    header, row = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert header == ["image", "x", "y", "width", "height", "text", "confidence"]
    assert row == ["line.png", "0", "0", "230", "44", '\t=1,"2"', ""]  # no spreadsheet runs this as a formula


def test_doubtful_lines_are_marked_and_exported_only_if_asked(page: Any, served: Any) -> None:
    # The untrained network is sure of nothing; scores divided by less than one make it surer of some lines.
    spec = served.reader.spec.model_copy(update={"temperature": 0.1})
    page.route("**/spec.json", lambda route: route.fulfill(body=spec.to_json(), content_type="application/json"))
    page.route("**/files.json", lambda route: route.fulfill(status=404))  # whose digests are those of the true files
    reader = type(served.reader)(served.onnx, spec)
    wanted = read_screen(reader, served.finder, load_image(PAGE / "sample.png")).lines
    page.goto(served.url)
    finished(page)
    opened = page

    def sure(limit: float) -> list[str]:
        return [line.text for line in wanted if line.confidence >= limit]

    def set_limit(percent: int) -> None:
        opened.evaluate(
            """(value) => {
              const slider = document.getElementById("threshold");
              slider.value = value;
              slider.dispatchEvent(new Event("input"));
            }""",
            percent,
        )

    assert opened.inner_text("#threshold-shown") == "50 %"
    limits = [percent for percent in range(0, 100, 5) if 0 < len(sure(percent / 100)) < len(wanted)]
    for percent in (limits[0], 0):
        set_limit(percent)
        assert opened.locator("#lines li.doubtful").count() == len(wanted) - len(sure(percent / 100))
        assert copied(opened, "#copy").split("\n") == sure(percent / 100)
    assert opened.inner_text("#exported") == f"{len(wanted)} lines to copy and export."
    # A line that a person confirms is no longer doubtful.
    set_limit(100)
    first = opened.locator("#lines li").first
    assert "doubtful" in first.get_attribute("class")
    first.hover()
    first.locator(".keep input").check()
    assert "doubtful" not in first.get_attribute("class")
    assert "100 %" in opened.inner_text("#threshold-shown")
    opened.click("#undo")
    opened.reload()
    finished(opened)
    assert opened.inner_text("#threshold-shown") == "100 %"


def test_edits_are_undone_and_redone(opened: Any) -> None:
    before = texts(opened)
    opened.locator("#lines .text").first.click()
    opened.keyboard.press("End")
    opened.keyboard.type("abc")  # one step, as a word
    opened.click("#lines li >> nth=1 >> .remove")
    assert texts(opened) == [before[0] + "abc", *before[2:]]
    assert opened.locator("#lines li").first.locator(".mark").inner_text() == "corrected"
    assert opened.locator("#lines li").first.locator(".characters b").count() == 0  # of the text that was read
    assert opened.locator("#lines li").first.locator(".figures").inner_text() == ""
    opened.keyboard.press("Control+z")
    assert texts(opened) == [before[0] + "abc", *before[1:]]
    opened.keyboard.press("Control+z")
    assert texts(opened) == before
    assert opened.is_disabled("#undo")
    opened.keyboard.press("Control+y")
    opened.keyboard.press("Control+Shift+z")
    assert texts(opened) == [before[0] + "abc", *before[2:]]
    assert opened.is_disabled("#redo")
    opened.locator("#lines .text").first.focus()
    opened.keyboard.press("Escape")
    assert texts(opened)[0] == before[0]
    opened.click("#undo")
    assert texts(opened)[0] == before[0] + "abc"
    opened.click("#undo")
    opened.click("#undo")


def answer(page: Any, choice: str) -> None:
    page.wait_for_selector("#ask[open]")
    page.click(f"#ask-choices button:text-is('{choice}')")


def test_a_line_in_which_nothing_is_read_is_not_counted(page: Any, serve: Any, networks: Any, tmp_path: Path) -> None:
    path = networks[0](tmp_path / "reader.onnx", ReaderSpec(charset="0", unknown=True), None)
    plain = [np.full((30, 30, 3), level, np.uint8) for level in range(0, 256, 5)]
    texts = [reading.text for reading in read_lines(load_reader(path), plain)]
    silent = plain[next(i for i, text in enumerate(texts) if text in ("", "\ufffd"))]
    Image.fromarray(silent).save(tmp_path / "plain.png")
    convert(path, tmp_path / "bundle", "float32")
    page.goto(serve(tmp_path / "bundle"))
    choose(page, tmp_path / "plain.png")
    assert page.inner_text("#status").startswith("Nothing read")


def test_a_fresh_picture_has_nothing_to_undo(opened: Any, line_png: Path) -> None:
    choose(opened, line_png)
    assert opened.is_disabled("#undo")
    opened.evaluate("document.getElementById('status').textContent = ''")
    opened.click("#find")
    finished(opened)
    opened.click("#undo")
    until(opened, "document.querySelectorAll('.box').length === 1")
    assert opened.is_disabled("#undo")


def test_nothing_that_a_person_typed_goes_without_asking(opened: Any, line_png: Path) -> None:
    before = texts(opened)
    opened.fill("#lines .text >> nth=3", "mine")
    mine = [*before[:3], "mine", *before[4:]]
    opened.click("#find")
    answer(opened, "Cancel")
    assert texts(opened) == mine
    opened.evaluate("document.getElementById('status').textContent = ''")
    opened.click("#find")
    assert "corrected or ticked 1 line." in opened.inner_text("#ask-text")
    answer(opened, "Keep mine")
    finished(opened)
    assert texts(opened) == mine
    opened.set_input_files("#file", line_png)
    answer(opened, "Cancel")
    assert texts(opened) == mine
    opened.evaluate("document.getElementById('status').textContent = ''")
    opened.click("#find")
    answer(opened, "Replace all")
    finished(opened)
    assert texts(opened) == before
    opened.click("#undo")
    assert texts(opened) == mine  # even then
    opened.evaluate("document.getElementById('status').textContent = ''")
    opened.set_input_files("#file", line_png)
    answer(opened, "Open the other picture")
    finished(opened)
    assert len(texts(opened)) == 1


def test_values_stand_in_a_table_and_follow_corrections(opened: Any) -> None:
    assert opened.inner_text("#fields-absent") == "Not on this screen: 体, 脂."
    assert not opened.is_visible("#fields-table")
    opened.fill("#lines .text >> nth=0", "体")
    opened.fill("#lines .text >> nth=0", "体68.5公斤")
    assert opened.locator("#fields tr").count() == 1
    assert opened.locator("#fields tr").first.inner_text().split() == ["体", "68.5公斤", "Copy"]
    assert opened.inner_text("#fields-absent") == "Not on this screen: 脂."
    assert copied(opened, "#fields button") == "68.5公斤"
    with opened.expect_download() as download:
        opened.click("#json")
    [picture] = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert picture["fields"]["weight"]["value"] == 68.5
    opened.click("#undo")
    assert not opened.is_visible("#fields-table")


def test_corrections_become_a_dataset(opened: Any, served: Any, line_png: Path, tmp_path: Path) -> None:
    choose(opened, line_png)
    opened.click("#save")
    assert "Correct a line" in opened.inner_text("#status")
    opened.fill("#lines .text", "68.5kg")
    assert "does not know kg" in opened.inner_text("#status")
    opened.fill("#lines .text", "68.5公斤")
    with opened.expect_download() as download:
        opened.click("#save")
    dataset = open_dataset(unzip(download, tmp_path) / "linelet-corrections")
    assert [dataset.label(i) for i in range(len(dataset))] == ["68.5公斤"]
    np.testing.assert_array_equal(dataset.image(0), load_image(line_png))
    assert list(problems(dataset, served.reader.spec)) == []


def unzip(download: Any, folder: Path) -> Path:
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(folder / "saved")
    return folder / "saved"


def test_a_screens_boxes_become_a_dataset_for_the_finder(opened: Any, tmp_path: Path) -> None:
    opened.fill("#lines .text >> nth=0", "右")
    with opened.expect_download() as download:
        opened.click("#save-screen")
    screens = open_screens(unzip(download, tmp_path) / "linelet-screens")
    assert len(screens) == 1
    picture = screens.image(0)
    np.testing.assert_array_equal(picture, load_image(PAGE / "sample.png"))
    drawn = opened.evaluate("[...document.querySelectorAll('.box')].map(({ box }) => Object.values(box))")
    lines = screens.lines(0)
    assert len(lines) == len(drawn) > 20
    assert "右" in [line.text for line in lines]
    assert not any("\ufffd" in line.text for line in lines)
    for line, (x, y, width, height) in zip(lines, drawn, strict=True):
        left, top, across, down = (int(v) for v in line.box)
        assert x <= left < left + across <= x + width
        assert y <= top < top + down <= y + height
        ink = picture[top : top + down, left : left + across].astype(int)
        whole = picture[y : y + height, x : x + width].astype(int)
        background = np.median(np.concatenate([whole[0], whole[-1], whole[:, 0], whole[:, -1]]), axis=0)
        # The box's outermost rows and columns hold ink: they are not all of the background around it.
        for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]):
            assert np.abs(edge - background).max() > 8
    opened.click("#undo")


def neighbour_grammar(served: Any, picture: Path) -> tuple[Any, str, str]:
    """A reader with a grammar of one text, nearly what it reads of the picture; what it reads without and with it."""
    (greedy,) = read_lines(served.reader, [load_image(picture)])
    for last in served.reader.spec.charset:
        grammar = Grammar(forms=(greedy.text[:-1] + last,))
        reader = type(served.reader)(served.onnx, served.reader.spec.model_copy(update={"grammar": grammar}))
        (other,) = read_lines(reader, [load_image(picture)], decoding="grammar")
        if other.text != greedy.text:
            return reader, greedy.text, other.text
    raise AssertionError("the network finds no other text plausible")


def fulfil(text: str, route: Any) -> None:
    route.fulfill(body=text, content_type="application/json")


def test_the_recipes_grammar_can_be_asked_for(page: Any, served: Any, line_png: Path) -> None:
    reader, greedy, by_grammar = neighbour_grammar(served, line_png)
    page.route("**/files.json", lambda route: route.fulfill(status=404))  # whose digests are those of the true files
    for name, text in (("spec.json", reader.spec.to_json()), ("automata.json", automata_json(reader.spec))):
        page.route(f"**/{name}", partial(fulfil, text))
    page.goto(served.url)
    finished(page)
    opened = page
    choose(opened, line_png)
    opened.evaluate("document.getElementById('details').open = true")
    for wanted in (by_grammar, greedy):
        opened.evaluate("document.getElementById('status').textContent = ''")
        opened.click("#grammar")
        finished(opened)
        assert texts(opened) == [wanted]
    opened.fill("#lines .text", "68.5公斤")
    opened.evaluate("document.getElementById('status').textContent = ''")
    opened.click("#grammar")
    finished(opened)
    assert texts(opened) == ["68.5公斤"]  # what a person wrote stays


def test_a_language_is_chosen_and_remembered(opened: Any) -> None:
    assert opened.locator("#language option").all_inner_texts() == ["English", "中文"]
    opened.select_option("#language", label="中文")
    assert opened.inner_text("#copy") == "复制全部"
    assert opened.get_attribute("html", "lang") == "zh-CN"
    opened.reload()
    opened.wait_for_selector("#lines li")
    assert opened.inner_text("#copy") == "复制全部"


def test_what_went_wrong_is_said_in_the_language_chosen(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    opened.set_input_files("#file", tmp_path / "notes.png")
    until(opened, "document.getElementById('problem').textContent.startsWith('notes.png is not a picture')")
    opened.select_option("#language", label="中文")
    assert opened.inner_text("#problem").startswith("此浏览器无法读取图片 notes.png")


@pytest.mark.parametrize(
    ("broken", "english", "chinese"),
    [
        ({"status": 404}, "spec.json is missing from the bundle (HTTP 404)", "模型包中缺少 "),
        ({"status": 403}, "spec.json was refused by its server (HTTP 403)", "服务器拒绝提供 "),
        ({"body": "<p>", "content_type": "text/html"}, "spec.json is answered with an HTML page", "请求 "),
        ({"body": "{}"}, "spec.json was changed since it was converted", "spec.json 在转换后被改动过"),
    ],
)  # fmt: skip
def test_what_the_reader_says_is_said_in_the_language_chosen(
    page: Any, served: Any, broken: dict[str, Any], english: str, chinese: str
) -> None:
    page.route("**/spec.json", lambda route: route.fulfill(**broken))
    page.goto(served.url + "?lang=en")
    page.wait_for_selector("#problem:not([hidden])")
    assert english in page.inner_text("#problem")
    page.select_option("#language", label="中文")
    said = page.inner_text("#problem")
    assert chinese in said
    assert "spec.json" in said
    assert not re.search("[a-z]{4,} [a-z]{2,}", said)  # no English sentence is left


def test_why_a_backend_cannot_be_used_is_said_in_the_language_chosen(page: Any, served: Any) -> None:
    page.add_init_script("delete Navigator.prototype.gpu")
    page.goto(served.url + "?lang=zh-CN&backend=webgpu")
    page.wait_for_selector("#problem:not([hidden])")
    assert page.inner_text("#problem").startswith("此浏览器没有可用的后端：webgpu：浏览器不支持 WebGPU")


def test_a_third_language_is_one_more_table(page: Any, served: Any) -> None:
    source = (served.folder / "page-texts.js").read_text("utf-8")
    table = 'TEXTS["de"] = { ...TEXTS.en, language: "Deutsch", copy: "Alles kopieren" };'
    page.route("**/page-texts.js", lambda route: route.fulfill(body=source + table, content_type="text/javascript"))
    page.goto(served.url + "?lang=de")
    finished(page)
    assert page.inner_text("#copy") == "Alles kopieren"
    page.select_option("#language", label="English")
    assert page.inner_text("#copy") == "Copy all"


@pytest.mark.parametrize("backend", ["wasm", "webgl", "webgpu", "cpu"])
def test_the_policy_holds_for_each_backend(page: Any, served: Any, requests: Refused, backend: str) -> None:
    page.goto(served.url + f"?backend={backend}&lang=en")
    finished(page)
    page.click("summary")
    assert f"tfjs, {backend}" in page.inner_text("#facts")
    assert requests == []
    assert page.problems == []
    outcome = page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.intruder = true";
          document.body.append(script);
          const fetched = await fetch("https://example.com/").then(() => true, () => false);
          return { fetched, intruder: Boolean(window.intruder) };
        }"""
    )
    assert outcome == {"fetched": False, "intruder": False}


@pytest.fixture
def phone(chromium: Any, served: Any) -> Iterator[Any]:
    """The page on a phone's viewport, with its sample read."""
    context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(served.url)
    finished(page)
    yield page
    context.close()


def test_a_phone_shows_everything(phone: Any) -> None:
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert phone.is_visible("#draw")
    assert "arrow" not in phone.inner_text("main").lower()  # nothing that a phone has no keys for
    top = {name: phone.query_selector(name).bounding_box()["y"] for name in ("#fields-section", "#stage", "#lines")}
    assert top["#fields-section"] < top["#stage"] < top["#lines"]


def test_a_finger_draws_a_box_and_the_page_stays_where_it_is(phone: Any) -> None:
    count = phone.locator(".box").count()
    phone.evaluate("document.getElementById('status').textContent = ''")
    phone.tap("#draw")
    phone.locator("#stage").scroll_into_view_if_needed()
    area = phone.query_selector("#picture").bounding_box()
    before = phone.evaluate("scrollY")
    session = phone.context.new_cdp_session(phone)
    x, y = area["x"] + 60, max(area["y"], 0) + 20
    for kind, point in (
        ("touchStart", (x, y)),
        ("touchMove", (x + 60, y + 20)),
        ("touchMove", (x + 150, y + 50)),
        ("touchEnd", None),
    ):
        points = [] if point is None else [{"x": point[0], "y": point[1]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    until(phone, f"document.querySelectorAll('.box').length === {count + 1}")
    finished(phone)
    assert phone.evaluate("scrollY") == before


def test_few_stops_lead_through_the_page(opened: Any) -> None:
    """Of all boxes one, and of all lines one, is reached by Tab; arrow keys lead to the others."""
    stops = "[...document.querySelectorAll('main button, main input, main select, summary')]"
    assert opened.evaluate(f"{stops}.filter((e) => e.tabIndex >= 0 && e.checkVisibility()).length") < 30
    opened.locator("#lines .text").nth(0).focus()
    opened.keyboard.press("ArrowDown")
    assert opened.evaluate("document.activeElement === document.querySelectorAll('#lines .text')[1]")
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement === document.querySelectorAll('#lines .look')[1]")


def test_a_bundle_without_a_finder_draws_boxes_by_hand(page: Any, served: Any, serve: Any, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    convert(served.onnx, bundle, "float32")
    console: list[str] = []
    page.on("console", lambda message: message.type == "warning" and console.append(message.text))
    page.goto(serve(bundle))
    until(page, "/has no finder/.test(document.getElementById('status').textContent)")
    assert page.locator(".box").count() == 0
    page.click("#add")
    finished(page)
    assert page.locator(".box").count() == 1
    assert page.problems == []
    assert console == []


def test_the_page_works_offline_after_one_visit(opened: Any) -> None:
    until(
        opened,
        """async () => {
          const name = (await caches.keys()).find((key) => key.startsWith("linelet-"));
          const kept = new Set((name ? await (await caches.open(name)).keys() : []).map(({ url }) => url));
          const used = performance.getEntriesByType("resource").map((entry) => entry.name);
          const files = used.filter((url) => new URL(url).origin === location.origin && !url.includes("/sw.js"));
          return files.some((url) => url.includes("/finder/")) && files.every((url) => kept.has(url));
        }""",
    )
    opened.context.set_offline(True)
    opened.reload()
    finished(opened)
    assert len(texts(opened)) > 20
    opened.context.set_offline(False)


def truncate(bundle: Path) -> None:
    shard = next(bundle.glob("*.bin"))
    shard.write_bytes(shard.read_bytes()[:-100])


def change_spec(**change: Any) -> Callable[[Path], None]:
    def act(bundle: Path) -> None:
        path = bundle / "spec.json"
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")

    return act


def remove(pattern: str) -> Callable[[Path], None]:
    return lambda bundle: [path.unlink() for path in bundle.glob(pattern)] and None


BROKEN = {
    "missing shard": (remove("*.bin"), "is missing from the bundle (HTTP 404)"),
    "truncated weights": (truncate, "bytes of weights, model.json wants"),
    "missing model": (remove("model.json"), "model.json is missing from the bundle (HTTP 404)"),
    "broken model": (lambda b: (b / "model.json").write_text("{") and None, "model.json is not JSON"),
    "other version": (change_spec(version=9), "is a reader spec of version 9, this reader knows version 1"),
    "wrong charset": (change_spec(charset="012"), "wants (N, T, 5) for a charset of 3 and unknown characters"),
    "unknown key": (change_spec(hight=3), "hight = 3: unknown key"),
    "missing runtime": (remove("tfjs/*.js"), "python -m linelet_convert.assets"),
    "missing finder's shard": (remove("finder/*.bin"), "is missing from the bundle (HTTP 404)"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_bundle_says_so_on_the_page(page: Any, served: Any, serve: Any, tmp_path: Path, fault: str) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(served.folder, bundle)
    damage, words = BROKEN[fault]
    # As of former versions, without digests: with them every change is named as one (test_browser_digests.py).
    (bundle / "files.json").unlink()
    damage(bundle)
    page.goto(serve(bundle))
    page.wait_for_selector("#problem:not([hidden])")
    message = page.inner_text("#problem")
    assert words in message
    assert len(message) < 400
    until(page, "document.getElementById('status').textContent === ''")  # nothing is under way any more
    assert page.inner_text("#fields-absent") == ""  # nobody has looked
    assert page.problems == []
