"""The line finder on screens that Chromium draws: light, dark, cards, pills, rules, gradients, at densities 1 to 3."""

import base64
from typing import Any

import pytest

SCREEN = """
<style>
  * {{ margin: 0; box-sizing: border-box; }}
  body {{ width: 380px; font: 16px sans-serif; background: {background}; color: {color}; }}
  .top {{ background: linear-gradient(#2fb680, #1d8a9b); color: white; padding: 16px; }}
  .big {{ font-size: 46px; font-weight: bold; }} .big small {{ font-size: 18px; }}
  .card {{ margin: 10px; padding: 4px 14px; border: 1px solid #8888; border-radius: 10px; background: {card}; }}
  .row {{ display: flex; justify-content: space-between; padding: 9px 0; border-bottom: 1px solid #8884; }}
  .pill {{ background: #ef8519; color: white; border-radius: 12px; padding: 2px 14px; font-size: 13px; }}
  button {{ font-size: 15px; padding: 8px 20px; margin: 10px; }}
</style>
<div class="top"><div><span class="line">Weight today</span></div>
  <span class="line big">68.5<small> kg</small></span></div>
<div class="card">
  <div class="row"><span class="line">BMI</span><span class="line">24.6</span>
    <span class="pill"><span class="line">high</span></span></div>
  <div class="row"><span class="line">Body fat</span><span class="line">21.3%</span>
    <span class="pill"><span class="line">normal</span></span></div>
  <div class="row"><span class="line">Visceral fat level</span><span class="line">9</span></div>
</div>
<button><span class="line">Compare with last time</span></button>
"""
THEMES = {
    "light": {"background": "#f5f5f5", "color": "#333", "card": "white"},
    "dark": {"background": "#101418", "color": "#ddd", "card": "#20262c"},
}
RECTS = """[...document.querySelectorAll(".line")].map((line) => {
  const { x, y, width, height } = line.getBoundingClientRect();
  const scale = devicePixelRatio;
  return { x: x * scale, y: y * scale, width: width * scale, height: height * scale };
})"""


def found(page: Any, served: Any, screenshot: bytes) -> list[dict[str, float]]:
    page.goto(served.url + "spec.json")
    boxes: list[dict[str, float]] = page.evaluate(
        """async ([bundle, content]) => {
          const { findLines } = await import(new URL("linelet.js", bundle));
          return findLines(new Blob([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))]));
        }""",
        [served.url, base64.b64encode(screenshot).decode()],
    )
    return boxes


@pytest.mark.parametrize("density", [1, 2, 3])
@pytest.mark.parametrize("theme", THEMES)
def test_every_line_is_found_once_and_nothing_else(
    chromium: Any, page: Any, served: Any, theme: str, density: int
) -> None:
    context = chromium.new_context(viewport={"width": 380, "height": 420}, device_scale_factor=density)
    screen = context.new_page()
    screen.set_content(SCREEN.format(**THEMES[theme]))
    wanted = screen.evaluate(RECTS)
    boxes = found(page, served, screen.screenshot())
    context.close()
    assert len(boxes) == len(wanted)
    for rect in wanted:
        hits = [b for b in boxes if inside(b, rect)]
        assert len(hits) == 1, rect
        assert hits[0]["width"] > 0.75 * rect["width"]
        assert hits[0]["height"] > 0.4 * rect["height"]
    assert [b["y"] for b in boxes] == sorted((b["y"] for b in boxes), key=lambda y: round(y / (14 * density)))


def inside(box: dict[str, float], rect: dict[str, float]) -> bool:
    """Whether the box's middle lies in the text's rectangle, and the box is not much larger."""
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return (
        rect["x"] <= x <= rect["x"] + rect["width"]
        and rect["y"] <= y <= rect["y"] + rect["height"]
        and box["width"] < 1.2 * rect["width"] + 12
        and box["height"] < 1.3 * rect["height"] + 6
    )


def test_an_empty_picture_holds_no_line(page: Any, served: Any) -> None:
    page.set_content("<body style='background: #234'>")
    assert found(page, served, page.screenshot()) == []


def test_a_photographs_texture_is_no_endless_work(page: Any, served: Any) -> None:
    page.goto(served.url + "spec.json")
    count, milliseconds = page.evaluate(
        """async (bundle) => {
          const { findLines } = await import(new URL("linelet.js", bundle));
          const data = new Uint8ClampedArray(1200 * 900 * 4).fill(255);
          for (let i = 0, seed = 1; i < data.length; i++) data[i] = (seed = (seed * 16807) % 2147483647) % 256;
          const begin = performance.now();
          const boxes = await findLines({ data, width: 1200, height: 900 });
          return [boxes.length, performance.now() - begin];
        }""",
        served.url,
    )
    assert count < 4000
    assert milliseconds < 10_000
