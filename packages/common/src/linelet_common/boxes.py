"""Screen -> finder's input, finder's map -> boxes of lines, defined so that Python and the browser agree to the pixel.

1. Grey is Pillow's "L"; the screen is shrunk with Pillow's BILINEAR (see preprocess) until it has about as many pixels
   as a phone's screen with a short side of ``side``, and never enlarged.
2. Long screens go through the network in tiles that overlap; each gives its middle to one map of the whole screen.
   Tiles are padded to multiples of ``step`` by repeating their last row and column.
3. The map holds for each cell of ``stride`` x ``stride`` pixels how probably it lies in the core of a line, as whole
   numbers 0-255: floor(255 p + 0.5). Cells of at least ``threshold`` that touch by an edge form a core, or two
   where only a few cells bridge them; a core whose mean is below ``certain`` is none.
4. A core is a line's box less ``shrink`` of its height (and less a quarter of that of its width), so it says where
   the line is and how high, to a few pixels. The box itself is fitted to the ink in the full picture: the background is
   the commonest grey level, ink is what differs from it, followed from the core outwards, rows first, then columns.

A box is x, y, width, height in pixels of the picture.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pydantic
from numpy.typing import NDArray
from PIL import Image

from linelet_common.errors import ImageError, SpecError
from linelet_common.preprocess import MAX_ASPECT, MAX_PIXELS, Pixels
from linelet_common.schema import Checked, parse, read_json

VERSION = 1
ONNX_KEY = "linelet_finder"
FILE_NAME = "finder.json"

Bits = NDArray[np.bool_]
Score = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# A phone's screen of 1080 x 2400 at a short side of 480: the work that one pass is meant to be.
_SCREEN_RATIO = 20 / 9
_LEAST_CONTRAST = 8  # grey levels between background and ink: fainter text cannot be told from JPEG's noise
_LEAST_HEIGHT = 5  # pixels of ink: what is lower nobody can read
_LEAST_COVERED = 191  # of 255: how much of a core's fullest cell it covers, wherever it lies
_NARROW = 1.5  # heights: a line of fewer has more ink than background close around it
_LEAST_REST = 0.6  # heights: how far a line must go on beyond its ink for pale text to be looked for
_VALLEY = 3, 5  # of the rows on both sides: the share of levels up to which a row between two lines joins them
_LEAST_INK = 0.4  # of the ink's full contrast: what lies below is a blurred edge


class FinderSpec(Checked):
    """What a finder wants to see and how its map becomes boxes. Lengths in pixels of the shrunk screen."""

    version: Literal[1] = 1  # of this format
    name: str = "finder"  # shown to people
    network: str = "finder"  # the network's name where it is one of Linelet's
    side: int = pydantic.Field(default=480, ge=32, le=4096)  # the short side that a phone's screen is shrunk to
    step: int = pydantic.Field(default=32, ge=1, le=1024)  # the network's input has sides of a multiple of it
    stride: int = pydantic.Field(default=4, ge=1, le=64)  # pixels of a side of a cell of the map
    tile: int = pydantic.Field(default=1280, ge=64, le=8192)  # the longest side that is looked at in one go
    overlap: int = pydantic.Field(default=128, ge=0)  # what neighbouring tiles share
    mean: float = 0.5  # of values in 0-1
    std: float = pydantic.Field(default=0.5, gt=0)  # the same, to divide by
    threshold: int = pydantic.Field(default=90, ge=1, le=255)  # of 255: cells from which on a core is made
    certain: int = pydantic.Field(default=128, ge=1, le=255)  # of 255: the mean from which on a core is a line
    shrink: float = pydantic.Field(default=0.36, ge=0, lt=1)  # share of a line's height that its core lacks
    least_core: int = pydantic.Field(default=6, ge=1)  # no core is lower than this or its line, and none narrower

    @pydantic.model_validator(mode="after")
    def _consistent(self) -> "FinderSpec":
        if self.step % self.stride or self.tile % self.step or self.overlap % (2 * self.step):
            raise ValueError(
                f"step {self.step} must be a multiple of stride {self.stride}, tile {self.tile} of step, "
                f"overlap {self.overlap} of twice the step"
            )
        if self.overlap >= self.tile:
            raise ValueError(f"overlap {self.overlap} must be less than tile {self.tile}")
        return self

    def to_json(self) -> str:
        """Pretty JSON, keys in the order above."""
        return json.dumps(self.model_dump(mode="json"), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> "FinderSpec":
        """Read a spec; ``where`` names its place in errors. SpecError if it is broken or of another version."""
        data = read_json(text, where, SpecError, "export or convert again")
        if not isinstance(data, dict):
            raise SpecError(
                f"{where} holds {type(data).__name__}, not a finder's spec; export or convert again", place=where
            )
        if data.get("version", VERSION) != VERSION:
            raise SpecError(
                f"{where} is a finder's spec of version {data['version']!r}, this Linelet reads version {VERSION}; "
                "use the Linelet that wrote it or train again",
                value=data["version"],
                place=where,
            )
        return parse(cls, data, where, SpecError)


class Box(NamedTuple):
    """A rectangle of a picture, in whole pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Core:
    """A connected group of cells, in cells of the map; right and bottom exclusive. total: sum of its levels."""

    left: int
    top: int
    right: int
    bottom: int
    cells: int
    total: int


def screen_grey(picture: Pixels) -> Pixels:
    """RGB uint8 (H, W, 3) or grey (H, W) -> luma uint8 (H, W). ImageError for absurd sizes."""
    height, width = picture.shape[:2]
    if height < 1 or width < 1:
        raise ImageError(f"a screen of {width} x {height} pixels has no content; give at least 1 x 1")
    if height * width > MAX_PIXELS:
        raise ImageError(f"a screen of {width} x {height} pixels is over {MAX_PIXELS}; crop it")
    # Pillow's own conversion takes a tenth of numpy's time, and no memory beside its result.
    return picture if picture.ndim == 2 else np.asarray(Image.fromarray(picture).convert("L"))


def shrunk_size(height: int, width: int, spec: FinderSpec) -> tuple[int, int]:
    """Height and width at which the finder looks at a screen of ``height`` x ``width`` pixels.

    The short side becomes ``side``, up to 4/3 of it for squarer screens, which hold as much in fewer pixels of length.
    """
    short, long = min(height, width), max(height, width)
    side = min(spec.side * math.sqrt(max(1.0, _SCREEN_RATIO * short / long)), spec.side * 4 / 3)
    if short <= side:
        return height, width
    scale = side / short
    return max(1, math.floor(height * scale + 0.5)), max(1, math.floor(width * scale + 0.5))


def prepare_screen(grey: Pixels, spec: FinderSpec) -> Pixels:
    """A screen's luma at the size at which the finder looks at it, uint8 (h, w)."""
    height, width = shrunk_size(grey.shape[0], grey.shape[1], spec)
    if (height, width) == grey.shape:
        return grey
    # One pass each: left to itself, Pillow's order of passes depends on its version and the shapes.
    wide = Image.fromarray(np.ascontiguousarray(grey)).resize((width, grey.shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(wide.resize((width, height), Image.Resampling.BILINEAR))


def tile_spans(length: int, spec: FinderSpec) -> list[tuple[int, int, int, int]]:
    """Tiles along a side: (start, end, first, last) each; [first, last) is what the tile gives to the map.

    Starts are multiples of ``step``; the parts given join without a gap.
    """
    if length <= spec.tile:
        return [(0, length, 0, length)]
    pace = spec.tile - spec.overlap
    starts = list(range(0, length - spec.overlap, pace))
    spans = []
    for i, start in enumerate(starts):
        end = min(length, start + spec.tile)
        first = start + spec.overlap // 2 if i else 0
        last = end - spec.overlap // 2 if i + 1 < len(starts) else length
        spans.append((start, end, first, last))
    return spans


def find_map(shrunk: Pixels, spec: FinderSpec, score: Score) -> Pixels:
    """The map of a shrunk screen, uint8 (ceil(h / stride), ceil(w / stride)).

    score: the network, float32 (1, 1, H, W) -> probabilities float32 (1, H / stride, W / stride).
    """
    height, width = shrunk.shape
    cells = spec.stride
    out = np.zeros((-(-height // cells), -(-width // cells)), dtype=np.uint8)
    for top, bottom, first, last in tile_spans(height, spec):
        for left, right, begin, end in tile_spans(width, spec):
            tile = shrunk[top:bottom, left:right]
            missing = (-tile.shape[0] % spec.step, -tile.shape[1] % spec.step)
            padded = np.pad(tile, ((0, missing[0]), (0, missing[1])), mode="edge")
            # In 32-bit steps, as the browser takes them.
            values = (padded.astype(np.float32) / np.float32(255) - np.float32(spec.mean)) / np.float32(spec.std)
            levels = np.floor(score(values[None, None])[0] * np.float32(255) + np.float32(0.5)).astype(np.uint8)
            rows = slice(first // cells, -(-last // cells))
            columns = slice(begin // cells, -(-end // cells))
            given = levels[rows.start - top // cells :, columns.start - left // cells :]
            out[rows, columns] = given[: rows.stop - rows.start, : columns.stop - columns.start]
    return out


def find_cores(levels: Pixels, spec: FinderSpec) -> list[Core]:
    """The cores in a map, in no particular order: groups of cells that touch by an edge, and are certain enough."""
    starts, ends, rows = _runs(levels >= spec.threshold)
    width = levels.shape[1]
    sums = np.concatenate([[0], np.cumsum(levels.ravel(), dtype=np.int64)])
    totals = sums[rows * width + ends] - sums[rows * width + starts]
    roots = _join_runs(starts, ends, rows)
    while len(kept := _without_bridges(rows, totals, roots)) < len(roots):
        starts, ends, rows, totals = starts[kept], ends[kept], rows[kept], totals[kept]
        roots = _join_runs(starts, ends, rows)
    groups: dict[int, list[int]] = {}
    runs = zip(roots, starts.tolist(), ends.tolist(), rows.tolist(), totals.tolist(), strict=True)
    for root, left, right, row, total in runs:
        group = groups.get(root)
        if group is None:
            groups[root] = [left, row, right, row + 1, right - left, total]
            continue
        group[0], group[2] = min(group[0], left), max(group[2], right)
        group[3] = row + 1  # runs come row by row
        group[4] += right - left
        group[5] += total
    return [Core(*group) for group in groups.values() if group[5] >= spec.certain * group[4]]


def _runs(marked: Bits) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """First column, column behind the last, and row of each horizontal run of marked cells, row by row."""
    width = marked.shape[1] + 1
    padded = np.zeros((marked.shape[0], width), dtype=np.int8)
    padded[:, :-1] = marked
    change = np.diff(padded.ravel(), prepend=np.int8(0))
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    rows = starts // width
    return starts - rows * width, ends - rows * width, rows


def _join_runs(starts: NDArray[np.int64], ends: NDArray[np.int64], rows: NDArray[np.int64]) -> list[int]:
    """For each run the group that it belongs to: runs of neighbouring rows that share a column are of one group."""
    parent = list(range(len(starts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    lefts, rights, heights = starts.tolist(), ends.tolist(), rows.tolist()
    above = 0
    for i, row in enumerate(heights):
        while heights[above] < row - 1 or (heights[above] == row - 1 and rights[above] <= lefts[i]):
            above += 1
        k = above
        while heights[k] == row - 1 and lefts[k] < rights[i]:
            parent[root(k)] = root(i)
            k += 1
    return [root(i) for i in range(len(parent))]


def _without_bridges(rows: NDArray[np.int64], totals: NDArray[np.int64], roots: list[int]) -> NDArray[np.int64]:
    """The runs but those that join two lines: of a row of lower levels than one above it and one below it.

    Where lines are set closely, a descender above an ascender, or the room above a comma, marks cells between them.
    """
    groups: dict[int, dict[int, int]] = {}
    heights = rows.tolist()
    for root, row, total in zip(roots, heights, totals.tolist(), strict=True):
        levels = groups.setdefault(root, {})
        levels[row] = levels.get(row, 0) + total
    bridges = set()
    for root, levels in groups.items():
        sums = list(levels.values())  # row by row, as the runs come
        above = np.maximum.accumulate(sums).tolist()
        below = np.maximum.accumulate(sums[::-1])[::-1].tolist()
        bridges |= {
            (root, row) for k, row in enumerate(levels) if _VALLEY[1] * sums[k] <= _VALLEY[0] * min(above[k], below[k])
        }
    return np.array([k for k, run in enumerate(zip(roots, heights, strict=True)) if run not in bridges], dtype=np.int64)


class Guess(NamedTuple):
    """Where a core says a line is, in pixels of the picture: its ends, its middle row and its height."""

    left: float
    right: float
    middle: float
    height: float


def guess_line(core: Core, levels: Pixels, spec: FinderSpec, scale: float) -> Guess:
    """What a core tells of its line. scale: pixels of the picture a pixel of the shrunk screen.

    All of it comes from the levels of the core's cells and of those next to it, not from its outline: a core of one or
    two rows of cells is known to a third of a cell.
    """
    top, bottom = max(0, core.top - 1), min(levels.shape[0], core.bottom + 1)
    by_row = levels[top:bottom, core.left : core.right].sum(axis=1, dtype=np.int64).tolist()
    weighted = sum((top + i) * total for i, total in enumerate(by_row))
    total = sum(by_row)
    middle = (weighted / total + 0.5) * spec.stride * scale
    before, after = max(0, core.left - 1), min(levels.shape[1], core.right + 1)
    greatest = levels[core.top : core.bottom, before:after].max(axis=0).tolist()
    # Of a core's fullest cell three quarters are covered at least; a lower level is doubt, and that of all its cells.
    full = 255 * min(1.0, max(greatest) / _LEAST_COVERED)
    high = total / (full * (core.right - core.left)) * spec.stride
    height = max(high / (1 - spec.shrink), min(high, spec.least_core)) * scale
    start, end = core.left - before, core.right - before
    left = core.left + 1 - sum(greatest[: start + 1]) / 255
    right = core.right - 1 + sum(greatest[end - 1 :]) / 255
    beyond = spec.shrink / 4 * height  # what a core lacks of its line at each end
    return Guess(left * spec.stride * scale - beyond, right * spec.stride * scale + beyond, middle, height)


def fit_boxes(grey: Pixels, guess: Guess) -> list[Box]:
    """The ink of a line, without margin; none where nothing stands out from the background.

    What lies far apart, and what stands on a plate of its own beside the rest, are lines of their own. Pale text beside
    dark is no ink by the dark one's measure: where the line is known to go on, the rest is measured by itself.
    """
    boxes = _fit_ink(grey, guess, split=True)
    if not boxes:
        return []
    for end in (0, 1):
        edge = min(b.x for b in boxes) if end == 0 else max(b.x + b.width for b in boxes)
        rest = guess._replace(right=edge) if end == 0 else guess._replace(left=edge)
        if rest.right - rest.left < _LEAST_REST * guess.height:
            continue
        for box in _fit_ink(grey, rest, split=False):
            near = min(boxes, key=lambda b: _gap(b, box))
            if 10 * _gap(near, box) < 9 * near.height:
                boxes[boxes.index(near)] = _around(near, box)
            else:
                boxes.append(box)
    return boxes


def _gap(a: Box, b: Box) -> int:
    """Columns between two boxes; below 0 where they overlap."""
    return max(a.x, b.x) - min(a.x + a.width, b.x + b.width)


def _fit_ink(grey: Pixels, guess: Guess, split: bool) -> list[Box]:
    """The boxes of the ink that stands out most; split: whether it may be several lines."""
    high = guess.height
    top, bottom = _whole(guess.middle - 0.9 * high, guess.middle + 0.9 * high, grey.shape[0])
    left, right = _whole(guess.left - 0.6 * high, guess.right + 0.6 * high, grey.shape[1])
    if bottom - top < 3 or right - left < 2:
        return []
    window = grey[top:bottom, left:right]
    first, last = _whole(guess.left - left, guess.right - left, window.shape[1])
    upper, lower = _whole(guess.middle - 0.5 * high - top, guess.middle + 0.5 * high - top, window.shape[0])
    if upper >= lower or first >= last:
        return []
    around = _whole(guess.middle - 0.65 * high - top, guess.middle + 0.65 * high - top, window.shape[0])
    beside = _whole(guess.left - 0.25 * high - left, guess.right + 0.25 * high - left, window.shape[1])
    narrow = guess.right - guess.left < _NARROW * high
    background = _commonest(window if narrow else window[slice(*around), slice(*beside)])
    ink = _ink(window, window[upper:lower, first:last], background)
    if ink is None:
        return []
    rows = _follow(_ink_rows(ink, first, last), upper, lower, 0.08 * high)
    if rows is None or rows[1] - rows[0] < max(_LEAST_HEIGHT, 0.3 * high):
        return []  # a dash, a rule, a chart's line
    columns = _follow(_ink_columns(ink, rows, first, last), first, last, 0.25 * high)
    if columns is None:
        return []
    parts = _parts(ink[rows[0] : rows[1], columns[0] : columns[1]]) if split else []
    if len(parts) > 1:
        start, middle = left + columns[0], top + (rows[0] + rows[1]) / 2
        # What stands on a plate is mostly smaller.
        guesses = [Guess(start + a, start + b, middle, high * (0.75 if plate else 1.0)) for a, b, plate in parts]
        return [box for part in guesses for box in _fit_ink(grey, part, split=False)]
    return [Box(left + columns[0], top + rows[0], columns[1] - columns[0], rows[1] - rows[0])]


def _parts(ink: Bits) -> list[tuple[int, int, bool]]:
    """A line's ink (H, W), its outer columns not empty, cut into (first column, column behind the last, on a plate).

    Cut are gaps of nine tenths of the height (a monospaced space has eight), and smaller ones beside a plate: a
    filled background with text on it, which begins and ends with a quarter of the height of filled columns, and is
    filled along its upper and lower edge. The bold stems of an N or H are filled columns too, with nothing
    between them.
    """
    height = len(ink)
    filled = ink.sum(axis=0)
    empty = _gaps(filled == 0)
    solid = (10 * filled >= 9 * height).tolist()
    edges = ink[height // 10] & ink[height - 1 - height // 10]
    pieces = list(zip([0, *(end for _, end in empty)], [*(start for start, _ in empty), len(filled)], strict=True))
    plates = [_plate(solid, edges, start, end, height) for start, end in pieces]
    parts: list[tuple[int, int, bool]] = []
    for k, (start, end) in enumerate(pieces):
        plate, gap = plates[k], start - pieces[k - 1][1] if k else 0
        wide = k > 0 and 10 * gap >= 9 * height
        apart = k > 0 and 10 * gap >= 3 * height and bool(plate or plates[k - 1])
        if not parts or wide or apart:
            first, last = plate or (start, end)
            parts.append((first, last, plate is not None))
        else:
            parts[-1] = (parts[-1][0], end, False)
    return parts


def _gaps(empty: Bits) -> list[tuple[int, int]]:
    """The runs of empty columns: first column, and the one behind the last."""
    change = np.diff(np.concatenate([[0], empty.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(change == 1).tolist(), np.flatnonzero(change == -1).tolist(), strict=True))


def _plate(solid: list[bool], edges: Bits, start: int, end: int, height: int) -> tuple[int, int] | None:
    """First and last filled column of a plate between two columns; None where there is none."""
    reach = min(end - start, 6 * height // 10)
    least = max(2, height // 4)
    first = next((x for x in range(start, start + reach) if solid[x]), end)
    last = next((x for x in range(end - 1, end - 1 - reach, -1) if solid[x]), start)
    if last - first < 2 * least or not all(solid[first : first + least] + solid[last + 1 - least : last + 1]):
        return None
    if 10 * int(edges[first : last + 1].sum()) < 9 * (last + 1 - first):
        return None
    # Filled throughout, it may be a stroke; from the line's height on it is a plate whose text stands out less.
    return None if last - first < height and all(solid[first : last + 1]) else (first, last + 1)


def _whole(low: float, high: float, size: int) -> tuple[int, int]:
    """The whole pixels that a stretch touches, inside 0-size."""
    return max(0, min(size, math.floor(low))), max(0, min(size, math.ceil(high)))


def _commonest(area: Pixels) -> int:
    """The commonest grey level, give or take the little that gradients and JPEG add to it."""
    counts = np.bincount(area.ravel(), minlength=256)
    sums = np.concatenate([np.zeros(9, dtype=np.int64), np.cumsum(counts), np.full(8, area.size)])
    return int(np.argmax(2 * (sums[17:] - sums[:-17]) + counts))


def _ink(window: Pixels, core: Pixels, background: int) -> Bits | None:
    """Which pixels of the window differ from the background as the core's ink does; None if the core has none."""
    counts = np.bincount(core.ravel(), minlength=256)
    distances = np.abs(np.arange(256) - background)
    by_distance = np.bincount(distances, weights=counts, minlength=256)[::-1].cumsum()[::-1]
    # What three in a hundred of the core reach: the strokes' full contrast, whatever the speckles.
    contrast = int(np.flatnonzero(100 * by_distance >= 3 * core.size)[-1])
    if contrast < _LEAST_CONTRAST:
        return None
    marked: Bits = (distances >= math.ceil(_LEAST_INK * contrast))[window]
    return marked


def _ink_rows(ink: Bits, first: int, last: int) -> Bits:
    """Which rows hold ink of the line: some between its ends, but no rule that goes on beyond both."""
    beyond = ink[:, :first].sum(axis=1) + ink[:, last:].sum(axis=1)
    outside = ink.shape[1] - (last - first)
    within = ink[:, first:last].sum(axis=1)
    rule = (10 * within >= 9 * (last - first)) & (10 * beyond >= 9 * outside) & (outside > 0)
    rows: Bits = (within > 0) & ~rule
    return rows


def _ink_columns(ink: Bits, rows: tuple[int, int], first: int, last: int) -> Bits:
    """Which columns hold ink of the line, but no upright rule that goes on above and below it, and no tick at a rule.

    Beside the line, from ``first`` to ``last``, a rule may go on at one end alone: an axis that ends at its tick.
    """
    height = rows[1] - rows[0]
    within = ink[rows[0] : rows[1]].sum(axis=0)
    above, below = ink[: rows[0]].sum(axis=0), ink[rows[1] :].sum(axis=0)
    highs = (rows[0], ink.shape[0] - rows[1])
    rule = (within == height) & (10 * (above + below) >= 9 * sum(highs)) & (sum(highs) > 0)
    for beyond, high in zip((above, below), highs, strict=True):
        ends = (10 * beyond >= 9 * high) & (10 * within >= 4 * height) & (4 * high >= height)
        rule[:first] |= ends[:first]
        rule[last:] |= ends[last:]
    columns: Bits = (within > 0) & ~rule
    for x in np.flatnonzero(rule).tolist():
        for step in (-1, 1):
            _drop_tick(columns, within, x, step, height)
    return columns


def _drop_tick(columns: Bits, within: NDArray[np.int64], x: int, step: int, height: int) -> None:
    """Unmark an axis's tick: thin columns from the rule at ``x`` to an empty one. Text that touches a rule stays."""
    end = x + step
    while 0 <= end < len(columns) and columns[end] and within[end] <= max(2, height // 5) and abs(end - x) <= height:
        end += step
    if 0 <= end < len(columns) and within[end] == 0:
        columns[min(x, end) + 1 : max(x, end)] = False


def _follow(marked: Bits, low: int, high: int, gap: float) -> tuple[int, int] | None:
    """From the first and last mark between ``low`` and ``high`` outwards, over gaps of at most ``gap``.

    Where the marks go on to the end, what they follow is no line's edge: the mark that was started from stays.
    """
    inside = np.flatnonzero(marked[low:high])
    if not len(inside):
        return None
    first, last = low + int(inside[0]), low + int(inside[-1]) + 1
    leap = math.floor(gap) + 1
    places = np.flatnonzero(marked).tolist()
    start, end = first, last
    for place in reversed([p for p in places if p < first]):
        if start - place > leap:
            break
        start = place
    for place in (p for p in places if p >= last):
        if place - end >= leap:
            break
        end = place + 1
    return (first if start == 0 and low > 0 else start, last if end == len(marked) and high < len(marked) else end)


def find_boxes(levels: Pixels, grey: Pixels, spec: FinderSpec) -> list[Box]:
    """The lines' boxes, with a margin, in reading order. levels: the map; grey: the whole picture's luma."""
    scale = grey.shape[1] / shrunk_size(grey.shape[0], grey.shape[1], spec)[1]
    tight: list[Box] = []
    for core in find_cores(levels, spec):
        tight += fit_boxes(grey, guess_line(core, levels, spec, scale))
    boxes = [_with_margin(box, grey) for box in _join_parts(tight)]
    # What is longer than any line is a rule, and no reader takes it.
    return reading_order([box for box in boxes if box.width <= MAX_ASPECT * box.height])


def _join_parts(boxes: list[Box]) -> list[Box]:
    """Boxes that cover mostly the same ink become one."""
    joined: list[Box] = []
    for box in sorted(boxes, key=lambda b: (-b.width * b.height, b.y, b.x)):
        for i, other in enumerate(joined):
            across = min(box.x + box.width, other.x + other.width) - max(box.x, other.x)
            down = min(box.y + box.height, other.y + other.height) - max(box.y, other.y)
            if across > 0 and down > 0 and 2 * across * down >= box.width * box.height:
                joined[i] = _around(box, other)
                break
        else:
            joined.append(box)
    return joined


def _around(a: Box, b: Box) -> Box:
    x, y = min(a.x, b.x), min(a.y, b.y)
    return Box(x, y, max(a.x + a.width, b.x + b.width) - x, max(a.y + a.height, b.y + b.height) - y)


def _with_margin(box: Box, grey: Pixels) -> Box:
    """A reader wants a little of the background around a line; the picture's edges bound it."""
    margin = math.floor(0.12 * box.height + 0.5) + 1
    x, y = max(0, box.x - margin), max(0, box.y - margin)
    right = min(grey.shape[1], box.x + box.width + margin)
    return Box(x, y, right - x, min(grey.shape[0], box.y + box.height + margin) - y)


def reading_order(boxes: list[Box]) -> list[Box]:
    """From top to bottom, and from left to right where the middle of one lies within the height of another."""
    rest = sorted(boxes, key=lambda b: (2 * b.y + b.height, *b))
    ordered: list[Box] = []
    while rest:
        top, bottom = 2 * rest[0].y, 2 * (rest[0].y + rest[0].height)
        row = [b for b in rest if top <= 2 * b.y + b.height <= bottom]
        ordered += sorted(row)
        chosen = set(row)
        rest = [b for b in rest if b not in chosen]
    return ordered


def find_lines(picture: Pixels, spec: FinderSpec, score: Score) -> list[Box]:
    """The boxes of a screen's lines, in reading order. picture: uint8 (H, W) or RGB (H, W, 3); score: see find_map."""
    grey = screen_grey(picture)
    return find_boxes(find_map(prepare_screen(grey, spec), spec, score), grey, spec)
