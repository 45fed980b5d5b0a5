"""A contact sheet: lines with their labels, to look at before synthesising."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from linelet_common.bidi import arrange, is_rtl
from linelet_common.files import output_file
from linelet_common.preprocess import Pixels
from linelet_synth.fonts import Face, bundled, read_faces
from linelet_synth.png import sign_png
from linelet_synth.recipe_faces import parts
from linelet_synth.shaping import is_complex
from linelet_synth.source import Source

_WIDTH = 1200
_GAP = 12
_LABEL, _BASELINE = 18, 16


def contact_sheet(source: Source, count: int, out: Path) -> None:
    """Write a PNG of samples 0..count-1 in rows, each with its label beneath."""
    faces = [face for family in source.families.values() for face in family]
    sheet = draw_sheet(list(source.samples(range(count))), faces)
    with output_file(out) as file:
        file.write(sign_png(sheet))


class _Captions:
    """Draws labels in the bundled default face, and what it lacks in others: those of the recipe first."""

    def __init__(self, faces: Sequence[Face]) -> None:
        others = [face for path in (*bundled(), *bundled("latin")) for face in read_faces(path)]
        self._face = replace(others[0], chain=tuple(parts([others[0], *faces, *others])))
        self._font = cache(lambda face, layout: face.font(400, 13, layout=layout))

    def _runs(self, text: str) -> Iterator[tuple[str, ImageFont.FreeTypeFont, str | None]]:
        """Stretches of a text from left to right, with what draws them and their direction where that is asked for."""
        runs = list(self._face.runs(text))
        if not is_complex(text):
            yield from ((run, self._font(face, ImageFont.Layout.BASIC), None) for run, face in runs)
        elif is_rtl(text):
            for part, run, rtl, _ in arrange([run for run, _ in runs]):
                yield run, self._font(runs[part][1], ImageFont.Layout.RAQM), "rtl" if rtl else "ltr"
        else:
            yield from ((run, self._font(face, ImageFont.Layout.RAQM), "ltr") for run, face in runs)

    def length(self, text: str) -> float:
        """Its width in pixels."""
        return sum(float(font.getlength(run, direction=way)) for run, font, way in self._runs(text))

    def draw(self, draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str) -> None:
        """Draw a text from a place on its baseline on."""
        x, y = place
        for run, font, way in self._runs(text):
            draw.text((x, y), run, font=font, fill=(40, 40, 40), anchor="ls", direction=way)
            x += font.getlength(run, direction=way)


def draw_sheet(samples: Sequence[tuple[Pixels, str]], faces: Sequence[Face] = ()) -> bytes:
    """The contact sheet of some samples, as PNG. faces: for what the bundled ones lack."""
    captions = _Captions(faces)
    cells = []
    for picture, text in samples:
        image = Image.fromarray(picture)
        if image.width > _WIDTH - 2 * _GAP:
            image = image.resize((_WIDTH - 2 * _GAP, max(1, image.height * (_WIDTH - 2 * _GAP) // image.width)))
        cells.append((image, text, max(image.width, int(captions.length(text)) + 1)))
    places, x, y, row = [], _GAP, _GAP, 0
    for image, _, width in cells:
        if x > _GAP and x + width > _WIDTH - _GAP:
            x, y, row = _GAP, y + row + _LABEL + _GAP, 0
        places.append((x, y))
        x, row = x + width + _GAP, max(row, image.height)
    sheet = Image.new("RGB", (_WIDTH, y + row + _LABEL + _GAP), (232, 232, 236))
    draw = ImageDraw.Draw(sheet)
    for (image, text, _), (left, top) in zip(cells, places, strict=True):
        sheet.paste(image, (left, top))
        captions.draw(draw, (left, top + image.height + _BASELINE), text)
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
