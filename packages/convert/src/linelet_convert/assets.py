"""The files of a bundle that are no network: the browser reader, its page, and the TensorFlow.js they run on.

The JavaScript lies in three rooms: ``web/reader`` (the npm package), ``web/page`` (the page that uses it) and
``web/runtime`` (what TensorFlow.js is built from). In a bundle, reader and page lie side by side in one folder.

The wheel carries a TensorFlow.js of its own, built by ``web/runtime/build.mjs`` with just the kernels in use. It is not
in the source tree, so a checkout lacks it until it is built: ``python -m linelet_convert.assets`` does so where Node is
present, and ``install`` does it when it is first needed.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from linelet_common import sample
from linelet_common.cli import guarded
from linelet_common.errors import ConversionError
from linelet_common.files import LISTING, digest_of, read_listing, whole_folder, write_listing
from linelet_common.spec import FILE_NAME

HERE = Path(__file__).parent
READER, PAGE, SOURCES = (HERE / "web" / room for room in ("reader", "page", "runtime"))
RUNTIME = READER / "tfjs"
FINDER = "finder"  # the folder in a bundle that holds the finder of lines
SAMPLE = sample.FILE_NAME

# What decides how the runtime is built; the room's other files run models for a conversion's check.
_BUILD_FILES = ("LICENSE.txt", "build.mjs", "kernels.json", "package-lock.json", "package.json")
# What npm is given but a bundle does not need, and what not every bundle gets.
_NOT_IN_BUNDLE = {"package.json", "README.md", "LICENSE", SAMPLE}

# What there is to read in the page's own sample, a body scale's screen.
SAMPLE_TEXT = "体重68.5公斤偏胖对比上次0.6公斤BMI24.6偏高体脂率21.3%标准水分55.7%骨骼肌率38.9%发达蛋白质15.2%偏低"
SAMPLE_TEXT += "内脏脂肪指数9基础代谢1520大卡身体年龄32建议控制体重"


def reader_files() -> Iterator[Path]:
    """The files of reader and page, without the runtime."""
    for path in sorted([*READER.iterdir(), *PAGE.iterdir()]):
        if path.is_file() and path.name not in _NOT_IN_BUNDLE and not path.name.startswith("."):
            yield path


def install(bundle: Path) -> str | None:
    """Copy reader, page and TensorFlow.js into a bundle folder.

    Returns None, or one line saying how to add TensorFlow.js where it could not be built; all else is there then.
    """
    for path in reader_files():
        shutil.copyfile(path, bundle / path.name)
    try:
        build_runtime()
    except ConversionError as failure:
        return str(failure)
    shutil.rmtree(bundle / RUNTIME.name, ignore_errors=True)  # an older one, whose files may have other names
    shutil.copytree(RUNTIME, bundle / RUNTIME.name, ignore=shutil.ignore_patterns(LISTING))
    return None


def add_sample(bundle: Path, own: bytes | None, charset: str) -> None:
    """Give a bundle the picture that its page begins with.

    own: the reader's sample, a PNG. Without one it is the page's, if the reader has the characters in it; else the page
    begins empty.
    """
    if own is not None:
        (bundle / SAMPLE).write_bytes(own)
    elif set(SAMPLE_TEXT) <= set(charset):
        shutil.copyfile(PAGE / SAMPLE, bundle / SAMPLE)


def settle(bundle: Path) -> None:
    """Have the page ask for a finder and a sample only where the bundle holds them. For when the bundle is whole."""
    absent = [name for name in (FINDER + "/", SAMPLE) if not (bundle / name).exists()]
    page = bundle / "index.html"
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not any(f'href="{name}' in line for name in absent)]
    page.write_text("".join(kept), encoding="utf-8")


def refresh(bundle: Path) -> None:
    """Bring reader, page and runtime of a finished bundle up to date, and its listing of files with them.

    Raises ConversionError if the folder is not a bundle, or if the runtime cannot be built.
    """
    listed = read_listing(bundle)
    if listed is None or not (bundle / FILE_NAME).is_file():
        raise ConversionError(f"{bundle} is not a bundle; give a folder that 'linelet convert' wrote")
    build_runtime()
    install(bundle)
    settle(bundle)
    written = [path.name for path in reader_files()]
    written += [f"{RUNTIME.name}/{path.name}" for path in (bundle / RUNTIME.name).iterdir()]
    kept = {name: digest for name, digest in listed.items() if not name.startswith(f"{RUNTIME.name}/")}
    write_listing(bundle, kept | {name: digest_of(bundle / name) for name in written})


def build_runtime() -> Path:
    """The folder of TensorFlow.js, built from its npm packages if it is not there yet or was built from other sources.

    Raises ConversionError, in one line, if Node is missing or the build fails.
    """
    sources = [SOURCES / name for name in _BUILD_FILES]
    package = {"type": "module", "sources": sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()}
    about = RUNTIME / "package.json"
    if about.exists() and json.loads(about.read_bytes()) == package:
        return RUNTIME
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        raise ConversionError(
            "the page's TensorFlow.js is not built, and this machine has no Node to build it; "
            "install Node 20 and run 'python -m linelet_convert.assets BUNDLE', or install the linelet-convert wheel"
        )
    print("building the page's TensorFlow.js from npm packages, once", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="linelet-runtime-") as folder:
        work = Path(folder)
        for path in sources:
            shutil.copyfile(path, work / path.name)
        shutil.rmtree(RUNTIME, ignore_errors=True)  # built from other sources
        with whole_folder(RUNTIME) as out:
            _run([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], work)
            _run([node, "build.mjs", str(out)], work)
            (out / about.name).write_text(json.dumps(package))
    return RUNTIME


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or ["no message"]
        name = " ".join([Path(command[0]).stem, *command[1:2]])
        raise ConversionError(
            f"TensorFlow.js could not be built: '{name}' failed ({lines[0].strip()}); "
            "check that npm reaches its registry and run 'python -m linelet_convert.assets BUNDLE'"
        )


def main() -> int:
    """``python -m linelet_convert.assets [BUNDLE]``: build TensorFlow.js; refresh a bundle's reader and runtime."""

    def run() -> None:
        build_runtime()
        for bundle in sys.argv[1:]:
            refresh(Path(bundle))
            print(f"refreshed {bundle}", file=sys.stderr)

    return guarded(run, "linelet_convert.assets")


if __name__ == "__main__":
    sys.exit(main())
