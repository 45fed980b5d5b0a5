"""Draw labelled lines in a real browser with the fonts of this machine: a dataset that no synthesiser of ours made.

    pip install playwright ; apt-get install chromium fonts-noto-cjk fonts-wqy-zenhei fonts-lxgw-wenkai fonts-liberation
    python benchmarks/draw_lines.py health-app OUT --count 800 [--seed 1] [--font FILE.woff2] [--texts FILE]

--font draws an app that writes everything Latin in one face of its own. Texts come from the recipe, or from a file with
one text per line, in which those with other characters are left out; faces, sizes,
weights, colours, tight and loose crops, small units and device scale are drawn here, apart from the synthesiser's code,
and rasterised by Chromium.
"""

import argparse
import base64
import html
import itertools
import json
import random
import re
import shutil
import subprocess
from pathlib import Path

from playwright.sync_api import sync_playwright

from linelet_common import UNKNOWN
from linelet_model.feeds import open_source

BACKGROUNDS = ["#2fb680", "#40a9ed", "#2b6080", "#ef8519", "#f5a623", "#fafafa", "#ffffff", "#1c1c1e", "#23557a"]
LATIN = [
    "Liberation Sans",
    "Liberation Serif",
    "DejaVu Sans",
    "DejaVu Sans Mono",
    "Noto Sans CJK SC",
    "Noto Serif CJK SC",
]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def chinese_families() -> list[str]:
    listed = subprocess.run(["fc-list", ":lang=zh-cn", "family"], capture_output=True, text=True, check=True).stdout
    return sorted({line.split(",")[0].strip() for line in listed.splitlines() if line.strip()})


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def font_face(path: Path) -> str:
    """CSS that makes a WOFF2 file the family "own"."""
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"@font-face {{ font-family: own; src: url(data:font/woff2;base64,{data}) }}"


def element(number: int, text: str, rng: random.Random, latin_families: list[str], families: list[str]) -> str:
    """A line as an app would write it: perhaps a small unit behind a bold number."""
    background = rng.choice(BACKGROUNDS)
    ink = (
        "#ffffff"
        if luminance(background) < 0.5
        else rng.choice(["#505050", "#446c8d", "#2fb680", "#d9731a", "#222222"])
    )
    size = rng.uniform(13, 52)
    latin = rng.choice(latin_families)
    chinese = rng.choice(families)
    weight = rng.choice([300, 400, 500, 700])
    unit = re.fullmatch(r"([\d.]+)(\D+)", text)
    inner = html.escape(text)
    if unit and rng.random() < 0.6:
        small = f"font-size:{rng.uniform(0.4, 0.9):.2f}em;font-weight:400;margin-left:{rng.uniform(0, 0.2):.2f}em"
        inner = f'{html.escape(unit[1])}<span style="{small}">{html.escape(unit[2])}</span>'
    padding = f"{rng.choice([0, 1, 3, 6])}px {rng.choice([1, 2, 4, 8])}px"
    style = (
        f"font:{weight} {size:.1f}px/{rng.uniform(1.0, 1.5):.2f} '{latin}','{chinese}';color:{ink};"
        f"background:{background};padding:{padding};letter-spacing:{rng.choice([0, 0, 0, 0.03, 0.06])}em"
    )
    return f'<div><span id="l{number}" style="{style};display:inline-block;white-space:pre">{inner}</span></div>'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--font", type=Path)
    parser.add_argument("--texts", type=Path)
    args = parser.parse_args()
    face = f"<style>{font_face(args.font)}</style>" if args.font else ""
    latin_families = ["own"] if args.font else LATIN
    rng = random.Random(args.seed)
    source = open_source(args.recipe, 900_000 + args.seed, None, "all")
    families = chinese_families()
    if args.texts:
        known = set(source.charset)
        listed = [t for t in args.texts.read_text(encoding="utf-8").splitlines() if t.strip() and known.issuperset(t)]
        texts = (rng.choice(listed) for _ in itertools.count())
    else:
        # Lines that hold characters outside the charset have no text that could be drawn again.
        drawn = (text for i in itertools.count() for _, text in source.samples([i]))
        texts = (text for text in drawn if text and UNKNOWN not in text)
    (args.out / "images").mkdir(parents=True)
    rows = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for start in range(0, args.count, 100):
            page = browser.new_page(device_scale_factor=rng.choice([1, 1.5, 2]))
            labels = list(itertools.islice(texts, min(100, args.count - start)))
            lines = [element(start + k, text, rng, latin_families, families) for k, text in enumerate(labels)]
            page.set_content(f"<meta charset=utf-8>{face}<body style='margin:8px'>" + "".join(lines))
            page.evaluate("document.fonts.ready")
            for k, text in enumerate(labels):
                page.locator(f"#l{start + k}").screenshot(path=args.out / f"images/{start + k}.png")
                rows.append(f"images/{start + k}.png\t{text}\n")
            page.close()
        browser.close()
    (args.out / "labels.txt").write_text("".join(rows), encoding="utf-8")
    about = {"name": args.recipe, "charset": source.charset, "count": len(rows), "seed": args.seed}
    (args.out / "dataset.json").write_text(json.dumps({**about, "recipe_digest": "browser", "complete": True}))
    print(f"{len(rows)} lines in {len(families)} Chinese families -> {args.out}")


if __name__ == "__main__":
    main()
