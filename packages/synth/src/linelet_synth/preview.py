"""A contact sheet: lines with their labels, to look at before synthesising."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from linelet_common.files import write_atomically
from linelet_common.preprocess import Pixels
from linelet_synth.fonts import bundled
from linelet_synth.source import Source

_WIDTH = 1200
_GAP = 12
_LABEL = 18


def contact_sheet(source: Source, count: int, out: Path) -> None:
    """Write a PNG of samples 0..count-1 in rows, each with its label beneath."""
    write_atomically(out, draw_sheet(list(source.samples(range(count)))))


def draw_sheet(samples: Sequence[tuple[Pixels, str]]) -> bytes:
    """The contact sheet of some samples, as PNG."""
    font = ImageFont.truetype(bundled()[0], 13)
    font.set_variation_by_axes([400])
    cells = []
    for picture, text in samples:
        image = Image.fromarray(picture)
        if image.width > _WIDTH - 2 * _GAP:
            image = image.resize((_WIDTH - 2 * _GAP, max(1, image.height * (_WIDTH - 2 * _GAP) // image.width)))
        cells.append((image, text, max(image.width, int(font.getlength(text)) + 1)))
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
        draw.text((left, top + image.height + 1), text, font=font, fill=(40, 40, 40))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()
