import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from linelet_common import ReaderSpec, open_dataset, prepare
from linelet_common.errors import DatasetError
from linelet_model import feeds
from linelet_model.data import augment, collate, scramble
from linelet_model.lines import Lines, epoch_batches, load_lines, split_by_text
from linelet_model.loss import ctc_loss

SPEC = ReaderSpec(charset="0123456789")


def lines_of(widths, seed=0):
    rng = np.random.default_rng(seed)
    lines = Lines()
    for i, width in enumerate(widths):
        lines.add(rng.integers(0, 256, (32, width), dtype=np.uint8), str(i % 10) * (1 + i % 3), SPEC)
    return lines


@given(st.lists(st.integers(1, 300), min_size=1, max_size=150), st.integers(1, 40), st.integers(0, 9))
def test_an_epoch_shows_every_line_once_in_batches_of_equal_size(widths, size, epoch):
    batches = epoch_batches(lines_of(widths), size, seed=3, epoch=epoch)
    assert sorted(i for batch in batches for i in batch) == list(range(len(widths)))
    assert all(1 <= len(batch) <= size for batch in batches)
    assert batches == epoch_batches(lines_of(widths), size, seed=3, epoch=epoch)


def test_epochs_differ_and_seeds_differ():
    lines = lines_of([50] * 100)
    one = epoch_batches(lines, 10, seed=0, epoch=0)
    assert one != epoch_batches(lines, 10, seed=0, epoch=1)
    assert one != epoch_batches(lines, 10, seed=1, epoch=0)


@given(st.lists(st.text("01", max_size=4), max_size=60), st.integers(0, 5))
def test_no_text_is_both_trained_on_and_held_out(labels, seed):
    train, held = split_by_text(labels, 0.3, seed)
    assert sorted(train + held) == list(range(len(labels)))
    assert not {labels[i] for i in train} & {labels[i] for i in held}
    if len(set(labels)) > 1:  # fifty corrected crops must do, and two
        assert train
        assert held


def test_many_lines_of_one_text_have_nothing_to_hold_out():
    train, held = split_by_text(["68.5"] * 200_000, 0.05, 0)
    assert not train
    assert len(held) == 200_000


def test_the_held_out_share_is_what_was_asked():
    _, held = split_by_text([str(i) for i in range(20_000)], 0.05, 0)
    assert len(held) / 20_000 == pytest.approx(0.05, abs=0.006)


def test_collate_equals_preprocessing():
    """A batch holds what a reader would see: the oracle is linelet_common.prepare."""
    lines = lines_of([10, 60, 64])
    batch = collate(lines, [0, 1, 2], SPEC)
    assert batch.images.shape == (3, 1, 32, 64)
    for row, image in zip(batch.images.numpy(), lines.images, strict=True):
        expected = prepare(image, SPEC)
        np.testing.assert_allclose(row[:, :, : expected.shape[2]], expected, atol=1e-6)
        assert (row[:, :, expected.shape[2] :] == SPEC.pad).all()
    assert batch.lengths.tolist() == [1, 2, 3]
    assert batch.targets.tolist() == [1, 2, 2, 3, 3, 3]


def test_variation_keeps_the_padding_and_depends_on_its_seed_alone():
    batch = collate(lines_of([20, 90, 40]), [0, 1, 2], SPEC)
    one, again, other = (augment(batch, SPEC, seed) for seed in ((0, 1, 2), (0, 1, 2), (0, 1, 3)))
    assert torch.equal(one.images, again.images)
    assert not torch.equal(one.images, other.images)
    assert one.images.abs().max() <= 1
    assert ((one.images * (1 - batch.mask)) == SPEC.pad).all()


def test_scrambled_lines_show_the_same_strokes_elsewhere_and_ask_for_no_text():
    lines = lines_of([80] * 90)
    batch = collate(lines, range(90), SPEC)
    before = batch.images.clone()
    strange = scramble(batch, SPEC, 0.5, (0, 1, 2))
    assert torch.equal(batch.images, before)
    assert torch.equal(strange.images, scramble(batch, SPEC, 0.5, (0, 1, 2)).images)
    assert not scramble(batch, SPEC, 0.0, (0, 1, 2)).undecided.any()
    assert 20 < strange.undecided.sum() < 40  # half of those of two or three characters
    assert not strange.undecided[batch.lengths == 1].any()
    for row in range(90):
        rows_moved = (strange.images[row] != before[row]).any(dim=2).flatten()
        assert bool(rows_moved[:10].all()) == bool(rows_moved.any()) == bool(strange.undecided[row])
        assert not rows_moved[-10:].any()
        assert torch.equal(strange.images[row].sort().values, before[row].sort().values)


def test_an_undecidable_line_costs_nothing_where_the_reader_is_undecided_and_much_where_it_is_sure():
    batch = dataclasses.replace(collate(lines_of([80] * 3), [1, 2], SPEC), undecided=torch.tensor([True, False]))
    even = torch.zeros(2, 20, SPEC.classes)
    sure = even.clone()
    sure[:, :, 3] = 20
    assert ctc_loss(even, batch, SPEC)[0] == pytest.approx(0, abs=1e-5)
    assert ctc_loss(sure, batch, SPEC)[0] > 10
    known = dataclasses.replace(batch, undecided=torch.zeros(2, dtype=torch.bool))
    assert ctc_loss(sure, batch, SPEC)[1] == ctc_loss(sure, known, SPEC)[1]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_shares_of_a_batch_make_up_the_whole(size):
    batch = collate(lines_of([20, 90, 40, 32]), [0, 1, 2, 3], SPEC)
    shares = [batch.share(rank, size) for rank in range(size)]
    assert sum(len(s.lengths) for s in shares) == 4
    assert sorted(torch.cat([s.targets for s in shares]).tolist()) == sorted(batch.targets.tolist())
    for rank, share in enumerate(shares):
        assert torch.equal(share.images, batch.images[rank::size])


class Made:
    """Lines of ten digits; those of some numbers are too narrow to hold them."""

    name = "made"

    def __init__(self, narrow):
        self.narrow = set(narrow)

    def samples(self, numbers):
        for i in numbers:
            yield np.full((32, 8 if i in self.narrow else 200), 255, dtype=np.uint8), "0123456789"


def test_a_few_made_lines_that_cannot_be_learned_end_no_training():
    lines = feeds._make(Made([103, 110]), SPEC, range(100, 300))
    assert lines.labels == ["0123456789"] * 198
    with pytest.raises(
        DatasetError, match=r"of 200 samples, 3 bad lines: sample 103 of made: .* 8.*; change the recipe"
    ):
        feeds._make(Made([103, 110, 120]), SPEC, range(100, 300))


def test_a_picture_with_two_labels_is_no_line_to_learn_from(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 20), "white").save(tmp_path / name)
    (tmp_path / "labels.txt").write_text("a.png\t1\nb.png\t2\na.png\t1\na.png\t3\n")
    spec = ReaderSpec(name="x", charset="123")
    with pytest.raises(DatasetError, match=r"1 bad lines: line 4 of .* says .3. of a\.png, line 1 of .* says .1."):
        load_lines(open_dataset(tmp_path), spec)
    lines, skipped = load_lines(open_dataset(tmp_path), spec, skip_bad=True)
    assert (lines.labels, skipped) == (["1", "2", "1"], 1)
