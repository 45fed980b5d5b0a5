"""What goes wrong around a reader in a page: lost contexts, odd pictures and addresses, full storage. Nothing hangs."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linelet_convert.assets import PAGE
from linelet_read import read_lines

PICTURE = np.random.default_rng(3).integers(0, 256, (40, 150, 3), dtype=np.uint8)
HELPERS = """
window.attempt = async (act, ms = 20_000) => {
  const late = new Promise((resolve) => setTimeout(() => resolve("no answer"), ms));
  return Promise.race([late, Promise.resolve().then(act).catch((failure) => `${failure.name}: ${failure.message}`)]);
};
window.loseContext = async () => {
  const tf = await import(new URL("tfjs/core.js", bundle));
  tf.engine().registry.webgl.gpgpu.gl.getExtension("WEBGL_lose_context").loseContext();
};
"""


def run(page: Any, served: Any, script: str) -> Any:
    """Run a script in a page of the bundle; ``picture`` is PICTURE, ``loadReader`` the reader's."""
    page.goto(served.url + "spec.json")
    rgba = np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)]).ravel().tolist()
    return page.evaluate(
        f"""async ([bundle, data]) => {{
          window.bundle = bundle;
          {HELPERS}
          const {{ loadReader }} = await import(new URL("linelet.js", bundle));
          const [height, width] = [{PICTURE.shape[0]}, {PICTURE.shape[1]}];
          const picture = {{ data: Uint8ClampedArray.from(data), width, height }};
          const image = new ImageData(picture.data, picture.width, picture.height);
          {script}
        }}""",
        [served.url, rgba],
    )


def test_a_lost_webgl_context_ends_its_readers_reads_and_no_other_readers(page: Any, served: Any) -> None:
    lost, after, other, anew = run(page, served, """
      const wasm = await loadReader(bundle, { backend: "wasm" });
      const webgl = await loadReader(bundle, { backend: "webgl" });
      await webgl.read(picture);
      await loseContext();
      const lost = await attempt(() => webgl.read(picture));
      const after = await attempt(() => webgl.read(picture));
      const other = await attempt(async () => (await wasm.read(picture)).text);
      const anew = await attempt(async () => {
        const reader = await loadReader(bundle, { backend: "webgl" });
        return (await reader.read(picture)).text;
      });
      return [lost, after, other, anew];
    """)  # fmt: skip
    for said in (lost, after):
        assert said.startswith("LineletError: webgl: ")
        assert "load the reader again" in said
    assert other == anew == read_lines(served.reader, [PICTURE])[0].text


def test_the_next_backend_takes_over(page: Any, served: Any) -> None:
    text, backend, failures = run(page, served, """
      const reader = await loadReader(bundle, { backend: ["webgl", "wasm"] });
      await loseContext();
      const readings = await attempt(() => Promise.all([reader.read(picture), reader.read(picture)]));
      return [readings, reader.backend, reader.failures];
    """)  # fmt: skip
    wanted = read_lines(served.reader, [PICTURE])[0].text
    assert [reading["text"] for reading in text] == [wanted, wanted]
    assert backend == "wasm"
    assert [failure["backend"] for failure in failures] == ["webgl"]


def test_only_the_boxs_pixels_are_converted(page: Any, served: Any) -> None:
    areas, part, whole = run(page, served, """
      const areas = [];
      const original = OffscreenCanvasRenderingContext2D.prototype.getImageData;
      OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...area) {
        areas.push(area.slice(2));
        return original.apply(this, area);
      };
      const reader = await loadReader(bundle);
      const bitmap = await createImageBitmap(image);
      const boxes = [{ x: 20, y: 5, width: 60, height: 30 }, { x: 30.5, y: 10, width: 80, height: 20 }];
      const strip = ({ text, box, characters }) => ({ text, box, characters });
      const readBoth = async (of) => [await reader.read(of, { box: boxes[0] }), ...(await reader.read(of, { boxes }))];
      const [part, whole] = [await readBoth(bitmap), await readBoth(picture)];
      return [areas, part.map(strip), whole.map(strip)];
    """)  # fmt: skip
    probe = [8, 8]  # whether the browser gives true pixels
    assert [area for area in areas if area != probe] == [[60, 30], [91, 30]]
    assert part == whole


def test_what_is_no_picture_is_named(page: Any, served: Any) -> None:
    said = run(page, served, """
      const reader = await loadReader(bundle);
      const closed = await createImageBitmap(image);
      closed.close();
      const canvas = document.createElement("canvas");
      canvas.transferControlToOffscreen();
      const disposed = await loadReader(bundle);
      const reading = attempt(() => disposed.read([picture, picture]));
      disposed.dispose();
      return [
        await attempt(() => reader.read(closed)), await attempt(() => reader.read(new OffscreenCanvas(0, 0))),
        await attempt(() => reader.read(canvas)), await reading,
        await attempt(() => loadReader(bundle, { worker: true, assets: "http://127.0.0.1:9/" })),
      ];
    """)  # fmt: skip
    wanted = ["ImageBitmap has no pixels (0 x 0)", "OffscreenCanvas has no pixels (0 x 0)",
              "HTMLCanvasElement is not a picture that can be read", "this reader was disposed of",
              "it must come from the page's own origin"]  # fmt: skip
    for message, part in zip(said, wanted, strict=True):
        assert message.startswith("LineletError: ")
        assert part in message
        assert "\n" not in message


def test_a_query_is_kept_for_every_file(page: Any, served: Any) -> None:
    asked: list[str] = []
    page.goto(served.url + "spec.json")
    page.on("request", lambda request: asked.append(request.url))
    text = run(page, served, 'return (await (await loadReader(bundle + "?token=a1")).read(picture)).text;')
    assert text == read_lines(served.reader, [PICTURE])[0].text
    own = [url for url in asked if url.endswith((".bin?token=a1", ".json?token=a1", ".wasm?token=a1"))]
    assert {url.split("/")[-1].split("?")[0] for url in own} >= {
        "spec.json",
        "model.json",
        "tfjs-backend-wasm-simd.wasm",
    }
    assert not [url for url in asked if url.endswith((".bin", ".wasm", "model.json"))]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 200, "content_type": "text/html", "body": "<p>Log in"}, "is answered with an HTML page (HTTP 200)"),
        ({"status": 403, "body": ""}, "was refused by its server (HTTP 403)"),
        ({"status": 404, "body": ""}, "is missing from the bundle (HTTP 404)"),
    ],
)
def test_what_a_server_answers_instead_is_named(page: Any, served: Any, answer: dict[str, Any], said: str) -> None:
    page.route("**/model.json", lambda route: route.fulfill(**answer))
    assert said in run(page, served, "return attempt(() => loadReader(bundle));")


def test_one_fault_is_told_one_way_whichever_file_fails_first(page: Any, served: Any) -> None:
    """Files are asked for at once; of failures the first in the reader's order is named, not the first to answer."""
    page.goto(served.url + "spec.json")
    waiting: list[Any] = []

    def last(route: Any) -> None:
        waiting.append(route)

    def first(route: Any) -> None:
        route.fulfill(status=404, body="")
        page.wait_for_timeout(200)
        waiting.pop().fulfill(status=404, body="")

    page.route("**/elsewhere/files.json", lambda route: route.fulfill(status=404, body=""))
    page.route("**/elsewhere/spec.json", last)
    page.route("**/elsewhere/automata.json", first)
    message = page.evaluate(
        """async (bundle) => {
          const { loadReader } = await import(new URL("linelet.js", bundle));
          return loadReader(new URL("elsewhere/", bundle)).then(() => "no refusal", (failure) => failure.message);
        }""",
        served.url,
    )
    assert "elsewhere/spec.json is missing from the bundle (HTTP 404)" in message


SERVICE_WORKER = """
const listeners = {}, deleted = [], waits = [];
globalThis.self = { addEventListener: (type, act) => (listeners[type] = act), skipWaiting() {},
  location: new URL("http://page.test/sw.js?version=new"), clients: { claim: async () => {} } };
const full = { put: async () => { throw new Error("QuotaExceededError"); }, match: async () => new Response("kept") };
globalThis.caches = { open: async () => full, delete: async (name) => deleted.push(name),
  keys: async () => ["linelet", "linelet-old", "linelet-new", "another"] };
globalThis.fetch = async () => new Response("from the network");
globalThis.console.info = () => {};
(0, eval)(SOURCE);
await new Promise((done) => listeners.activate({ waitUntil: (work) => work.then(done) }));
const ask = () => new Promise((resolve) => listeners.fetch({ request: { method: "GET", url: "http://page.test/a.js" },
  respondWith: resolve, waitUntil: (work) => waits.push(work) }));
const online = await (await ask()).text();
await Promise.all(waits);
globalThis.fetch = async () => { throw new TypeError("Failed to fetch"); };
console.log(JSON.stringify({ deleted, online, offline: await (await ask()).text() }));
"""


def test_a_full_storage_spoils_no_answer_and_an_older_cache_goes(node: str) -> None:
    source = (PAGE / "sw.js").read_text("utf-8")
    script = SERVICE_WORKER.replace("SOURCE", json.dumps(source))
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = {"deleted": ["linelet", "linelet-old"], "online": "from the network", "offline": "kept"}
    assert json.loads(done.stdout) == wanted


def test_pictures_are_the_same_way_up_as_in_python(
    page: Any, served: Any, odd_pictures: list[Path], assert_pixels_as_in_python: Callable[..., None]
) -> None:
    def run(function: str, *arguments: Any) -> Any:
        return page.evaluate(f"(given) => ({function})(...given)", list(arguments))

    page.goto(served.url + "spec.json")
    assert_pixels_as_in_python(run, served.url)
    page.goto(served.url)
    page.set_input_files("#file", [p for p in odd_pictures if p.name == "6.webp"])
    for _ in range(100):
        if page.get_attribute("#picture", "width") == "30":
            break
        page.wait_for_timeout(100)
    assert page.get_attribute("#picture", "height") == "50", "the page shows a picture as it is read"


def test_a_tainted_canvas_and_a_redirect_are_named(page: Any, served: Any) -> None:
    other = "http://127.0.0.1:9/picture.png"
    page.route(other, lambda route: route.fulfill(path=PAGE / "sample.png"))
    # The page's own policy forbids pictures from elsewhere: a page of somebody's has another one.
    page.route("**/spec.json", lambda route: route.fulfill(path=served.folder / "spec.json"))
    page.route("**/away/*.json", lambda route: route.fulfill(status=302, headers={"location": "/"}))
    tainted, redirected = run(page, served, f"""
      const reader = await loadReader(bundle);
      const foreign = new Image();
      foreign.src = "{other}";
      await foreign.decode();
      const canvas = document.createElement("canvas");
      canvas.getContext("2d").drawImage(foreign, 0, 0);
      return [await attempt(() => reader.read(canvas)), await attempt(() => loadReader(bundle + "away/"))];
    """)  # fmt: skip
    assert tainted.startswith("LineletError: HTMLCanvasElement is not a picture that can be read")
    assert "load that with crossOrigin" in tainted
    assert redirected.startswith("LineletError: ")
    assert "HTML page (HTTP 200, redirected to " in redirected


PRIVACY = """
for (const { prototype } of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
  const plain = prototype.getImageData;
  prototype.getImageData = function (...given) {
    const image = plain.apply(this, given);
    for (let i = 0; i < image.data.length; i += 7) image.data[i] ^= 1;
    return image;
  };
}
"""


def test_a_canvas_that_gives_false_pixels_is_named_once(page: Any, served: Any) -> None:
    warned: list[str] = []
    page.on("console", lambda message: message.type == "warning" and warned.append(message.text))
    texts = run(page, served, PRIVACY + """
      const reader = await loadReader(bundle);
      const bitmap = await createImageBitmap(image);
      return [(await reader.read(bitmap)).text, (await reader.read(bitmap)).text];
    """)  # fmt: skip
    assert len(texts) == 2
    assert len([text for text in warned if "false pixels" in text]) == 1, warned


@pytest.mark.parametrize("worker", [False, True])
def test_failures_carry_their_kind_and_what_they_are_about(page: Any, served: Any, worker: bool) -> None:
    """Here and from a worker alike, so that a program can tell them apart without reading English."""
    page.route("**/gone/**", lambda route: route.fulfill(status=404))
    options = json.dumps({"backend": "wasm", "worker": worker} | ({"assets": served.url} if worker else {}))
    found = run(page, served, f"""
      const kind = async (act) => {{
        try {{ await act(); return null; }} catch ({{ name, code, about }}) {{ return [name, code, about]; }}
      }};
      const gone = await kind(() => loadReader(new URL("gone/", bundle), {options}));
      const reader = await loadReader(bundle, {options});
      const wide = new ImageData(1290, 2);
      const tooWide = await kind(() => reader.read(wide));
      const wrong = await kind(() => reader.read(picture, {{ boks: 1 }}));
      reader.dispose();
      return [gone, tooWide, wrong, await kind(() => reader.read(picture))];
    """)  # fmt: skip
    assert found == [
        ["LineletError", "file-missing", {"file": served.url + "gone/spec.json", "status": 404}],
        ["LineletError", "too-wide", {"width": 1290, "height": 2, "most": 128}],
        ["LineletError", "invalid", {}],
        ["LineletError", "disposed", {}],
    ]
