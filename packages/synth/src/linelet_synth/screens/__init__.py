"""Whole screens of apps, drawn by the engine that draws lines: pictures with the box and text of every line.

A line is what stands on one baseline and belongs together: a number with its smaller unit is one line, as is a name
with its value right behind it; columns are lines of their own, and so is each row of a paragraph. Its box is tight to
the ink. Icons, rules, chart lines and slivers of cut texts are not lines.
"""
