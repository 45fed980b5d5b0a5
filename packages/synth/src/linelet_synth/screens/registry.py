"""The registry of widgets: what may stand on a page, how often, and whether in a card.

A widget is a function (page, x, y, width) -> height in pixels, which plans its shapes and texts from the top y on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from linelet_synth.rng import Rng
from linelet_synth.screens.page import Page

Widget = Callable[[Page, float, float, float], float]


@dataclass(frozen=True)
class Entry:
    """A widget by name. carded: it may stand in a card."""

    name: str
    draw: Widget
    weight: float
    carded: bool


WIDGETS: dict[str, Entry] = {}


def widget(name: str, weight: float = 1.0, carded: bool = True) -> Callable[[Widget], Widget]:
    """Register a widget under a name of its own."""

    def register(draw: Widget) -> Widget:
        if name in WIDGETS:
            raise ValueError(f"two widgets are called {name}")
        WIDGETS[name] = Entry(name, draw, weight, carded)
        return draw

    return register


def choose(rng: Rng) -> Entry:
    """One of the widgets by weight."""
    entries = list(WIDGETS.values())
    sums = list(accumulate(entry.weight for entry in entries))
    return rng.choice_weighted(entries, [s / sums[-1] for s in sums])
