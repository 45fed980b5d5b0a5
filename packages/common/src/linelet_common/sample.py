"""A reader's sample: a screen of its app, with which the page of its bundle begins.

It is drawn from the recipe when the reader is trained, lies in the run folder as sample.png, and travels in the ONNX
file's metadata as Base64.
"""

import base64
import binascii
import io

from PIL import Image

from linelet_common.errors import ImageError
from linelet_common.preprocess import Pixels
from linelet_common.stored import decode_image

FILE_NAME = "sample.png"
ONNX_KEY = "linelet_sample"

_COLOURS = 128  # of its palette: a third of the bytes of all colours, and no difference that anybody sees


def encode_sample(picture: Pixels) -> bytes:
    """A screen, RGB uint8 (H, W, 3), as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).quantize(_COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def sample_to_text(png: bytes) -> str:
    """A sample as metadata."""
    return base64.b64encode(png).decode("ascii")


def sample_from_text(text: str, place: str) -> bytes:
    """A sample from metadata. ImageError if it is none."""
    try:
        png = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ImageError(f"{place} is not Base64; export the reader again", place=place) from None
    decode_image(png, place)
    return png
