"""Pictures of lines to texts."""

from collections.abc import Sequence

import numpy as np

from linelet_common.codec import Reading
from linelet_common.preprocess import Pixels, prepare
from linelet_common.reader import Reader, group_by_width
from linelet_read.decoding import Decoding, decode


def read_lines(
    reader: Reader, images: Sequence[Pixels], batch_size: int = 16, decoding: Decoding = "greedy"
) -> list[Reading]:
    """The texts of lines, uint8 (H, W) or RGB (H, W, 3), in their order. decoding: see ``decode``.

    Lines are batched with lines of the same padded width, so a line's reading never depends on its neighbours.
    """
    prepared = [prepare(image, reader.spec) for image in images]
    readings: dict[int, Reading] = {}
    for chunk in group_by_width([line.shape[2] for line in prepared], batch_size):
        output = reader.scores(np.stack([prepared[i] for i in chunk]))
        readings.update(zip(chunk, decode(output, reader.spec, decoding), strict=True))
    return [readings[i] for i in range(len(images))]
