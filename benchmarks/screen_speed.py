"""What a synthetic screen costs: CPU per screen and per 30 lines, drawn and as PNG, in grey and colour.

    python benchmarks/screen_speed.py [--count 600] [--recipe health-app]

The first screens rasterise glyphs that the later ones find ready, so both ends of the run are told.
"""

import argparse
import time

from linelet_synth import load_recipe
from linelet_synth.png import encode_png
from linelet_synth.screens.source import ScreenSource


def measure(source: ScreenSource, numbers: range) -> tuple[float, float, float, float]:
    """CPU ms per screen drawn and encoded, lines and megapixels per screen."""
    drawn = encoded = 0.0
    lines = pixels = 0
    for i in numbers:
        start = time.process_time()
        screen = source.screen(i)
        between = time.process_time()
        encode_png(screen.picture)
        drawn, encoded = drawn + between - start, encoded + time.process_time() - between
        lines += len(screen.lines)
        pixels += screen.picture.shape[0] * screen.picture.shape[1]
    count = len(numbers)
    return 1e3 * drawn / count, 1e3 * encoded / count, lines / count, pixels / count / 1e6


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--recipe", default="health-app")
    arguments = parser.parse_args()
    print("| pictures | screens | ms drawn | ms per 30 lines | ms PNG | lines | megapixels |")
    print("|---|---|---|---|---|---|---|")
    for rgb in (False, True):
        source = ScreenSource(load_recipe(arguments.recipe), 0, rgb=rgb)
        part = arguments.count // 3
        for numbers in (range(part), range(arguments.count - part, arguments.count)):
            drawn, encoded, lines, pixels = measure(source, numbers)
            name, share = "RGB" if rgb else "grey", 30 * drawn / lines
            span = f"{numbers.start}-{numbers.stop - 1}"
            print(f"| {name} | {span} | {drawn:.1f} | {share:.1f} | {encoded:.1f} | {lines:.1f} | {pixels:.2f} |")


if __name__ == "__main__":
    main()
