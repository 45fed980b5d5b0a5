"""What all tests share: how hypothesis searches, odd pictures, and the pixels that a browser makes of them."""

import base64
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# No deadline: a busy machine is no defect. In CI the same examples each time: a landing must not fail by chance, while
# every run at a desk goes on searching.
settings.register_profile("linelet", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("linelet")


@pytest.fixture(scope="session")
def odd_pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Picture files that have an orientation or are animated: programs differ in what they show of them."""
    folder = tmp_path_factory.mktemp("odd")
    small = np.random.default_rng(0).integers(0, 255, (3, 5, 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(small).resize((50, 30), Image.Resampling.NEAREST))
    frames = [Image.fromarray(np.roll(pixels, 7 * i, axis=1)) for i in range(3)]
    kinds: dict[str, dict[str, Any]] = {"jpeg": {"quality": 95}, "png": {}, "webp": {"lossless": True}}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind, options in kinds.items():
            frames[0].save(folder / f"{orientation}.{kind}", exif=exif, **options)
    for kind, options in {"gif": {}, "png": {}, "webp": {"lossless": True}}.items():
        moving = {"save_all": True, "append_images": frames[1:], "duration": 200, **options}
        frames[0].save(folder / f"animated.{kind}", **moving)
    frames[1].save(folder / "poster.png", save_all=True, append_images=frames[2:], default_image=True, duration=200)
    return sorted(folder.iterdir())


PIXELS = """async (bundle, files) => {
  const { toPixels } = await import(new URL("pixels.js", bundle));
  const pictures = [];
  for (const [type, data] of files) {
    const blob = new Blob([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], { type });
    const picture = await toPixels(blob);
    pictures.push([picture.height, picture.width, Array.from(picture.data)]);
  }
  return pictures;
}"""


@pytest.fixture(scope="session")
def assert_pixels_as_in_python(odd_pictures: list[Path]) -> Callable[[Callable[..., Any], str], None]:
    """Compare what a page makes of the odd pictures with Python's pixels.

    It takes a function that runs an async function of JavaScript in the page, with arguments, and the bundle's address.
    """
    from linelet_common import load_image

    def compare(run: Callable[..., Any], bundle: str) -> None:
        files = [(f"image/{p.suffix[1:]}", base64.b64encode(p.read_bytes()).decode("ascii")) for p in odd_pictures]
        for path, (height, width, data) in zip(odd_pictures, run(PIXELS, bundle, files), strict=True):
            got = np.array(data, np.uint8).reshape(height, width, 4)[:, :, :3]
            np.testing.assert_array_equal(got, load_image(path), err_msg=path.name)

    return compare
