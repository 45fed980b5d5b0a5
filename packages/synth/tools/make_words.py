"""Remake the bundled word lists: `python packages/synth/tools/make_words.py` (needs npm).

words/zh.txt and words/en.txt hold what apps say, one phrase per line: the texts of component libraries' locale files,
names of dates and units of Unicode's CLDR, and app.txt, a list of this project's own. Lines drawn with them teach a
reader what lies outside its charset. words/lookalikes.txt holds for each Chinese character those whose shapes come
nearest, by the correlation of their blurred glyphs in the default bundled face.

words/chinese.txt, words/latin.txt and words/latin-extended.txt are the corpora of the built-in recipes chinese and
latin: the same texts, CLDR's names of places and languages, for Chinese the commonest words of a dictionary, for Latin
letters CLDR's texts in 40 languages.
"""

import json
import random
import re
import tempfile
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from make_fonts import fetch
from numpy.typing import NDArray

from linelet_synth.atlas import Atlas
from linelet_synth.fonts import bundled, read_faces

TARGET = Path(__file__).parents[1] / "src" / "linelet_synth" / "words"

# Package: (file of Chinese, file of English).
LOCALES = {
    "element-plus@2.14.8": ("dist/locale/zh-cn.mjs", "dist/locale/en.mjs"),
    "antd@6.6.8": ("lib/locale/zh_CN.js", "lib/locale/en_US.js"),
    "vant@4.10.2": ("lib/locale/lang/zh-CN.js", "lib/locale/lang/en-US.js"),
}
CLDR = {
    "cldr-dates-full@48.2.0": ("ca-gregorian.json", "dateFields.json"),
    "cldr-units-full@48.2.0": ("units.json",),
}
NAMES = "cldr-localenames-full@48.2.0"
LATIN_LANGUAGES = (
    "en", "af", "az", "bs", "ca", "cs", "cy", "da", "de", "es", "et", "eu", "fi", "fil", "fr", "ga", "gl", "hr", "hu",
    "id", "is", "it", "lt", "lv", "ms", "mt", "nb", "nl", "nn", "pl", "pt", "ro", "sk", "sl", "sq", "sv", "sw", "tr",
    "uz",
)  # fmt: skip
# How many of their texts are taken: of those that Latin-1 can write, and of the others.
LATIN_1, EXTENDED = 6000, 4000
# A dictionary of Chinese words with their frequencies, and how many of the commonest are taken.
DICTIONARY, COMMONEST = "@node-rs/jieba@2.0.3", 16_000
_CHINESE = re.compile(r"[一-鿿]")
_LONGEST = 12
_LONGEST_NAME = 20
_NEIGHBOURS = 4
# Closer than this, and people need the context to tell two characters apart; further, and they are not alike.
_SAME, _ALIKE = 0.975, 0.80


def strings(data: Any) -> Iterator[str]:
    """Every text in nested JSON."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            if not key.endswith(("Formats", "Skeletons")):  # patterns of dates are not what a screen shows
                yield from strings(value)


def phrases(texts: Iterator[str]) -> Iterator[str]:
    """Short phrases without placeholders."""
    for text in texts:
        text = text.replace("&nbsp;", " ").strip()
        if text and len(text) <= (_LONGEST if _CHINESE.search(text) else 24) and not re.search(r"[{}$<>\\'\"`]", text):
            yield text


def collect(cache: Path) -> tuple[set[str], set[str]]:
    """Chinese and English phrases; writes the licences of where they come from."""
    licences = []
    chinese: set[str] = set()
    english: set[str] = set()
    for package, (zh, en) in LOCALES.items():
        folder = fetch("npm", package, cache / package) / "package"
        licences.append((package, (folder / "LICENSE").read_text(encoding="utf-8")))
        for path in (zh, en):
            quoted = re.findall(r"""["']([^"'\n]{1,40})["']""", (folder / path).read_text(encoding="utf-8"))
            if path == zh:
                chinese.update(p for p in phrases(iter(quoted)) if _CHINESE.search(p))
            else:
                english.update(p for p in phrases(iter(quoted)) if re.fullmatch(r"[A-Z][A-Za-z ]+", p))
    for package, names in CLDR.items():
        folder = fetch("npm", package, cache / package) / "package"
        licences.append((package, (folder / "LICENSE").read_text(encoding="utf-8")))
        for name in names:
            for language, found in (("zh", chinese), ("en", english)):
                data = json.loads((folder / "main" / language / name).read_text(encoding="utf-8"))
                known = phrases(strings(data["main"][language]))
                found.update(p for p in known if _CHINESE.search(p) or re.fullmatch(r"[A-Za-z][A-Za-z ]{2,20}", p))
    text = "".join(f"== {package} (npm) ==\n\n{licence.strip()}\n\n" for package, licence in licences)
    (TARGET / "LICENSES.txt").write_text(text, encoding="utf-8")
    return chinese, {p for p in english if not _CHINESE.search(p)}


def names(cache: Path, language: str) -> Iterator[str]:
    """CLDR's names of countries and languages, and in Latin letters those of days, months and units of time too."""
    files = [(NAMES, "territories.json"), (NAMES, "languages.json")]
    if language != "zh":
        files += [("cldr-dates-full@48.2.0", name) for name in CLDR["cldr-dates-full@48.2.0"]]
    for package, name in files:
        path = cache / package / "content" / "package" / "main" / language / name
        data = json.loads(path.read_text(encoding="utf-8"))["main"][language]
        yield from (" ".join(unicodedata.normalize("NFC", text).split()) for text in strings(data))


def latin(cache: Path, characters: str) -> tuple[list[str], list[str]]:
    """Texts of the latin recipe: those that Latin-1 can write, and the others; of each a random part."""
    texts = corpus((text for language in LATIN_LANGUAGES for text in names(cache, language)), characters)
    texts = [text for text in texts if re.search(r"[^\W\d_]{2}", text) and not re.search(r"[{}]", text)]
    random.Random(0).shuffle(texts)
    plain = [text for text in texts if max(text) < "\u0100"]
    return sorted(plain[:LATIN_1]), sorted([text for text in texts if max(text) >= "\u0100"][:EXTENDED])


def corpus(texts: Iterator[str], characters: str) -> list[str]:
    """The texts that are written in these characters alone, each once, without single characters and codes."""
    fits = (t for t in texts if 1 < len(t) <= _LONGEST_NAME and set(t) <= set(characters) and not t.isdecimal())
    return sorted(set(fits))


def lookalikes(characters: str) -> Iterator[str]:
    """For each character: itself, then those that look alike, nearest first."""
    strike = Atlas(characters).strike(read_faces(bundled()[0])[0], 400, 32)
    rows = np.zeros((len(characters), 24 * 24), dtype=np.float32)
    for k, character in enumerate(characters):
        mask, left, top, right, bottom, _ = strike.glyph(character)
        canvas: NDArray[np.uint8] = np.zeros((48, 48), dtype=np.uint8)
        canvas[36 + top : 36 + bottom, 8 + left : 8 + right] = mask
        small = cv2.resize(cv2.GaussianBlur(canvas, (0, 0), 1.6), (24, 24), interpolation=cv2.INTER_AREA)
        row = small.astype(np.float32).ravel()
        row -= row.mean()
        rows[k] = row / np.linalg.norm(row)
    for k, character in enumerate(characters):
        alike = rows @ rows[k]
        order = np.argsort(-alike)[1 : 4 * _NEIGHBOURS]
        near = [characters[n] for n in order if _ALIKE <= alike[n] <= _SAME][:_NEIGHBOURS]
        if near:
            yield character + "".join(near)


def main() -> None:
    """Write the lists."""
    own = [line.strip() for line in (TARGET / "app.txt").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        chinese, english = collect(cache)
        licences = (TARGET / "LICENSES.txt").open("a", encoding="utf-8")
        with licences:
            for package in (NAMES, DICTIONARY):
                licence = fetch("npm", package, cache / package) / "package" / "LICENSE"
                licences.write(f"== {package} (npm) ==\n\n{licence.read_text(encoding='utf-8').strip()}\n\n")
        entries = (cache / DICTIONARY / "content" / "package" / "dict.txt").read_text(encoding="utf-8").splitlines()
        counted = [(int(count), word) for word, count, _ in (entry.split() for entry in entries) if len(word) > 1]
        words = [word for _, word in sorted(counted, reverse=True)[:COMMONEST]]
        recipe = tomllib.loads((TARGET.parent / "recipes" / "chinese.toml").read_text(encoding="utf-8"))
        charset = tomllib.loads((TARGET.parent / "recipes" / "latin.toml").read_text(encoding="utf-8"))["charset"]
        plain, extended = latin(cache, charset)
        general = corpus(iter([*chinese, *english, *names(cache, "zh"), *words]), recipe["charset"])
    chinese.update(w for w in own if _CHINESE.search(w))
    english.update(w for w in own if w and not _CHINESE.search(w))
    common = set.intersection(*(set(read_faces(path)[0].characters) for path in bundled()))
    characters = "".join(sorted(c for c in common if "一" <= c <= "鿿"))
    for name, lines in (
        ("zh.txt", sorted(chinese)),
        ("en.txt", sorted(english)),
        ("lookalikes.txt", list(lookalikes(characters))),
        ("chinese.txt", general),
        ("latin.txt", plain),
        ("latin-extended.txt", extended),
    ):
        (TARGET / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        print(f"{name}: {len(lines)} lines, {(TARGET / name).stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
