"""The npm package: packed, installed, used in Node with types; ONNX Runtime as the other engine; serve; sizes."""

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linelet_common import load_image
from linelet_common.reader import ONNX_NAME, shipped_finder, shipped_reader
from linelet_convert.assets import PAGE, READER, RUNTIME, SOURCES, build_runtime, reader_files
from linelet_convert.conversion import convert
from linelet_convert.serve import POLICY
from linelet_read import read_lines
from linelet_read.screens import read_screen

MB = 1_000_000


@pytest.fixture(scope="session")
def npm() -> str:
    path = shutil.which("npm")
    assert path, "the browser tests need npm"
    return path


@pytest.fixture(scope="session")
def package(npm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package as npm packs it."""
    folder = tmp_path_factory.mktemp("package")
    build_runtime()
    packed = run([npm, "pack", str(READER), "--json", "--pack-destination", str(folder)], folder)
    [file] = folder.glob("*.tgz")
    assert file.name in packed
    return file


@pytest.fixture(scope="session")
def project(npm: str, package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of somebody else's that has installed the packed package, TypeScript and ONNX Runtime."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "package.json").write_text('{ "private": true, "type": "module" }')
    tools = ["typescript@5.9.3", "@types/node@20.19.9", "onnxruntime-web@1.22.0"]
    run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", str(package), *tools], folder)
    return folder


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    return [rng.integers(0, 256, (int(h), int(w), 3), dtype=np.uint8) for h, w in rng.integers(15, 200, (count, 2))]


NODE_SCRIPT = """
import { readFileSync } from "node:fs";
import { loadReader } from "linelet";
const { address, options, images } = JSON.parse(readFileSync(0, "utf8"));
if (options.engine) options.module = await import("onnxruntime-web");
const reader = await loadReader(address, options);
const pictures = images.map(({ data, ...rest }) => ({ data: new Uint8Array(Buffer.from(data, "base64")), ...rest }));
const texts = (await reader.read(pictures)).map(({ text }) => text);
console.log(JSON.stringify({ texts, backend: reader.backend, engine: reader.engine }));
process.exit(0);
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ("tfjs", "wasm")),
        ({"backend": "cpu"}, ("tfjs", "cpu")),
        ({"engine": "onnxruntime", "backend": "wasm"}, ("onnxruntime", "wasm")),
    ],
    ids=["wasm", "cpu", "onnxruntime"],
)
def test_the_packed_package_reads_in_node(
    project: Path, node: str, served: Any, options: dict[str, Any], expected: tuple[str, str]
) -> None:
    images = noise(8)
    rgba = [np.dstack([i, np.full(i.shape[:2], 255, np.uint8)]) for i in images]
    job = {
        "address": str(served.onnx if "engine" in options else served.folder),
        "options": options,
        "images": [
            {"data": base64.b64encode(i.tobytes()).decode(), "width": i.shape[1], "height": i.shape[0]} for i in rgba
        ],
    }
    (project / "read.mjs").write_text(NODE_SCRIPT)
    done = subprocess.run(
        [node, "read.mjs"], cwd=project, input=json.dumps(job), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["engine"], result["backend"]) == expected
    assert result["texts"] == [reading.text for reading in read_lines(served.reader, images)]


GOOD_TYPES = """
import {
  LineletError, loadReader, type Box, type BoxesOptions, type ReadOptions, type Reader, type Reading,
  type ScreenReading,
} from "linelet";
export async function use(image: HTMLImageElement, blob: Blob): Promise<string> {
  const reader: Reader = await loadReader("bundle/", { backend: ["wasm", "cpu"], worker: true });
  const screen: ScreenReading = await reader.readScreen(image, {
    unknown: true, minConfidence: 0.5, onLine: ({ text }, { index, of }) => console.log(text, index, of),
  });
  const boxes: Box[] = screen.lines.map(({ box }) => box);
  const value: number | string | number[] | undefined = screen.fields.weight?.value;
  if (!(await reader.hasFinder())) return String(value);
  const many: Reading[] = await reader.read(image, { boxes });
  const options: BoxesOptions = { boxes, input: true };
  const again: Reading[] = await reader.read(image, options);
  const one: ReadOptions = { box: boxes[0] };
  const single: Reading = await reader.read(image, one);
  const several: Reading[] = await reader.read([image, blob]);
  const { text, confidence, characters } = await reader.read(image, { box: boxes[0], input: true });
  if (confidence < 0.5) {
    const counts = [many.length, several.length, again.length, single.text];
    throw new LineletError(characters.map((c) => c.box.x).join() + counts.join());
  }
  reader.dispose();
  return text + reader.spec.charset;
}
"""
BAD_TYPES = [
    'await loadReader("bundle/", { backends: "wasm" })',
    'await loadReader("bundle/", { backend: "cuda" })',
    'await (await loadReader("b/")).read("photo.png")',
    '(await loadReader("b/")).spec.height = 3',
    '(await loadReader("b/")).readScreen(new Blob(), { box: { x: 0, y: 0, width: 1, height: 1 } })',
    "const o: ReadOptions = { boxes: [] }",
]


def test_types_accept_right_calls_and_refuse_wrong_ones(project: Path) -> None:
    tsc = [str(project / "node_modules/.bin/tsc"), "--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom"]
    resolution = ["--module", "nodenext", "--moduleResolution", "nodenext"]
    (project / "good.ts").write_text(GOOD_TYPES)
    run([*tsc, *resolution, "good.ts"], project)
    lines = ['import { loadReader, type ReadOptions } from "linelet";', *(f"{call};" for call in BAD_TYPES)]
    (project / "bad.ts").write_text("\n".join(lines))
    done = subprocess.run([*tsc, *resolution, "bad.ts"], cwd=project, capture_output=True, text=True, check=False)
    refused = {int(line) for line in re.findall(r"bad\.ts\((\d+),", done.stdout)}
    assert refused == set(range(2, 2 + len(BAD_TYPES))), done.stdout


# Each bundles an app for browsers into a folder, with its defaults: what a newcomer types.
PAGE_OF_APP = '<!doctype html><html lang="en"><title>App</title><script type="module" src="./app.js"></script></html>'
BUNDLERS = {
    "esbuild": (["esbuild@0.28.2"], ["esbuild", "app.js", "--bundle", "--format=esm", "--outdir=dist"]),
    "webpack": (
        ["webpack@5.102.1", "webpack-cli@6.0.1"],
        ["webpack", "--mode=production", "--entry=./app.js", "--output-path=dist", "--output-filename=app.js"],
    ),
    "rollup": (
        ["rollup@4.52.5", "@rollup/plugin-node-resolve@16.0.3"],
        ["rollup", "app.js", "--plugin=node-resolve", "--format=es", "--dir=dist", "--failAfterWarnings"],
    ),
    "vite": (["vite@8.3.8"], ["vite", "build"]),
    "parcel": (["parcel@2.16.4"], ["parcel", "build", "index.html"]),
}


@pytest.mark.parametrize("bundler", BUNDLERS)
def test_a_bundled_app_reads(bundler: str, package: Path, npm: str, page: Any, served: Any, tmp_path: Path) -> None:
    tools, command = BUNDLERS[bundler]
    (tmp_path / "package.json").write_text('{ "private": true, "type": "module" }')
    run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", str(package), *tools], tmp_path)
    run([npm, "rebuild", "esbuild"], tmp_path) if bundler == "esbuild" else None
    before = (tmp_path / "package.json").read_text("utf-8")
    (tmp_path / "app.js").write_text('import { loadReader } from "linelet";\nwindow.loadReader = loadReader;\n')
    (tmp_path / "index.html").write_text(PAGE_OF_APP)
    said = run([str(tmp_path / "node_modules/.bin" / command[0]), *command[1:]], tmp_path)
    assert "arning" not in said.replace("failAfterWarnings", "")
    assert (tmp_path / "package.json").read_text("utf-8") == before, "the bundler installed a polyfill"
    built = {path.relative_to(tmp_path / "dist").as_posix(): path for path in (tmp_path / "dist").rglob("*.*")}
    if "index.html" not in built:  # some bundle scripts only, and leave the page as it is
        built["index.html"] = tmp_path / "index.html"

    def answer(route: Any) -> None:
        name = route.request.url.removeprefix(served.url) or "index.html"
        route.fulfill(path=built[name]) if name in built else route.continue_()

    page.route("**/*", answer)
    page.goto(served.url)
    [image] = noise(1)
    rgba = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]).ravel().tolist()
    text = page.evaluate(
        """async ([bundle, data, width, height]) => {
          const reader = await window.loadReader(bundle);
          return (await reader.read({ data: Uint8Array.from(data), width, height })).text;
        }""",
        [served.url, rgba, image.shape[1], image.shape[0]],
    )
    assert text == read_lines(served.reader, [image])[0].text
    assert page.problems == []


HOOK_APP = """
import { createElement, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useReader } from "./hook.jsx";
function App() {
  const reader = useReader(window.bundle);
  const [text, setText] = useState("loading");
  useEffect(() => {
    reader?.read(window.picture).then(({ text }) => setText(`read ${text}`));
  }, [reader]);
  return createElement("p", null, text);
}
const root = createRoot(document.getElementById("root"));
root.render(createElement(App));
window.unmount = () => root.unmount();
"""


def test_the_readmes_react_hook_reads(package: Path, npm: str, page: Any, served: Any, tmp_path: Path) -> None:
    [hook] = re.findall(r"```jsx\n(.*?)```", (READER / "README.md").read_text("utf-8"), re.S)
    (tmp_path / "package.json").write_text('{ "private": true, "type": "module" }')
    tools = ["react@19.2.0", "react-dom@19.2.0", "esbuild@0.28.2"]
    run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", str(package), *tools], tmp_path)
    run([npm, "rebuild", "esbuild"], tmp_path)
    (tmp_path / "hook.jsx").write_text(hook)
    (tmp_path / "app.jsx").write_text(HOOK_APP)
    run(
        [str(tmp_path / "node_modules/.bin/esbuild"), "app.jsx", "--bundle", "--format=esm", "--outfile=out.js"],
        tmp_path,
    )
    page.route("**/out.js", lambda route: route.fulfill(path=tmp_path / "out.js"))
    page.goto(served.url + "sample.png")
    [image] = noise(1)
    rgba = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]).ravel().tolist()
    page.evaluate(
        """async ([bundle, data, width, height]) => {
          Object.assign(window, { bundle, picture: { data: Uint8Array.from(data), width, height } });
          document.body.append(Object.assign(document.createElement("div"), { id: "root" }));
          await import(new URL("out.js", location.href));
        }""",
        [served.url, rgba, image.shape[1], image.shape[0]],
    )
    for _ in range(200):
        if (said := page.inner_text("#root p")) != "loading":
            break
        page.wait_for_timeout(100)
    assert said == f"read {read_lines(served.reader, [image])[0].text}".strip()
    page.evaluate("window.unmount()")
    assert page.problems == []


def test_the_readmes_extension_reads_in_chromium(chromium: Any, served: Any, tmp_path: Path) -> None:
    """The manifest and the script of the README, loaded unpacked: a page of the extension reads a screenshot."""
    extension = tmp_path / "extension"
    shutil.copytree(served.folder, extension / "bundle")
    readme = (READER / "README.md").read_text("utf-8")
    [manifest] = re.findall(r"```json\n(.*?)```", readme, re.S)
    [script] = [block for block in code_blocks() if "chrome.runtime" in block]
    (extension / "manifest.json").write_text(manifest)
    (extension / "read.js").write_text(script)
    body = '<input type="file"><output></output><script type="module" src="read.js"></script>'
    (extension / "read.html").write_text(f"<!doctype html>{body}")
    # An unpacked extension's name is made of its path's digest, in letters from a to p.
    digest = sha256(str(extension).encode()).hexdigest()[:32]
    name = digest.translate(str.maketrans("0123456789abcdef", "abcdefghijklmnop"))
    options = [f"--load-extension={extension}", f"--disable-extensions-except={extension}", "--headless=new"]
    context = chromium.browser_type.launch_persistent_context(
        str(tmp_path / "profile"), headless=False, args=["--no-sandbox", "--disable-gpu", *options],
        executable_path=os.environ.get("LINELET_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome"),
    )  # fmt: skip
    try:
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"chrome-extension://{name}/read.html")
        page.set_input_files("input", PAGE / "sample.png")
        page.wait_for_selector("output:not(:empty)")  # no function of ours: the policy allows no eval
        said = (page.text_content("output") or "").split("\n")
    finally:
        context.close()
    wanted = read_screen(served.reader, served.finder, load_image(PAGE / "sample.png"))
    assert said == [line.text for line in wanted.lines]
    assert problems == []


def test_a_page_from_disk_loads_nothing(page: Any, served: Any) -> None:
    page.goto((served.folder / "icon.svg").as_uri())
    said = page.evaluate("import(new URL('linelet.js', location.href)).then(() => 'loaded', ({ name }) => name)")
    assert said == "TypeError"


def test_the_package_is_complete_and_keeps_its_budget(package: Path, npm: str, tmp_path: Path) -> None:
    """What npm says of the packed file: everything that a package should carry, in 0.75 MB; 2.5 MB on disk."""
    about = json.loads((READER / "package.json").read_text("utf-8"))
    wanted = {"description", "license", "homepage", "main", "exports", "types", "sideEffects", "engines", "keywords"}
    assert wanted <= set(about)
    assert about["publishConfig"]["provenance"] is True
    run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", str(package)], tmp_path)
    installed = tmp_path / "node_modules" / "linelet"
    assert {"README.md", "LICENSE", "linelet.d.ts", "package.json"} <= {path.name for path in installed.iterdir()}
    assert package.stat().st_size < 0.75 * MB
    assert sum(path.stat().st_size for path in installed.rglob("*") if path.is_file()) < 2.5 * MB


def test_every_backend_has_every_kernel_of_the_list(node: str) -> None:
    listed = json.loads((SOURCES / "kernels.json").read_text("utf-8"))
    script = (
        f"const load = (name) => import(`{build_runtime().as_uri()}/${{name}}.js`); const tf = await load('core');"
        f"const all = {{}}; for (const name of {json.dumps(listed['backends'])}) {{ await load(name);"
        "all[name] = tf.getKernelsForBackend(name).map(({ kernelName }) => kernelName); }"
        "console.log(JSON.stringify(all));"
    )
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    wanted = {kernel for table in ("operators", "onnx_tf") for row in listed[table].values() for kernel in row}
    for backend, kernels in json.loads(done.stdout.splitlines()[-1]).items():
        assert set(kernels) == wanted, f"{backend} of the built TensorFlow.js is not what kernels.json lists"


def test_a_kernel_that_a_backend_lacks_fails_the_build(npm: str, node: str, tmp_path: Path) -> None:
    shutil.copytree(SOURCES, tmp_path / "runtime")
    listed = json.loads((SOURCES / "kernels.json").read_text("utf-8"))
    listed["operators"]["Einsum"] = ["Einsum"]  # which the wasm backend lacks
    (tmp_path / "runtime" / "kernels.json").write_text(json.dumps(listed))
    run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], tmp_path / "runtime")
    done = subprocess.run(
        [node, "build.mjs", str(tmp_path / "out")],
        cwd=tmp_path / "runtime",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "tfjs-backend-wasm" in done.stderr
    assert "lacks the kernels Einsum of kernels.json" in done.stderr


def test_onnxruntime_web_reads_in_the_browser_under_the_policy(page: Any, project: Path, served: Any) -> None:
    engine = served.folder / "ort"
    if not engine.exists():
        engine.mkdir()
        for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"):
            shutil.copyfile(project / "node_modules/onnxruntime-web/dist" / name, engine / name.replace(".mjs", ".js"))
        # Served under names whose type every server knows.
        loader = (engine / "ort.wasm.min.js").read_text()
        (engine / "ort.wasm.min.js").write_text(loader.replace("threaded.mjs", "threaded.js"))
        shutil.copyfile(served.onnx, served.folder / "reader.onnx")
    images = noise(4)
    page.goto(served.url + "spec.json")
    result = page.evaluate(
        """async ([bundle, images]) => {
          const { loadReader } = await import(new URL("linelet.js", bundle));
          const module = await import(new URL("ort/ort.wasm.min.js", bundle));
          const options = { engine: "onnxruntime", module, backend: "wasm" };
          const reader = await loadReader(new URL("reader.onnx", bundle), options);
          const pictures = images.map(([data, width, height]) => ({ data: Uint8Array.from(data), width, height }));
          const readings = await reader.read(pictures);
          return { texts: readings.map(({ text }) => text), engine: reader.engine };
        }""",
        [
            served.url,
            [
                [np.dstack([i, np.full(i.shape[:2], 255, np.uint8)]).ravel().tolist(), i.shape[1], i.shape[0]]
                for i in images
            ],
        ],
    )
    assert result == {"texts": [r.text for r in read_lines(served.reader, images)], "engine": "onnxruntime"}


def test_the_package_has_the_wheels_version_and_every_module() -> None:
    package = json.loads((READER / "package.json").read_text())
    assert package["version"] == version("linelet-convert")
    imported = {"linelet.js", "worker.js"}
    while True:
        found = {
            name for file in imported for name in re.findall(r'from "\./([\w-]+\.js)"', (READER / file).read_text())
        }
        if found <= imported:
            break
        imported |= found
    assert imported <= set(package["files"])


def test_the_page_asks_for_its_modules_at_once() -> None:
    html = (PAGE / "index.html").read_text()
    asked = {name for name in re.findall(r'modulepreload" href="([^"]+)"', html) if not name.startswith("tfjs/")}
    others = {"worker.js", "sw.js"}
    assert asked == {path.name for room in (READER, PAGE) for path in room.glob("*.js")} - others
    runtime = re.findall(r'modulepreload" href="tfjs/([^"]+)"', html)
    shared = {path.name for path in RUNTIME.glob("shared-*.js")}
    assert set(runtime) == {"core.js", "wasm.js"} | shared


def test_the_pages_policy_is_the_servers() -> None:
    """The page carries the policy for servers that send none; framing can be forbidden by a header only."""
    [meta] = re.findall(r'Content-Security-Policy" content="([^"]+)"', (PAGE / "index.html").read_text())
    assert meta + "; frame-ancestors 'none'" == POLICY
    assert "unsafe-inline" not in POLICY
    assert "'unsafe-eval'" not in POLICY


def test_every_language_has_every_text(node: str) -> None:
    script = (
        f'import {{ TEXTS }} from "{(PAGE / "page-texts.js").as_uri()}";'
        "const keys = (table) => Object.entries(table).flatMap(([key, value]) =>"
        '  typeof value === "object" ? keys(value).map((inner) => `${key}.${inner}`) : [key]);'
        "console.log(JSON.stringify(Object.fromEntries(Object.entries(TEXTS).map(([k, t]) => [k, keys(t)]))));"
    )
    done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, check=True)
    tables = {language: set(keys) for language, keys in json.loads(done.stdout).items()}
    assert set(tables) >= {"en", "zh-CN"}
    for language, keys in tables.items():
        assert keys == tables["en"], f"page-texts.js: the table {language} has other texts than en"
    assert set(re.findall(r'data-(?:text|title)="(\w+)"', (PAGE / "index.html").read_text("utf-8"))) <= tables["en"]


def test_codes_of_errors_are_in_use_and_translated() -> None:
    """What a person at the page can meet has words in each of its languages; the others are for programs alone."""
    types = (READER / "linelet.d.ts").read_text("utf-8")
    declared = set(re.findall(r'"([a-z-]+)"', types.split("export type ErrorCode =")[1].split(";")[0]))
    sources = "".join(path.read_text("utf-8") for path in READER.glob("*.js"))
    assert [code for code in sorted(declared) if f'"{code}"' not in sources] == []
    for_programs = {"invalid", "no-finder", "worker", "picture-unreadable", "picture-tainted"}
    table = (PAGE / "page-texts.js").read_text("utf-8").split("const ERRORS = {")[1].split("\n};")[0]
    languages = re.split(r'\n  "?[\w-]+"?: \{', table)[1:]
    assert languages
    for language in languages:
        assert set(re.findall(r'\n    "?([a-z-]+)"?: \(', language)) == declared - for_programs


def test_what_a_first_visit_downloads_is_small() -> None:
    """Page, reader, runtime and sample, gzipped, leave room for a network of 0.5 MB within 1 MB."""
    runtime = [f for f in RUNTIME.iterdir() if f.name in ("core.js", "wasm.js") or f.name.startswith("shared-")]
    files = [*reader_files(), PAGE / "sample.png", *runtime, RUNTIME / "tfjs-backend-wasm-simd.wasm"]
    assert sum(len(gzip.compress(f.read_bytes(), 9)) for f in files) < 0.4 * MB


def test_a_first_visit_downloads_at_most_a_megabyte(page: Any, served: Any, serve: Any, tmp_path: Path) -> None:
    """The shipped reader and finder as converted by default, page and runtime, as asked for, gzipped."""
    reader = shipped_reader("health-app")
    assert reader
    bundle = tmp_path / "bundle"
    finder = shipped_finder() or served.onnx.with_name("finder.onnx")
    report = convert(reader / ONNX_NAME, bundle, finder=finder)
    assert report.finder
    assert report.finder.bytes < 0.2 * MB
    url = serve(bundle)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(request.url.removeprefix(url).split("?")[0] or "index.html"))
    page.goto(url)
    page.wait_for_selector("#lines li")
    page.wait_for_timeout(500)
    assert {"model.json", "finder/model.json", "spec.json", "linelet.js", "sample.png"} <= asked
    assert sum(len(gzip.compress((bundle / name).read_bytes(), 9)) for name in asked) <= MB


def code_blocks() -> list[str]:
    return re.findall(r"```js\n(.*?)```", (READER / "README.md").read_text("utf-8"), re.S)


def test_the_readmes_three_lines_read(page: Any, served: Any) -> None:
    code = code_blocks()[0].replace("./bundle/", "./").replace('"bundle/"', '"./"')
    code = f"const image = window.image;\n{code}\nwindow.result = {{ text, confidence, characters }};"
    page.route("**/example.js", lambda route: route.fulfill(body=code, content_type="text/javascript"))
    page.goto(served.url + "spec.json")
    picture = noise(1)[0].repeat(8, axis=1).repeat(8, axis=0)[:200, :300]
    assert picture.shape == (200, 300, 3)
    result = page.evaluate(
        """async (data) => {
          window.image = { data: Uint8Array.from(data), width: 300, height: 200 };
          await import(new URL("example.js", location.href));
          return window.result;
        }""",
        np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]).ravel().tolist(),
    )
    [wanted] = read_lines(served.reader, [picture[80:120, 20:220]])
    assert result["text"] == wanted.text
    assert result["confidence"] == pytest.approx(wanted.confidence, rel=2e-3, abs=1e-6)


def test_the_readmes_screen_lines_read(page: Any, served: Any) -> None:
    [code] = [block for block in code_blocks() if "onLine" in block]
    code = f"""
        const reader = await (await import(new URL("linelet.js", location.href))).loadReader("./");
        const screenshot = await (await fetch("sample.png")).blob();
        {code}
        window.result = {{ lines, fields }};
    """
    page.route("**/example.js", lambda route: route.fulfill(body=code, content_type="text/javascript"))
    shown: list[str] = []
    page.on("console", lambda message: shown.append(message.text))
    page.goto(served.url + "spec.json")
    result = page.evaluate("import(new URL('example.js', location.href)).then(() => window.result)")
    wanted = read_screen(served.reader, served.finder, load_image(PAGE / "sample.png"))
    assert [line["text"] for line in result["lines"]] == [line.text for line in wanted.lines]
    assert sorted(shown) == sorted([*(line.text for line in wanted.lines), "undefined"])


def test_the_readmes_node_lines_read(project: Path, node: str, served: Any) -> None:
    [code] = [block for block in code_blocks() if 'from "linelet"' in block]
    code = code.replace("path/to/bundle", str(served.folder))
    setup = "const [data, width, height] = [new Uint8Array(40 * 30 * 4), 40, 30];\n"
    (project / "readme.mjs").write_text(f"{setup}{code}\nconsole.log(JSON.stringify(text));\nprocess.exit(0);")
    blank = np.full((30, 40, 3), 255, np.uint8)  # transparent pixels lie on white
    assert json.loads(run([node, "readme.mjs"], project)) == read_lines(served.reader, [blank])[0].text
