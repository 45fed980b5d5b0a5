"""Screens: their boxes are what the picture shows, and the same numbers give the same screen."""

import pickle
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from linelet_common.boxes import Guess, fit_boxes
from linelet_common.grammar import Grammar
from linelet_synth import load_recipe
from linelet_synth.fonts import bundled
from linelet_synth.screens.layout import choose_format, compose
from linelet_synth.screens.page import Page
from linelet_synth.screens.registry import WIDGETS, widget
from linelet_synth.screens.scene import INK, Scene, Setting
from linelet_synth.screens.source import ScreenSource

RECIPES = ("health-app", "wallet")


@pytest.fixture(scope="module")
def sources() -> dict[str, ScreenSource]:
    return {name: ScreenSource(load_recipe(name), 5) for name in RECIPES}


def planned(source: ScreenSource, i: int) -> Page:
    """The page of some random numbers, not yet drawn."""
    rng = source._rng
    rng.seek(i)
    form = choose_format(rng)
    page = source._drawer._page(form, Scene(form.width, form.height), rng)
    compose(page)
    return page


def drawn(page: Page) -> tuple[NDArray[np.uint8], list[tuple[str, tuple[float, float, float, float]]]]:
    canvas = np.zeros((page.height, page.width, 3), dtype=np.uint8)
    return canvas, [(line.text, line.box) for line in page.scene.draw(canvas)]


@pytest.mark.parametrize("recipe", RECIPES)
def test_boxes_are_what_vanishes_with_the_line(sources: dict[str, ScreenSource], recipe: str) -> None:
    """Drawn once more without a line, the picture differs where the line's box is, and nowhere else."""
    checked = 0
    for i in range(6):
        page = planned(sources[recipe], i)
        whole, lines = drawn(page)
        texts = [item for item in page.scene.items if isinstance(item, Setting)]
        for setting in texts[:: max(1, len(texts) // 6)]:
            if setting.shadow:  # it vanishes with its text, and is no ink
                continue
            k = page.scene.items.index(setting)
            del page.scene.items[k]
            without, fewer = drawn(page)
            page.scene.items.insert(k, setting)
            gone = [box for text, box in lines if (text, box) not in fewer]
            if not gone:  # a sliver at an edge is no line
                continue
            change = np.abs(whole.astype(int) - without).max(axis=2)
            rows, columns = np.nonzero(change > change.max() * 0.25)
            x, y, width, height = gone[0]
            found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            assert np.abs(np.subtract(found, (x, y, x + width, y + height))).max() <= 1, (i, setting.text)
            outside = change.copy()
            outside[max(0, int(y) - 2) : int(y + height) + 2, max(0, int(x) - 2) : int(x + width) + 2] = 0
            assert outside.max() <= change.max() * INK / 255 + 2
            checked += 1
    assert checked > 15


@pytest.mark.parametrize("recipe", RECIPES)
def test_lines_do_not_overlap_and_lie_inside(sources: dict[str, ScreenSource], recipe: str) -> None:
    for i in range(40):
        screen = sources[recipe].screen(i)
        height, width = screen.picture.shape[:2]
        for line in screen.lines:
            x, y, w, h = line.box
            assert min(x, y) >= -0.01
            assert x + w <= width + 0.01
            assert y + h <= height + 0.01
            assert min(w, h) > 0
            assert line.text.strip()
        for one, other in combinations(screen.lines, 2):
            x = min(one.box[0] + one.box[2], other.box[0] + other.box[2]) - max(one.box[0], other.box[0])
            y = min(one.box[1] + one.box[3], other.box[1] + other.box[3]) - max(one.box[1], other.box[1])
            smaller = min(one.box[2] * one.box[3], other.box[2] * other.box[3])
            assert x <= 0 or y <= 0 or x * y <= 0.05 * smaller, (i, one.text, other.text)


def test_a_screen_depends_on_its_number_only() -> None:
    recipe = load_recipe("health-app")
    one, other = ScreenSource(recipe, 1), ScreenSource(recipe, 1)
    other.screen(9)
    for i in (3, 0):
        first, second, third = one.screen(i), other.screen(i), pickle.loads(pickle.dumps(one)).screen(i)
        assert np.array_equal(first.picture, second.picture)
        assert first.record() == second.record() == third.record()
        assert np.array_equal(first.picture, third.picture)
    assert one.screen(3).record() != ScreenSource(recipe, 2).screen(3).record()


def test_grey_screens_have_the_same_lines() -> None:
    recipe = load_recipe("wallet")
    grey, colour = ScreenSource(recipe, 0, rgb=False), ScreenSource(recipe, 0)
    assert grey.screen(0).picture.ndim == 2
    assert colour.screen(0).picture.shape[2] == 3
    assert grey.screen(0).record() == colour.screen(0).record()


def test_every_widget_occurs(sources: dict[str, ScreenSource], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: Counter[str] = Counter()
    for name, entry in list(WIDGETS.items()):

        def draw(page: Page, x: float, y: float, width: float, name: str = name, draw: object = entry.draw) -> float:
            seen[name] += 1
            return draw(page, x, y, width)  # type: ignore[operator]

        monkeypatch.setitem(WIDGETS, name, type(entry)(name, draw, entry.weight, entry.carded))
    for i in range(120):
        planned(sources["health-app"], i)
    assert set(seen) == set(WIDGETS)


def test_two_widgets_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="rows"):
        widget("rows")(lambda page, x, y, width: 0.0)


def way(name: tuple[float, float, float, float], value: tuple[float, float, float, float]) -> str:
    """Where a value's box lies to its name's."""
    if value[1] >= name[1] + 0.5 * name[3]:
        return "below"
    if value[1] + value[3] <= name[1] + 0.5 * name[3]:
        return "above"
    return "right" if value[0] >= name[0] else "left"


def test_a_fields_value_is_of_its_form_and_its_name_is_there(sources: dict[str, ScreenSource]) -> None:
    """And it lies right of its name, below or above it, or in one line with it: all four ways occur."""
    ways: Counter[str] = Counter()
    for source in sources.values():
        fields = source.recipe.fields
        automata = {key: Grammar(forms=field.forms).automaton() for key, field in fields.items()}
        for i in range(50):
            lines = source.screen(i).lines
            for line in lines:
                if line.field is None:
                    continue
                accepts, names = automata[line.field].accepts, fields[line.field].names
                if line.names:
                    assert any(accepts(line.text.removeprefix(name).lstrip()) for name in names)
                    ways["inline"] += 1
                    continue
                assert accepts(line.text)
                (name,) = [other for other in lines if other.names == line.field]
                assert name.text in names
                ways[way(name.box, line.box)] += 1
    assert set(ways) == {"inline", "below", "above", "right"}
    assert min(ways.values()) >= 3


def test_a_fields_value_occurs_once_a_screen(sources: dict[str, ScreenSource]) -> None:
    for i in range(60):
        fields = Counter(line.field for line in sources["health-app"].screen(i).lines if line.field)
        assert not fields or max(fields.values()) == 1


def test_formats_are_within_the_limits(sources: dict[str, ScreenSource]) -> None:
    rng = sources["health-app"]._rng
    lying = 0
    for i in range(400):
        rng.seek(i)
        form = choose_format(rng)
        assert 320 <= form.width <= 1440
        assert 400 <= form.height <= 3200
        lying += form.width > form.height
    assert 10 < lying < 120


@pytest.mark.parametrize("word", ["GETTING", "COMPONENTS", "MINIMUM", "HHH"])
def test_the_stems_of_bold_capitals_are_no_plate(word: str) -> None:
    """Where a box is fitted, every word of every bundled Latin face is one, whatever its size."""
    for path in bundled("latin"):
        for size in range(9, 31, 2):
            font = ImageFont.truetype(path, size)
            left, top, right, bottom = (round(edge) for edge in font.getbbox(word))
            width, height = right - left, bottom - top
            if height < 6:
                continue
            picture = Image.new("L", (width + 80, height + 80), 255)
            ImageDraw.Draw(picture).text((40 - left, 40 - top), word, font=font, fill=40)
            guess = Guess(40, 40 + width, 40 + height / 2, 1.2 * height)
            assert len(fit_boxes(np.asarray(picture), guess)) == 1, (path, size)
