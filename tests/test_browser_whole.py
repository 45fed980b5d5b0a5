"""The shipped reader in real Chromium: it reads as `linelet read` does, and learns from what is corrected there."""

import base64
import json
import os
import shutil
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from safetensors.numpy import load_file

from linelet_common import open_dataset, prepare
from linelet_common.reader import shipped_reader
from linelet_read import load_reader, read_lines

pytestmark = pytest.mark.browser

LINES = 500
READ = """
async ([bundle, backend, images]) => {
  const { loadReader } = await import(new URL("linelet.js", bundle));
  const reader = await loadReader(bundle, { backend });
  const rows = [];
  for (const image of images) {
    const bytes = Uint8Array.from(atob(image), (c) => c.charCodeAt(0));
    const { text, confidence } = await reader.read(new Blob([bytes], { type: "image/png" }));
    rows.push([text, confidence]);
  }
  const bytes = Uint8Array.from(atob(images[0]), (c) => c.charCodeAt(0));
  const { input } = await reader.read(new Blob([bytes], { type: "image/png" }), { input: true });
  return [reader.backend, rows, Array.from(input.data)];
}
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    from linelet_common.cli import main
    from linelet_convert.serve import make_server

    folder = tmp_path_factory.mktemp("health-app")
    assert main(["synth", "health-app", "--out", str(folder / "lines"), "--count", str(LINES), "--seed", "4711"]) == 0
    assert main(["convert", "health-app", "--out", str(folder / "bundle"), "--weights", "float32"]) == 0
    server = make_server(folder / "bundle", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder / "lines", f"http://localhost:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


def in_chromium(use):
    """What ``use`` makes of a fresh page."""

    def run():
        from playwright.sync_api import sync_playwright

        chromium = os.environ.get("LINELET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--enable-unsafe-swiftshader"]
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=arguments)
            page = browser.new_page()
            page.set_default_timeout(600_000)
            result = use(page)
            browser.close()
        return result

    # A thread of its own: Playwright allows one synchronous session a thread, and other tests keep theirs open.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


@pytest.mark.parametrize("backend", ["wasm", "webgl"])
def test_the_browser_reads_what_python_reads(bundle, backend):
    lines, url = bundle
    dataset, reader = open_dataset(lines), load_reader("health-app")
    images = [dataset.image(i) for i in range(LINES)]
    expected = read_lines(reader, images)
    encoded = [base64.b64encode((lines / dataset.name(i)).read_bytes()).decode() for i in range(LINES)]

    def use(page):
        page.goto(url + "spec.json")
        return page.evaluate(READ, [url, backend, encoded])

    used, rows, model_input = in_chromium(use)
    assert used == backend
    assert [text for text, _ in rows] == [reading.text for reading in expected]
    np.testing.assert_allclose([c for _, c in rows], [reading.confidence for reading in expected], atol=1e-3)
    np.testing.assert_allclose(model_input, prepare(images[0], reader.spec).ravel(), atol=1e-6)
    right = np.mean([reading.text == dataset.label(i) for i, reading in enumerate(expected)])
    assert right >= 0.9  # equal nonsense would prove nothing


def test_corrections_saved_on_the_page_are_trained_on(bundle, tmp_path):
    from linelet_common.cli import main

    _, url = bundle

    def use(page):
        page.goto(url)
        page.wait_for_selector("#lines li:nth-child(8)")
        labels = []
        for line in page.query_selector_all("#lines li"):
            line.query_selector(".text").fill(label := f"{20 + len(labels)}.5%")
            labels.append(label)
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as(tmp_path / "corrections.zip")
        return labels

    labels = in_chromium(use)
    with zipfile.ZipFile(tmp_path / "corrections.zip") as archive:
        archive.extractall(tmp_path)
    saved = open_dataset(tmp_path / "linelet-corrections")
    assert [saved.label(i) for i in range(len(saved))] == labels
    command = ["train", "--data", str(tmp_path / "linelet-corrections"), "--from", "health-app", "--out"]
    assert main([*command, str(tmp_path / "run"), "--epochs", "1", "--validation", "0.3", "--threads", "1"]) == 0
    plan = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    (epoch,) = (tmp_path / "run" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(epoch)["lines"] + plan["held_out_lines"] == len(labels)
    trained, shipped = (
        load_file(folder / "weights.safetensors") for folder in (tmp_path / "run", shipped_reader("health-app"))
    )
    assert any(not np.array_equal(trained[name], shipped[name]) for name in shipped)
