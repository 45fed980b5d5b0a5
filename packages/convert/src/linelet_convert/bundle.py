"""A bundle read as a page reads it: by its own JavaScript and TensorFlow.js, in Node."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from linelet_common.errors import ConversionError
from linelet_common.preprocess import Pixels
from linelet_common.processes import run_with_us
from linelet_convert.runtimes import NODE_SECONDS, find_node


def read_screen(bundle: Path, picture: Pixels) -> dict[str, Any] | None:
    """What a bundle reads on a screen, RGB uint8 (H, W, 3): {lines: [{text, confidence, box}], fields: {...}}.

    None without Node. ConversionError if the bundle cannot be read.
    """
    node = find_node()
    if node is None:
        return None
    height, width = picture.shape[:2]
    script = Path(__file__).parent / "web" / "runtime" / "read_screen.mjs"
    with tempfile.TemporaryDirectory(prefix="linelet-screen-") as folder:
        raw = Path(folder) / "screen.rgba"
        raw.write_bytes(np.dstack([picture, np.full((height, width), 255, dtype=np.uint8)]).tobytes())
        command = [node, str(script), str(bundle), str(raw), str(width), str(height)]
        try:
            done = run_with_us(command, NODE_SECONDS)
        except subprocess.TimeoutExpired:
            raise ConversionError(
                f"{bundle} took over {NODE_SECONDS} s to read a screen in Node; convert a smaller network", place=bundle
            ) from None
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        said = (done.stderr.strip().splitlines() or ["no answer"])[-1]
        raise ConversionError(f"{bundle} cannot be read in Node ({said}); convert again", place=bundle) from None
    if "error" in answer:
        raise ConversionError(f"{bundle} cannot be read in Node ({answer['error']}); convert again", place=bundle)
    return answer
