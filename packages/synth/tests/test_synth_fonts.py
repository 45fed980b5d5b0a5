"""Fonts by role and kind of text, chains of them, and what their outlines say of their characters."""

import json
import os
import string
import struct
import zlib
from pathlib import Path
from typing import Any

import brotli
import numpy as np
import pytest
from fontTools.ttLib import TTCollection, TTFont
from hypothesis import given
from hypothesis import strategies as st

from linelet_common.errors import RecipeError
from linelet_synth import Source
from linelet_synth.check import check
from linelet_synth.fonts import bundled, find_faces, read_faces
from linelet_synth.outlines import BUNDLED_ALIKE, read_outlines
from linelet_synth.preview import draw_sheet
from linelet_synth.propose import read_corpus
from linelet_synth.recipe import parse_recipe
from linelet_synth.screens.source import ScreenSource

LATIN = {Path(path).stem: path for path in bundled("latin")}
PLAIN = LATIN["lato-400"]


def altered(path: Path, mapping: dict[str, str], keep: str = string.printable, flavor: str | None = None) -> Path:
    """Lato with some characters only, some mapped to the glyphs of others; "" is the sign for missing ones."""
    font = TTFont(PLAIN)
    names = font.getBestCmap()
    missing = font.getGlyphOrder()[0]
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap = {code: name for code, name in table.cmap.items() if chr(code) in keep}
            table.cmap |= {ord(c): names[ord(other)] if other else missing for c, other in mapping.items()}
    font.flavor = flavor
    font.save(path)
    return path


def source(tmp_path: Path, fonts: object, charset: str, forms: list[str], more: str = "", top: str = "") -> Source:
    text = f"""name = "x"\nunknown = false\n{top}\nfonts = {json.dumps(fonts)}\ncharset = {json.dumps(charset)}
[[texts]]\nforms = {json.dumps(forms)}\n{more}"""
    return Source(parse_recipe(text.encode(), "r.toml", tmp_path), 0)


def test_what_a_face_draws_alike_or_not_at_all(tmp_path: Path) -> None:
    font = altered(tmp_path / "a.ttf", {"O": "0", "x": "", "y": " ", "Q": "0", "a": "A"})
    found = read_outlines(str(font), 0, "0OQxyaAbc ")
    assert found.blank >= {"y"}  # a character that has the glyph for missing ones is not mapped at all
    assert sorted(found.alike) == ["0OQ", "aA"]
    with pytest.raises(RecipeError, match=r"draws nothing for 'y'"):
        find_faces([str(font)], "0y")


@given(st.text("0123456789ABCDEFabcdef", min_size=2, max_size=8), st.data())
def test_characters_of_one_glyph_are_found(tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject):
    same = data.draw(st.sets(st.sampled_from(text)))
    path = tmp_path_factory.mktemp("f") / "a.ttf"
    altered(path, dict.fromkeys(same, "Z"))
    groups = {frozenset(group) for group in read_outlines(str(path), 0, "".join(dict.fromkeys(text + "Z"))).alike}
    assert groups == ({frozenset(same | {"Z"})} if same else set())


def test_bundled_faces_draw_ascii_as_the_constant_says() -> None:
    for path in (*bundled(), *bundled("latin")):
        (face,) = read_faces(path)
        found = read_outlines(path, 0, "".join(c for c in string.printable if c in face.characters))
        assert not found.blank, path
        assert bool(found.alike) == (Path(path).name in BUNDLED_ALIKE), path


def test_a_face_is_not_used_for_texts_that_it_would_make_ambiguous(tmp_path: Path) -> None:
    altered(tmp_path / "alike.ttf", {"O": "0"})
    made = source(tmp_path, ["alike.ttf", PLAIN], "0123456789O", ["{10..99}", "O{1..9}"])
    (alike,) = read_faces(str(tmp_path / "alike.ttf"))
    used = {(line.text, line.face) for line in made.lines(range(300))}
    assert any(face == alike.name for _, face in used)
    files = {face.name: face.ambiguous for face in made.faces}
    assert set(map(frozenset, files.values())) >= {frozenset("0O")} or len(files) == 1
    with pytest.raises(RecipeError, match=r"every face draws characters alike .*'0' \(U\+0030\), 'O'"):
        source(tmp_path, ["alike.ttf"], "0123456789O", ["{10..99}", "O{1..9}"])
    # Texts that hold no O are not ambiguous, whatever else the charset has.
    more = '[[texts]]\nrole = "other"\nforms = ["O"]\n[roles.field]\nfonts = ["alike.ttf"]\n[roles.other]\n'
    assert not source(tmp_path, [PLAIN], "0123456789O", ["{10..99}"], more).families["roles.field"][0].ambiguous


def test_fonts_of_texts_and_roles_need_their_characters_only(tmp_path: Path) -> None:
    altered(tmp_path / "digits.woff2", {}, "0123456789", "woff2")
    more = '[[texts]]\nfonts = ["digits.woff2"]\nforms = ["{10..99}"]\n[looks.screen]\nweight = 1\n'
    made = source(tmp_path, ["bundled"], "0123456789体重", ["体重"], more)
    assert set(made.families) == {"", "texts.1"}
    names = {line.text.isdigit(): line.face for line in made.lines(range(60))}
    assert names[True] == made.families["texts.1"][0].name != names[False]
    with pytest.raises(RecipeError, match=r"digits\.woff2 .* lacks '体'.*name another font"):
        source(tmp_path, ["digits.woff2"], "0123456789体重", ["体重"])
    again = source(tmp_path, ["bundled"], "0123456789体重", ["体重"], more.replace("fonts =", "#"))
    assert again.digest != made.digest


def test_recipes_that_draw_with_other_faces_have_other_digests(tmp_path: Path) -> None:
    """A dataset of one of them must not be resumed with another: faces of one file, bundled ones, companions."""
    collection = TTCollection()
    collection.fonts = [TTFont(PLAIN), TTFont(LATIN["lato-700"])]
    collection.save(tmp_path / "two.ttc")
    fonts = [["two.ttc#0"], ["two.ttc#1"], ["two.ttc"], [PLAIN], ["bundled"], [bundled()[0]], [PLAIN, bundled()[0]]]
    made = [source(tmp_path, given, "0123456789", ["{10..99}"]) for given in fonts]
    made.append(source(tmp_path, ["bundled"], "0123456789", ["{10..99}"], top="companion_fonts = []"))
    drawn = [str([[face.place for face in faces] for faces in (one.faces, one.companions)]) for one in made]
    assert len(set(drawn)) >= len(made) - 1
    assert len({one.digest for one in made}) == len(set(drawn))
    assert len({ScreenSource(one.recipe, 0).digest for one in made}) == len(set(drawn))


def test_a_chain_draws_with_the_first_face_that_has_a_character(tmp_path: Path) -> None:
    altered(tmp_path / "digits.woff2", {"%": " "}, "0123456789", "woff2")
    chain = ["digits.woff2", bundled()[0]]
    made = source(tmp_path, [chain], "0123456789%体重", ["体重{10..99}%"], "[looks.screen]\nweight = 1\n")
    (face,) = made.faces
    assert [(run, Path(part.path).name) for run, part in face.runs("体重42%")] == [
        ("体重", "NotoSansSC.ttf"),
        ("42", "digits.woff2"),
        ("%", "NotoSansSC.ttf"),
    ]
    # Each glyph is the one that the part draws by itself.
    for line in made.lines(range(20)):
        assert len(line.placed) == len(line.text)
        assert all(mask.size for mask, *_ in line.placed)
    with pytest.raises(RecipeError, match=r"lacks '体'.*add one or drop"):
        source(tmp_path, [["digits.woff2", PLAIN]], "0123456789体", ["体{1..9}"])


def test_a_chain_takes_of_a_font_the_characters_in_css_ranges(tmp_path: Path) -> None:
    """A display's font has letters too, the unit comes from the next one all the same."""
    altered(tmp_path / "led.woff2", {}, flavor="woff2")
    fonts = [["led.woff2#U+30-39,U+2E", bundled()[0]]]
    made = source(tmp_path, fonts, "0123456789. km", ["{1..9:.1f} km"])
    (face,) = made.faces
    assert [(run, Path(part.path).name) for run, part in face.runs("4.2 km")] == [
        ("4.2", "led.woff2"),
        (" km", "NotoSansSC.ttf"),
    ]
    whole = source(tmp_path, [["led.woff2", bundled()[0]]], "0123456789. km", ["{1..9:.1f} km"])
    assert whole.digest != made.digest
    with pytest.raises(RecipeError, match=r"lacks ' ' \(U\+0020\), 'k'"):
        source(tmp_path, ["led.woff2#U+30-39,U+2E"], "0123456789. km", ["{1..9:.1f} km"])


@pytest.mark.parametrize(
    ("ranges", "kept"),
    [("U+30-32", "012"), ("u+003?", "0123456789"), ("U+41, U+61", "Aa"), ("U+????", "0123456789Aa"), ("U+3", "")],
)
def test_ranges_are_those_of_css(ranges: str, kept: str, tmp_path: Path) -> None:
    font = altered(tmp_path / "a.ttf", {}, "0123456789Aa")
    (face,) = find_faces([f"{font}#0#{ranges}"], "")[0]
    assert "".join(sorted(face.characters)) == kept


@pytest.mark.parametrize("ranges", ["U+39-30", "U+", "U+30-", "U+110000", "U+4?-50", "U+30;U+31", "U+3000000"])
def test_a_range_that_css_would_not_read_is_refused(ranges: str) -> None:
    with pytest.raises(RecipeError, match=r"is no range of characters; write U\+2E"):
        find_faces([f"{PLAIN}#{ranges}"], "1")


def test_web_fonts_draw_what_their_files_unpacked_draw(tmp_path: Path) -> None:
    for flavor in ("woff", "woff2"):
        path = altered(tmp_path / f"a.{flavor}", {}, flavor=flavor)
        (packed,), (plain,) = read_faces(str(path)), read_faces(PLAIN)
        a, b = (bytes(face.font(400, 30).getmask("Rg4", "L")) for face in (packed, plain))
        assert a == b
    assert [Path(f.path).suffix for f in find_faces([str(tmp_path)], "Rg4")[0]] == [".woff", ".woff2"]


def test_faces_are_named_by_parts_of_their_names(tmp_path: Path) -> None:
    for stem in ("lato-400", "arimo-400"):
        (tmp_path / f"{stem}.ttf").write_bytes(Path(LATIN[stem]).read_bytes())
    assert {face.name.split()[0] for face in find_faces([f"{tmp_path}#arimo"], "1")[0]} == {"Arimo"}
    with pytest.raises(RecipeError, match="no face has 'KR' in its name; there are Arimo, Lato"):
        find_faces([f"{tmp_path}#KR"], "1")


def test_a_font_of_pictures_is_left_out_with_its_reason(tmp_path: Path) -> None:
    font = TTFont(PLAIN)
    del font["glyf"], font["loca"]
    font.save(tmp_path / "emoji.ttf")
    (tmp_path / "lato.ttf").write_bytes(Path(PLAIN).read_bytes())
    faces, rejected = find_faces([str(tmp_path)], "1")
    assert len(faces) == 1
    assert "pictures in colour instead of outlines" in rejected[0].reason


def test_check_says_which_characters_cost_which_faces(tmp_path: Path) -> None:
    for k in range(3):
        altered(tmp_path / f"{k}.ttf", {}, "0123456789" + "ab"[:k])
    made = source(tmp_path, ["."], "0123456789ab", ["a{1..9}b"]).recipe
    notes = " ".join(check(made).notes)
    assert "2 faces are not used, since faces lack 'b' (U+0062): 2, 'a' (U+0061): 1" in notes
    with pytest.raises(RecipeError, match=r"no font .* has the whole charset; faces lack 'c' \(U\+0063\): 3"):
        source(tmp_path, ["."], "0123456789abc", ["a{1..9}c"])


def test_axes_beside_the_weight_keep_their_defaults() -> None:
    (noto,) = read_faces(bundled()[0])
    assert noto.axes[noto.axis] == noto.axes[0]
    bold, thin = (np.asarray(noto.font(w, 40).getmask("体", "L")).sum() for w in (900, 100))
    assert bold > thin


def test_captions_are_drawn_in_a_face_that_has_their_characters() -> None:
    picture = np.zeros((32, 64), dtype=np.uint8)
    sheets = {text: draw_sheet([(picture, text)], read_faces(PLAIN)) for text in ("体", "重", "ę", "ł", "a")}
    assert len(set(sheets.values())) == len(sheets)


def test_a_corpus_of_many_faces_needs_no_companions(tmp_path: Path) -> None:
    for text, companions in (("Überweisung", False), ("Zażółć", True)):
        (tmp_path / "texts.txt").write_text(text, encoding="utf-8")
        assert read_corpus(tmp_path / "texts.txt", tmp_path)[0].companions == companions


def test_a_pipe_is_no_font(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ttf")
    with pytest.raises(RecipeError, match=r"a\.ttf: is a pipe or device"):
        read_faces(str(tmp_path / "a.ttf"))


def woff(table: bytes, says: int) -> bytes:
    """A web font of one table that says that it is so long."""
    packed = zlib.compress(table, 9)
    head = b"wOFF" + struct.pack(">IIHHIHHIIIII", 0x10000, 64 + len(packed), 1, 0, says, 1, 0, 0, 0, 0, 0, 0)
    return head + b"cmap" + struct.pack(">IIII", 64, len(packed), says, 0) + packed


def woff2(size: int) -> bytes:
    """A web font of one table of zeros."""
    packer = brotli.Compressor(quality=5)
    packed = b"".join(packer.process(bytes(1 << 20)) for _ in range(size >> 20)) + packer.finish()
    long = bytes([0x80 | size >> 21 & 0x7F, 0x80 | size >> 14 & 0x7F, 0x80 | size >> 7 & 0x7F, size & 0x7F])
    table = b"\x00" + long.lstrip(b"\x80")
    sizes = (0x10000, 48 + len(table) + len(packed), 1, 0, size, len(packed), 1, 0, 0, 0, 0, 0, 0)
    return b"wOF2" + struct.pack(">IIHHIIHHIIIII", *sizes) + table + packed


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.woff", lambda: woff(bytes(1 << 20), 9000), "its table 'cmap' is longer than it says"),
        ("b.woff", lambda: woff(bytes(1 << 20), 1 << 31), "more than 128 MB"),
        ("c.woff2", lambda: woff2(300 << 20), "more than 128 MB"),
        ("d.woff2", lambda: woff2(1 << 20)[:-9], "cut off"),
        ("e.woff", lambda: b"wOFF", "cut off"),
    ],
)
def test_small_fonts_that_unpack_to_a_lot_are_refused(tmp_path: Path, name: str, make: Any, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(make())
    assert path.stat().st_size < 10_000
    with pytest.raises(RecipeError, match=f"{name} is not a font that can be read .*{said}"):
        read_faces(str(path))
