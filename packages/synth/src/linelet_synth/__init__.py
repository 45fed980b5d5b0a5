"""Synthesise labelled pictures of text lines in the style of an app."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linelet_synth.dataset import generate
    from linelet_synth.job import Job
    from linelet_synth.line import Line
    from linelet_synth.recipe import Recipe, load_recipe
    from linelet_synth.source import Source, open_recipe

    __version__: str

__all__ = ["Job", "Line", "Recipe", "Source", "__version__", "generate", "load_recipe", "open_recipe"]

_HOMES = {
    "Job": "job",
    "Line": "line",
    "Recipe": "recipe",
    "Source": "source",
    "generate": "dataset",
    "load_recipe": "recipe",
    "open_recipe": "source",
}


def __getattr__(name: str) -> Any:
    # On demand: `linelet --help` imports this package and must not pay for OpenCV.
    if name == "__version__":
        from importlib.metadata import version

        return version("linelet-synth")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
