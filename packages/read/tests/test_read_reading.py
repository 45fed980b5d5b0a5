import numpy as np

from linelet_common import ReaderSpec
from linelet_read import read_lines

SPEC = ReaderSpec(charset="0123456789", stride=4)


class BrightnessReader:
    """Reads a line's grey level as a digit, once: enough to see which picture went where."""

    spec = SPEC

    def __init__(self):
        self.shapes = []

    def scores(self, batch):
        self.shapes.append(batch.shape)
        scores = np.zeros((len(batch), batch.shape[3] // 4, SPEC.classes), dtype=np.float32)
        scores[:, :, 0] = 1
        digits = np.round((batch[:, 0, 0, 0] + 1) * 4.5).astype(int)
        scores[np.arange(len(batch)), 0, digits + 1] = 9
        return scores


def test_readings_come_in_the_order_of_the_pictures_whatever_their_widths():
    digits = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
    widths = [10, 200, 33, 90, 31, 64, 65, 10, 150, 40]
    images = [np.full((32, w), round(d * 255 / 9), dtype=np.uint8) for d, w in zip(digits, widths, strict=True)]
    reader = BrightnessReader()
    readings = read_lines(reader, images, batch_size=2)
    assert [r.text for r in readings] == [str(d) for d in digits]
    assert all(shape[0] <= 2 and shape[3] % 32 == 0 for shape in reader.shapes)


def test_no_pictures_no_readings():
    assert read_lines(BrightnessReader(), []) == []
