"""LMDB and tar shards, written here by their own libraries."""

import io
import json
import pickle
import tarfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
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


def write_shard(path, *names):
    write_tar(path, [(name, png(7) if not name.endswith("txt") else b"7") for name in names])


@pytest.mark.parametrize(
    ("names", "keys"),
    [
        (("./0001.png", "./0001.txt"), ["./0001.png"]),
        (("v1.0/0002.png", "v1.0/0002.txt"), ["v1.0/0002.png"]),
        (("A.PNG", "A.txt"), ["A.PNG"]),
        (("a.png", "a.txt", "a.cls", "README"), ["a.png"]),
    ],
)
def test_names_are_read_as_webdataset_reads_them(tmp_path, names, keys):
    write_shard(tmp_path / "0.tar", *names)
    found = open_dataset(tmp_path)
    assert [found.name(i) for i in range(len(found))] == keys
    assert found.label(0) == "7"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("scan.0003.png", "scan.0003.txt"), "up to their first dot"),
        (("a.png",), "lacks its picture or its .txt"),
        (("a.png", "a.jpg", "a.txt"), "needs one of each"),
        (("a.png", "a.txt", "a.png"), "is there twice"),
        (("README",), "holds no samples"),
    ],
)
def test_shards_that_would_lose_samples_are_refused(tmp_path, names, words):
    write_shard(tmp_path / "0.tar", *names)
    with pytest.raises(DatasetError, match=words):
        open_dataset(tmp_path)


def test_links_in_shards_are_refused(tmp_path):
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DatasetError, match="is a link or a device"):
        open_dataset(tmp_path)


def manifest_for(count):
    about = {"name": "x", "charset": "7", "count": count, "seed": 0, "recipe_digest": "-", "complete": True}
    return json.dumps(about)


def test_a_missing_shard_is_noticed_by_the_manifests_count(tmp_path):
    for k in range(3):
        write_shard(tmp_path / f"{k}.tar", f"{k}.png", f"{k}.txt")
    (tmp_path / "dataset.json").write_text(manifest_for(3))
    assert len(open_dataset(tmp_path)) == 3
    (tmp_path / "1.tar").unlink()
    with pytest.raises(DatasetError, match=r"holds 2 samples, its dataset.json says 3"):
        open_dataset(tmp_path)


@given(st.data())
def test_a_shard_cut_anywhere_is_refused(tmp_path_factory, data):
    """Whatever is left of a shard, it is never taken for a smaller dataset."""
    folder = tmp_path_factory.mktemp("cut")
    write_shard(folder / "0.tar", "a.png", "a.txt", "b.png", "b.txt")
    whole = (folder / "0.tar").read_bytes()
    end = len(whole.rstrip(b"\0"))  # behind it there is only the padding that ends a tar file
    (folder / "0.tar").write_bytes(whole[: data.draw(st.integers(0, end))])
    with pytest.raises(DatasetError):
        open_dataset(folder)


@pytest.mark.parametrize("size", [0, 10, 100, 4096, 8192, -4096])
def test_a_cut_lmdb_file_is_refused_before_it_kills_the_process(tmp_path, size):
    records = [(b"num-samples", b"1"), (b"image-%09d" % 1, bytes(50_000)), (b"label-%09d" % 1, b"7")]
    write_lmdb(tmp_path, records)
    whole = (tmp_path / "data.mdb").read_bytes()
    assert len(open_dataset(tmp_path)) == 1
    (tmp_path / "data.mdb").write_bytes(whole[: size if size >= 0 else len(whole) + size])
    with pytest.raises(DatasetError, match=r"make it again|make the dataset again"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("count", [b"two", b"-1", b"0", b"9" * 5000])
def test_a_number_of_samples_that_is_none_is_refused(tmp_path, count):
    write_lmdb(tmp_path, [(b"num-samples", count)])
    with pytest.raises(DatasetError, match="num-samples"):
        open_dataset(tmp_path)


def test_a_labels_last_line_feed_is_the_files(tmp_path):
    write_tar(tmp_path / "0.tar", [("a.png", png(7)), ("a.txt", b"7 8\r\n")])
    assert open_dataset(tmp_path).label(0) == "7 8"
