"""How lines look. plain: flat and regular. screen: what screenshots show, each step of a line in a module of its own.

screen.py leads a line through scheme (colours), typesetting (glyphs), geometry (the mask), background (what is behind
and beside the text) and degradation (pixels); draft.py is what they hand on.
"""
