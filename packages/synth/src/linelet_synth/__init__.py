"""Synthesise labelled pictures of text lines in the style of an app."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linelet_synth.recipe import Recipe, load_recipe
    from linelet_synth.source import Source, open_recipe

__all__ = ["Recipe", "Source", "load_recipe", "open_recipe"]

_HOMES = {"Recipe": "recipe", "load_recipe": "recipe", "Source": "source", "open_recipe": "source"}


def __getattr__(name: str) -> Any:
    # On demand: `linelet --help` imports this package and must not pay for OpenCV.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
