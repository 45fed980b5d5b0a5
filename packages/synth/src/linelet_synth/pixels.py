"""Fast pixel work on uint8 pictures, grey (H, W) or RGB (H, W, 3): colouring a text mask, and degradations by cv2.

Kind and strength of the five degradations follow albumentations' GaussianBlur, MotionBlur, ImageCompression, GaussNoise
and RandomBrightnessContrast, which cost ten times as much and are the tests' oracle.
"""

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from linelet_common.preprocess import Pixels
from linelet_synth.colours import Colour, grey

# One thread per process: lines are far too small to share, and results must not depend on a thread count.
cv2.setNumThreads(1)

_BANK_SIZE = 1 << 21
_BANK_STD = 32.0


@lru_cache(maxsize=1)
def noise_bank() -> NDArray[np.uint8]:
    """Gaussian noise around 128 with a standard deviation of 32: drawing it anew would cost 20 times as much."""
    uniform = np.random.Generator(np.random.PCG64(20240607)).random((2, _BANK_SIZE // 2))
    # Box and Muller by hand: numpy promises the stream of random(), not that of its normal distribution.
    radius = np.sqrt(-2 * np.log1p(-uniform[0]))
    angle = 2 * np.pi * uniform[1]
    normal = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])
    return np.clip(np.rint(128 + _BANK_STD * normal), 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def motion_kernels() -> dict[int, list[NDArray[np.float32]]]:
    """Line kernels of 3 and 5 pixels in 16 directions, each as a list by size."""
    kernels: dict[int, list[NDArray[np.float32]]] = {}
    for size in (3, 5):
        half = size // 2
        kernels[size] = []
        for angle in np.arange(16) * np.pi / 16:
            x, y = round(half * float(np.cos(angle))), round(half * float(np.sin(angle)))
            kernel = np.zeros((size, size), dtype=np.uint8)
            cv2.line(kernel, (half - x, half - y), (half + x, half + y), 1)
            kernels[size].append(kernel.astype(np.float32) / np.float32(kernel.sum()))
    return kernels


def colour_mask(mask: NDArray[np.uint8], background: Colour, text: Colour, rgb: bool) -> Pixels:
    """Text of one colour on a flat background; the mask's 255 is the text."""
    if not rgb:
        level = grey(background)
        return np.asarray(cv2.convertScaleAbs(mask, None, (grey(text) - level) / 255, level))
    channels = [cv2.convertScaleAbs(mask, None, (t - b) / 255, b) for b, t in zip(background, text, strict=True)]
    return np.asarray(cv2.merge(channels))


def gaussian(image: Pixels, size: int, sigma: float, out: Pixels | None = None) -> Pixels:
    """Gaussian blur with a kernel of ``size`` pixels; sigma to a hundredth, so that kernels are met again.

    out may be the image itself.
    """
    kernel = _gaussian_kernel(size, round(100 * sigma))
    return np.asarray(cv2.sepFilter2D(image, -1, kernel, kernel, out))


@lru_cache(maxsize=1024)
def _gaussian_kernel(size: int, hundredths: int) -> NDArray[np.float32]:
    # Making it costs as much as using it.
    return np.asarray(cv2.getGaussianKernel(size, max(1, hundredths) / 100, cv2.CV_32F), dtype=np.float32)


def motion(image: Pixels, kernel: NDArray[np.float32], out: Pixels | None = None) -> Pixels:
    """Blur along a line. out may be the image itself."""
    return np.asarray(cv2.filter2D(image, -1, kernel, out))


def jpeg(image: Pixels, quality: int) -> Pixels:
    """Through JPEG and back."""
    if image.ndim == 2:
        data = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))
    data = cv2.imencode(".jpg", image[:, :, ::-1], (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[:, :, ::-1]


def noise(image: Pixels, std: float, place: float, contrast: float = 1.0, brightness: float = 0.0) -> Pixels:
    """(image + grain) * contrast + brightness: Gaussian grain of ``std`` grey levels, for each channel its own.

    place, in [0, 1), is where the grain is cut from.
    """
    size = image.size
    bank = noise_bank()
    if size > _BANK_SIZE // 2:
        bank = np.resize(bank, size * 2)
    start = int(place * (len(bank) - size))
    share = contrast * std / _BANK_STD
    grain = bank[start : start + size].reshape(image.shape)
    return np.asarray(cv2.addWeighted(image, contrast, grain, share, brightness - 128.0 * share))


def light(image: Pixels, contrast: float, brightness: float) -> Pixels:
    """image * contrast + brightness, in grey levels."""
    return np.asarray(cv2.addWeighted(image, contrast, image, 0.0, brightness))
