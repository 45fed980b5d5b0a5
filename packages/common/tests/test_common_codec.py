import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linelet_common import Charset, Codec, frames_needed
from linelet_common.codec import log_softmax
from linelet_common.errors import CharsetError

CHARSET = Charset("0123456789.%BMI公斤体重")
texts = st.text(alphabet=st.sampled_from(str(CHARSET)), max_size=12)
blanks = st.sampled_from([0, len(CHARSET)])


def shortest_path(classes, blank):
    """The shortest CTC path that writes these classes."""
    path = []
    for c in classes:
        if path and path[-1] == c:
            path.append(blank)
        path.append(int(c))
    return path


def scores_of(path, classes, margin=20.0):
    scores = np.zeros((1, len(path), classes), dtype=np.float32)
    scores[0, np.arange(len(path)), path] = margin
    return scores


@given(texts, blanks, st.data())
def test_decoding_undoes_encoding(text, blank, data):
    """decode(encode(s)) == s, doubled letters included, over any path that CTC maps to s."""
    codec = Codec(CHARSET, blank)
    path = []
    for c in shortest_path(codec.encode(text), blank):
        path += [c] * data.draw(st.integers(1, 3))
        if data.draw(st.booleans()):
            path.append(blank)
    path = path or [blank]
    (reading,) = codec.decode(scores_of(path, codec.classes))
    assert reading.text == text
    assert "".join(c.text for c in reading.characters) == text


@given(texts, blanks)
def test_frames_needed_is_the_length_of_the_shortest_path(text, blank):
    codec = Codec(CHARSET, blank)
    assert frames_needed(text) == len(shortest_path(codec.encode(text), blank))


@pytest.mark.parametrize("text", ["", "1", "11", "121", "1112", "112211"])
def test_no_shorter_path_writes_the_text(text):
    """frames_needed is exact: every path that is one frame shorter reads as something else."""
    codec = Codec(Charset("12"))
    frames = frames_needed(text) - 1
    for path in itertools.product(range(codec.classes), repeat=max(frames, 0)):
        if path:
            (reading,) = codec.decode(scores_of(list(path), codec.classes))
            assert reading.text != text


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_probability_is_the_sum_over_all_paths(data):
    """The forward algorithm equals brute force: the probabilities of all paths that collapse to the text."""
    codec = Codec(Charset("ab"), data.draw(st.sampled_from([0, 2])))
    frames = data.draw(st.integers(1, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    scores = rng.normal(size=(1, frames, 3)).astype(np.float32) * 2
    log_probs = log_softmax(scores)
    totals = {}
    for path in itertools.product(range(3), repeat=frames):
        (reading,) = codec.decode(scores_of(list(path), 3))
        probability = np.exp(sum(float(log_probs[0, t, c]) for t, c in enumerate(path)))
        totals[reading.text] = totals.get(reading.text, 0.0) + probability
    for text, total in totals.items():
        assert codec.probability(log_probs, [codec.encode(text).tolist()])[0] == pytest.approx(total, abs=1e-6)


def test_probability_of_a_batch_equals_that_of_each_line():
    codec = Codec(CHARSET)
    rng = np.random.default_rng(0)
    log_probs = log_softmax(rng.normal(size=(4, 9, codec.classes)).astype(np.float32))
    classes = [codec.encode(t).tolist() for t in ["", "11", "62.1公斤", "%"]]
    alone = [codec.probability(log_probs[i : i + 1], [c])[0] for i, c in enumerate(classes)]
    np.testing.assert_allclose(codec.probability(log_probs, classes), alone, rtol=1e-9)


def test_confidences_and_frames_of_characters():
    codec = Codec(CHARSET)
    one, two = codec.encode("12").tolist()
    (reading,) = codec.decode(scores_of([0, one, one, 0, two], codec.classes))
    assert [(c.text, c.start, c.end) for c in reading.characters] == [("1", 1, 3), ("2", 4, 5)]
    assert all(0.99 < c.confidence <= 1 for c in reading.characters)
    assert 0.99 < reading.confidence <= 1


def test_nothing_read_has_no_confidence():
    codec = Codec(CHARSET)
    (reading,) = codec.decode(scores_of([0, 0, 0], codec.classes))
    assert (reading.text, reading.confidence, reading.characters) == ("", 0.0, ())


def test_temperature_changes_confidences_but_no_text():
    codec = Codec(CHARSET)
    scores = np.random.default_rng(3).normal(size=(3, 8, codec.classes)).astype(np.float32) * 4
    cold, warm = codec.decode(scores), codec.decode(scores, temperature=3.0)
    assert [r.text for r in cold] == [r.text for r in warm]
    assert all(w.confidence < c.confidence for w, c in zip(warm, cold, strict=True))


def test_an_unknown_character_is_an_error_never_the_blank():
    with pytest.raises(CharsetError, match=r"'正常' contains '正' \(U\+6B63\), '常' \(U\+5E38\)"):
        Codec(CHARSET).encode("正常")


def test_a_blank_in_the_middle_is_refused():
    with pytest.raises(CharsetError, match="blank is class 3"):
        Codec(CHARSET, blank=3)


UNKNOWN_CODEC = Codec(CHARSET, unknown=True)
anything = st.text(alphabet=st.sampled_from(str(CHARSET) + "kgA健-: \u3000"), max_size=12)


@given(anything)
def test_folding_keeps_what_is_known_and_writes_one_mark_per_run_of_what_is_not(text):
    folded = UNKNOWN_CODEC.fold(text)
    assert folded.replace("\ufffd", "") == "".join(c for c in text if c in CHARSET)
    assert "\ufffd\ufffd" not in folded
    assert ("\ufffd" in folded) == any(c not in CHARSET and not c.isspace() for c in text)
    assert UNKNOWN_CODEC.fold(folded) == folded
    assert Codec(CHARSET).fold(text) == text


@given(anything, st.data())
def test_unknown_runs_are_decoded_as_one_however_many_the_network_sees(text, data):
    """decode(encode(fold(s))) == fold(s), with any number of unknowns and blanks within a run."""
    folded = UNKNOWN_CODEC.fold(text)
    mark = UNKNOWN_CODEC.classes - 1
    path = [0]
    for c in UNKNOWN_CODEC.encode(folded).tolist():
        path += [0] if path[-1] == c else []
        path += [c] * data.draw(st.integers(1, 3))
        while c == mark and data.draw(st.booleans()):
            path += [0] * data.draw(st.integers(0, 2)) + [mark]
    (reading,) = UNKNOWN_CODEC.decode(scores_of(path, UNKNOWN_CODEC.classes))
    assert reading.text == folded
    # A text that is not the whole truth is never sure, its characters may be.
    assert (reading.confidence == 0.0) == ("\ufffd" in folded or not folded)
    assert all(c.confidence > 0.9 and c.start < c.end for c in reading.characters)


def test_the_unknown_class_is_the_last_and_goes_with_a_blank_that_is_first():
    assert UNKNOWN_CODEC.classes == len(CHARSET) + 2
    assert UNKNOWN_CODEC.encode("\ufffd").tolist() == [len(CHARSET) + 1]
    with pytest.raises(CharsetError, match="make it 0"):
        Codec(CHARSET, blank=len(CHARSET), unknown=True)
    with pytest.raises(CharsetError, match=r"U\+FFFD"):
        Charset("01\ufffd")
    with pytest.raises(CharsetError, match=r"U\+FFFD"):
        Codec(CHARSET).encode("\ufffd")
