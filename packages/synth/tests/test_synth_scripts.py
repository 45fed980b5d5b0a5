"""Arabic, Hebrew, Devanagari and Thai: pictures as Chromium draws them, labels in the order of reading."""

import base64
import json
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from linelet_common.bidi import to_logical, to_visual
from linelet_common.cli import main
from linelet_common.codec import UNKNOWN
from linelet_common.datasets import open_dataset
from linelet_common.errors import RecipeError
from linelet_common.manifest import Manifest
from linelet_synth import Source
from linelet_synth.atlas import Atlas, Placed, ink_box, paste, set_line
from linelet_synth.check import check
from linelet_synth.fonts import Face, bundled, read_faces
from linelet_synth.recipe import Recipe, load_recipe, parse_recipe
from linelet_synth.screens.setting import Run, Typeface, set_runs
from linelet_synth.screens.source import ScreenSource

FONTS = Path(__file__).parent / "fonts"
LATIN = next(path for path in bundled("latin") if path.endswith("lato-400.ttf"))
RTL = ("arabic", "hebrew")
WORDS = {
    "arabic": ["الوزن", "نسبة الدهون", "لا إله", "مُحَمَّد", "مرحبا بكم", "(كجم)", "٦٨٫٥ كجم", "الوزن: 68.5 kg",
               "68.5kg وزن"],
    "hebrew": ["משקל", "אחוז שומן", "שָׁלוֹם (עולם)", "68.5 ק״ג", "משקל: 68.5 kg", "68.5kg", "-5 בלילה"],
    "devanagari": ["वज़न", "शरीर की चर्बी", "क्षत्रिय", "स्त्री", "विश्लेषण", "कर्म", "68.5 किग्रा", "हड्डी 5%"],
    "thai": ["น้ำหนัก", "ไขมันในร่างกาย", "เป็นที่รู้", "ปู่ย่า", "ผู้ใหญ่ 5%", "68.5 กก."],
}  # fmt: skip
FORMS = {
    "arabic": ["{40..110:.1f} كجم", "{40..110:.1f}kg", "الوزن: {40..110:.1f} kg"],
    "hebrew": ["{40..110:.1f} ק״ג", "{40..110:.1f}kg", "משקל: {40..110:.1f} kg"],
    "devanagari": ["{40..110:.1f} किग्रा"],
    "thai": ["{40..110:.1f} กก."],
}
SIZE = 48
Mask = NDArray[np.float64]


def words(script: str) -> list[str]:
    return [unicodedata.normalize("NFC", word) for word in WORDS[script]]


def charset(script: str) -> str:
    return "".join(dict.fromkeys(" 0123456789.%kg()" + "".join(words(script))))


def font(script: str) -> str:
    return str(FONTS / f"noto-sans-{script}.woff2")


def recipe(script: str, more: str = "") -> Recipe:
    direction = 'direction = "rtl"\n' if script in RTL else ""
    chain = json.dumps([font(script), LATIN])
    text = f"""name = "{script}"\ncharset = {json.dumps(charset(script))}\n{direction}fonts = [{chain}]
[[texts]]\nforms = {json.dumps(words(script))}
[[texts]]\nforms = {json.dumps(FORMS[script])}
[[texts]]\nrandom = {{ length = [1, 6] }}
[looks.screen]\nweight = 1\n{more}"""
    return parse_recipe(text.encode(), "r.toml", Path())


def set_words(script: str, text: str, size: int = SIZE) -> list[Placed]:
    """The glyphs of a text in the order seen."""
    atlas = Atlas()
    chain = [read_faces(path)[0] for path in (font(script), LATIN)]
    face = Face(**{**chain[0].__dict__, "chain": tuple(chain), "characters": chain[0].characters | chain[1].characters})
    return set_line([(run, atlas.strike(own, 400, size)) for run, own in face.runs(text)], script in RTL)[0]


def draw(placed: list[Placed]) -> Mask:
    left, top, right, bottom = ink_box(placed)
    canvas = np.zeros((bottom - top, right - left), dtype=np.uint8)
    paste(placed, canvas, -left, -top)
    return canvas / 255


@pytest.mark.parametrize("script", WORDS)
def test_every_character_has_its_piece_of_the_word(script: str) -> None:
    """Pieces follow each other from left to right and make up the whole; none has a letter of another."""
    for text in words(script):
        placed = set_words(script, text)
        assert len(placed) == len(text)
        lefts = [x0 for mask, x0, *_ in placed if mask.size]
        assert lefts == sorted(lefts) or any(c in text for c in " 0")  # digits and spaces have bearings of their own


def likeness(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Correlation of two profiles of ink, each softened by two pixels, at the best of seven shifts."""
    size = max(len(ours), len(theirs)) + 12
    kernel = np.ones(5) / 5

    def padded(profile: NDArray[np.float64], shift: int) -> NDArray[np.float64]:
        whole = np.zeros(size)
        whole[6 + shift : 6 + shift + len(profile)] = profile
        return np.convolve(whole, kernel, "same")

    target = padded(theirs, 0)
    return max(float(np.corrcoef(padded(ours, shift), target)[0, 1]) for shift in range(-3, 4))


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[Mask]]:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser, "install Chromium"

    def drawn(script: str) -> list[Mask]:
        folder = tmp_path_factory.mktemp(script)
        faces = "".join(
            f"@font-face {{ font-family: f{k}; src: url(data:font/ttf;base64,"
            f"{base64.b64encode(Path(path).read_bytes()).decode()}) }}"
            for k, path in enumerate((font(script), LATIN))
        )
        row, direction = 3 * SIZE, "rtl" if script in RTL else "ltr"
        rows = "".join(
            f'<p dir={direction} style="top: {row * k + SIZE // 2}px">{text}</p>'
            for k, text in enumerate(words(script))
        )
        page = folder / "page.html"
        page.write_text(
            f"<meta charset=utf-8><style>{faces} body {{ font: {SIZE}px f0, f1; white-space: pre }}"
            f"p {{ position: absolute; margin: 0; left: 40px }}</style>{rows}"
        )
        height = row * len(words(script))
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--hide-scrollbars",
            "--force-device-scale-factor=1", f"--window-size=900,{height + 200}", f"--screenshot={folder / 'page.png'}",
        ]  # fmt: skip
        subprocess.run([*command, page.as_uri()], capture_output=True, timeout=120, check=True)
        ink = 1 - np.asarray(Image.open(folder / "page.png").convert("L"), dtype=np.float64) / 255
        return [trimmed(ink[row * k : row * (k + 1)]) for k in range(len(words(script)))]

    return drawn


def trimmed(ink: Mask) -> Mask:
    """The part with ink in it."""
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.1), np.flatnonzero(ink.max(axis=0) > 0.1)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.mark.browser
@pytest.mark.parametrize("script", WORDS)
def test_texts_are_drawn_as_chromium_draws_them(script: str, chromium: Callable[[str], list[Mask]]) -> None:
    """Ink by columns: order, forms and joins of the letters; ink by rows: marks above and below."""
    for text, theirs in zip(words(script), chromium(script), strict=True):
        ours = draw(set_words(script, text))
        assert abs(ours.shape[1] - theirs.shape[1]) <= 2, text
        assert abs(ours.shape[0] - theirs.shape[0]) <= 1, text
        assert likeness(ours.sum(axis=0), theirs.sum(axis=0)) > 0.94, text  # words stand on whole pixels here
        assert likeness(ours.sum(axis=1), theirs.sum(axis=1)) > 0.995, text
        if script in RTL and any(c.isalpha() and not c.isascii() for c in text):
            assert likeness(ours[:, ::-1].sum(axis=0), theirs.sum(axis=0)) < 0.9, text  # which the wrong order is not


@pytest.mark.parametrize("script", WORDS)
def test_lines_have_logical_labels_and_a_box_for_each_character(script: str) -> None:
    source = Source(recipe(script), 0)
    known = set(charset(script)) | {UNKNOWN}
    texts = set()
    for line in source.lines(range(200)):
        texts.add(line.text)
        assert set(line.text) <= known
        assert len(line.boxes) == len(line.text)
        seen = to_visual(line.text) if script in RTL else line.text
        if script in RTL:
            assert to_visual(to_logical(seen)) == seen
    assert sum(word in texts for word in words(script)) > len(words(script)) / 2
    assert any(UNKNOWN in text for text in texts)


@pytest.mark.parametrize("script", RTL)
def test_the_first_letter_read_is_the_last_seen(script: str) -> None:
    source = Source(recipe(script, "tilted = 0\nneighbours = 0\n"), 1)
    checked = 0
    for line in source.lines(range(150)):
        letters = [(c, box) for c, box in zip(line.text, line.boxes, strict=True) if c.isalpha() and not c.isascii()]
        if len(letters) > 1 and UNKNOWN not in line.text and "tilted" not in line.styles:
            centres = [box.x + box.width / 2 for c, box in letters]
            assert centres[0] > centres[-1], line.text
            checked += 1
    assert checked > 30


@given(st.lists(st.sampled_from([*words("arabic"), *words("hebrew"), "12.5", "68.5kg", "(5)"]), min_size=1, max_size=4))
def test_texts_of_the_recipes_are_read_as_they_are_written(parts: list[str]) -> None:
    """But where a number follows Latin letters behind a space."""
    text = " ".join(parts)
    if not any(a[-1] in "kg" and b[0] in "0123456789(-" for a, b in pairwise(parts)):
        assert to_logical(to_visual(text)) == text


@pytest.mark.parametrize("script", WORDS)
def test_recipes_are_checked_previewed_and_made(script: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "r.toml"
    path.write_text(recipe(script).to_toml(), encoding="utf-8")
    assert main(["recipe", "check", str(path)]) == 0
    assert main(["preview", str(path), "--out", str(tmp_path / "sheet.png"), "--count", "12"]) == 0
    assert main(["synth", str(path), "--out", str(tmp_path / "lines"), "--count", "20"]) == 0
    manifest = Manifest.load(tmp_path / "lines")
    assert manifest
    assert (manifest.version, manifest.direction) == ((2, "rtl") if script in RTL else (1, None))
    dataset = open_dataset(tmp_path / "lines")
    texts = {text for _, text in Source(recipe(script), 0).samples(range(20))}
    assert {dataset.label(i) for i in range(20)} == texts


@pytest.mark.parametrize("script", WORDS)
def test_screens_have_the_same_words(script: str) -> None:
    size = 50  # one that screens know
    atlas, main, latin = Atlas(), read_faces(font(script))[0], read_faces(LATIN)[0]
    typeface = Typeface(main, latin, (), rtl=script in RTL)
    texts = {word for text in words(script) for word in text.split() if not any(c.isascii() for c in word)}
    for text in texts:
        wanted = draw(set_words(script, text, size))
        found = set_runs(atlas, typeface, [Run(text, size, 400, (0, 0, 0))])
        assert found
        assert found.text == text
        ours = draw([glyph for placed, _ in found.runs for glyph in placed])
        assert np.array_equal(ours, wanted), text


def test_screens_of_a_chain_have_its_letters() -> None:
    screens = ScreenSource(recipe("arabic"), 0).screens(range(4))
    assert any("\u0600" <= c < "\u0700" for screen in screens for line in screen.lines for c in line.text)


def test_random_strings_have_no_mark_without_its_letter() -> None:
    source = Source(recipe("devanagari", "[looks.plain]\nweight = 0\n").model_copy(update={"unknown": False}), 3)
    for line in source.lines(range(300)):
        for before, character in zip(" " + line.text, line.text, strict=False):
            if unicodedata.category(character)[0] == "M":
                assert before.isalpha() or unicodedata.category(before)[0] == "M", line.text


def test_what_is_read_as_another_text_is_noted() -> None:
    text = recipe("hebrew").to_toml().replace("68.5kg", "kg 68.5")
    notes = check(parse_recipe(text.encode(), "r.toml", Path())).notes
    assert "'kg 68.5' looks like '68.5 kg', and is read so" in notes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("direction = \"rtl\"\n", ""), 'write direction = "rtl"'),
        (('direction = "rtl"', 'direction = "up"'), "direction"),
        (("()", "("), "without what mirrors it"),
        (("[fields]", '[fields]\nx = { name = "משקל", form = "{0..9}" }'), r"remove \[fields\]"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(change: tuple[str, str], words: str) -> None:
    text = recipe("hebrew").to_toml()
    assert change[0] in text
    with pytest.raises(RecipeError, match=words):
        Source(parse_recipe(text.replace(*change).encode(), "r.toml", Path()), 0)


def test_a_corpus_becomes_a_recipe_that_passes_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linelet_synth.fonts.system_fonts", lambda: [font("hebrew")])
    (tmp_path / "texts.txt").write_text("משקל (קילו\nשָׁלוֹם\n68.5 ק״ג\n", encoding="utf-8")
    path = tmp_path / "r.toml"
    assert main(["init", "--corpus", str(tmp_path / "texts.txt"), "--out", str(path)]) == 0
    found = load_recipe(str(path))
    assert found.direction == "rtl"
    assert ")" in found.charset
    assert main(["recipe", "check", str(path)]) == 0


def test_recipes_from_left_to_right_say_nothing_new() -> None:
    text = recipe("thai").to_toml()
    assert "direction" not in text
    given_twice = parse_recipe(f'direction = "ltr"\n{text}'.encode(), "r.toml", Path())
    assert given_twice.digest({}) == recipe("thai").digest({})
