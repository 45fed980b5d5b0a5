import numpy as np
import pytest

from linelet_common.errors import ImageError
from linelet_common.sample import ONNX_KEY, encode_sample, sample_from_text, sample_to_text
from linelet_common.stored import decode_image


def test_a_sample_travels_as_text():
    picture = np.zeros((90, 60, 3), np.uint8)
    picture[20:40, 10:50] = (200, 30, 70)
    png = encode_sample(picture)
    assert sample_from_text(sample_to_text(png), "here") == png
    np.testing.assert_array_equal(decode_image(png, "here"), picture)  # two colours are kept as they are


@pytest.mark.parametrize("text", ["not Base64 ...", "\u4f53", "aGVsbG8=", ""])
def test_what_is_no_picture_is_refused(text):
    with pytest.raises(ImageError, match=r"metadata .* of reader\.onnx"):
        sample_from_text(text, f"metadata {ONNX_KEY!r} of reader.onnx")
