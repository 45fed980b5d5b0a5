import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linelet_common import ReaderSpec
from linelet_common.reader import decode, group_by_width

SPEC = ReaderSpec(charset="0123456789", stride=4)


@given(st.lists(st.sampled_from([32, 64, 96]), max_size=40), st.integers(1, 9))
def test_batches_hold_each_line_once_with_lines_of_its_width(widths, size):
    batches = list(group_by_width(widths, size))
    assert sorted(i for batch in batches for i in batch) == list(range(len(widths)))
    assert all(len(batch) <= size and len({widths[i] for i in batch}) == 1 for batch in batches)


def test_layouts_and_score_kinds_read_the_same():
    logits = np.random.default_rng(0).normal(size=(2, 6, SPEC.classes)).astype(np.float32) * 5
    probs = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    plain = decode(logits, SPEC)
    other = decode(probs.transpose(1, 0, 2), SPEC.model_copy(update={"layout": "TNC", "scores": "probs"}))
    assert [r.text for r in plain] == [r.text for r in other]
    np.testing.assert_allclose([r.confidence for r in plain], [r.confidence for r in other], atol=1e-5)
