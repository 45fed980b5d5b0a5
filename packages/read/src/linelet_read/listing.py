"""What pictures say, printed: for people, as JSON, as CSV, or the named values alone."""

import csv
import sys
from collections.abc import Sequence
from typing import Any

from linelet_common.boxes import Box
from linelet_common.cli import one_line, print_json
from linelet_read.fields import FieldValue
from linelet_read.pictures import PictureReading


def print_lines(read: Sequence[PictureReading]) -> None:
    """A line's picture, text and confidence; of a screen its lines with their boxes, then its fields."""
    for picture in read:
        name = one_line(picture.image)
        for line in picture.reading.lines:
            place = "" if not picture.screen else "\t{},{} {}x{}".format(*line.box)
            print(f"{name}\t{line.text}\t{line.confidence:.3f}{place}")
        if picture.screen and not picture.reading.lines:
            print(f"{name}: no text found", file=sys.stderr)
        for key, value in picture.reading.fields.items():
            print(f"{name}\t{key} = {value.value}\t{value.confidence:.3f}")


def print_list(read: Sequence[PictureReading]) -> None:
    """A list of {image, lines: [{text, confidence, box}], fields}."""
    print_json(
        [
            {
                "image": picture.image,
                "lines": [
                    {"text": line.text, "confidence": round(line.confidence, 4), "box": box_data(line.box)}
                    for line in picture.reading.lines
                ],
                "fields": fields_data(picture.reading.fields),
            }
            for picture in read
        ]
    )


def print_csv(read: Sequence[PictureReading]) -> None:
    """A row per line: image, x, y, width, height, text, confidence."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["image", *Box._fields, "text", "confidence"])
    for picture in read:
        for line in picture.reading.lines:
            writer.writerow([picture.image, *line.box, line.text, f"{line.confidence:.4f}"])


def print_fields(read: Sequence[PictureReading]) -> None:
    """The fields of one picture, or of several a list of {image, fields}."""
    if len(read) == 1:
        print_json(fields_data(read[0].reading.fields))
    else:
        print_json([{"image": p.image, "fields": fields_data(p.reading.fields)} for p in read])


def fields_data(fields: dict[str, FieldValue]) -> dict[str, Any]:
    """Fields as plain data."""
    return {
        key: {"value": f.value, "text": f.text, "confidence": round(f.confidence, 4), "box": box_data(f.box)}
        for key, f in fields.items()
    }


def box_data(box: Box) -> dict[str, int]:
    """A box as plain data."""
    return dict(box._asdict())
