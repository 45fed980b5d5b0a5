"""Time to accuracy with many characters, on texts of user interfaces that nobody trained on, beside PP-OCR.

    python benchmarks/large_charsets.py --characters 700 --minutes 20 [--from chinese --trim] [--threads 2]

The recipe is the built-in chinese one with that many characters: its signs, ASCII, and the Chinese characters that its
corpus has most often; texts and vocabularies with others are left out. Lines are ui_texts.py's, drawn by draw_lines.py
(what these need is needed here), a thousand of them; reading_engines.py reads them with the new reader and the others.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

import tomli_w

HERE = Path(__file__).parent


def smaller_recipe(characters: int, folder: Path) -> Path:
    """The chinese recipe with its commonest characters only."""
    recipes = Path(str(resources.files("linelet_synth") / "recipes"))
    recipe: dict[str, Any] = tomllib.loads((recipes / "chinese.toml").read_text(encoding="utf-8"))
    texts = next(kind for kind in recipe["texts"] if "corpus" in kind)
    corpus = (recipes / texts["corpus"]).read_text(encoding="utf-8").splitlines()
    counts = Counter(c for text in corpus for c in text)
    signs = [c for c in recipe["charset"] if c < "一"]
    chinese = sorted((c for c in recipe["charset"] if c >= "一"), key=lambda c: -counts[c])
    kept = set(signs) | set(chinese[: characters - len(signs)])
    recipe["charset"] = "".join(c for c in recipe["charset"] if c in kept)
    recipe["name"] = f"chinese-{characters}"
    recipe["floor"] = min(0.005, 1.5 / characters)
    (folder / "texts.txt").write_text("".join(f"{t}\n" for t in corpus if kept.issuperset(t)), encoding="utf-8")
    texts["corpus"] = "texts.txt"
    for name, words in recipe["vocabulary"].items():
        recipe["vocabulary"][name] = [word for word in words if kept.issuperset(word)]
    for kind in recipe["texts"]:
        drawn = (form.replace("{", " ").replace("}", " ") for form in kind.get("forms", []))
        forms = [f for f, text in zip(kind.get("forms", []), drawn, strict=True) if not (set(text) - kept - {"一"})]
        if forms:
            kind["forms"] = forms
        if alphabet := kind.get("random", {}).get("alphabet"):
            kind["random"]["alphabet"] = "".join(c for c in alphabet if c in kept)
    path = folder / "recipe.toml"
    path.write_text(tomli_w.dumps(recipe), encoding="utf-8")
    return path


def run(*command: str) -> None:
    """Run a Python command and show its output."""
    subprocess.run([sys.executable, *command], check=True)


def main() -> None:
    """Train, draw, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=700)
    parser.add_argument("--minutes", default="20")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--count", default="1000")
    parser.add_argument("--from", dest="start", default="")
    parser.add_argument("--trim", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = str(smaller_recipe(args.characters, folder))
        run(str(HERE / "ui_texts.py"), str(folder / "ui.txt"))
        drawing = [recipe, str(folder / "ui"), "--texts", str(folder / "ui.txt"), "--count", args.count, "--seed", "7"]
        run(str(HERE / "draw_lines.py"), *drawing)
        options = ["--minutes", args.minutes, "--threads", args.threads]
        options += ["--from", args.start] if args.start else []
        options += ["--trim"] if args.trim else []
        start = time.monotonic()
        run("-m", "linelet_common", "train", "--recipe", recipe, "--out", str(folder / "run"), *options)
        lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").read_text().splitlines()]
        seen = lines[-1].get("lines", "?")
        print(f"{args.characters} characters: {seen} lines in {time.monotonic() - start:.0f} s with everything")
        run(str(HERE / "reading_engines.py"), str(folder / "run"), str(folder / "ui"))


if __name__ == "__main__":
    main()
