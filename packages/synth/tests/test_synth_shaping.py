"""Ligatures and kerning of layout tables: a run's clusters, drawn as Pillow's Raqm and as Chromium set it."""

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.ttLib import TTFont
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageFont

from linelet_synth import Source
from linelet_synth.atlas import Atlas, ink_box, paste, set_text
from linelet_synth.fonts import Face, bundled, read_faces
from linelet_synth.recipe import parse_recipe

LATO = next(path for path in bundled("latin") if path.endswith("lato-400.ttf"))
# An f and an i are drawn by the glyph of an m, three f by that of a W; an A and a V stand close.
RULES = """
languagesystem DFLT dflt;
feature liga { sub f f f by W; sub f i by m; } liga;
feature kern { pos A V -300; pos V A -200; pos m V -150; } kern;
"""


@pytest.fixture(scope="module")
def face(tmp_path_factory: pytest.TempPathFactory) -> Face:
    font = TTFont(LATO)
    addOpenTypeFeaturesFromString(font, RULES)
    path = tmp_path_factory.mktemp("font") / "joined.ttf"
    font.save(path)
    return read_faces(str(path))[0]


texts = st.text("fiAVx.\u202f", min_size=1, max_size=12)


@given(texts, st.booleans())
def test_clusters_follow_each_other_through_the_whole_run(face: Face, text: str, ligatures: bool) -> None:
    clusters = face.shaper(400).shape(text, ligatures)
    assert [joined for joined, _ in clusters] == (re.findall("fff|fi|.", text) if ligatures else list(text))


@given(texts, st.sampled_from([16, 31, 48]))
def test_a_run_is_as_wide_as_raqm_sets_it(face: Face, text: str, size: int) -> None:
    """Each glyph stands on a whole pixel, Raqm's on a 64th of one."""
    _, end = set_text(Atlas().strike(face, 400, size), text)
    font = ImageFont.truetype(face.path, size, layout_engine=ImageFont.Layout.RAQM)
    assert abs(end - font.getlength(text)) <= 0.5 * len(text) + 1


def test_a_ligature_is_drawn_whole_and_has_a_box_for_each_character(face: Face) -> None:
    strike = Atlas().strike(face, 400, 40)
    placed, _ = set_text(strike, "fi")
    assert len(placed) == 2
    left, top, right, bottom = ink_box(placed)
    drawn = np.zeros((bottom - top, right - left), dtype=np.uint8)
    paste(placed, drawn, -left, -top)
    mask = strike.glyph("m")[0]  # the ligature's own glyph
    assert np.array_equal(drawn, mask)
    assert placed[0][3] == placed[1][1]


def test_lines_of_such_a_face_have_their_texts_and_boxes(face: Face) -> None:
    text = f"""name = "x"\nunknown = false\ncharset = "fiAV "\nfonts = {json.dumps([face.path])}
[[texts]]\nforms = ["fi AVA", "fff", "AfiV"]\n[looks.screen]\nweight = 1\n"""
    source = Source(parse_recipe(text.encode(), "r.toml", Path()), 0)
    for line in source.lines(range(60)):
        assert len(line.boxes) == len(line.text)
        lefts = [
            box.x for box, c in zip(line.boxes, line.text, strict=True) if c != " " and "tilted" not in line.styles
        ]
        assert lefts == sorted(lefts)


def test_faces_without_layout_tables_are_set_as_ever() -> None:
    assert not any(face.shaped for path in (*bundled(), *bundled("latin")) for face in read_faces(path))


@pytest.mark.browser
def test_runs_are_as_wide_as_chromium_sets_them(face: Face, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser, "install Chromium"
    runs = ["fi fff", "AVAVA", "fiV", "fxi", "AfiVfffA"]
    font = base64.b64encode(Path(face.path).read_bytes()).decode()
    spans = "".join(f"<span>{run}</span><br>" for run in runs)
    page = tmp_path / "page.html"
    page.write_text(
        f"<style>@font-face {{ font-family: f; src: url(data:font/ttf;base64,{font}) }} body {{ font: 48px f }}</style>"
        f"{spans}<output></output><script>document.fonts.load('48px f').then(() => document.querySelector('output')."
        "textContent = [...document.querySelectorAll('span')].map((s) => s.getBoundingClientRect().width))</script>"
    )
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r"<output>([\d.,]+)</output>", done.stdout)
    assert found, done.stdout[-300:]
    strike = Atlas().strike(face, 400, 48)
    for run, width in zip(runs, map(float, found[1].split(",")), strict=True):
        assert abs(set_text(strike, run)[1] - width) <= 0.5 * len(run) + 1, run
