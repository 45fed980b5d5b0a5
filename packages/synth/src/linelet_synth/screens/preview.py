"""A contact sheet of screens, each line framed, the values of fields in another colour."""

from pathlib import Path

import cv2
import numpy as np

from linelet_common.files import output_file
from linelet_common.preprocess import Pixels
from linelet_synth.png import encode_png, sign_png
from linelet_synth.screens.drawing import ScreenPicture
from linelet_synth.screens.source import ScreenSource

_WIDTH = 1800  # of the sheet
_HEIGHT = 640  # of a row
_GAP = 12
_LINE, _FIELD = (230, 60, 60), (30, 80, 230)
_BACKGROUND = 232


def screens_sheet(source: ScreenSource, count: int, out: Path) -> None:
    """Write a PNG of screens 0..count-1 in rows."""
    cells = [_cell(source.screen(i)) for i in range(count)]
    places, x, y = [], _GAP, _GAP
    for cell in cells:
        if x > _GAP and x + cell.shape[1] > _WIDTH - _GAP:
            x, y = _GAP, y + _HEIGHT + _GAP
        places.append((x, y))
        x += cell.shape[1] + _GAP
    sheet = np.full((y + _HEIGHT + _GAP, _WIDTH, 3), _BACKGROUND, dtype=np.uint8)
    for cell, (left, top) in zip(cells, places, strict=True):
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    with output_file(out) as file:
        file.write(sign_png(encode_png(sheet)))


def _cell(screen: ScreenPicture) -> Pixels:
    height, width = screen.picture.shape[:2]
    share = min(_HEIGHT / height, (_WIDTH - 2 * _GAP) / width)
    size = max(1, round(width * share)), max(1, round(height * share))
    cell = cv2.resize(screen.picture, size, interpolation=cv2.INTER_AREA)
    for line in screen.lines:
        x, y, w, h = (value * share for value in line.box)
        corners = (int(x) - 1, int(y) - 1), (int(x + w) + 1, int(y + h) + 1)
        cv2.rectangle(cell, *corners, _FIELD if line.field else _LINE, 1)
    return np.asarray(cell)
