"""A page in the making: what every widget needs to set texts, icons and boxes on it.

What counts as one line: runs on one baseline that belong together, a number and its smaller unit above all, or a name
and its value set one behind the other. Columns are lines of their own, and so is each row of a paragraph.
"""

import re
from dataclasses import dataclass

from linelet_synth.atlas import Atlas
from linelet_synth.colours import Colour
from linelet_synth.rng import Rng
from linelet_synth.screens import shapes
from linelet_synth.screens.icons import Icons
from linelet_synth.screens.sayings import Said, Sayings, plain
from linelet_synth.screens.scene import FAINTEST, Scene, Setting
from linelet_synth.screens.setting import Run, Set, Typeface, set_runs
from linelet_synth.screens.theme import Theme

# The smallest text, in pixels per em, and the smallest with Chinese characters: strokes of anything smaller merge.
SMALLEST = 7.0
_SMALLEST_CHINESE = 9.0
# Middle of digits and capitals above the baseline, and of Chinese characters, in em.
_MIDDLE = 0.36
_WORDS = re.compile(r"[!-~]+|[^!-~]")  # of a text without spaces
# No row of a paragraph begins with these.
_CLOSING = "，。！？；：、）》”’·"
# How far a text that is too wide is set smaller before it is cut, and a value, which is never cut.
_SHRUNK, _SHRUNK_VALUE = 0.7, 0.45


@dataclass(slots=True)
class Style:
    """How a text is set. size in dp; floor: least difference from the background in grey levels."""

    size: float
    colour: Colour
    weight: int = 400
    floor: int = 40
    flatten: float = 1.0
    fade: float = 0.0
    shadow: bool = False  # a dark one beneath, for texts on photos


@dataclass(slots=True)
class Page:
    """A page of ``width`` x ``height`` pixels, ``dp`` pixels to its unit of length."""

    width: int
    height: int
    dp: float
    rng: Rng
    theme: Theme
    sayings: Sayings
    typeface: Typeface
    atlas: Atlas
    icons: Icons
    scene: Scene

    # Texts. x, y in pixels; how they lie to the text: "left", "centre", "right", and y as its middle.

    def text(
        self,
        said: Said | str,
        x: float,
        y: float,
        style: Style,
        align: str = "left",
        room: float = 1e9,
    ) -> Setting | None:
        """Set a line around the height y; None where it does not fit in ``room`` pixels, or another one stands."""
        if isinstance(said, str):
            said = plain(said)
        found = self.fit(said, style, room)
        if found is None:
            return None
        done, size = found
        return self.place(done, said, x, y + size * _MIDDLE, style, align)

    def fit(self, said: Said, style: Style, room: float = 1e9) -> tuple[Set, float] | None:
        """A line set as large as fits, and its size in pixels: smaller, or cut with dots, where the room is short."""
        least = smallest(said.text)
        size = max(least, style.size * self.dp)
        done = self.set(said, size, style)
        if done is None:
            return None
        if done.advance > room:
            share = _SHRUNK if len(said.parts) == 1 and not said.field else _SHRUNK_VALUE
            smaller = max(least, size * max(share, room / done.advance * 0.97))
            if smaller < size:
                size = smaller
                done = self.set(said, size, style)
            if done is not None and done.advance > room:
                if said.field or len(said.parts) > 1:
                    return None
                keep = int(len(said.text) * room / done.advance) - 2
                done = self.set(plain(said.text[:keep].rstrip() + "…"), size, style) if keep > 2 else None
        return (done, size) if done is not None and done.advance <= room else None

    def set(self, said: Said, size: float, style: Style) -> Set | None:
        """The glyphs of a line; its units may be smaller and lighter."""
        rng = self.rng
        share, gap, weight, rise, colour = 1.0, 0.0, style.weight, 0.0, style.colour
        if len(said.parts) > 1 and rng.chance(0.6):
            share = rng.uniform(0.4, 0.9)
            gap = rng.uniform(0.0, 0.35) * size if rng.chance(0.5) else 0.0
            weight = rng.choice((400, style.weight))
            colour = self.theme.muted if rng.chance(0.15) else colour
            rise = size * (0.72 - 0.72 * share) * rng.uniform(0.3, 1.0) if rng.chance(0.06) else 0.0
        runs = []
        for text, part in said.parts:
            if part == "unit":
                runs.append(Run(text, max(smallest(text), size * share), weight, colour, gap, rise))
            elif part == "value":
                bold = rng.choice((style.weight, self.theme.strong))
                runs.append(Run(text, size, bold, style.colour, size * rng.uniform(0.1, 0.6)))
            else:
                runs.append(Run(text, size, style.weight, style.colour))
        return set_runs(self.atlas, self.typeface, runs)

    def place(
        self, done: Set, said: Said, x: float, baseline: float, style: Style, align: str = "left"
    ) -> Setting | None:
        """Put a set line on the page; None where another one stands."""
        left, top, right, bottom = done.ink
        start = round(x - (0 if align == "left" else done.advance if align == "right" else done.advance / 2))
        y = round(baseline)
        up, down = (top, bottom) if style.flatten == 1.0 else _flat(top, bottom, style.flatten)
        bounds = start + left, y + up, start + right, y + down
        if not self.scene.free(bounds[0] - 1, bounds[1] - 1, bounds[2] + 1, bounds[3] + 1):
            return None
        setting = Setting(
            done.text,
            done.runs,
            start,
            y,
            bounds,
            said.field,
            said.names if done.text == said.text else None,
            max(style.floor, FAINTEST),
            style.flatten,
            style.fade,
            style.shadow,
        )
        self.scene.items.append(setting)
        return setting

    def width_of(self, said: Said | str, style: Style) -> float:
        """Pixels that a line would take at its full size."""
        done = set_runs(
            self.atlas,
            self.typeface,
            [
                Run(
                    said if isinstance(said, str) else said.text,
                    max(SMALLEST, style.size * self.dp),
                    style.weight,
                    style.colour,
                )
            ],
        )
        return float(done.advance) if done else 0.0

    def paragraph(self, text: str, x: float, y: float, width: float, style: Style, rows: int = 6) -> float:
        """Rows of a text from the top y on; returns the bottom."""
        # A third as tight as CSS's `line-height: 1`: Chinese lines all but touch there.
        tight = self.rng.chance(0.35)
        leading = style.size * self.dp * (self.rng.uniform(1.0, 1.25) if tight else self.rng.uniform(1.25, 1.75))
        # Chinese breaks anywhere but within numbers and Latin words.
        spaced = " " in text
        words = text.split(" ") if spaced else _WORDS.findall(text)
        joint = " " if spaced else ""
        row: list[str] = []
        size = max(SMALLEST, style.size * self.dp)
        length = 0.0
        for word in [*words, None]:
            wide = self._rough(word, size) if word is not None else 0.0
            full = word is not None and length + wide > width and word not in _CLOSING
            if row and (word is None or full):
                self.text(joint.join(row), x, y + leading / 2, style, room=width * 1.05)
                y += leading
                rows -= 1
                row, length = [], 0.0
                if not rows:
                    break
            if word is not None:
                row.append(word)
                length += wide + (size * 0.28 if joint else 0.0)
        return y

    def _rough(self, text: str, size: float) -> float:
        return sum(size * (1.0 if c >= "\u2e80" else 0.55) for c in text)

    # Styles of the theme

    def usual(self, share: float = 1.0) -> Style:
        """Usual text."""
        return Style(self.theme.text * share, self.theme.ink, self.theme.weight)

    def strong(self, share: float = 1.0) -> Style:
        """Titles and values."""
        return Style(self.theme.text * share, self.theme.ink, self.theme.strong)

    def muted(self, share: float = 0.85) -> Style:
        """Descriptions."""
        rng = self.rng
        return Style(self.theme.text * share, self.theme.pale if rng.chance(0.3) else self.theme.muted, 400, 30)

    def lively(self) -> Colour:
        """One of the app's colours."""
        return self.theme.accent if self.rng.chance(0.5) else self.rng.choice(self.theme.accents)

    # Boxes

    def card(
        self, mark: int, left: float, top: float, right: float, bottom: float, colour: Colour | None = None
    ) -> None:
        """A card beneath what was added since the mark."""
        theme, dp = self.theme, self.dp
        radius = theme.radius * dp
        background = theme.card if colour is None else colour
        pieces = []
        if theme.shaded:
            depth = 0.05 + 0.12 * (theme.margin % 5) / 5
            pieces.append(shapes.shadow(left, top, right, bottom, theme.background, radius, 6 * dp, depth))
        pieces.append(shapes.box(left, top, right, bottom, background, radius))
        if theme.bordered:
            pieces.append(shapes.border(left, top, right, bottom, theme.rule, radius, max(1, round(dp * 0.8))))
        self.scene.beneath(mark, *pieces)

    def divider(self, left: float, right: float, y: float) -> None:
        """A thin rule."""
        self.scene.shape(shapes.line((left, y), (right, y), self.theme.rule, max(1, round(self.dp * 0.6))))

    def chevron(self, x: float, y: float, size: float, colour: Colour, turn: int = 0) -> None:
        """A chevron of ``size`` dp to the right (0), left (1), or down (2)."""
        r = size * self.dp / 2
        points = {
            0: [(x - r / 2, y - r), (x + r / 2, y), (x - r / 2, y + r)],
            1: [(x + r / 2, y - r), (x - r / 2, y), (x + r / 2, y + r)],
            2: [(x - r, y - r / 2), (x, y + r / 2), (x + r, y - r / 2)],
        }[turn]
        self.scene.shape(shapes.polyline(points, colour, max(1.0, size * self.dp * 0.13)))

    def icon(self, x: float, y: float, size: float, colour: Colour) -> None:
        """A bare icon of ``size`` dp."""
        self.icons.icon(self.scene, x, y, size * self.dp, colour, self.rng)

    def beside(self, setting: Setting | None, share: float) -> None:
        """Now and then (``share``) a small mark right behind a line: an arrow, a dot, an icon."""
        rng = self.rng
        if setting is None or not rng.chance(share):
            return
        _, y0, x1, y1 = setting.bounds
        height, middle = y1 - y0, (y0 + y1) / 2
        r, x = max(1.5, height * rng.uniform(0.15, 0.4)), x1 + height * rng.uniform(0.1, 0.5)
        colour, kind = self.lively(), rng.integer(0, 3)
        if not self.scene.free(x, y0, x + 2.2 * r, y1):
            return
        if kind == 0:
            self.scene.shape(shapes.disc(x + r, middle, r * 0.7, colour))
        elif kind == 1:
            tip = rng.choice((-r, r))
            foot = [(x, middle - tip * 0.7), (x + 2 * r, middle - tip * 0.7), (x + r, middle + tip)]
            self.scene.shape(shapes.polygon(foot, colour))
        elif kind == 2:
            tip = rng.choice((-r, r))
            stroke = max(1.0, r * 0.3)
            self.scene.shape(shapes.line((x + r, middle - tip), (x + r, middle + tip), colour, stroke))
            head = [(x + r * 0.3, middle + tip * 0.3), (x + r, middle + tip), (x + r * 1.7, middle + tip * 0.3)]
            self.scene.shape(shapes.polyline(head, colour, stroke))
        else:
            self.icons.icon(self.scene, x + r * 1.5, middle, r * 3, colour, rng)

    def badge(self, x: float, y: float, size: float) -> None:
        """An icon on a background of its own, of ``size`` dp."""
        self.icons.badge(self.scene, x, y, size * self.dp, self.lively(), self.rng)


def smallest(text: str) -> float:
    """The fewest pixels per em that a text is set in."""
    return SMALLEST if max(text, default="") < "\u2e80" else _SMALLEST_CHINESE


def _flat(top: int, bottom: int, share: float) -> tuple[int, int]:
    middle, half = (top + bottom) / 2, (bottom - top) / 2 * share
    return round(middle - half), max(round(middle - half) + 1, round(middle + half))
