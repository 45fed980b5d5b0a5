"""A bundle's files are compared with their SHA-256, in the browser and in Node, within 5 ms."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from linelet_common.digests import seal
from linelet_convert.assets import READER

LOAD = """
const { loadReader } = await import("%s");
%s
try {
  const reader = await loadReader(process.argv[1]);
  const screen = { data: new Uint8ClampedArray(4 * 90000), width: 300, height: 300 };
  if (process.argv[2]) await reader.readScreen(screen);
  console.log(JSON.stringify({ verified: reader.verified }));
} catch (failure) {
  console.log(JSON.stringify({ said: `${failure.name}: ${failure.message}` }));
}
process.exit(0);
"""


def load(node: str, bundle: Path, screen: bool = False, before: str = "") -> dict[str, Any]:
    script = LOAD % ((READER / "linelet.js").as_uri(), before)
    command = [node, "--input-type=module", "-e", script, f"{bundle}/", *(["screen"] if screen else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.fixture
def bundle(served: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(served.folder, tmp_path / "bundle"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


NAMES = ["spec.json", "model.json", "group1-shard1of1.bin", "finder/finder.json", "finder/group1-shard1of1.bin"]


@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_byte_is_named(node: str, bundle: Path, name: str) -> None:
    flip(bundle / name)
    said = load(node, bundle, screen=True)["said"]
    assert f"{name} was changed since it was converted: its SHA-256 is not the one in files.json" in said
    assert said.endswith("empty the browser's cache, copy the whole folder or convert again")


def test_a_whole_bundle_is_verified(node: str, bundle: Path) -> None:
    assert load(node, bundle, screen=True) == {"verified": True}


def test_a_bundle_from_before_digests_loads(node: str, bundle: Path) -> None:
    (bundle / "files.json").unlink()
    assert load(node, bundle, screen=True) == {"verified": False}


def test_a_broken_list_is_named(node: str, bundle: Path) -> None:
    (bundle / "files.json").write_text("[]")
    assert "files.json is not the list of a bundle's files" in load(node, bundle)["said"]


def test_where_the_browser_computes_no_digest_the_reader_says_so(node: str, bundle: Path) -> None:
    insecure = "Object.defineProperty(crypto, 'subtle', { value: undefined });"
    assert load(node, bundle, before=insecure) == {"verified": False}


def test_checking_costs_under_five_milliseconds_in_chromium(page: Any, served: Any) -> None:
    """2.2 MB, the largest reader that ships, with float32 weights; the best of 20, as the machine may be busy."""
    page.goto(served.url + "spec.json")
    best = page.evaluate(
        """async (bundle) => {
          const { sha256 } = await import(new URL("files.js", bundle));
          const bytes = new Uint8Array(2_200_000).map((_, i) => i * i);
          const times = [];
          for (let i = 0; i < 20; i++) {
            const start = performance.now();
            await sha256(bytes);
            times.push(performance.now() - start);
          }
          return Math.min(...times);
        }""",
        served.url,
    )
    print(f"SHA-256 of 2.2 MB: {best:.2f} ms")
    assert best < 5


def test_a_sealed_onnx_file_is_checked(node: str, served: Any, tmp_path: Path) -> None:
    sealed = bytearray(seal(served.onnx.read_bytes()))
    script = f"""
    import {{ readFileSync }} from "node:fs";
    const {{ checkSeal }} = await import("{(READER / "engine-onnx.js").as_uri()}");
    const url = new URL("file:///reader.onnx");
    const said = checkSeal(readFileSync(process.argv[1]), url).catch((failure) => failure.message);
    console.log(await said);
    """
    said = []
    for content in (served.onnx.read_bytes(), sealed):
        path = tmp_path / "reader.onnx"
        for _ in range(2):
            path.write_bytes(content)
            command = [node, "--input-type=module", "-e", script, str(path)]
            said.append(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
            content = bytearray(content)
            content[1000] ^= 1
    assert said[0] == said[1] == "false"
    assert said[2] == "true"
    assert "reader.onnx was changed since it was exported" in said[3]
