"""The widgets, a module for each family; importing this package registers all of them."""

from linelet_synth.screens.page import Page
from linelet_synth.screens.registry import WIDGETS
from linelet_synth.screens.widgets import (
    charts,
    controls,
    distractors,
    gauges,
    lists,
    media,
    messages,
    tables,
    texts,
    tiles,
)

__all__ = [
    "charts",
    "controls",
    "distractors",
    "draw",
    "gauges",
    "lists",
    "media",
    "messages",
    "tables",
    "texts",
    "tiles",
]


def draw(name: str, page: Page, x: float, y: float, width: float) -> float:
    """Draw the widget of that name; its height."""
    return WIDGETS[name].draw(page, x, y, width)
