"""The page has no violation that axe knows of: desktop and phone, light and dark, in every language."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm."""
    npm = shutil.which("npm")
    assert npm, "the browser tests need npm"
    folder = tmp_path_factory.mktemp("axe")
    (folder / "package.json").write_text('{ "private": true }')
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "axe-core@4.11.0"]
    done = subprocess.run([npm, "install", *options], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (folder / "node_modules/axe-core/axe.min.js").read_text("utf-8")


VIEWPORTS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True},
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FIND = """async (rules) => {
  const { violations } = await axe.run({ runOnly: rules, rules: { "label-content-name-mismatch": { enabled: true } } });
  return violations.map(({ id, nodes }) => [id, nodes.slice(0, 3).map(({ html }) => html.slice(0, 200))]);
}"""


@pytest.mark.parametrize("viewport", VIEWPORTS)
def test_axe_finds_nothing(chromium: Any, served: Any, axe: str, viewport: str) -> None:
    context = chromium.new_context(locale="en-GB", **VIEWPORTS[viewport])
    page = context.new_page()
    page.goto(served.url)
    page.wait_for_selector("#lines li")
    for _ in range(300):
        if "read in" in page.inner_text("#status"):
            break
        page.wait_for_timeout(100)
    # Every state that a line can have, and a table of values.
    page.fill("#lines .text >> nth=1", "体68.5公斤")
    page.fill("#lines .text >> nth=2", "?")
    page.locator("#lines li").first.hover()
    page.locator("#lines .look").first.click()
    page.evaluate("document.getElementById('details').open = true")
    page.check("#unknown-lines")
    page.evaluate(axe)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for language in page.locator("#language option").all_inner_texts():
            page.select_option("#language", label=language)
            assert page.evaluate(FIND, RULES) == [], (scheme, language)
    page.click("#find")
    page.wait_for_selector("#ask[open]")
    assert page.evaluate(FIND, RULES) == [], "the question"
    context.close()


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
