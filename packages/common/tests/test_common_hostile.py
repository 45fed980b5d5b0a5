"""Files made to hang, to eat memory or to have other files read: each ends at once in one named fault."""

import io
import json
import os
import struct
import time
import zlib

import pytest
from PIL import Image

from linelet_common.boxes import FinderSpec
from linelet_common.datasets import open_dataset
from linelet_common.errors import DatasetError, ImageError, LineletError, RecipeError, SpecError
from linelet_common.grammar import Grammar
from linelet_common.lines import read_details
from linelet_common.manifest import Manifest
from linelet_common.preprocess import load_image
from linelet_common.screens import open_screens
from linelet_common.spec import ReaderSpec

SECONDS = 20  # on a busy machine; each takes a fraction of a second on a quiet one
DEEP = ["[" * 100_000, '{"charset":' * 100_000, '{"version": 1, "fields": ' + "[" * 900 + "]" * 900 + "}"]
LONG = '{"charset": ' + "9" * 5000 + "}"


@pytest.fixture(autouse=True)
def _quick():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize("text", [*DEEP, LONG])
def test_deep_and_long_json_is_refused(text, tmp_path):
    for read in (ReaderSpec.from_json, FinderSpec.from_json, lambda t, where: read_details(t.encode(), where)):
        with pytest.raises(LineletError, match=r"nested too deeply|is not JSON|unknown key|spec\.json"):
            read(text, "spec.json")
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DatasetError):
        Manifest.load(tmp_path)


@pytest.mark.parametrize(
    "form",
    ["{0..9:100000000d}", "{0..9:.100000000f}", "{0..9:0999999999d}", "{" + "9" * 5000 + ".." + "9" * 5001 + "}"],
)
def test_numbers_that_no_line_shows_are_refused(form):
    with pytest.raises((RecipeError, ValueError), match=r"wider than a line|digits; write a smaller|at most 200"):
        Grammar(forms=(form,))


def test_a_small_grammar_whose_automaton_explodes_is_refused():
    """Texts of 50 as and bs that have a b somewhere, told apart by where: every subset of places is a state."""
    pieces = tuple("{ab}" * k + "b" + "{ab}" * (49 - k) for k in range(49))
    with pytest.raises(RecipeError, match="has an automaton of over"):
        Grammar(vocabulary={"ab": ("a", "b")}, forms=pieces).automaton()


@pytest.mark.parametrize(
    "changes",
    [
        {"widths": [10**8]},
        {"width_step": 10**8},
        {"stride": 10**8},
        {"frames_lost": 10**12},
        {"height": 10**8},
        {"charset": "x" * 300_000},
    ],
)
def test_absurd_sizes_in_a_spec_are_refused(changes):
    with pytest.raises(SpecError, match="spec"):
        ReaderSpec.from_json(json.dumps({"charset": "01", **changes}), "spec")


def bomb(width, height):
    """A PNG of one colour: some kilobytes for any number of pixels."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 7) // 8 + 1) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    (tmp_path / "bomb.png").write_bytes(bomb(10_000, 10_000))
    assert (tmp_path / "bomb.png").stat().st_size < 20_000
    with pytest.raises(ImageError, match=r"10000 x 10000 pixels|decompression bomb"):
        load_image(tmp_path / "bomb.png")


def test_pipes_are_no_pictures_and_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match=r"pipe\.png: not a file"):
        load_image(tmp_path / "pipe.png")
    for name in ("labels.txt", "dataset.json", "000000.tar", "data.mdb"):
        folder = tmp_path / name.replace(".", "-")
        folder.mkdir()
        os.mkfifo(folder / name)
        with pytest.raises(DatasetError, match=r"is a pipe or device|is cut off or not LMDB"):
            open_dataset(folder)


def test_formats_that_nobody_needs_are_not_opened(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n")
    with pytest.raises(ImageError, match="is not a picture that can be read"):
        load_image(tmp_path / "a.png")


@pytest.fixture
def outside(tmp_path):
    picture = io.BytesIO()
    Image.new("L", (30, 20)).save(picture, "PNG")
    (tmp_path / "secret.png").write_bytes(picture.getvalue())
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "data" / "links").symlink_to(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["../secret.png", "/{}/secret.png", "a/../../secret.png"])
@pytest.mark.parametrize("follow", [False, True])
def test_pictures_out_of_the_folder_are_refused(outside, name, follow):
    name = name.replace("/{}", str(outside))
    (outside / "data" / "labels.txt").write_text(f"{name}\t1\n")
    with pytest.raises(DatasetError, match=r"line 1 of .*labels\.txt names .* not a path within"):
        open_dataset(outside / "data", follow).image(0)


@pytest.mark.parametrize("name", ["link.png", "links/secret.png"])
def test_links_out_of_the_folder_are_read_where_that_was_asked_for(outside, name):
    (outside / "data" / "labels.txt").write_text(f"{name}\t1\n")
    with pytest.raises(DatasetError, match=r"a link out of .*; copy .* or allow links with --follow-links"):
        open_dataset(outside / "data").image(0)
    assert open_dataset(outside / "data", follow_links=True).image(0).shape == (20, 30, 3)
    coco = {"images": [{"id": 1, "file_name": name}], "annotations": []}
    (outside / "data" / "labels.txt").unlink()
    (outside / "data" / "screens.json").write_text(json.dumps(coco))
    with pytest.raises(DatasetError, match="a link out of"):
        open_screens(outside / "data").image(0)
    assert open_screens(outside / "data", follow_links=True).image(0).shape == (20, 30, 3)
