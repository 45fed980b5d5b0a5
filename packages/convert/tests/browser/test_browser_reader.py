"""The reader in real Chromium reads what Python reads: bundles made in this run, served as `linelet serve` does."""

import base64
import io
import itertools
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from linelet_common import load_image
from linelet_read import read_lines

BACKENDS = ["wasm", "webgl", "webgpu", "cpu"]

LOAD = """
async ([bundle, options]) => {
  const { loadReader } = await import(new URL("linelet.js", bundle));
  window.reader = await loadReader(bundle, options);
  const { backend, engine, failures } = window.reader;
  return { backend, engine, failures };
}
"""
READ = """
async ([images, options]) => {
  const blobs = await Promise.all(images.map(async (image) => {
    const bytes = Uint8Array.from(atob(image), (c) => c.charCodeAt(0));
    return new Blob([bytes], { type: "image/png" });
  }));
  const readings = [];
  for (const blob of blobs) {
    const reading = await window.reader.read(blob, options);
    if (reading.input) reading.input.data = Array.from(reading.input.data);
    readings.push(reading);
  }
  return readings;
}
"""


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def base64s(images: list[np.ndarray]) -> list[str]:
    return [base64.b64encode(png(image)).decode("ascii") for image in images]


def line_pictures(count: int) -> list[np.ndarray]:
    """Drawn text and shapes on colours, 12 to 90 pixels high."""
    rng = np.random.default_rng(11)
    pictures = []
    for i in range(count):
        height, width = int(rng.integers(12, 90)), int(rng.integers(20, 400))
        image = Image.new("RGB", (width, height), tuple(int(c) for c in rng.integers(0, 256, 3)))
        draw = ImageDraw.Draw(image)
        draw.text(
            (3, 2),
            f"{rng.uniform(0, 200):.1f} kg",
            fill=tuple(int(c) for c in rng.integers(0, 256, 3)),
            font_size=height * 0.7,
        )
        draw.ellipse([width - 30, 0, width, height], fill=(255 - i, i, 90))
        pictures.append(np.asarray(image))
    return pictures


def load(page: Any, url: str, **options: Any) -> Any:
    page.goto(url + "spec.json")  # a page of the bundle's origin, under its policy, with nothing on it
    return page.evaluate(LOAD, [url, options])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("bundle", ["served", "served_widths"])
def test_texts_confidences_and_input_equal_pythons(
    page: Any, bundle: str, backend: str, request: pytest.FixtureRequest
) -> None:
    served = request.getfixturevalue(bundle)
    images = line_pictures(24)
    assert load(page, served.url, backend=backend) == {"backend": backend, "engine": "tfjs", "failures": []}
    got = page.evaluate(READ, [base64s(images), {"input": True}])
    wanted = read_lines(served.reader, images)
    assert [g["text"] for g in got] == [w.text for w in wanted]
    assert any(w.text for w in wanted)
    from linelet_common import prepare

    for g, w, image in zip(got, wanted, images, strict=True):
        assert g["confidence"] == pytest.approx(w.confidence, rel=2e-3, abs=1e-6)
        np.testing.assert_allclose(
            [c["confidence"] for c in g["characters"]], [c.confidence for c in w.characters], rtol=2e-3
        )
        tensor = np.array(g["input"]["data"], np.float32).reshape(g["input"]["shape"])
        np.testing.assert_array_equal(tensor, prepare(image, served.reader.spec))
    assert page.problems == []


@pytest.mark.parametrize("worker", [False, True], ids=["page", "worker"])
def test_decoding_by_the_grammar_equals_pythons(page: Any, served: Any, worker: bool) -> None:
    images = line_pictures(24)
    load(page, served.url, worker=worker)
    got = page.evaluate(READ, [base64s(images), {"decoding": "grammar"}])
    wanted = read_lines(served.reader, images, decoding="grammar")
    assert [g["text"] for g in got] == [w.text for w in wanted]
    assert {g["inGrammar"] for g in got} == {True, False}
    for g, w in zip(got, wanted, strict=True):
        assert g["inGrammar"] is w.in_grammar
        assert g["confidence"] == pytest.approx(w.confidence, rel=2e-2, abs=1e-30)


@pytest.mark.parametrize("worker", [False, True], ids=["page", "worker"])
def test_boxes_are_crops_and_a_batch_reads_as_single_lines(page: Any, served: Any, worker: bool) -> None:
    screen = np.asarray(Image.fromarray(np.vstack([p[:12, :20] for p in line_pictures(20)])).resize((300, 480)))
    boxes = [{"x": 7, "y": 20 * i, "width": 40 + 11 * i, "height": 20 + i} for i in range(20)]
    load(page, served.url, worker=worker)
    together = page.evaluate(READ, [base64s([screen]), {"boxes": boxes}])[0]
    single = [page.evaluate(READ, [base64s([screen]), {"box": box}])[0] for box in boxes[:4]]
    crops = [screen[b["y"] : b["y"] + b["height"], b["x"] : b["x"] + b["width"]] for b in boxes]
    assert [g["text"] for g in together] == [w.text for w in read_lines(served.reader, crops)]
    assert [g["text"] for g in single] == [g["text"] for g in together[:4]]
    assert together[3]["box"] == boxes[3]
    for reading in together:
        box, edges = reading["box"], [c["box"] for c in reading["characters"]]
        assert "".join(c["text"] for c in reading["characters"]) == reading["text"]
        for edge, following in itertools.pairwise(edges):
            assert edge["x"] + edge["width"] <= following["x"] + 1e-6
        for edge in edges:
            assert box["x"] - 1e-6 <= edge["x"] <= edge["x"] + edge["width"] <= box["x"] + box["width"] + 1e-6


def test_every_kind_of_picture_reads_alike(page: Any, served: Any) -> None:
    image = line_pictures(1)[0]
    load(page, served.url)
    texts = page.evaluate(
        """async ([encoded]) => {
          const url = "data:image/png;base64," + encoded;
          const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
          const blob = new Blob([bytes], { type: "image/png" });
          const bitmap = await createImageBitmap(blob);
          const canvas = document.createElement("canvas");
          canvas.width = bitmap.width; canvas.height = bitmap.height;
          canvas.getContext("2d").drawImage(bitmap, 0, 0);
          const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
          offscreen.getContext("2d").drawImage(bitmap, 0, 0);
          const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const video = new VideoFrame(bitmap, { timestamp: 0 });
          const plain = { data: data.data, width: data.width, height: data.height };
          const kinds = [blob, bitmap, canvas, offscreen, data, plain, video];
          const texts = [];
          for (const kind of kinds) texts.push((await window.reader.read(kind)).text);
          texts.push(...(await window.reader.read([bitmap, data])).map(({ text }) => text));
          return texts;
        }""",
        base64s([image]),
    )
    assert texts == [read_lines(served.reader, [image])[0].text] * 9


def test_memory_does_not_grow_over_a_thousand_reads(page: Any, served: Any) -> None:
    load(page, served.url)
    before, after, freed = page.evaluate(
        """async () => {
          const tf = await import(new URL("tfjs/core.js", location.href));
          const picture = { data: new Uint8ClampedArray(60 * 30 * 4).fill(130), width: 60, height: 30 };
          await window.reader.read(picture);
          const before = tf.memory();
          for (let i = 0; i < 1000; i++) {
            picture.data[4 * i] = i;
            await window.reader.read(picture, { box: { x: i % 20, y: 0, width: 40, height: 30 } });
          }
          const after = tf.memory();
          window.reader.dispose();
          await new Promise((resolve) => setTimeout(resolve));
          return [before, after, tf.memory()].map(({ numTensors, numBytes }) => [numTensors, numBytes]);
        }"""
    )
    assert after == before
    assert freed == [0, 0]


REFUSALS = [
    ("loadReader(bundle, { backends: 'wasm' })", "unknown key 'backends' in loadReader's options; known are engine"),
    ("loadReader(bundle, { backend: 'cuda' })", "unknown backend 'cuda'; known are auto, fastest, wasm"),
    ("loadReader(bundle, { engine: 'torch' })", "unknown engine 'torch'; known are tfjs, onnxruntime"),
    ("loadReader(bundle, { backend: [] })", "the list of backends is empty"),
    ("loadReader('elsewhere/')", "elsewhere/spec.json is missing from the bundle (HTTP 404)"),
    ("loadReader(bundle, { engine: 'onnxruntime' })", "needs option 'module': import"),
    ("loadReader(bundle, { assets: 'nowhere/' })", "nowhere/tfjs/core.js cannot be loaded"),
    ("loadReader(bundle, { worker: true, assets: 'nowhere/' })", "nowhere/worker.js cannot run"),
    ("loadReader(bundle, { worker: true, module: {} })", "a module object cannot be sent to a worker"),
    ("reader.read(picture, { Box: box })", "unknown key 'Box' in read's options; known are box, boxes, input"),
    ("reader.read(picture, { decoding: 'beam' })", "unknown decoding 'beam'; known are greedy, grammar"),
    ("reader.read(picture, { box: { left: 1 } })", "unknown key 'left' in a box; known are x, y, width, height"),
    ("reader.read(picture, { box: { x: 1 } })", 'box {"x":1} needs x, y, width and height'),
    ("reader.read(picture, { box: { x: 99, y: 0, width: 5, height: 5 } })", "holds no pixel of the picture (10 x 10)"),
    ("reader.read(picture, { box, boxes: [box] })", "give 'box' or 'boxes', not both"),
    ("reader.read([picture], { box })", "boxes belong to one picture"),
    ("reader.read('photo.png')", "String is not a picture that can be read"),
    ("reader.read(undefined)", "undefined is not a picture that can be read"),
    ("reader.read(new Blob(['x']))", "Blob is not a picture that can be read"),
    ("reader.read({ ...picture, data: picture.data.slice(4) })", "has 396 values, not 10 x 10 x 4"),
    (
        "reader.read({ ...picture, data: Float32Array.from(picture.data) })",
        "has the type Float32Array, which holds no bytes",
    ),
    ("reader.readScreen({ ...picture, data: [...picture.data] })", "has the type Array, which holds no bytes"),
    ("(reader.dispose(), reader.read(picture))", "this reader was disposed of; load it again"),
]


def test_wrong_calls_are_refused_in_one_line(page: Any, served: Any) -> None:
    page.goto(served.url + "spec.json")
    messages = page.evaluate(
        """async ([bundle, calls]) => {
          const { loadReader, LineletError } = await import(new URL("linelet.js", bundle));
          const reader = await loadReader(bundle);
          const box = { x: 0, y: 0, width: 5, height: 5 };
          const picture = { data: new Uint8ClampedArray(400), width: 10, height: 10 };
          const names = ["loadReader", "reader", "bundle", "picture", "box"];
          const scope = { loadReader, reader, bundle, picture, box };
          const results = [];
          for (const call of calls) {
            try {
              results.push("no refusal: " + JSON.stringify(await call_(call)));
            } catch (failure) {
              results.push(failure instanceof LineletError ? failure.message : `${failure.name}: ${failure.message}`);
            }
          }
          return results;
          // The policy forbids eval, as it should: calls are looked up, not evaluated.
          async function call_(text) { return CALLS[text](scope); }
        }""".replace(
            "CALLS[text]",
            "({"
            + ",".join(f"{call!r}: ({{loadReader, reader, bundle, picture, box}}) => {call}" for call, _ in REFUSALS)
            + "})[text]",
        ),
        [served.url, [call for call, _ in REFUSALS]],
    )
    for (call, words), message in zip(REFUSALS, messages, strict=True):
        assert words in message, call
        assert "\n" not in message


def test_a_backend_that_fails_is_named_and_the_next_one_tried(page: Any, served: Any) -> None:
    page.route("**/*.wasm", lambda route: route.fulfill(status=404, body=""))
    outcome = load(page, served.url)
    assert outcome["backend"] in ("webgl", "webgpu", "cpu")
    assert outcome["failures"][0]["backend"] == "wasm"
    assert "tfjs-backend-wasm-simd.wasm is missing from the bundle (HTTP 404)" in outcome["failures"][0]["cause"]


def test_a_policy_without_wasm_is_named(page: Any, served: Any) -> None:
    def without_wasm(route: Any) -> None:
        response = route.fetch()
        route.fulfill(
            response=response,
            headers={"content-security-policy": "default-src 'self'", "content-type": response.headers["content-type"]},
        )

    page.route("**/spec.json", without_wasm)
    outcome = load(page, served.url, backend=["wasm", "cpu"])
    assert outcome["backend"] == "cpu"
    assert "wasm-unsafe-eval" in outcome["failures"][0]["cause"]


def test_the_fastest_backend_is_measured(page: Any, served: Any) -> None:
    load(page, served.url, backend="fastest")
    timings, backend = page.evaluate("[window.reader.timings, window.reader.backend]")
    assert backend == min(timings, key=timings.get)
    assert {"wasm", "cpu"} <= set(timings)


def test_transparent_pictures_lie_on_white_within_two_levels(page: Any, served: Any, tmp_path: Any) -> None:
    """A canvas keeps colours multiplied by their opacity, so half-transparent pixels may differ by a level or two."""
    rng = np.random.default_rng(5)
    rgba = np.dstack([line_pictures(1)[0], np.full(line_pictures(1)[0].shape[:2], 255, np.uint8)])
    rgba[:, ::3, 3] = 0
    rgba[::2, :, 3] = rng.integers(100, 256, rgba[::2, :, 3].shape)
    path = tmp_path / "transparent.png"
    Image.fromarray(rgba).save(path)
    from linelet_common import prepare

    load(page, served.url)
    reading = page.evaluate(READ, [[base64.b64encode(path.read_bytes()).decode("ascii")], {"input": True}])[0]
    tensor = np.array(reading["input"]["data"]).reshape(reading["input"]["shape"])
    assert np.abs(tensor - prepare(load_image(path), served.reader.spec)).max() <= 2 / 255 / 0.5 + 1e-6


def test_threads_run_where_the_page_is_isolated(page: Any, served: Any) -> None:
    """Threads need COOP and COEP, and workers from blob: URLs."""

    def isolated(route: Any) -> None:
        response = route.fetch()
        headers = {
            "content-type": response.headers["content-type"],
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-embedder-policy": "require-corp",
            "cross-origin-resource-policy": "same-origin",
        }
        route.fulfill(response=response, headers=headers)

    page.route("**/*", isolated)
    images = line_pictures(3)
    load(page, served.url, backend="wasm", threads=True)
    assert page.evaluate("crossOriginIsolated")
    got = page.evaluate(READ, [base64s(images), {}])
    assert [g["text"] for g in got] == [w.text for w in read_lines(served.reader, images)]
    names = page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
    assert any("threaded-simd" in name for name in names)


def test_readers_on_different_backends_do_not_disturb_each_other(page: Any, served: Any) -> None:
    page.goto(served.url + "spec.json")
    images = line_pictures(6)
    results = page.evaluate(
        """async ([bundle, images]) => {
          const { loadReader } = await import(new URL("linelet.js", bundle));
          const readers = await Promise.all(["wasm", "cpu", "wasm"].map((backend) => loadReader(bundle, { backend })));
          const decode = (image) => new Blob([Uint8Array.from(atob(image), (c) => c.charCodeAt(0))]);
          const reads = readers.map((reader) => Promise.all(images.map((image) => reader.read(decode(image)))));
          return (await Promise.all(reads)).map((readings) => readings.map(({ text }) => text));
        }""",
        [served.url, base64s(images)],
    )
    wanted = [reading.text for reading in read_lines(served.reader, images)]
    assert results == [wanted] * 3
