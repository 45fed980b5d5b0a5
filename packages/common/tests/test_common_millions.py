"""What an opened dataset holds in memory must not grow with its pictures, nor much with its lines."""

import io
import pickle
import tarfile
import tracemalloc

import numpy as np
import pytest

from linelet_common import open_dataset
from linelet_common.errors import DatasetError
from linelet_common.folder import LabelFile, read_labels


def test_any_entry_is_what_reading_the_list_from_its_start_gives(tmp_path):
    rng = np.random.default_rng(4)
    path = tmp_path / "labels.txt"
    for count, end in ((1, ""), (255, "\n"), (256, ""), (257, "\r\n"), (2000, "\n")):
        rows = [f"{'x' * int(rng.integers(1, 40))}{i}.png\t{'斤' * int(rng.integers(0, 9))}" for i in range(count)]
        path.write_bytes(b"\xef\xbb\xbf" + "\n".join(rows).encode() + end.encode())
        whole, lazy = list(read_labels(path)), pickle.loads(pickle.dumps(LabelFile(path)))
        assert len(lazy) == len(whole) == count
        for i in rng.permutation(count).tolist():
            assert lazy.entry(i) == whole[i]
        with pytest.raises(IndexError):
            lazy.entry(count)


def test_a_list_that_is_cut_while_it_is_read_is_noticed(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_text("".join(f"{i}.png\t{i}\n" for i in range(1000)))
    lazy = LabelFile(path)
    assert lazy.entry(999).label == "999"
    path.write_text("0.png\t0\n")
    with pytest.raises(DatasetError, match="was changed while it was read"):
        lazy.entry(600)
    path.unlink()
    with pytest.raises(DatasetError, match="put it back"):
        lazy.entry(0)


def test_a_line_without_end_is_refused_before_it_fills_the_memory(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"a.png\t" + b"1" * (1 << 21))
    with pytest.raises(DatasetError, match=r"line 1 of .* has 1048576 bytes or more"):
        open_dataset(tmp_path)


def test_an_opened_folder_holds_a_byte_for_thirty_lines(tmp_path):
    """So ten million take 0.3 MB; no picture is looked at, and none is there."""
    (tmp_path / "labels.txt").write_text("".join(f"images/{i:09d}.png\t{i}\n" for i in range(100_000)))
    tracemalloc.start()
    dataset = open_dataset(tmp_path)
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(dataset) == 100_000
    assert [dataset.label(i) for i in (0, 99_999, 54_321)] == ["0", "99999", "54321"]
    assert held < 40_000
    assert most < 150_000


def test_tar_shards_are_indexed_by_a_few_bytes_a_line(tmp_path):
    """Samples of any shard are found by number; keys may begin anew in each; names may be long."""
    long = "x" * 150
    for shard in range(3):
        with tarfile.open(tmp_path / f"{shard}.tar", "w", format=tarfile.PAX_FORMAT) as archive:
            for i in range(500):
                key = f"{long}{i}" if i % 7 == 0 else f"{i}"
                for kind, data in (("txt", f"{shard}-{i}"), ("png", "-")):
                    info = tarfile.TarInfo(f"{key}.{kind}")
                    info.size = len(data)
                    archive.addfile(info, io.BytesIO(data.encode()))
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 1500
    assert len(pickle.dumps(dataset._index)) < 1500 * 4 * 7 + 3000
    copied = pickle.loads(pickle.dumps(dataset))
    for i in (0, 499, 500, 777, 1499):
        shard, row = divmod(i, 500)
        assert copied.label(i) == f"{shard}-{row}"
        assert copied.name(i) == (f"{long}{row}.png" if row % 7 == 0 else f"{row}.png")
    with pytest.raises(IndexError):
        dataset.label(1500)
