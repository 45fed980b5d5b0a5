"""Recipes: what they may say, what is refused, and the verbs around them."""

import json
import re
import shutil
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from linelet_common.cli import main
from linelet_common.codec import UNKNOWN
from linelet_common.errors import LineletError, RecipeError
from linelet_synth import Source, load_recipe
from linelet_synth.check import check
from linelet_synth.fonts import bundled, find_faces
from linelet_synth.propose import look_at, propose
from linelet_synth.recipe import builtin_names, parse_recipe
from linelet_synth.rng import Rng
from linelet_synth.texts import frequencies

SMALL = """
name = "small"
charset = "0123456789.kg"
[[texts]]
forms = ["{40..110:.1f}kg"]
"""


def recipe(text: str, folder: Path = Path()):  # type: ignore[no-untyped-def]
    return parse_recipe(text.encode(), "r.toml", folder)


EXAMPLES = sorted(str(path) for path in Path(__file__).parents[3].glob("examples/*/recipe.toml"))


@pytest.mark.parametrize("name", [*builtin_names(), *EXAMPLES])
def test_builtin_and_example_recipes_are_sound(name: str) -> None:
    loaded = load_recipe(name)
    findings = check(loaded)
    # Of hundreds of characters, some come out below what their estimated shares promise.
    assert findings.rarest[1] >= loaded.floor * (1.0 if len(loaded.charset) < 200 else 0.4)
    source = Source(loaded, 0, rgb=True)
    for i in range(150):
        picture, text = source.sample(i)
        assert picture.ndim == 3
        assert text == text.strip()
        assert set(text) <= {*loaded.charset, UNKNOWN}


def test_health_apps_charset_is_the_references() -> None:
    charset = load_recipe("health-app").charset
    assert charset == (
        "0123456789.%BMI对比上次测量体重公斤脂肪率水分骨骼肌蛋白质肉内脏指数皮下去身年龄型基础代谢活动建议控制偏胖高低标准"
        "肥大卡隐形微稍瘦强壮过力发达"
    )
    assert len(charset) == 78


@pytest.mark.parametrize("name", sorted({*builtin_names()} - {"chinese", "latin"}))  # languages have none
def test_the_grammar_holds_every_text_but_the_random_ones(name: str) -> None:
    loaded = load_recipe(name)
    kinds = tuple(kind for kind in loaded.texts if not kind.random)
    source = Source(loaded.model_copy(update={"texts": kinds}), 0)
    assert source.grammar is not None
    assert source.grammar == Source(loaded, 0).grammar
    automaton, rng = source.grammar.automaton(), Rng(b"grammar", 0)
    for i in range(2000):
        rng.seek(i)
        text = source.mixture.draw(rng).text
        assert automaton.accepts(text), text
        assert not automaton.accepts(text + "%%")


def test_a_corpus_is_a_grammar_of_its_phrases_and_random_texts_are_none(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("1{kg}\n20 kg\n1{kg}\n")
    charset = SMALL.replace('kg"\n', 'kg {}"\n', 1)
    grammar = Source(
        recipe(charset.replace('forms = ["{40..110:.1f}kg"]', 'corpus = "texts.txt"'), tmp_path), 0
    ).grammar
    assert grammar is not None
    assert grammar.forms == ("1{{kg}}", "20 kg")
    (tmp_path / "texts.txt").write_text("20 kg\n" + "1 kg " * 41)
    prose = recipe(charset.replace('forms = ["{40..110:.1f}kg"]', 'corpus = "texts.txt"'), tmp_path)
    assert Source(prose, 0).grammar is None
    alone = Source(recipe(SMALL.replace('forms = ["{40..110:.1f}kg"]', "random = { length = [1, 3] }")), 0)
    assert alone.grammar is None


def test_a_resolved_recipe_is_the_recipe() -> None:
    for name in builtin_names():
        loaded = load_recipe(name)
        again = parse_recipe(loaded.to_toml().encode(), "again", Path())
        assert again == loaded
        assert Source(again, 0).digest == Source(loaded, 0).digest


def test_forms_of_another_app_draw_what_their_grammar_accepts() -> None:
    forms = [
        "{0..1000}", "{0..99999:d}", "{1..999999:06d}", "{0..99999999999999999999}", "{0..99999.0 as 1.234,56} kg",
        "{0..9999999 as 12 345}", "{+|-|}{0..9}{ kg|g|}",
        "{2020-01-01..2026-12-31:%d.%m.%Y %H:%M:%S}", "{05:00..23:59:%-H:%M}",
        "{2020-01-01..2026-12-31:%-d %(month)}", "-{1..3}",
    ]  # fmt: skip
    months = json.dumps([*"abcdefghijkl"])
    text = f"""name = "forms"\ncharset = "0123456789.,:+- kgabcdefhijl"\nunknown = false
[vocabulary]\nmonth = {months}\n[[texts]]\nforms = {json.dumps(forms)}\n"""
    source = Source(recipe(text), 0)
    assert source.grammar is not None
    automaton, rng = source.grammar.automaton(), Rng(b"forms", 0)
    kinds = set()
    for i in range(3000):
        rng.seek(i)
        drawn = source.mixture.draw(rng)
        kinds.add(tuple(part.kind for part in drawn.parts))
        assert automaton.accepts(drawn.text), drawn.text
    assert ("mark", "number", "unit") in kinds
    assert [source.sample(i)[1] for i in range(20)]


def test_the_floor_lifts_rare_characters() -> None:
    text = SMALL.replace('kg"\n', 'kgxyz"\n', 1) + "[[texts]]\nweight = 0.2\nrandom = { length = [3, 6] }\n"
    loaded = recipe("floor = 0.1\n" + text)
    shares = frequencies(Source(loaded, 0).mixture, loaded.characters)
    assert min(shares.values()) > 0.05
    low = frequencies(Source(recipe("floor = 0.0\n" + text), 0).mixture, loaded.characters)
    assert min(low.values()) < min(shares.values())


def test_a_corpus(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("12kg\r\n7\n\n", encoding="utf-8")
    source = Source(recipe(SMALL.replace('forms = ["{40..110:.1f}kg"]', 'corpus = "texts.txt"'), tmp_path), 0)
    assert {text for i in range(60) if UNKNOWN not in (text := source.sample(i)[1])} == {"12kg", "7"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'name' is missing; add it"),
        ("name = 1", "r.toml"),
        ("name = ", "r.toml is not TOML"),
        (SMALL + "weigth = 2", "unknown key 'texts.0.weigth'; did you mean 'weight'?"),
        (SMALL.replace("0123456789", "01234567899"), "holds '9' (U+0039) more than once"),
        (SMALL + 'role = "title"', "texts.0 has the role 'title'; known are field"),
        (SMALL + 'corpus = "a.txt"', "give exactly one of forms, corpus and random"),
        (SMALL + '[palette]\nbackgrounds = ["green"]', "is not a colour; write it as '#rrggbb'"),
        (SMALL + "[looks.plain]\nsize = [40, 20]", "write [smallest, largest] within 8..128"),
        (SMALL + "[looks.plain]\ncanvas = [0, 50]", "write [width, height] in pixels"),
        (SMALL + "[looks.plain]\nweight = 0.0", "every look has weight 0"),
        (SMALL + '[roles.field]\ncolours = ["pink"]', "roles.field.colours names 'pink'"),
        (
            SMALL.replace('kg"]', '斤"]'),
            "texts.0 holds '{40..110:.1f}斤' with '斤' (U+65A4), not in the charset (13 characters)",
        ),
        (SMALL.replace(".1f", ".1q"), "format '.1q' is not Python's"),
        (SMALL.replace("40..110", "110..40"), "the range 110..40 runs backwards"),
        (SMALL.replace("{40..110:.1f}", "{weight}"), "asks for 'weight', neither a vocabulary"),
        (SMALL.replace("{40..110:.1f}", "{"), "has a lone '{'; write it twice"),
        (SMALL.replace("{40..110:.1f}", "{-5..5}"), "with '-' (U+002D), not in the charset"),
        (SMALL + 'random = { alphabet = "x" }', "give exactly one"),
        ('fonts = ["missing.ttf"]' + SMALL, "missing.ttf: No such file"),
        ('fonts = ["."]' + SMALL, "holds no font"),
        ('fonts = [""]' + SMALL, "a font without a name"),
        ('fonts = [["bundled", ""]]' + SMALL, "a font without a name"),
        (SMALL + "weight = 1e308", "should be less than or equal to 1000000000"),
        (SMALL + "weight = inf", "texts.0.weight"),
        (SMALL + '[fields]\n"" = { name = "kg", form = "{0..9}" }', "key is empty"),
        (SMALL + '[[transforms]]\nname = "GausNoise"', "did you mean 'GaussNoise'?"),
        (SMALL + '[[transforms]]\nname = "GaussNoise"\narguments = { var_limit = [5, 30] }', "ignores 'var_limit'"),
        (SMALL + '[[transforms]]\nname = "GaussNoise"\narguments = { std_range = [5, 30] }', "GaussNoise refuses"),
        ("validation = 0.0" + SMALL, ""),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, tmp_path: Path) -> None:
    if not message:
        with pytest.raises(RecipeError, match="no text for the validation side"):
            Source(recipe(text), 0, split="validation").sample(0)
        return
    with pytest.raises(LineletError) as failure:
        Source(recipe(text, tmp_path), 0)
    assert message in str(failure.value)
    assert "\n" not in str(failure.value)


def test_fonts_that_cannot_be_used(tmp_path: Path) -> None:
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(Path(bundled("latin")[0]).read_bytes()[:2000])
    with pytest.raises(RecipeError, match=r"broken\.ttf is not a font that can be read"):
        Source(recipe('fonts = ["broken.ttf"]' + SMALL, tmp_path), 0)
    latin = bundled("latin")[0]
    chinese = SMALL.replace('kg"\n', 'kg体"\n', 1)
    with pytest.raises(RecipeError, match=r"lacks '体' \(U\+4F53\); name another font"):
        Source(recipe(f"fonts = [{json.dumps(latin)}]" + chinese), 0)
    # In a folder, what cannot be used is passed over, with the reason.
    shutil.copy(latin, tmp_path / "latin.ttf")
    shutil.copy(bundled()[0], tmp_path / "noto.ttf")
    faces, rejected = find_faces([str(tmp_path)], "1体")
    assert [Path(face.path).name for face in faces] == ["noto.ttf"]
    assert sorted(Path(r.place).name for r in rejected) == ["broken.ttf", "latin.ttf#0"]


def test_faces_of_a_collection(tmp_path: Path) -> None:
    from fontTools.ttLib import TTCollection, TTFont

    collection = TTCollection()
    collection.fonts = [TTFont(path) for path in bundled("latin")[:2]]
    path = tmp_path / "two.ttc"
    collection.save(path)
    assert [face.index for face in find_faces([str(path)], "1")[0]] == [0, 1]
    assert [face.index for face in find_faces([f"{path}#1"], "1")[0]] == [1]
    with pytest.raises(RecipeError, match="the file has 2 faces; give #0 to #1"):
        find_faces([f"{path}#2"], "1")
    source = Source(recipe('fonts = ["two.ttc#1"]' + SMALL, tmp_path), 0)
    assert any(source.sample(i)[1] for i in range(5))


@pytest.mark.skipif(not shutil.which("fc-list"), reason="fontconfig is not installed")
def test_system_fonts_are_filtered_by_coverage() -> None:
    faces, rejected = find_faces(["system"], "1体")
    assert all("体" in face.characters for face in faces)
    assert all(r.reason for r in rejected)


def test_a_recipes_own_transforms() -> None:
    text = SMALL + '[[transforms]]\nname = "InvertImg"\n[[transforms]]\nname = "GaussNoise"\np = 0.5\n'
    plain, inverted = Source(recipe(SMALL), 0), Source(recipe(text), 0)
    first = [inverted.sample(i)[0] for i in range(10)]
    for i in reversed(range(10)):
        assert np.array_equal(inverted.sample(i)[0], first[i])
    assert plain.digest != inverted.digest


def test_check_says_where_texts_are_small_for_their_canvas() -> None:
    assert not any("canvas 50 high" in note for note in check(recipe(SMALL)).notes)
    small = check(recipe(SMALL + "[looks.plain]\nsize = [12, 48]\n")).notes
    assert any("of 12 pixels per em on a canvas 50 high, of which readers see 8; raise" in note for note in small)
    lower = check(recipe(SMALL + "[looks.plain]\nsize = [12, 48]\ncanvas = [200, 24]\n")).notes
    assert not any("per em on a canvas" in note for note in lower)


def test_check_names_the_rarest_characters_first_and_counts_the_others() -> None:
    text = SMALL.replace("0123456789.kg", "0123456789.kgabcdefhijlm")
    assert any("and 3 more: in under 0.5%" in note and "add a [[texts]]" in note for note in check(recipe(text)).notes)
    text += "[[texts]]\nweight = 0.01\nrandom = { length = [1, 1] }\n"
    assert any("give the random [[texts]] more weight" in note for note in check(recipe(text)).notes)


@pytest.mark.parametrize(
    "transform",
    [
        'name = "HorizontalFlip"',
        'name = "VerticalFlip"',
        'name = "Rotate"\narguments = { limit = [90, 90], border_mode = 1 }',
        'name = "Affine"\narguments = { translate_px = [3, 3], shear = [8, 8], border_mode = 1 }',
        'name = "ElasticTransform"\narguments = { alpha = 20, sigma = 5, border_mode = 1 }',
    ],
)
def test_a_transform_that_moves_pixels_moves_the_boxes_too(transform: str) -> None:
    # As high as wide, so that a line turned upright is not cut.
    still = "\n[looks.plain]\ncanvas = [160, 160]\ncropped = 0.0\n[looks.plain.degradation]\n" + "".join(
        f"{name} = 0.0\n" for name in ("blur", "motion", "jpeg", "noise", "light")
    )
    turned = f"[[transforms]]\n{transform}\n"
    # A run of unknown characters has one box, which grows by more when it is sheared.
    moved = Source(recipe("unknown = false" + SMALL + still + turned), 0, "plain")
    for i in range(20):
        after = moved.line(i)
        differing = np.argwhere(after.picture != after.picture[0, 0])
        (top, left), (bottom, right) = differing.min(axis=0), differing.max(axis=0) + 1
        boxes = after.boxes
        assert len(boxes) == len(after.text)
        assert boxes
        # A flip is exact; whatever interpolates spreads ink by a pixel, and a turned box is wider than its ink.
        near = 0 if "Flip" in transform else 2
        assert abs(min(b.x for b in boxes) - left) <= near
        assert abs(max(b.x + b.width for b in boxes) - right) <= near
        assert abs(min(b.y for b in boxes) - top) <= near
        assert abs(max(b.y + b.height for b in boxes) - bottom) <= near


def test_what_a_transform_moves_out_has_an_empty_box() -> None:
    far = '[[transforms]]\nname = "Affine"\narguments = { translate_px = [400, 400] }\n'
    line = Source(recipe(SMALL + far), 0, "plain").line(0)
    assert [tuple(box) for box in line.boxes] == [(0, 0, 0, 0)] * len(line.text)


def test_init_writes_a_recipe_that_is_sound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.toml"
    assert main(["init", "--out", str(path)]) == 0
    assert main(["recipe", "check", str(path)]) == 0
    assert main(["init", "--out", str(path)]) == 2
    assert "exists; name another file" in capsys.readouterr().err


def test_init_finds_colours_and_heights_in_a_screenshot(tmp_path: Path) -> None:
    image = Image.new("RGB", (800, 600), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 760, 280), fill=(47, 182, 128))
    font = find_faces(["bundled"], "1体")[0][0].font(500, 40)
    for k in range(3):
        draw.text((80, 60 + 70 * k), "体脂率 23.5%", fill=(255, 255, 255), font=font)
        draw.text((80, 320 + 70 * k), "基础代谢 1420", fill=(80, 80, 80), font=font)
    path = tmp_path / "screen.png"
    image.save(path)
    found = look_at([path])
    assert set(found.backgrounds) == {(250, 250, 250), (47, 182, 128)}
    assert set(found.text) == {(255, 255, 255), (80, 80, 80)}
    assert found.heights is not None
    assert 28 <= found.heights[0] <= found.heights[1] <= 44
    data = tomllib.loads(propose(found))
    assert "#2fb680" in data["palette"]["backgrounds"]
    assert check(parse_recipe(propose(found).encode(), "r", tmp_path)).faces


def test_the_verbs_around_a_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.toml"
    path.write_text('companion_fonts = ["bundled"]' + SMALL, encoding="utf-8")
    assert main(["recipe", "check", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["characters"] == 13
    assert main(["fonts", str(path), "--json"]) == 0
    assert {entry["use"] for entry in json.loads(capsys.readouterr().out)["used"]} == {"whole charset", "companion"}
    assert main(["fonts", str(path)]) == 0
    for name in ("sheet.png", "report.html"):
        assert main(["preview", str(path), "--out", str(tmp_path / name), "--count", "12"]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width == 1200
    assert "<svg" in (tmp_path / "report.html").read_text(encoding="utf-8")
    data = tmp_path / "data"
    assert main(["synth", str(path), "--out", str(data), "--count", "7", "--grey"]) == 0
    for name in ("a.zip", "b.zip"):
        assert main(["pack", str(data), "--out", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("data/labels.txt") == (data / "labels.txt").read_bytes()
    assert main(["pack", str(data), "--out", str(data / "a.zip")]) == 2
    assert main(["synth", "nothing", "--out", str(tmp_path / "x"), "--count", "1"]) == 2
    assert "linelet synth: nothing: No such file or directory" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_init_takes_a_corpus_and_passes_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["Kontostand", "1.234,56\u00a0€", "Zażółć TEXTS gęślą", 'a "b" \\ c', "体重 CHARSET", "Kontostand"]
    (tmp_path / "words.txt").write_text("\n".join(words), encoding="utf-8")
    screen = tmp_path / "shot.png"
    Image.new("RGB", (300, 200), (47, 182, 128)).save(screen)
    path = tmp_path / "app" / "recipe.toml"
    path.parent.mkdir()
    asked = ["init", "--corpus", str(tmp_path / "words.txt"), "--from", str(screen), "--out", str(path)]
    assert main(asked) == 0
    assert "1 texts are there more than once" in capsys.readouterr().err
    assert main(["recipe", "check", str(path)]) == 0
    made = load_recipe(str(path))
    assert set("体重CHARSET€ę\\") <= set(made.charset)
    assert "\u00a0" not in made.charset
    assert made.palette.backgrounds == ("#2fb680",)
    # Its commented forms, once they are none: the check asks for their characters, and then takes them.
    lines = path.read_text(encoding="utf-8").split("\n")
    start = lines.index("# [[texts]]")
    end = lines.index("# ]") + 1
    lines[start:end] = [line.removeprefix("# ") for line in lines[start:end]]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert main(["recipe", "check", str(path)]) == 2
    refused = capsys.readouterr().err
    assert "texts.1: '{0..999}'; " in refused
    asked_for = re.findall(r"'(.)' \(U\+", refused)
    assert set(asked_for) == {*"0789:"}
    more = "\n".join(lines).replace('charset = "', 'charset = "' + "".join(asked_for))
    path.write_text(more, encoding="utf-8")
    assert main(["recipe", "check", str(path)]) == 0
    (tmp_path / "words.txt").write_text("a\u200bb\n", encoding="utf-8")
    path.unlink()
    assert main(asked) == 2
    assert "invisible character" in capsys.readouterr().err
    (tmp_path / "words.txt").write_text("a\U00013000\n", encoding="utf-8")
    assert main(asked) == 2
    assert "U+13000" in capsys.readouterr().err


def test_every_text_that_the_charset_cannot_write_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("12\n斤\n公斤\n", encoding="utf-8")
    text = 'name = "x"\ncharset = "12"\n[[texts]]\ncorpus = "texts.txt"\n[[texts]]\nforms = ["{1..2}kg"]\n'
    with pytest.raises(RecipeError) as failure:
        Source(recipe(text, tmp_path), 0)
    message = str(failure.value)
    assert message.startswith(
        "3 texts hold '斤' (U+65A4), '公' (U+516C), 'k' (U+006B), 'g' (U+0067), not in the charset"
    )
    assert all(words in message for words in ("text 2: '斤'", "text 3: '公斤'", "texts.1: '{1..2}kg'"))


@pytest.mark.parametrize("text", ["1" * 4000, "体" * 129, "1" * 257])
def test_a_text_too_long_for_a_line_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text(f"12\n{text}\n", "utf-8")
    recipe = 'name = "x"\ncharset = "0123456789体"\n[[texts]]\ncorpus = "long.txt"\n'
    with pytest.raises(RecipeError, match=rf"long\.txt, text 2, holds a text of {len(text)} characters.*split it"):
        Source(parse_recipe(recipe.encode(), "r.toml", tmp_path), 0)


def test_a_character_is_written_as_one_other(tmp_path: Path) -> None:
    recipe = 'name = "x"\ncharset = "12"\n[[texts]]\nforms = ["{1..2}"]\n[equivalents]\n"1" = "ax"\n"2" = "xb"\n'
    with pytest.raises(RecipeError, match="'x' is written as two characters; keep one of them"):
        parse_recipe(recipe.encode(), "r.toml", tmp_path)
