"""Sample i is a pure function of recipe, seed and i."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from linelet_common.codec import UNKNOWN
from linelet_common.errors import RecipeError
from linelet_common.learnable import sample_problem
from linelet_common.preprocess import MAX_ASPECT
from linelet_common.spec import ReaderSpec
from linelet_synth import Source, load_recipe, open_recipe
from linelet_synth.recipe import Transform, parse_recipe


@pytest.fixture(scope="module")
def source() -> Source:
    return open_recipe("health-app", 3)


def test_samples_do_not_depend_on_what_was_drawn_before(source: Source) -> None:
    first = [source.sample(i) for i in range(60)]
    other = pickle.loads(pickle.dumps(source))
    for i in reversed(range(60)):
        picture, text = other.sample(i)
        assert text == first[i][1]
        assert np.array_equal(picture, first[i][0])


def test_samples_made_together_are_those_made_alone() -> None:
    recipe = load_recipe("health-app")
    shift = Transform.model_validate({"name": "PixelDropout", "p": 0.5, "arguments": {"dropout_prob": 0.2}})
    source = Source(recipe.model_copy(update={"transforms": (shift,)}), 3)
    numbers = [*range(20, 0, -1), 7, *range(40, 80)]
    looks = set()
    for i, line in zip(numbers, source.lines(numbers), strict=True):
        alone = source.line(i)
        assert line.details() == alone.details()
        assert np.array_equal(line.picture, alone.picture)
        looks.add(line.look)
    assert looks == {"plain", "screen"}
    assert [text for _, text in source.samples(range(40, 45))] == [source.sample(i)[1] for i in range(40, 45)]


@pytest.mark.parametrize("look", ["plain", "screen"])
def test_a_reader_has_frames_for_every_line(look: str) -> None:
    # A small size on the usual canvas, long numbers, thin letters that are doubled.
    made = b"""
name = "narrow"
charset = " 0123456789il"
fonts = ["bundled"]
[[texts]]
forms = ["{0..99999999999999999999999999:026d} {000..999:03d}", "{llllllllllll|iiiiiiiiiiii|111111111111}"]
[looks.plain]
size = [8, 40]
[looks.screen]
size = [10, 96]
hardness = 2.0
"""
    source = Source(parse_recipe(made, "narrow.toml", Path()), 0, look)
    spec = ReaderSpec(charset=source.charset, unknown=True)
    for i, (picture, text) in enumerate(source.samples(range(400))):
        assert sample_problem(picture, text, str(i), spec) is None


def test_another_seed_draws_other_lines(source: Source) -> None:
    other = open_recipe("health-app", 4)
    assert [source.sample(i)[1] for i in range(20)] != [other.sample(i)[1] for i in range(20)]


def test_pictures_are_grey_and_labels_of_the_charset(source: Source) -> None:
    for i in range(200):
        picture, text = source.sample(i)
        assert picture.dtype == np.uint8
        assert picture.ndim == 2
        assert set(text) <= {*source.charset, UNKNOWN}


def test_colour_and_grey_draw_the_same_lines() -> None:
    grey, colour = (Source(load_recipe("health-app"), 1, rgb=rgb) for rgb in (False, True))
    for i in range(100):
        a, b = grey.line(i), colour.line(i)
        assert a.text == b.text
        assert a.boxes == b.boxes
        assert a.picture.shape == b.picture.shape[:2]


def test_no_text_is_on_both_sides() -> None:
    train, validation = (open_recipe("health-app", 0, split=side) for side in ("train", "validation"))
    texts = [{side.sample(i)[1] for i in range(400)} for side in (train, validation)]
    # What is outside the charset is told apart by what is drawn, not by the label.
    assert {text for text in texts[0] & texts[1] if text and UNKNOWN not in text} == set()


def test_words_that_the_charset_cannot_encode_are_refused_by_name() -> None:
    recipe = load_recipe("health-app")
    vocabulary = {**recipe.vocabulary, "status": (*recipe.vocabulary["status"], "正常")}
    with pytest.raises(RecipeError, match=r"vocabulary.status holds '正常' with '正' \(U\+6B63\), '常' \(U\+5E38\)"):
        Source(recipe.model_copy(update={"vocabulary": vocabulary}), 0)


def test_fragments_of_long_lines_are_no_wider_than_readers_take() -> None:
    """Also where the text reaches out of its picture: a line may be cut at its ink."""
    made = b"""name = "x"
charset = "0123456789 "
[[texts]]
forms = ["{0..9999:04d}{0..9:036d}{0..9:036d}"]
[looks.screen]
weight = 1
size = [10, 14]
"""
    source = Source(parse_recipe(made, "x.toml", Path()), 0)
    shapes = []
    for i in range(200):
        source._rng.seek(i)
        text = source.mixture.draw(source._rng)
        shapes.append(source._screen.fragment(text, source._rng)().picture.shape)
    assert all(width <= MAX_ASPECT * height for height, width in shapes)
    assert min(height for height, _ in shapes) < 8
