"""Found boxes and true lines paired by their overlap."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linelet_common.pairing import pair_boxes, widen


def boxes_of(*rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def test_pairs_worked_out_by_hand():
    lines = boxes_of([10, 10, 100, 20], [10, 60, 100, 20])
    found = widen(lines)
    assert sorted(pair_boxes(found, lines)) == [(0, 0), (1, 1)]
    assert sorted(pair_boxes(found[::-1], lines)) == [(0, 1), (1, 0)]
    # Two boxes on one line: the nearer one is the line's.
    assert pair_boxes(np.vstack([np.add(found[:1], [4, 0, 0, 0]), found[:1]]), lines) == [(1, 0)]
    assert pair_boxes(found[:1] * [1, 1, 0.45, 1], lines) == []
    assert pair_boxes(boxes_of(), lines) == pair_boxes(lines, boxes_of()) == []


sides = st.floats(1, 80)
rows = st.lists(st.tuples(sides, sides, sides, sides), max_size=8)


@given(rows, rows)
def test_each_box_and_line_is_in_one_pair_that_overlaps_by_half(found, lines):
    a, b = boxes_of(*found), boxes_of(*lines)
    pairs = pair_boxes(a, b)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    for i, j in pairs:
        box, line = a[i], widen(b)[j]
        across = min(box[0] + box[2], line[0] + line[2]) - max(box[0], line[0])
        down = min(box[1] + box[3], line[1] + line[3]) - max(box[1], line[1])
        assert 2 * across * down >= box[2] * box[3] + line[2] * line[3] - across * down - 1e-6
