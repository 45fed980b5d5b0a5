"""LMDB and tar shards, written here by their own libraries."""

import io
import pickle
import tarfile

import numpy as np
import pytest
from PIL import Image

from linelet_common import open_dataset
from linelet_common.errors import DatasetError, ImageError

lmdb = pytest.importorskip("lmdb")

LINES = [("12.5%", 10), (" 7 ", 200)]


def png(level):
    buffer = io.BytesIO()
    Image.new("L", (40, 20), level).save(buffer, "PNG")
    return buffer.getvalue()


def write_lmdb(folder, records):
    with lmdb.open(str(folder), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        for key, value in records:
            transaction.put(key, value)


def write_tar(path, files):
    with tarfile.open(path, "w") as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


@pytest.fixture(params=["lmdb", "tar"])
def dataset(request, tmp_path):
    if request.param == "lmdb":
        records = [(b"num-samples", b"2")]
        for number, (text, level) in enumerate(LINES, 1):
            records += [(b"image-%09d" % number, png(level)), (b"label-%09d" % number, text.encode())]
        write_lmdb(tmp_path, records)
    else:
        for number, (text, level) in enumerate(LINES):
            write_tar(tmp_path / f"{number}.tar", [(f"{number}.txt", text.encode()), (f"{number}.png", png(level))])
    return open_dataset(tmp_path)


def test_details_are_read_where_they_are_and_refused_where_they_are_wrong(tmp_path):
    said = {0: b'{"font": "Serif", "contrast": 4.5, "styles": ["faint"], "new": 1}', 1: b'{"contrast": "high"}'}
    records = [(b"num-samples", b"3")]
    members = []
    for i in range(3):
        records += [(b"image-%09d" % (i + 1), png(7)), (b"label-%09d" % (i + 1), b"7")]
        members += [(f"{i}.txt", b"7"), (f"{i}.png", png(7))]
        if i in said:
            records.append((b"details-%09d" % (i + 1), said[i]))
            members.append((f"{i}.details.json", said[i]))
    (tmp_path / "lmdb").mkdir()
    (tmp_path / "tar").mkdir()
    write_lmdb(tmp_path / "lmdb", records)
    write_tar(tmp_path / "tar" / "0.tar", members)
    for name in ("lmdb", "tar"):
        found = open_dataset(tmp_path / name)
        first = found.details(0)
        assert (first.font, first.contrast, first.styles) == ("Serif", 4.5, ("faint",))
        assert found.details(2) is None
        with pytest.raises(DatasetError, match=r"details.*contrast = 'high'"):
            found.details(1)


def test_samples_in_their_order(dataset):
    for copy in (dataset, pickle.loads(pickle.dumps(dataset))):
        assert len(copy) == 2
        assert [copy.label(i) for i in range(2)] == [text for text, _ in LINES]
        for i, (_, level) in enumerate(LINES):
            assert np.array_equal(copy.image(i), np.full((20, 40, 3), level, dtype=np.uint8))
            assert copy.name(i) in copy.place(i)


def test_lmdb_without_a_count_is_no_dataset(tmp_path):
    write_lmdb(tmp_path, [(b"label-000000001", b"7")])
    with pytest.raises(DatasetError, match="no num-samples"):
        open_dataset(tmp_path)


def test_lmdb_with_a_hole(tmp_path):
    write_lmdb(tmp_path, [(b"num-samples", b"1")])
    dataset = open_dataset(tmp_path)
    with pytest.raises(DatasetError, match="label-000000001 is missing"):
        dataset.label(0)
    with pytest.raises(ImageError, match="image-000000001"):
        dataset.image(0)


def test_tar_with_a_lone_picture(tmp_path):
    write_tar(tmp_path / "a.tar", [("1.png", png(0))])
    with pytest.raises(DatasetError, match=r"1 of .*a\.tar lacks its picture or its \.txt"):
        open_dataset(tmp_path)


def test_cut_off_tar_and_picture(tmp_path):
    write_tar(tmp_path / "a.tar", [("1.png", png(0)[:30]), ("1.txt", b"1")])
    with pytest.raises(ImageError, match=r"1\.png of .*a\.tar"):
        open_dataset(tmp_path).image(0)
    (tmp_path / "a.tar").write_bytes((tmp_path / "a.tar").read_bytes()[:700])
    with pytest.raises(DatasetError, match=r"a\.tar"):
        open_dataset(tmp_path)
