"""Picture -> network input, defined so that Python and the browser agree to the last grey level.

1. Transparent pixels lie on white; EXIF orientation is applied.
2. Grey is ITU-R 601 luma in 16-bit fixed point, Pillow's "L": (19595 R + 38470 G + 7471 B + 32768) >> 16.
3. Resize to the reader's height, width in proportion, with Pillow's BILINEAR: a separable triangle filter whose support
   grows with the scale when shrinking, horizontal pass first, rounded to 8 bits after each pass.
4. (value / 255 - mean) / std, then padding on the right to a width the network takes.
"""

import errno
import os
import stat
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from linelet_common.errors import ImageError
from linelet_common.spec import ReaderSpec

Pixels = NDArray[np.uint8]

# A line 128 times as wide as high holds more than 200 characters: such a crop is a mistake (a rule, a border), and
# reading it would take seconds and gigabytes.
MAX_ASPECT = 128
# Screenshots of whole scrolling pages stay below this (1290 x 31,000), and their reading below 1 GB.
MAX_PIXELS = 40_000_000
# What is read; Pillow knows formats besides that start other programs or that nobody has looked after for years.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

# Pillow's own bound is looser, and it only warns.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# What it only warns of in a damaged TIFF, it goes on to refuse, or can do without.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")


def load_image(path: str | Path) -> Pixels:
    """Read a picture as RGB, uint8 (H, W, 3). ImageError names the file and what is wrong with it."""
    try:
        _refuse_pipes(path)
        with Image.open(path, formats=FORMATS) as image:
            return to_rgb(image, str(path))
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path", place=path) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{path} is not a picture that can be read; use PNG, JPEG, WebP, BMP or GIF", place=path
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as failure:
        if isinstance(failure, OSError) and failure.strerror:
            raise ImageError(f"{path}: {failure.strerror}; check the path", place=path) from None
        raise ImageError(f"{path} is damaged or cut off ({failure}); replace the file", place=path) from None


def _refuse_pipes(path: str | Path) -> None:
    """OSError for a pipe or device, from which a picture might never come."""
    mode = os.stat(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "not a file", str(path))


def to_rgb(image: Image.Image, where: str) -> Pixels:
    """A Pillow picture as RGB uint8 (H, W, 3): orientation applied, transparency on white, 16-bit grey scaled."""
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(
            f"{where} has {image.width} x {image.height} pixels, more than {MAX_PIXELS}; crop it", place=where
        )
    if image.mode == "F":  # 0-1, 0-255, or neither: nothing in the file says
        raise ImageError(f"{where} holds floating-point numbers; save it with 8 or 16 bits a channel", place=where)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        grey = np.asarray(image, dtype=np.float64)
        image = Image.fromarray(np.clip(grey / 257.0 + 0.5, 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def to_grey(image: Pixels) -> Pixels:
    """RGB uint8 (H, W, 3) -> luma uint8 (H, W); grey passes through."""
    if image.ndim == 2:
        return image
    weighted = image.astype(np.uint32) @ np.array([19595, 38470, 7471], dtype=np.uint32)
    return np.asarray((weighted + 32768) >> 16, dtype=np.uint8)


def line_width(height: int, width: int, spec: ReaderSpec) -> int:
    """Width of a line of ``height`` x ``width`` pixels at the reader's height, at least 1. ImageError if absurd."""
    if height < 1 or width < 1:
        raise ImageError(f"a line of {width} x {height} pixels has no content; give at least 1 x 1")
    if width > MAX_ASPECT * height:
        raise ImageError(f"a line of {width} x {height} pixels is over {MAX_ASPECT} times as wide as high; crop it")
    natural = max(1, (2 * width * spec.height + height) // (2 * height))
    # Only a network of fixed widths ever squeezes: what is wider than its widest input.
    return min(natural, spec.widths[-1]) if spec.widths else natural


def resize(image: Pixels, spec: ReaderSpec) -> Pixels:
    """The line at the reader's height, uint8 (height, W) for grey readers, (height, W, 3) in the reader's order."""
    if spec.color == "grey":
        image = to_grey(image)
    elif image.ndim == 2:
        image = np.repeat(image[:, :, None], 3, axis=2)
    width = line_width(image.shape[0], image.shape[1], spec)
    if image.shape[:2] != (spec.height, width):
        # One pass each: left to itself, Pillow's order of passes depends on its version and the shapes.
        picture = Image.fromarray(np.ascontiguousarray(image))
        wide = picture.resize((width, image.shape[0]), Image.Resampling.BILINEAR)
        image = np.asarray(wide.resize((width, spec.height), Image.Resampling.BILINEAR))
    return image[:, :, ::-1] if spec.color == "bgr" else image


def normalise(image: Pixels, spec: ReaderSpec) -> NDArray[np.float32]:
    """uint8 (height, W[, 3]) -> float32 (channels, height, W)."""
    channels = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    mean = np.array(spec.mean, dtype=np.float32)[:, None, None]
    std = np.array(spec.std, dtype=np.float32)[:, None, None]
    return np.asarray((channels.astype(np.float32) / np.float32(255) - mean) / std)


def prepare(image: Pixels, spec: ReaderSpec) -> NDArray[np.float32]:
    """A line, uint8 (H, W) or RGB (H, W, 3) -> network input float32 (channels, height, padded width)."""
    line = normalise(resize(image, spec), spec)
    missing = spec.padded_width(line.shape[2]) - line.shape[2]
    return np.pad(line, ((0, 0), (0, 0), (0, missing)), constant_values=spec.pad)
