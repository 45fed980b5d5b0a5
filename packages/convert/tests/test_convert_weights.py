"""By which lines smaller weights are judged."""

from linelet_common.codec import Reading
from linelet_convert.quantise import MADE_LINES, Sample, measure, telling


def readings(sure, doubted, text="7"):
    return [Reading(text, 0.9, ())] * sure + [Reading(text, 0.1, ())] * doubted


def test_made_lines_that_the_reader_doubts_do_not_count_unless_it_doubts_most():
    made = Sample([], None, "made lines")
    half = MADE_LINES // 2
    assert telling(readings(half, half), made) == list(range(half))
    assert telling(readings(3, MADE_LINES - 3), made) == list(range(MADE_LINES))
    changed = readings(half, 0) + readings(0, half, text="1")
    assert measure(readings(half, half), changed, made).changed == 0
    assert measure(readings(half, half), changed[::-1], made).changed == 1


def test_lines_with_labels_all_count():
    data = Sample([], ["7"] * 10, "data")
    assert telling(readings(5, 5), data) == list(range(10))
    harm = measure(readings(5, 5), readings(5, 0) + readings(0, 5, text="1"), data)
    assert (harm.exact_before, harm.exact_after) == (1.0, 0.5)
