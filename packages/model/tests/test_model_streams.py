"""Datasets that are read while they are trained on: every line, in any order but always the same, in little memory."""

import io
import json
import pickle
import shutil
import tarfile
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from linelet_common import ReaderSpec, open_dataset
from linelet_common.cli import main
from linelet_common.errors import DatasetError
from linelet_model import training
from linelet_model.feeds import Part
from linelet_model.lines import Lines, pool_size
from linelet_model.settings import Settings
from linelet_model.streams import StreamEpoch, StreamFeed, Survey, epoch_order
from linelet_model.training import train

SPEC = ReaderSpec(charset="0123456789.%")
TEN_MILLION = 10_000_000
SHORT = {"epochs": 1, "batch": 4, "threads": 1, "precision": "fp32"}


def as_tar(folder, out):
    """A folder's lines in three shards."""
    dataset = open_dataset(folder)
    out.mkdir()
    for shard in range(3):
        with tarfile.open(out / f"{shard}.tar", "w") as archive:
            for i in range(shard, len(dataset), 3):
                files = {"png": (folder / dataset.name(i)).read_bytes(), "txt": dataset.label(i).encode()}
                for kind, data in files.items():
                    info = tarfile.TarInfo(f"{i}.{kind}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data))
    return out


def as_lmdb(folder, out):
    """A folder's lines as deep-text-recognition-benchmark lays out MJSynth."""
    lmdb = pytest.importorskip("lmdb")
    dataset = open_dataset(folder)
    with lmdb.open(str(out), map_size=1 << 26) as environment, environment.begin(write=True) as transaction:
        for i in range(len(dataset)):
            transaction.put(b"image-%09d" % (i + 1), (folder / dataset.name(i)).read_bytes())
            transaction.put(b"label-%09d" % (i + 1), dataset.label(i).encode())
        transaction.put(b"num-samples", b"%d" % len(dataset))
    return out


@pytest.fixture(scope="module")
def small(draw, tmp_path_factory):
    return draw(tmp_path_factory.mktemp("small") / "data", 240, seed=21)


@pytest.fixture
def always(monkeypatch):
    """Stream datasets of any size."""
    monkeypatch.setattr(training, "IN_MEMORY", 0)


def feed_of(folders, **options):
    parts = [Part(str(folder), open_dataset(folder), weight) for folder, weight in folders]
    settings = Settings(data=("x",), batch=16, workers=1, validation=0.2, **options)
    return StreamFeed(parts, settings, SPEC, lambda: None)


@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.5, 1, 3])), min_size=1, max_size=3), st.integers(0, 9))
def test_an_epoch_takes_every_line_as_often_as_its_weight_says(parts, epoch):
    sizes, weights = [size for size, _ in parts], [weight for _, weight in parts]
    starts = [0, *np.cumsum(sizes).tolist()]
    train = [np.arange(size, dtype=np.uintc) for size in sizes]
    order = epoch_order(train, starts, weights, (3, epoch, 1))
    assert np.array_equal(order, epoch_order(train, starts, weights, (3, epoch, 1)))
    for size, weight, start in zip(sizes, weights, starts, strict=False):
        times = np.bincount(order, minlength=starts[-1])[start : start + size]
        assert times.max() - times.min() <= 1
        assert times.sum() == round(sum(sizes) * weight / sum(weights))


class PretendedFeed:
    """Lines of any number of lines, made when they are asked for: the label is the line's number."""

    settings = SimpleNamespace(batch=64, seed=5)

    def request(self, numbers):
        return numbers

    def lines(self, numbers):
        widths = 32 + np.asarray(numbers) % 97
        labels = [str(number) for number in numbers]
        return Lines(
            [np.zeros((32, width), np.uint8) for width in widths], labels, [np.zeros(1, np.int64)] * len(labels)
        )


def test_ten_million_lines_cost_four_bytes_each_and_begin_anywhere():
    """Drawn at step 100,000 of an epoch, a batch is what it is for whoever came there from the beginning."""
    train, starts = [np.arange(TEN_MILLION, dtype=np.uintc)], [0, TEN_MILLION]
    tracemalloc.start()
    order = epoch_order(train, starts, [1.0], (5, 0, 1))
    epoch = StreamEpoch(PretendedFeed(), order, 0)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 4.2 * TEN_MILLION
    assert most < 4.5 * TEN_MILLION
    assert epoch.steps == 32 * -(-TEN_MILLION // 2048)
    resumed = epoch.batches(100_000)
    went_on = epoch.batches(100_000 - 45)
    for _ in range(45):
        next(went_on)
    for _ in range(40):
        one, other = next(resumed), next(went_on)
        assert one.labels == other.labels
        widths = [image.shape[1] for image in one.images]
        assert max(widths) - min(widths) <= 8  # of 97 widths: sorted within their pool
        assert np.std([int(label) for label in one.labels]) > TEN_MILLION / 6  # and from everywhere: flat has 0.29


def test_the_labels_of_a_dataset_are_surveyed_in_four_bytes_a_line():
    class Labels:
        manifest = None

        def __len__(self):
            return 50_000

        def label(self, i):
            return str(i)

    part = Part("x", Labels(), 1.0)
    tracemalloc.start()
    survey = Survey(part, Settings(data=("x",)), SPEC)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(survey.train) + len(survey.held) == 50_000
    assert len(survey.held) / 50_000 == pytest.approx(0.05, abs=0.01)
    assert held < 4.6 * 50_000  # arrays grow by an eighth at a time
    assert most < 10 * 50_000


def seen(*batches):
    """Labels with their pictures."""
    return {(label, image.tobytes()) for b in batches for label, image in zip(b.labels, b.images, strict=True)}


def loaded(*folders):
    """All lines of some datasets, as they are in memory."""
    lines = Lines()
    for dataset in map(open_dataset, folders):
        for i in range(len(dataset)):
            lines.add(dataset.image(i), dataset.label(i), SPEC)
    return lines


def test_an_epoch_streams_every_line_once_and_from_any_step(small):
    """No held-out text is trained on; another epoch has another order."""
    feed = feed_of([(small, 1.0)])
    feed.settings = SimpleNamespace(batch=2, seed=0, skip_bad=False)  # pools of 64 lines
    try:
        batches, again, other = (list(feed.epoch(k).batches(0)) for k in (0, 0, 1))
        labels, same, others = ([label for b in some for label in b.labels] for some in (batches, again, other))
        assert labels == same != others
        assert sorted(labels) == sorted(others)
        assert sorted([*labels, *feed.held_out.labels]) == sorted(loaded(small).labels)
        assert seen(*batches, feed.held_out) == seen(loaded(small))
        assert not set(labels) & set(feed.held_out.labels)
        assert feed.epoch(0).steps == len(batches)
        for start in (1, len(batches) // 2, len(batches) - 1):
            assert [batch.labels for batch in feed.epoch(0).batches(start)] == [b.labels for b in batches[start:]]
    finally:
        feed.close()


def test_folders_lmdb_and_shards_stream_together(small, draw, tmp_path):
    """Pictures with their labels, each dataset with a third of the lines: those of the smallest repeat."""
    other = draw(tmp_path / "other", 90, seed=22, font_file="STIXGeneralBolIta.ttf")  # no picture is in both
    folders = [small, as_lmdb(small, tmp_path / "lmdb"), as_tar(other, tmp_path / "tar")]
    feed = feed_of([(folder, 1.0) for folder in folders])
    try:
        batches = list(feed.epoch(0).batches(0))
        assert seen(*batches, feed.held_out) <= seen(loaded(small, other))
        assert seen(*batches, feed.held_out) >= seen(loaded(other))
        drawn = [image.tobytes() for batch in batches for image in batch.images]
        shards = {image for _, image in seen(loaded(other))}
        assert sum(image in shards for image in drawn) / len(drawn) == pytest.approx(1 / 3, abs=0.05)
    finally:
        feed.close()
    for folder in folders:
        assert len(pickle.dumps(open_dataset(folder))) < 20_000  # what each worker gets


def test_a_pool_is_read_before_it_is_needed_and_no_more(small):
    feed = feed_of([(small, 1.0)])
    asked = []
    request = feed.request
    feed.request = lambda numbers: asked.append(len(numbers)) or request(numbers)
    feed.settings = SimpleNamespace(batch=1, seed=0, skip_bad=False)  # pools of 32 lines
    try:
        batches = feed.epoch(0).batches(0)
        next(batches)
        assert len(asked) == 3
        assert max(asked) <= pool_size(1)
    finally:
        feed.close()


def test_pictures_that_cannot_be_read_stop_the_training_or_are_left_out(small, tmp_path, capsys):
    folder = tmp_path / "bad"
    shutil.copytree(small, folder)
    labels = (folder / "labels.txt").read_text().splitlines()
    for i in range(0, 240, 10):
        (folder / labels[i].split("\t")[0]).write_bytes(b"\x89PNG")
    with pytest.raises(
        DatasetError, match=r"bad lines: line \d+ of .* is not a picture .*; fix them and continue with"
    ):
        feed_of([(folder, 1.0)])  # some of them are held out
    feed = feed_of([(folder, 1.0)], skip_bad=True)
    try:
        assert sum(len(batch) for batch in feed.epoch(0).batches(0)) + len(feed.held_out) == 240 - 24
    finally:
        feed.close()
    assert capsys.readouterr().err.count("left out: line ") == 20


def test_labels_that_cannot_be_learned_are_found_before_the_first_step(small, tmp_path):
    folder = tmp_path / "bad"
    shutil.copytree(small, folder)
    rows = (folder / "labels.txt").read_text().splitlines()
    rows[4] = rows[4].split("\t")[0] + "\t5斤"
    (folder / "labels.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"1 bad lines: line 5 of .*U\+65A4"):
        feed_of([(folder, 1.0)])
    feed = feed_of([(folder, 1.0)], skip_bad=True)
    feed.close()
    assert feed.skipped == 1
    assert feed.digest != feed_of_digest(small)


def feed_of_digest(folder):
    feed = feed_of([(folder, 1.0)])
    feed.close()
    return feed.digest


def test_a_streamed_training_that_was_killed_goes_on_exactly(small, always, tmp_path, monkeypatch, killed_at):
    """A mixture of a folder and shards, cut within an epoch: the weights are bit for bit those of one never cut."""
    shards = as_tar(small, tmp_path / "tar")
    settings = Settings(data=(str(small), f"{shards}:2"), workers=1, **SHORT)
    train(settings, tmp_path / "whole")
    with killed_at(50, tmp_path / "cut"):  # of 114, in the second of four pools
        train(settings, tmp_path / "cut")
    monkeypatch.setattr("linelet_model.state.State.checkpoint_due", lambda self: False)
    train(settings, tmp_path / "cut", resume=True)
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_lmdb_of_mjsynths_layout_trains_with_a_charset_given(small, always, tmp_path, capsys):
    data = as_lmdb(small, tmp_path / "lmdb")
    command = ["train", "--data", str(data), "--epochs", "1", "--threads", "1", "--batch", "32", "--out"]
    assert main([*command, str(tmp_path / "run")]) == 2
    assert "give --charset CHARACTERS or --from READER" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "run"), "--charset", SPEC.charset]) == 0
    spec = json.loads((tmp_path / "run" / "spec.json").read_text())
    assert (spec["charset"], spec["name"]) == (SPEC.charset, "lmdb")
    assert main([*command[:2], str(small), *command[3:], str(tmp_path / "other"), "--charset", "12"]) == 2
    assert "has a dataset.json with its charset" in capsys.readouterr().err
