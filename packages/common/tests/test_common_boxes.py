import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageDraw, ImageFont

from linelet_common.boxes import (
    Box,
    FinderSpec,
    Guess,
    find_boxes,
    find_cores,
    find_lines,
    find_map,
    fit_boxes,
    guess_line,
    prepare_screen,
    reading_order,
    screen_grey,
    shrunk_size,
    tile_spans,
)
from linelet_common.errors import ImageError, SpecError

SPEC = FinderSpec()
SMALL = FinderSpec(tile=128, overlap=64, step=16)


def nothing(screens):
    return np.zeros((1, screens.shape[2] // 4, screens.shape[3] // 4), dtype=np.float32)


def darkness(screens):
    """A network of no context: how dark each cell is."""
    n, _, height, width = screens.shape
    return 1 - (screens.reshape(n, height // 4, 4, width // 4, 4).mean(axis=(2, 4)) + 1) / 2


@given(st.integers(1, 13_000), st.integers(1, 3000))
def test_a_screen_is_never_enlarged_and_keeps_its_shape(height, width):
    h, w = shrunk_size(height, width, SPEC)
    assert 1 <= h <= height
    assert 1 <= w <= width
    assert min(h, w) <= 640
    scale = min(h, w) / min(height, width)
    assert abs(h - height * scale) <= 0.5 + 0.5 * height / min(height, width)
    assert abs(w - width * scale) <= 0.5 + 0.5 * width / min(height, width)


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [((2400, 1080), (1067, 480)), ((12_000, 1440), (4000, 480)), ((240, 320), (240, 320)), ((1080, 2400), (480, 1067))],
)
def test_phones_are_seen_at_a_short_side_of_480(size, shrunk):
    assert shrunk_size(*size, SPEC) == shrunk


def test_squarer_screens_are_seen_in_about_as_many_pixels():
    for size in ((1920, 1080), (2360, 1640), (2048, 1536)):
        h, w = shrunk_size(*size, SPEC)
        assert h * w == pytest.approx(480 * 1067, rel=0.01)
    assert shrunk_size(2000, 2000, SPEC) == (640, 640)


@given(st.integers(1, 5000))
def test_tiles_join_without_a_gap_and_start_on_whole_steps(length):
    spans = tile_spans(length, SMALL)
    assert spans[0][2] == 0
    assert spans[-1][3] == length
    for (_, _, _, last), (start, _, first, _) in pairwise(spans):
        assert last == first
        assert start % SMALL.step == 0
    for start, end, first, last in spans:
        assert start <= first < last <= end <= length
        assert end - start <= SMALL.tile
        # What a tile gives away lies well inside it, so that it knows what is around.
        assert first == 0 or first - start == SMALL.overlap // 2
        assert last == length or end - last == SMALL.overlap // 2


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_tiles_give_the_map_of_the_whole(height, width, seed):
    screen = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    whole = SMALL.model_copy(update={"tile": 800})
    np.testing.assert_array_equal(find_map(screen, SMALL, darkness), find_map(screen, whole, darkness))


def test_a_long_screen_is_never_seen_at_once():
    seen = []

    def score(screens):
        seen.append(screens.shape)
        return nothing(screens)

    levels = find_map(prepare_screen(np.zeros((12_000, 1440), dtype=np.uint8), SPEC), SPEC, score)
    assert levels.shape == (1000, 120)
    assert len(seen) == 4
    assert all(h <= SPEC.tile and w == 480 for _, _, h, w in seen)


def flooded(levels, spec):
    """Cores by flood filling, one cell after another, begun anew wherever a bridge between two lines falls."""
    seen, cores = set(), set()
    for start in map(tuple, np.argwhere(levels >= spec.threshold).tolist()):
        if start in seen:
            continue
        group, queue = [], [start]
        seen.add(start)
        while queue:
            y, x = queue.pop()
            group.append((y, x))
            for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                inside = 0 <= near[0] < levels.shape[0] and 0 <= near[1] < levels.shape[1]
                if inside and near not in seen and levels[near] >= spec.threshold:
                    seen.add(near)
                    queue.append(near)
        ys, xs = zip(*group, strict=True)
        sums = {row: sum(int(levels[y, x]) for y, x in group if y == row) for row in sorted(ys)}
        bridges = [
            y
            for y in sums
            if any(5 * sums[y] <= 3 * sums[a] for a in sums if a < y)
            and any(5 * sums[y] <= 3 * sums[b] for b in sums if b > y)
        ]
        if bridges:
            cut = levels.copy()
            for y, x in group:
                cut[y, x] = 0 if y in bridges else levels[y, x]
            return flooded(cut, spec)
        total = sum(int(levels[cell]) for cell in group)
        if total >= spec.certain * len(group):
            cores.add((min(xs), min(ys), max(xs) + 1, max(ys) + 1, len(group), total))
    return cores


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from([0, 89, 90, 200])))
@settings(max_examples=300)
def test_cores_are_the_groups_that_flooding_finds(levels):
    found = [(c.left, c.top, c.right, c.bottom, c.cells, c.total) for c in find_cores(levels, SPEC)]
    assert len(found) == len(set(found))
    assert set(found) == flooded(levels, SPEC)


@pytest.mark.parametrize(
    ("bridge", "level"), [([7], 120), ([5, 20], 250), ([*range(5, 15)], 250), ([*range(4, 22)], 130)]
)
def test_lines_that_a_few_cells_or_low_levels_join_are_two(bridge, level):
    levels = np.zeros((8, 30), np.uint8)
    levels[1:3, 2:28] = levels[4:6, 4:22] = 250
    levels[3, bridge] = level
    assert sorted((c.top, c.bottom, c.left, c.right) for c in find_cores(levels, SPEC)) == [
        (1, 3, 2, 28),
        (4, 6, 4, 22),
    ]


def test_a_high_line_is_one_core():
    levels = np.zeros((8, 30), np.uint8)
    levels[1:7, 2:28] = 250
    levels[4, 10:20] = 0  # a gap in the middle of a large digit, say
    assert [(c.top, c.bottom) for c in find_cores(levels, SPEC)] == [(1, 7)]


@given(st.floats(10, 60), st.floats(80, 300), st.floats(20, 40), st.floats(60, 120))
def test_a_core_tells_where_its_line_is(height, width, left, top):
    """A map that says exactly how much of each cell a core covers gives back the line that the core is of."""
    core = max(height * (1 - SPEC.shrink), SPEC.least_core)
    middle = top + height / 2

    def covered(start, end, cells):
        return np.diff(np.clip(np.arange(cells + 1) * 4.0, start, end)) / 4

    lacks = SPEC.shrink / 4 * height
    across = covered(left + lacks, left + width - lacks, 100)
    down = covered(middle - core / 2, middle + core / 2, 80)
    levels = np.floor(255 * down[:, None] * across[None] + 0.5).astype(np.uint8)
    (found,) = find_cores(levels, SPEC)
    guess = guess_line(found, levels, SPEC, 1.0)
    assert guess.middle == pytest.approx(middle, abs=0.5)
    assert guess.height == pytest.approx(height, rel=0.08)
    # A quarter of a cell, and what 255 levels round.
    assert guess.left == pytest.approx(left, abs=1.1)
    assert guess.right == pytest.approx(left + width, abs=1.1)


@given(
    st.sampled_from(["68.5", "-9.0", "BMI 22.4", "1:30", "37.1 %", "1", "iii"]),
    st.integers(14, 60),
    st.tuples(st.integers(0, 255), st.integers(0, 255)),
    st.tuples(st.floats(-0.05, 0.05), st.floats(-0.2, 0.1), st.floats(-0.2, 0.1), st.floats(0.97, 1.15)),
)
@settings(max_examples=200, deadline=None)
def test_the_box_is_the_inks(text, size, tones, errors):
    """Wherever the core ends and however wrong its height is, the box is where the ink is, to a blurred pixel."""
    background, ink = tones
    assume(abs(background - ink) >= 20)
    font = ImageFont.load_default(size)
    picture = Image.new("L", (600, 240), background)
    draw = ImageDraw.Draw(picture)
    draw.text((90, 80), text, font=font, fill=ink)
    drawn = np.argwhere(2 * np.abs(np.asarray(picture).astype(int) - background) >= abs(ink - background))
    (y0, x0), (y1, x1) = drawn.min(axis=0).tolist(), (drawn.max(axis=0) + 1).tolist()
    # A rule above, a frame on the left: near, but no part of the line.
    high = y1 - y0
    draw.line((0, y0 - high // 2 - 3, 599, y0 - high // 2 - 3), fill=ink)
    draw.line((x0 - high, 0, x0 - high, 239), fill=ink, width=2)
    grey = np.asarray(picture)
    wide = min(high, x1 - x0)  # what is as narrow as a 1 has a core as wide as itself
    guess = Guess(
        x0 - errors[1] * wide, x1 + errors[2] * wide, (y0 + y1) / 2 + errors[0] * high, max(high, 8) * errors[3]
    )
    (box,) = fit_boxes(grey, guess)
    assert box is not None
    assert abs(box.x - x0) <= 2
    assert abs(box.y - y0) <= 2
    assert abs(box.x + box.width - x1) <= 2
    assert abs(box.y + box.height - y1) <= 2


@given(
    st.sampled_from(["57", "76", "8.5", "100", "5"]),
    st.integers(16, 48),
    st.booleans(),
    st.sampled_from(["through", "down", "up"]),
    st.floats(0.1, 0.24),
)
@settings(max_examples=100, deadline=None)
def test_an_axis_and_its_tick_are_no_part_of_a_label(text, size, right, goes_on, gap):
    """The axis goes through, or begins or ends at the tick; it stands left or right of the label."""
    picture = Image.new("L", (400, 240), 250)
    draw = ImageDraw.Draw(picture)
    draw.text((150, 90), text, font=ImageFont.load_default(size), fill=90)
    drawn = np.argwhere(np.asarray(picture) < 170)
    (y0, x0), (y1, x1) = drawn.min(axis=0).tolist(), (drawn.max(axis=0) + 1).tolist()
    high, middle = y1 - y0, (y0 + y1) // 2
    away = max(2, round(gap * high))
    near, axis = (x1 + away, x1 + away + high // 2) if right else (x0 - 1 - away, x0 - 1 - away - high // 2)
    draw.line((near, middle, axis, middle), fill=150, width=2)
    draw.line((axis, middle if goes_on == "down" else 0, axis, middle if goes_on == "up" else 239), fill=150, width=3)
    ends = (x0, near + high // 4) if right else (near - high // 4, x1)  # the core reaches into the tick
    (box,) = fit_boxes(np.asarray(picture), Guess(*ends, (y0 + y1) / 2, high))
    assert abs(box.x - x0) <= 2
    assert abs(box.x + box.width - x1) <= 2
    assert abs(box.y - y0) <= 2


@given(st.integers(10, 60), st.floats(0.4, 1.0), st.floats(20, 40), st.floats(60, 120))
def test_a_doubtful_core_tells_the_same_height(height, doubt, left, top):
    """Levels say how much of a cell is covered, and how sure the finder is; half as sure is not half as high."""
    core = max(height * (1 - SPEC.shrink), SPEC.least_core)
    middle = top + height / 2
    edges = np.arange(101) * 4.0
    down = np.diff(np.clip(edges, middle - core / 2, middle + core / 2)) / 4
    across = np.diff(np.clip(edges, left, left + 80)) / 4
    levels = np.floor(doubt * 255 * down[:, None] * across[None] + 0.5).astype(np.uint8)
    for found in find_cores(levels, SPEC):
        guess = guess_line(found, levels, SPEC, 1.0)
        assert guess.middle == pytest.approx(middle, abs=0.6)
        assert guess.height >= 0.7 * height


@given(st.sampled_from("0134678"), st.integers(20, 60), st.floats(0.65, 1.1), st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_bold_digit_alone_is_ink_and_not_the_background(digit, size, known, dark):
    """Close around a bold digit there is more ink than background; and its height is known to a third only."""
    background, ink = (40, 90) if dark else (238, 208)
    picture = Image.new("L", (300, 200), background)
    draw = ImageDraw.Draw(picture)
    draw.text((120, 60), digit, font=ImageFont.load_default(size), fill=ink, stroke_width=size // 12, stroke_fill=ink)
    drawn = np.argwhere(np.asarray(picture) != background)
    (y0, x0), (y1, x1) = drawn.min(axis=0).tolist(), (drawn.max(axis=0) + 1).tolist()
    trimmed = (1 - known) / 4 * (x1 - x0)
    guess = Guess(x0 + max(0, trimmed), x1 - max(0, trimmed), (y0 + y1) / 2, known * (y1 - y0))
    (box,) = fit_boxes(np.asarray(picture), guess)
    assert abs(box.x - x0) <= 2
    assert abs(box.y - y0) <= 2
    assert abs(box.x + box.width - x1) <= 2
    assert abs(box.y + box.height - y1) <= 2


def test_text_that_touches_a_rule_keeps_all_its_ink():
    picture = Image.new("L", (200, 120), 255)
    draw = ImageDraw.Draw(picture)
    draw.line((100, 0, 100, 119), fill=0, width=2)
    draw.rectangle((60, 50, 98, 54), fill=0)  # a 7's bar, long and thin
    draw.rectangle((60, 50, 66, 80), fill=0)
    (box,) = fit_boxes(np.asarray(picture), Guess(60, 98, 65, 31))
    assert box.x == 60
    assert box.x + box.width >= 99


def test_where_nothing_is_drawn_there_is_no_box():
    flat = np.full((100, 200), 120, dtype=np.uint8)
    assert fit_boxes(flat, Guess(20, 80, 50, 20)) == []
    assert fit_boxes(flat, Guess(500, 600, 50, 20)) == []
    assert find_boxes(np.full((25, 50), 255, dtype=np.uint8), flat, SPEC) == []


@given(st.lists(st.builds(Box, *[st.integers(0, 200)] * 2, *[st.integers(1, 60)] * 2), unique=True))
@example([Box(0, 135, 1, 1), Box(135, 131, 1, 4), Box(135, 110, 1, 46)])  # of two boxes of one middle, either
def test_reading_order_loses_nothing_and_goes_down(boxes):
    ordered = reading_order(boxes)
    assert sorted(ordered) == sorted(boxes)
    assert reading_order(ordered) == reading_order(boxes[::-1]) == ordered
    for a, b in pairwise(ordered):
        assert a.x <= b.x or a.y <= b.y + b.height


def test_reading_order_is_row_by_row():
    name, value, below = Box(10, 12, 80, 20), Box(200, 5, 60, 40), Box(10, 60, 80, 20)
    assert reading_order([below, value, name]) == [name, value, below]


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (240, 320), (2400, 1080), (1080, 2400)])
def test_any_size_goes_through(size):
    assert find_lines(np.full(size, 255, dtype=np.uint8), SPEC, nothing) == []


def test_boxes_lie_inside_the_picture_and_are_reproducible():
    picture = Image.new("RGB", (1080, 600), "white")
    draw = ImageDraw.Draw(picture)
    for y in (2, 200, 560):
        draw.text((0, y), "72.5 kg", font=ImageFont.load_default(48), fill="black")
    screen = np.asarray(picture)

    def score(screens):
        probability = nothing(screens)
        for y in (2, 200, 560):
            row = round((y + 28) * screens.shape[3] / 1080 / 4)
            probability[0, row - 1 : row + 2, 0:14] = 0.9
        return probability

    boxes = find_lines(screen, SPEC, score)
    assert boxes == find_lines(screen, SPEC, score)
    assert len(boxes) == 3
    for box in boxes:
        assert min(box.x, box.y) >= 0
        assert box.x + box.width <= 1080
        assert box.y + box.height <= 600


def test_grey_is_pillows_and_absurd_sizes_are_refused():
    colour = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(screen_grey(colour), np.asarray(Image.fromarray(colour).convert("L")))
    with pytest.raises(ImageError, match="no content"):
        screen_grey(np.zeros((0, 5), dtype=np.uint8))
    with pytest.raises(ImageError, match="crop it"):
        screen_grey(np.broadcast_to(np.uint8(0), (20_000, 20_000)))


def test_the_spec_travels_as_json():
    spec = FinderSpec(name="app", side=576, threshold=100)
    assert FinderSpec.from_json(spec.to_json(), "here") == spec


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "holds list"),
        (json.dumps({"version": 2}), "version 2"),
        (json.dumps({"sides": 480}), "did you mean 'side'"),
        (json.dumps({"overlap": 100}), "overlap 100"),
        (json.dumps({"tile": 128, "overlap": 128}), "less than tile"),
    ],
)
def test_a_broken_spec_is_refused_in_one_line(text, message):
    with pytest.raises(SpecError, match=message) as failure:
        FinderSpec.from_json(text, "finder.json")
    assert "\n" not in str(failure.value)


def strokes(grey, x, y, count, level, height=16):
    """Upright strokes of two pixels, four apart: what a word looks like to the fitting."""
    for k in range(count):
        grey[y : y + height, x + 4 * k : x + 4 * k + 2] = level


@pytest.mark.parametrize(("background", "plate", "on_plate"), [(255, 90, 255), (255, 200, 60), (20, 120, 255)])
def test_a_plate_beside_a_word_is_a_line_of_its_own(background, plate, on_plate):
    grey = np.full((60, 200), background, np.uint8)
    ink = 255 - background if background != 255 else 30
    strokes(grey, 20, 20, 8, ink)
    grey[18:38, 60:110] = plate
    strokes(grey, 69, 22, 8, on_plate, 12)
    boxes = fit_boxes(grey, Guess(20, 110, 28, 20))
    assert [(b.x, b.y, b.height) for b in boxes] == [(20, 20, 16), (69, 22, 12)]
    assert [b.x + b.width for b in boxes] == [50, 99]


@pytest.mark.parametrize(("background", "dark", "pale"), [(255, 0, 190), (250, 30, 200), (20, 250, 70)])
@pytest.mark.parametrize("pale_first", [False, True])
def test_pale_text_beside_dark_belongs_to_the_line(background, dark, pale, pale_first):
    """A value's pale unit, a heading's pale second half: the dark part alone would pass for the whole line."""
    grey = np.full((60, 300), background, np.uint8)
    strokes(grey, 20, 20, 8, pale if pale_first else dark)
    strokes(grey, 58, 20, 10, dark if pale_first else pale)
    assert fit_boxes(grey, Guess(20, 98, 28, 20)) == [Box(20, 20, 76, 16)]
    grey[:] = background
    strokes(grey, 20, 20, 8, pale if pale_first else dark)
    strokes(grey, 70, 20, 10, dark if pale_first else pale)
    assert sorted(fit_boxes(grey, Guess(20, 110, 28, 20))) == [Box(20, 20, 30, 16), Box(70, 20, 38, 16)]


def test_what_lies_far_apart_is_two_lines_and_a_words_gaps_are_none():
    grey = np.full((60, 200), 255, np.uint8)
    strokes(grey, 20, 20, 8, 0)
    strokes(grey, 64, 20, 8, 0)  # a gap of 14 in a height of 16, as a monospaced face's space is
    assert [(b.x, b.width) for b in fit_boxes(grey, Guess(20, 96, 28, 20))] == [(20, 74)]
    grey[:] = 255
    strokes(grey, 20, 20, 8, 0)
    strokes(grey, 66, 20, 8, 0)
    assert [(b.x, b.width) for b in fit_boxes(grey, Guess(20, 98, 28, 20))] == [(20, 30), (66, 30)]
