import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from linelet_common import ReaderSpec, load_image, prepare
from linelet_common.errors import ImageError
from linelet_common.preprocess import MAX_ASPECT, line_width, resize, to_grey

SPEC = ReaderSpec(charset="0123456789")


@given(st.integers(1, 400), st.integers(1, 400), st.integers(8, 64))
def test_the_aspect_is_kept_to_half_a_pixel(height, width, target):
    spec = ReaderSpec(charset="0", height=target)
    width = min(width, MAX_ASPECT * height)
    exact = width * target / height
    assert abs(line_width(height, width, spec) - max(exact, 1)) <= 0.5


@given(st.integers(1, 90), st.integers(1, 300))
@settings(max_examples=50, deadline=None)
def test_padding_follows_the_line_and_nothing_is_squashed(height, width):
    width = min(width, MAX_ASPECT * height)
    image = np.full((height, width), 255, dtype=np.uint8)
    line = prepare(image, SPEC)
    used = line_width(height, width, SPEC)
    assert line.shape == (1, 32, SPEC.padded_width(used))
    assert (line[:, :, :used] == 1.0).all()
    assert (line[:, :, used:] == 0.0).all()


@given(st.integers(0, 2**32))
@settings(max_examples=30)
def test_grey_is_pillows_luma(seed):
    image = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_grey(image), np.asarray(Image.fromarray(image).convert("L")))


def triangle_resize(image, height, width):
    """The written definition, in numpy: separable triangle filter, horizontal first, 8 bits after each pass."""

    def weights(source, target):
        scale = source / target
        support = max(scale, 1.0)
        centres = (np.arange(target) + 0.5) * scale
        distance = np.abs(np.arange(source)[None] + 0.5 - centres[:, None]) / support
        w = np.clip(1 - distance, 0, None)
        return w / w.sum(axis=1, keepdims=True)

    across = np.floor(image @ weights(image.shape[1], width).T + 0.5)
    return np.floor(weights(image.shape[0], height) @ across + 0.5)


@given(st.integers(1, 100), st.integers(1, 250), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_resizing_is_what_is_written(height, width, seed):
    """Pillow's resize equals the definition in the module's docstring to one grey level."""
    width = min(width, MAX_ASPECT * height)
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    ours = resize(image, SPEC)
    expected = triangle_resize(image.astype(np.float64), 32, line_width(height, width, SPEC))
    assert ours.shape == expected.shape
    assert np.abs(ours - expected).max() <= 1


def test_colour_readers_get_their_channel_order_and_scale():
    image = np.zeros((48, 96, 3), dtype=np.uint8)
    image[:, :, 0] = 255
    rgb = ReaderSpec(charset="0", height=48, color="rgb", mean=(0.5, 0.25, 0.25), std=(0.5, 0.25, 0.25))
    bgr = ReaderSpec(charset="0", height=48, color="bgr")
    assert prepare(image, rgb)[:, 0, 0].tolist() == [1.0, -1.0, -1.0]
    assert prepare(image, bgr)[:, 0, 0].tolist() == [-1.0, -1.0, 1.0]
    assert prepare(image[:, :, 0], bgr).shape == (3, 48, 96)


def test_transparency_lies_on_white(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (load_image(tmp_path / "clear.png") == 255).all()


def test_exif_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise to view
    Image.new("RGB", (30, 10)).save(tmp_path / "turned.jpg", exif=exif)
    assert load_image(tmp_path / "turned.jpg").shape == (30, 10, 3)


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    Image.fromarray(np.full((3, 3), 0x8080, dtype=np.uint16)).save(tmp_path / "deep.png")
    assert (load_image(tmp_path / "deep.png") == 0x80).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_common_mode_becomes_rgb(mode, tmp_path):
    suffix = "tiff" if mode == "CMYK" else "png"
    Image.new("RGB", (6, 5), (10, 10, 10)).convert(mode).save(tmp_path / f"x.{suffix}")
    image = load_image(tmp_path / f"x.{suffix}")
    assert image.shape == (5, 6, 3)
    assert image.dtype == np.uint8


def damaged(tmp_path, kind):
    path = tmp_path / "x.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    if kind == "truncated":
        path.write_bytes(path.read_bytes()[:4000])
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("hello")
    elif kind == "missing":
        path.unlink()
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("truncated", "is damaged or cut off"),
        ("empty", "is not a picture"),
        ("text", "is not a picture"),
        ("missing", "no such file"),
        ("folder", "Is a directory"),
    ],
)
def test_an_unreadable_picture_is_an_error_never_a_black_one(kind, message, tmp_path):
    path = damaged(tmp_path, kind)
    with pytest.raises(ImageError, match=message) as failure:
        load_image(path)
    assert str(path) in str(failure.value)


def test_an_absurd_line_is_refused():
    with pytest.raises(ImageError, match="2000 x 10 pixels is over 128 times"):
        prepare(np.zeros((10, 2000), dtype=np.uint8), SPEC)
    with pytest.raises(ImageError, match="has no content"):
        prepare(np.zeros((0, 20), dtype=np.uint8), SPEC)


def test_horizontal_pass_comes_first_whatever_pillow_prefers():
    """Tall pictures are where Pillow 13 would take the vertical pass first and differ by one level."""
    image = np.random.default_rng(0).integers(0, 256, (90, 10), dtype=np.uint8)
    wide = Image.fromarray(image).resize((4, 90), Image.Resampling.BILINEAR)
    expected = np.asarray(wide.resize((4, 32), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(resize(image, SPEC), expected)


def test_a_picture_of_floating_point_numbers_is_refused(tmp_path):
    """Whether white is 1 or 255 the file does not say."""
    Image.fromarray(np.ones((3, 3), dtype=np.float32)).save(tmp_path / "f.tiff")
    with pytest.raises(ImageError, match=r"f\.tiff holds floating-point numbers; save it with 8 or 16 bits"):
        load_image(tmp_path / "f.tiff")
