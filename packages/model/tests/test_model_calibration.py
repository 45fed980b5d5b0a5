import numpy as np
import pytest

from linelet_common import Charset, Codec
from linelet_model.calibration import fit_temperature


def test_scores_that_are_twice_too_sure_get_a_temperature_of_two():
    """Labels drawn from softmax(s): scores 2 s are overconfident by exactly that factor."""
    codec = Codec(Charset("ab"))
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(6000, 1, 3)).astype(np.float32) * 1.5
    probabilities = np.exp(scores[:, 0]) / np.exp(scores[:, 0]).sum(axis=1, keepdims=True)
    drawn = [rng.choice(3, p=p / p.sum()) for p in probabilities.astype(np.float64)]
    labels = ["" if c == 0 else "ab"[c - 1] for c in drawn]
    assert fit_temperature(list(2 * scores), labels, codec) == pytest.approx(2.0, rel=0.08)
    assert fit_temperature(list(scores), labels, codec) == pytest.approx(1.0, rel=0.08)
