"""The bundle's page as a person uses it, in real Chromium under the strict policy of `linelet serve`."""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from linelet_common import load_image, open_dataset
from linelet_common.learnable import problems
from linelet_read import read_lines

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
    for _ in range(300):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"not within 30 s: {condition}; the page says {page.inner_text('body')[:500]}")


def finished(page: Any) -> None:
    until(page, "/lines read in/.test(document.getElementById('status').textContent)")


def texts(page: Any) -> list[str]:
    return [element.input_value() for element in page.query_selector_all("#lines .text")]


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


def test_a_newcomer_sees_the_sample_read(opened: Any) -> None:
    assert len(texts(opened)) == len(opened.query_selector_all("#boxes .box")) == 30
    assert opened.inner_text("#reader-name") == "test reader"
    first = opened.query_selector("#lines li")
    assert "ms" in first.query_selector(".figures").inner_text()
    shown = [b.inner_text() for b in first.query_selector_all(".characters b")]
    assert "".join(shown) == texts(opened)[0]


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
    assert texts(opened) == [read_lines(served.reader, [crop])[0].text]


def test_a_dropped_and_a_pasted_picture_read_alike(opened: Any, served: Any, line_png: Path) -> None:
    [wanted] = read_lines(served.reader, [load_image(line_png)])
    content = list(line_png.read_bytes())
    for kind in ("drop", "paste"):
        opened.click("#sample")
        until(opened, "document.querySelectorAll('#lines li').length > 20")
        finished(opened)
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
        assert texts(opened) == [wanted.text]


def test_boxes_and_texts_are_linked_both_ways(opened: Any) -> None:
    opened.hover(".box >> nth=2")
    assert opened.get_attribute("#lines li >> nth=2", "class") == "linked"
    opened.hover("#lines li >> nth=1")
    assert opened.get_attribute(".box >> nth=1", "class") == "box linked"
    assert opened.get_attribute(".box >> nth=2", "class") == "box"
    opened.click(".box >> nth=3")
    assert opened.evaluate("document.activeElement === document.querySelectorAll('#lines .text')[3]")


def test_the_keyboard_alone_adds_moves_and_removes_a_box(opened: Any, line_png: Path) -> None:
    choose(opened, line_png)
    opened.focus("#add")
    opened.keyboard.press("Enter")
    until(opened, "document.querySelectorAll('.box').length === 2")
    until(opened, "document.activeElement.classList.contains('box')")
    before = opened.evaluate("document.activeElement.box")
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
    assert opened.is_visible("#lines canvas")
    size = opened.evaluate(
        "[document.querySelector('#lines canvas').width, document.querySelector('#lines canvas').height]"
    )
    assert size == [served.reader.spec.padded_width(167), 32]


def test_copy_json_and_csv(opened: Any, line_png: Path) -> None:
    choose(opened, line_png)
    opened.fill("#lines .text", '=1,"2"')
    opened.click("#copy")
    assert opened.evaluate("navigator.clipboard.readText()") == '=1,"2"'
    with opened.expect_download() as download:
        opened.click("#json")
    [line] = json.loads(Path(download.value.path()).read_text("utf-8"))
    assert line["text"] == '=1,"2"'
    assert line["box"] == {"x": 0, "y": 0, "width": 230, "height": 44}
    assert line["read"] == "".join(c["text"] for c in line["characters"])
    with opened.expect_download() as download:
        opened.click("#csv")
    header, row = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert header == ["text", "confidence", "x", "y", "width", "height"]
    assert row[0] == '\t=1,"2"'  # no spreadsheet runs this as a formula
    assert row[2:] == ["0", "0", "230", "44"]


def test_corrections_become_a_dataset(opened: Any, served: Any, line_png: Path, tmp_path: Path) -> None:
    choose(opened, line_png)
    opened.click("#save")
    assert "Correct a line" in opened.inner_text("#status")
    opened.fill("#lines .text", "68.5kg")
    assert "does not know kg" in opened.inner_text("#status")
    opened.fill("#lines .text", "68.5公斤")
    with opened.expect_download() as download:
        opened.click("#save")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "saved")
    dataset = open_dataset(tmp_path / "saved" / "linelet-corrections")
    assert [dataset.label(i) for i in range(len(dataset))] == ["68.5公斤"]
    np.testing.assert_array_equal(dataset.image(0), load_image(line_png))
    assert list(problems(dataset, served.reader.spec)) == []


def test_the_recipes_grammar_can_be_asked_for(opened: Any, served: Any, line_png: Path) -> None:
    choose(opened, line_png)
    opened.evaluate("document.getElementById('details').open = true")
    shown = []
    for decoding in ("grammar", "greedy"):
        opened.evaluate("document.getElementById('status').textContent = ''")
        opened.click("#grammar")
        finished(opened)
        (wanted,) = read_lines(served.reader, [load_image(line_png)], decoding=decoding)
        assert texts(opened) == [wanted.text]
        shown += texts(opened)
    assert shown[0] != shown[1]  # or the switch might do nothing
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


def test_a_phone_shows_everything(chromium: Any, served: Any) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(served.url)
    finished(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.is_visible("#draw")
    context.close()


def test_the_page_works_offline_after_one_visit(opened: Any) -> None:
    until(
        opened,
        """async () => {
          const cache = await caches.open("linelet");
          return (await cache.keys()).some(({ url }) => url.endsWith(".wasm"));
        }""",
    )
    opened.context.set_offline(True)
    opened.reload()
    finished(opened)
    assert len(texts(opened)) == 30
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
    "wrong charset": (change_spec(charset="012"), "spec.json wants (N, T, 4) for a charset of 3"),
    "unknown key": (change_spec(hight=3), "hight = 3: unknown key"),
    "missing runtime": (remove("tfjs/*.js"), "python -m linelet_convert.assets"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_bundle_says_so_on_the_page(page: Any, served: Any, serve: Any, tmp_path: Path, fault: str) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(served.folder, bundle)
    damage, words = BROKEN[fault]
    damage(bundle)
    page.goto(serve(bundle))
    page.wait_for_selector("#problem:not([hidden])")
    message = page.inner_text("#problem")
    assert words in message
    assert len(message) < 400
    assert page.problems == []
