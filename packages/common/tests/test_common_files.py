"""Folders appear whole or not at all, and replace nothing that is not provably ours."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linelet_common.errors import UsageError
from linelet_common.files import (
    LISTING,
    SIGNS,
    alone,
    check_output,
    check_suffix,
    digest_of,
    output_file,
    read_listing,
    sweep,
    whole_folder,
    write_atomically,
)


def fill(out, text="one", inputs=()):
    with whole_folder(out, inputs) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "m").write_text(text)
        if text == "fail":
            raise RuntimeError


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    out = tmp_path / "out"
    fill(out)
    with pytest.raises(RuntimeError):
        fill(out, "fail")
    assert (out / "deep" / "m").read_text() == "one"
    fill(out, "two")
    assert (out / "deep" / "m").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert read_listing(out) == {"deep/m": digest_of(out / "deep" / "m")}


def test_an_empty_folder_may_be_filled(tmp_path):
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out")


def add(out):
    (out / "thesis.txt").write_text("years")


def add_deep(out):
    (out / "deep" / "thesis.txt").write_text("years")


def change(out):
    (out / "deep" / "m").write_text("mine now")


def unlist(out):
    (out / LISTING).unlink()


def spoil(out):
    (out / LISTING).write_text('{"files": ["deep/m"]}')


def link(out):
    (out / "deep" / "m").rename(out.parent / "elsewhere")
    (out / "deep" / "m").symlink_to(out.parent / "elsewhere")


@pytest.mark.parametrize("harm", [add, add_deep, change, unlist, spoil, link])
def test_a_folder_that_holds_anything_of_somebody_elses_stays(tmp_path, harm):
    out = tmp_path / "out"
    fill(out)
    harm(out)
    before = sorted((p, p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file())
    with pytest.raises(UsageError, match=r"with --out$"):
        fill(out, "two")
    assert sorted((p, p.read_bytes()) for p in tmp_path.rglob("*") if p.is_file()) == before


def test_links_and_the_current_folder_are_no_place_for_output(tmp_path, monkeypatch):
    fill(tmp_path / "out")
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UsageError, match="symbolic link"):
        fill(tmp_path / "link")
    monkeypatch.chdir(tmp_path / "out")
    for place in (".", "..", str(tmp_path)):
        with pytest.raises(UsageError, match="current folder"):
            fill(tmp_path / "out" / place)
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(UsageError, match="nothing proves"):
        fill(file)


@given(st.sampled_from(["a", "a/b", "a/b/c", "d"]), st.sampled_from(["a", "a/b", "a/b/c", "d"]))
def test_no_output_is_an_input_or_holds_one(tmp_path_factory, out, given_):
    """Refused exactly where the output is the input, or a folder above it, however it is spelt."""
    root = tmp_path_factory.mktemp("x")
    parts, above = given_.split("/"), out.split("/")
    spelt = root / "a" / ".." / out
    if parts[: len(above)] == above:
        with pytest.raises(UsageError, match="would overwrite the input"):
            check_output(spelt, [root / given_])
    else:
        check_output(spelt, [root / given_])


def test_an_input_may_not_lie_in_the_folder_that_is_replaced(tmp_path):
    fill(tmp_path / "out")
    with pytest.raises(UsageError, match="would overwrite the input"):
        fill(tmp_path / "out", inputs=[tmp_path / "out" / "deep" / "m"])


def test_a_link_to_an_input_is_that_input(tmp_path):
    (tmp_path / "in").write_text("x")
    os.symlink(tmp_path / "in", tmp_path / "other")
    with pytest.raises(UsageError, match="would overwrite"):
        check_output(tmp_path / "other", [tmp_path / "in"])


def write(path, content=b"new", fails=False):
    with output_file(path) as file:
        file.write(content)
        if fails:
            raise RuntimeError


def test_an_output_appears_whole_or_not_at_all_and_sweeps_up_after_killed_runs(tmp_path):
    path, old = tmp_path / "report.html", SIGNS[0] + b"old"
    write(path, old)
    with pytest.raises(RuntimeError):
        write(path, fails=True)
    assert path.read_bytes() == old
    (tmp_path / ".report.html.0123abcd.tmp").write_bytes(b"of a killed run")
    others = {".other.html.0123abcd.tmp", ".report.html.tmp", "report.html.0123abcd.tmp"}
    for name in others:
        (tmp_path / name).write_bytes(b"not this output's")
    write(path)
    assert path.read_bytes() == b"new"
    assert {p.name for p in tmp_path.iterdir()} == {"report.html", *others}


def test_a_folder_that_is_being_written_is_taken(tmp_path):
    out = tmp_path / "run"
    with alone(out):
        with pytest.raises(UsageError, match=r"run is being written by another process"), alone(out):
            pass
        (out / "run.json").write_text("{}")
    with alone(out):
        pass
    assert [p.name for p in out.iterdir()] == ["run.json"]


def test_a_folder_in_which_nothing_was_written_does_not_stay(tmp_path):
    with pytest.raises(RuntimeError), alone(tmp_path / "run"):
        raise RuntimeError
    (tmp_path / "empty").mkdir()
    with alone(tmp_path / "empty"):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["empty"]


def test_an_output_by_another_name_of_an_input_is_that_input(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"weights")
    (tmp_path / "b.onnx").hardlink_to(tmp_path / "a.onnx")
    with pytest.raises(UsageError, match=r"b\.onnx would overwrite the input .*a\.onnx"):
        check_output(tmp_path / "b.onnx", [tmp_path / "a.onnx"])


def test_links_in_a_circle_are_no_input_and_end_in_no_traceback(tmp_path):
    (tmp_path / "round").symlink_to("round")
    check_output(tmp_path / "out", [tmp_path / "round"])
    check_output(tmp_path / "round", [tmp_path / "in"])


@pytest.mark.parametrize("name", ["labels.txt", "reader.onnx", "html", "a.html.toml"])
def test_an_output_is_called_what_it_is(name):
    with pytest.raises(UsageError, match=r"--report .* does not end in \.html or \.htm; name such a file"):
        check_suffix(Path(name), (".html", ".htm"), "--report")
    check_suffix(Path("a.HTM"), (".html", ".htm"))


@pytest.mark.parametrize("name", [LISTING, "deep/m"])
def test_a_pipe_in_the_place_of_a_file_of_ours_is_somebody_elses(tmp_path, name):
    out = tmp_path / "out"
    fill(out)
    (out / name).unlink()
    os.mkfifo(out / name)
    with pytest.raises(UsageError, match=r"nothing proves that Linelet wrote it|was changed since Linelet wrote it"):
        fill(out, "two")


@pytest.mark.parametrize("write", [lambda path: write_atomically(path, "x"), fill])
def test_a_sweep_between_a_temporarys_making_and_its_lock_does_no_harm(tmp_path, monkeypatch, write):
    """As where two runs begin at once: one takes the other's new file for what a killed run left."""
    swept, opened = [], os.open

    def open_after_a_sweep(path, *more, **named):
        if str(path).endswith(".tmp") and not swept:
            swept.append(path)
            sweep(tmp_path)
        return opened(path, *more, **named)

    monkeypatch.setattr(os, "open", open_after_a_sweep)
    write(tmp_path / "out")
    assert swept
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
