"""Synthesise labelled pictures of text lines in the style of an app."""

from linelet_synth.recipe import Recipe, load_recipe
from linelet_synth.source import Source, open_recipe

__all__ = ["Recipe", "Source", "load_recipe", "open_recipe"]
