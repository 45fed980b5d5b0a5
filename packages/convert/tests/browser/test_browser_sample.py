"""The picture that a bundle's page begins with: a screen of the reader's own app, or none."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linelet_common import ReaderSpec, load_image
from linelet_common.sample import encode_sample
from linelet_convert.assets import PAGE, SAMPLE_TEXT, refresh
from linelet_convert.conversion import convert
from linelet_read import load_reader, read_screen
from linelet_read.finder import OnnxFinder


def test_the_page_of_another_apps_bundle_begins_with_a_screen_of_it(
    page: Any, serve: Any, networks: Any, tmp_path: Path
) -> None:
    """The wallet's, drawn from its recipe; its lines are read as in Python, and a refreshed bundle keeps it."""
    synth = pytest.importorskip("linelet_synth.source")
    source = synth.open_recipe("wallet", 3)
    (tmp_path / "wallet.png").write_bytes(encode_sample(source.screen()))
    spec = ReaderSpec(charset=source.charset, name="wallet", unknown=True)
    network_onnx, finder_onnx = networks
    path = network_onnx(tmp_path / "reader.onnx", spec, tmp_path / "wallet.png")
    finder = finder_onnx(tmp_path / "finder.onnx")
    bundle = tmp_path / "bundle"
    convert(path, bundle, "float32", finder=finder)
    picture = load_image(bundle / "sample.png")
    assert picture.shape == source.screen().shape
    assert np.abs(picture.astype(int) - source.screen()).mean() < 6  # of 255: its palette has 128 colours
    refresh(bundle)
    np.testing.assert_array_equal(load_image(bundle / "sample.png"), picture)
    wanted = read_screen(load_reader(path), OnnxFinder(finder), picture)
    page.goto(serve(bundle))
    page.locator("#status", has_text="read in").wait_for()
    size = page.evaluate("(({ width, height }) => [height, width])(document.getElementById('picture'))")
    assert tuple(size) == picture.shape[:2]
    assert f"{len(wanted.lines)} lines read in" in page.inner_text("#status")
    assert page.problems == []


def test_a_bundle_without_a_sample_begins_empty_and_takes_a_picture(
    page: Any, serve: Any, networks: Any, tmp_path: Path
) -> None:
    """Not with a body scale's screen, of which its reader has no character."""
    network_onnx, finder_onnx = networks
    path = network_onnx(tmp_path / "reader.onnx", ReaderSpec(charset="0123456789", name="meter"), None)
    bundle = tmp_path / "bundle"
    convert(path, bundle, "float32", finder=finder_onnx(tmp_path / "finder.onnx"))
    assert not (bundle / "sample.png").exists()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(serve(bundle))
    page.locator("#status", has_text="Drop or paste").wait_for()
    phone = page.context.browser.new_context(has_touch=True, is_mobile=True).new_page()
    phone.goto(page.url)
    phone.locator("#status", has_text="Choose or take").wait_for()
    phone.context.close()
    assert page.is_hidden("#sample")
    assert page.is_disabled("#find")
    assert not any(url.endswith("sample.png") for url in asked)
    page.set_input_files("#file", PAGE / "sample.png")
    page.locator("#status", has_text="read in").wait_for()
    assert page.is_enabled("#find")
    assert page.problems == []


def test_a_reader_of_all_its_characters_has_the_pages_sample(networks: Any, tmp_path: Path) -> None:
    network_onnx, _ = networks
    charset = "".join(dict.fromkeys(SAMPLE_TEXT))
    path = network_onnx(tmp_path / "reader.onnx", ReaderSpec(charset=charset, name="scale"), None)
    convert(path, tmp_path / "bundle", "float32")
    assert (tmp_path / "bundle" / "sample.png").read_bytes() == (PAGE / "sample.png").read_bytes()
