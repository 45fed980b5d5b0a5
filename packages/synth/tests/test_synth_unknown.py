"""Characters outside the charset: their labels, their faces, their shares; pictures that show no text."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linelet_common import Charset, Codec, open_dataset
from linelet_common.codec import UNKNOWN
from linelet_synth import Job, Source, generate, load_recipe
from linelet_synth.atlas import Atlas, Strike
from linelet_synth.fonts import Face, bundled, read_faces
from linelet_synth.icons import Icons, icon_faces
from linelet_synth.labels import label, spans
from linelet_synth.outside import _CONFUSABLE, _DATES, _GROUPED, _SIGNED, _words
from linelet_synth.recipe import Recipe, builtin_names
from linelet_synth.recipe_faces import Fallback
from linelet_synth.rng import Rng
from linelet_synth.storage import STORAGES
from linelet_synth.texts import Forms

CHARSET = "0123456789.%BMI体重公斤"
texts = st.text(st.sampled_from(CHARSET + "kg斤 正常-:/最\u3000→"), max_size=14)
slow = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])


@given(texts, st.sets(st.sampled_from(CHARSET + " "), min_size=1))
def test_one_replacement_character_per_run_outside_the_charset(text: str, charset: set[str]) -> None:
    """Against the rule as a regular expression: gaps go first, then each run outside is one U+FFFD."""
    without = "".join(c for c in text if c in charset or not c.isspace())
    inside = "".join(map(re.escape, sorted(charset)))
    assert label(text, charset) == re.sub(f"[^{inside}]+", UNKNOWN, without)


@given(texts, st.sets(st.sampled_from(CHARSET + " "), min_size=1))
def test_labels_hide_no_character_of_the_charset(text: str, charset: set[str]) -> None:
    found = spans(text, charset)
    assert [c for c in label(text, charset) if c != UNKNOWN] == [c for c in text if c in charset]
    assert all(not (a.character == b.character == UNKNOWN) for a, b in pairwise(found))
    covered = [k for span in found for k in range(span.start, span.end)]
    assert covered == sorted(set(covered))
    assert all(text[k].isspace() for k in set(range(len(text))) - set(covered))
    for character, start, end in found:
        if character == UNKNOWN:
            assert not set(text[start:end]) & charset
        else:
            assert text[start:end] == character


@given(texts.map(lambda text: "".join(text.split())))
def test_labels_are_what_the_codec_makes_of_a_text(text: str) -> None:
    codec = Codec(Charset(CHARSET), unknown=True)
    assert label(text, CHARSET) == codec.fold(text)
    assert len(codec.encode(label(text, CHARSET))) == len(label(text, CHARSET))


@pytest.mark.parametrize("storage", list(STORAGES))
def test_a_dataset_keeps_unknown_and_empty_labels(storage: str, tmp_path: Path) -> None:
    job = Job(load_recipe("health-app"), 0, 300, "screen", grey=True, storage=storage, details=True)
    generate(job, tmp_path / "lines")
    dataset, lines = open_dataset(tmp_path / "lines"), list(job.source().lines(range(300)))
    assert dataset.manifest is not None
    assert dataset.manifest.unknown
    codec = Codec(Charset(dataset.manifest.charset), unknown=True)
    labels = [dataset.label(i) for i in range(300)]
    assert "" in labels
    assert sum(UNKNOWN in text for text in labels) > 20
    for i, line in enumerate(lines):
        assert labels[i] == line.text
        codec.encode(labels[i])
        details = dataset.details(i)
        assert details is not None
        assert len(details.boxes) == len(line.text)


@pytest.fixture(scope="module", params=builtin_names())
def source(request: pytest.FixtureRequest) -> Source:
    return Source(load_recipe(request.param), 0, "screen")


def drawn_texts(source: Source, count: int) -> Iterator[str]:
    rng = Rng(b"unknown", 0)
    for i in range(count):
        rng.seek(i)
        assert source.outside
        yield source.outside.draw(rng, "field").drawn


def test_every_text_has_something_outside_that_can_be_told_from_what_is_inside(source: Source) -> None:
    charset = set(source.charset)
    for drawn in drawn_texts(source, 3000):
        runs = [run for run in re.split(f"[{re.escape(source.charset)}]+", drawn) if run.strip()]
        assert runs
        for run in runs:
            # Of each run one character at least looks like none of the charset's, wherever it stands.
            assert any(
                not c.isspace() and not any(c in group and set(group) & charset for group in _CONFUSABLE) for c in run
            ), drawn


def test_look_alikes_units_dates_signs_and_phrases_all_occur(source: Source) -> None:
    drawn = list(drawn_texts(source, 3000))
    chinese = (r"\d月\d", r"[\d.] ?(斤|千克|步)$", r"^[一-鿿]{2,}$")
    for pattern in (r"^[≥±（【￥]", *(chinese if len(source.charset) < 1000 else ())):  # else those are known
        assert sum(bool(re.search(pattern, text)) for text in drawn) >= 5, pattern
    if "k" not in source.charset:
        assert sum(bool(re.search(r"\d ?kg$", text)) for text in drawn) >= 30
        assert sum("-" in text for text in drawn) >= 60
        assert sum(bool(re.fullmatch(r"[A-Za-z ]+", text)) for text in drawn) >= 60


def test_a_mark_that_its_height_tells_from_a_point_stands_alone_between_digits() -> None:
    """16,000 read as 16.000 is another number, so commas alone must be among the unknown runs."""
    source = Source(load_recipe("health-app"), 1)
    drawn = list(drawn_texts(source, 3000))
    assert sum(bool(re.fullmatch(r"[\d.]+(,\d+)+(\.\d+)?", text)) for text in drawn) >= 100
    assert not any(set(text) <= set(".,;:'\"`·•。 ") for text in drawn)


def test_every_form_can_be_drawn(source: Source) -> None:
    """A form whose texts are all refused takes its share of the draws and shows in no other test."""
    outside = source.outside
    assert outside is not None
    dead = []
    rng = Rng(b"forms", 0)
    for form in (*_GROUPED, *_DATES, *(form.replace("{n}", "{0..99}") for form in _SIGNED)):
        for pieces in outside._parse([form]):
            drawer = Forms([pieces], "")
            texts = [drawer.draw(rng).drawn for _ in range(60)]
            if not any(outside._sound(text, spans(text, outside._charset)) for text in texts):
                dead.append(form)
    assert not dead


@slow
@given(st.data())
def test_a_stretch_is_drawn_by_a_face_that_has_it(data: st.DataObject) -> None:
    faces = [face for path in (*bundled(), *bundled("latin")[:6]) for face in read_faces(path)]
    fallback = Fallback(faces)
    text = "".join(data.draw(st.lists(st.sampled_from(sorted(fallback.characters)), min_size=1, max_size=12)))
    face = data.draw(st.sampled_from(faces))
    runs = fallback.runs(text, face, Rng(b"runs", data.draw(st.integers(0, 99))))
    assert "".join(run for run, _ in runs) == text
    for run, chosen in runs:
        assert not chosen.missing(run)
        assert all(c in face.characters for c in run) == (chosen is face)


@pytest.mark.parametrize("look", ["plain", "screen"])
def test_no_glyph_is_asked_of_a_face_that_lacks_it(look: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: Counter[str] = Counter()
    strike_of = Atlas.strike

    def strike(self: Atlas, face: Face, weight: int, size: int) -> Strike:
        made = strike_of(self, face, weight, size)
        if not hasattr(made, "watched"):
            glyph = made.glyph

            def watched(character: str) -> object:
                assert character in face.characters, (character, face.name)
                asked[character] += 1
                return glyph(character)

            made.glyph = made.watched = watched  # type: ignore[method-assign, assignment, attr-defined]
        return made

    monkeypatch.setattr(Atlas, "strike", strike)
    source = Source(load_recipe("wallet"), 3, look)
    for _ in source.lines(range(400)):
        pass
    assert any("一" <= character <= "鿿" for character in asked)


def test_shares_are_as_meant(source: Source) -> None:
    """Within five standard deviations, so that another generation does not fail by chance."""
    lines = list(source.lines(range(1500)))
    count = Counter(
        "fragment" if "fragment" in line.styles else "none" if not line.text else UNKNOWN in line.text for line in lines
    )
    assert count[True] / len(lines) == pytest.approx(0.27, abs=0.06)
    assert count["none"] / len(lines) == pytest.approx(0.025, abs=0.02)
    assert count["fragment"] / len(lines) == pytest.approx(0.015, abs=0.016)
    for line in lines:
        assert set(line.text) <= {*source.charset, UNKNOWN}
        assert UNKNOWN * 2 not in line.text
        assert len(line.boxes) == len(line.text)
        assert line.text or "no text" in line.styles


def test_the_plain_look_has_fewer_and_no_empty_ones() -> None:
    texts = [text for _, text in Source(load_recipe("health-app"), 0, "plain").samples(range(1500))]
    assert sum(UNKNOWN in text for text in texts) / len(texts) == pytest.approx(0.1, abs=0.04)
    assert all(texts)


def test_a_recipe_may_do_without() -> None:
    recipe = load_recipe("health-app").model_copy(update={"unknown": False})
    source = Source(recipe, 0)
    assert source.outside is None
    for _, text in source.samples(range(300)):
        assert text
        assert UNKNOWN not in text
    for unknown in (True, False):
        job = Job(recipe.model_copy(update={"unknown": unknown}), 0, 1)
        assert job.manifest(job.content(), True)["unknown"] is unknown


def test_an_apps_own_font_is_helped_out_by_the_bundled_ones() -> None:
    recipe = Recipe(name="own", charset="0123456789", fonts=(bundled("latin")[0],), texts=({"forms": ("{0..99}",)},))
    source = Source(recipe, 0, "screen")
    assert {face.path for face in source.faces} == {bundled("latin")[0]}
    assert any("一" <= c <= "鿿" for text in drawn_texts(source, 200) for c in text)
    assert any(UNKNOWN in text for _, text in source.samples(range(30)))


def test_where_a_run_is_its_box_is() -> None:
    """The ink of an unknown run lies between that of its neighbours."""
    source = Source(load_recipe("health-app"), 1, "plain")
    seen = 0
    for line in source.lines(range(1500)):
        if UNKNOWN in line.text and len(line.text) > 1:
            seen += 1
            edges = [(box.x, box.x + box.width) for box in line.boxes]
            assert all(right - 3 <= left for (_, right), (left, _) in pairwise(edges))
            assert all(box.width > 0 for box in line.boxes)
    assert seen > 50


def test_the_bundled_words_are_short_and_drawable() -> None:
    drawable = frozenset().union(*(face.characters for path in bundled() for face in read_faces(path)))
    for name in ("zh.txt", "en.txt"):
        words = _words(name)
        assert len(words) == len(set(words)) > 300
        assert all(0 < len(word) <= 24 and drawable.issuperset(word) for word in words)
    for row in _words("lookalikes.txt"):
        assert len(set(row)) == len(row) > 1


def test_icons_are_icons() -> None:
    assert sum(len(characters) for _, characters in icon_faces()) > 300
    icons, rng = Icons(Atlas("0")), Rng(b"icons", 0)
    for i in range(300):
        rng.seek(i)
        size = rng.uniform(6, 90)
        mask = icons.mask(size, rng)
        assert mask.max() > 100
        assert 0.85 * size - 1 <= max(mask.shape) <= 1.1 * size + 1


def test_hard_lines_occur() -> None:
    """Crops cut to the ink, small labels, text tilted by 30 degrees and more: each where real screens have them."""
    source = Source(load_recipe("health-app"), 2, "screen")
    lines = [line for line in source.lines(range(2500)) if line.text and "fragment" not in line.styles]
    angles = [abs(math.degrees(math.atan2(line.affine[3], line.affine[0]))) for line in lines]
    assert 0.002 < np.mean([angle >= 25 for angle in angles]) < 0.03
    assert max(angles) <= 45.5
    tight = 0
    for line in lines:
        height, width = line.picture.shape
        boxes = line.boxes
        left, right = min(box.x for box in boxes), max(box.x + box.width for box in boxes)
        top, bottom = min(box.y for box in boxes), max(box.y + box.height for box in boxes)
        tight += max(left, top, width - right, height - bottom) <= 3
    assert 0.12 < tight / len(lines) < 0.4
    assert np.mean([line.size < 12 for line in lines]) > 0.007
    for style in ("display", "crossed", "neighbours", "pill"):
        assert any(style in line.styles for line in lines)
