"""The page has no violation that axe knows of: desktop and phone, light and dark, in every language."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from linelet_common.reader import onnx_path, shipped_finder
from linelet_convert.conversion import convert


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm."""
    npm = shutil.which("npm")
    assert npm, "the browser tests need npm"
    folder = tmp_path_factory.mktemp("axe")
    (folder / "package.json").write_text('{ "private": true }')
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4.14.1"]
    done = subprocess.run([npm, "install", *options], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


VIEWPORTS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What axe calls wrong, and contrasts that it cannot decide.
FIND = """async (rules) => {
  const options = { runOnly: rules, rules: { "label-content-name-mismatch": { enabled: true } } };
  const { violations, incomplete } = await axe.run(options);
  const found = [...violations, ...incomplete.filter(({ id }) => id === "color-contrast")];
  return found.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html.slice(0, 200))]);
}"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, serve: Any) -> str:
    """The address of what ships: it reads the page's sample, lines and values."""
    bundle = tmp_path_factory.mktemp("shipped") / "bundle"
    convert(onnx_path("health-app"), bundle, finder=shipped_finder())
    address: str = serve(bundle)
    return address


def read_sample(page: Any, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("#lines li")
    for _ in range(300):
        if "read in" in page.inner_text("#status"):
            return
        page.wait_for_timeout(100)
    raise AssertionError(page.inner_text("#status"))


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_axe_finds_nothing(chromium: Any, shipped: str, axe: str, viewport: str) -> None:
    context = chromium.new_context(locale="en-GB", **VIEWPORTS[viewport])
    page = context.new_page()
    read_sample(page, shipped)
    assert page.locator("#lines li").count() > 5
    assert page.locator("#fields tr").count() > 2
    page.evaluate("document.getElementById('lines').style.maxHeight = 'none'")  # what is half hidden stays undecided
    page.evaluate(axe)
    languages = page.locator("#language option").all_inner_texts()

    def look(state: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for language in languages:
                page.select_option("#language", label=language)
                assert page.locator(".box .frame").count() == page.locator(".box").count(), "frames that went"
                assert page.evaluate(FIND, RULES) == [], (state, scheme, language)

    look("as read")
    # Every state that a line can have.
    page.fill("#lines .text >> nth=1", "68.5")
    page.fill("#lines .text >> nth=2", "?")
    page.evaluate("document.getElementById('threshold').value = 100")
    page.dispatch_event("#threshold", "input")
    page.locator("#lines li").first.hover()
    page.locator("#lines .look").first.click()
    page.evaluate("document.getElementById('details').open = true")
    page.check("#unknown-lines")
    look("edited")
    page.locator("#boxes .box").first.focus()
    look("a box chosen")
    page.click("#find")
    page.wait_for_selector("#ask[open]")
    assert page.evaluate(FIND, RULES) == [], "the question"
    context.close()


def test_tab_passes_boxes_and_lines_in_a_few_steps(page: Any, shipped: str) -> None:
    """Boxes are one stop; the list is the controls of one line. The last line leaves the count as it is."""
    read_sample(page, shipped)
    count = page.locator("#lines li").count()
    page.evaluate("document.getElementById('file').focus()")
    stops: list[str] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.closest('#boxes, #lines, #details')?.id ?? ''"))
        if stops[-1] == "details":
            break
    assert stops[-1] == "details"
    assert stops.count("boxes") == 1
    assert stops.count("lines") == 4  # text, input, remove, keep
    page.focus("#lines .text[tabindex='0']")
    for _ in range(count - 1):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.closest('li') === document.getElementById('lines').lastElementChild")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.closest('#lines')") is None
    page.focus("#boxes [tabindex='0']")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement === document.getElementById('boxes').lastElementChild")
    assert page.locator("#boxes [tabindex='0']").count() == 1


def test_axe_would_find_something(page: Any, axe: str) -> None:
    page.set_content("<html lang='en'><title>x</title><main><h1>x</h1><img src='data:,'></main>")
    page.evaluate(axe)
    assert [rule for rule, _ in page.evaluate(FIND, RULES)] == ["image-alt"]


def test_every_button_has_a_name_of_its_own_words() -> None:
    """What is said of a control begins with what stands on it, for those who speak to it."""
    source = (Path(__file__).parents[2] / "src/linelet_convert/web/page/page-texts.js").read_text("utf-8")
    for visible, label in (("look", "lookLabel"), ("remove", "removeLabel"), ("copyOne", "copyValue")):
        words = [line.split('"')[1] for line in source.splitlines() if line.strip().startswith(f"{visible}: ")]
        labels = [line.split("`")[1] for line in source.splitlines() if line.strip().startswith(f"{label}: ")]
        assert len(words) == len(labels) == 2
        for word, spoken in zip(words, labels, strict=True):
            assert spoken.startswith(word), spoken
