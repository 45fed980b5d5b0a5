"""Builds what is released, twice, and tries it where no source is: ``nox -s build`` runs this.

    python tools/release.py dist

dist/ gets a wheel and an sdist of each package and the npm tarball, with TensorFlow.js inside. Both builds
must be equal to the byte, carry the licence, and pass twine. Then they are installed into a bare environment, and from
there a screen is synthesised, read by the shipped reader, the reader converted and its page served and asked for.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("common", "synth", "read", "model", "convert")
# All but the trainer, whose torch takes gigabytes; its wheel is checked without being run.
BARE = ("common", "synth", "read", "convert")
READER = ROOT / "packages/convert/src/linelet_convert/web/reader"
SCREENS = 6
EPOCH = "1704067200"  # 2024: files in archives are dated so, whenever they are built


def run(*words: object, cwd: Path = ROOT, **more: str) -> str:
    """Run a command that must succeed; its output."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, **more}
    done = subprocess.run([str(w) for w in words], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def build(out: Path) -> dict[str, str]:
    """Everything that is released; file -> SHA-256."""
    out.mkdir(parents=True)
    for package in PACKAGES:
        run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT / "packages" / package)
    run("npm", "pack", "--pack-destination", out, cwd=READER)
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(out.iterdir())}


def names_in(path: Path) -> list[str]:
    """The files in a wheel, an sdist or an npm tarball."""
    if path.suffix == ".whl":
        return zipfile.ZipFile(path).namelist()
    with tarfile.open(path) as archive:
        return archive.getnames()


def check_contents(out: Path) -> None:
    """A licence in each; the browser's TensorFlow.js in what needs it; no caches or tests' leavings."""
    for path in sorted(out.iterdir()):
        names = names_in(path)
        assert any(Path(n).name.startswith("LICENSE") for n in names), f"{path.name} holds no licence"
        if path.name.startswith(("linelet_convert", "linelet-0")):
            assert any("tfjs/core.js" in n for n in names), f"{path.name} lacks TensorFlow.js"
            assert any("tfjs/LICENSE.txt" in n for n in names), f"{path.name} lacks TensorFlow.js's licences"
        bad = [n for n in names if "__pycache__" in n or "node_modules" in n or "/.git/" in n]
        assert not bad, f"{path.name} holds {bad[:3]}"


def try_bare(out: Path) -> None:
    """Install from ``out`` into an environment of its own and use it there, far from the sources."""
    with tempfile.TemporaryDirectory(prefix="linelet-bare-") as folder:
        bare = Path(folder)
        venv.create(bare / "venv", with_pip=True)
        python, linelet = bare / "venv/bin/python", bare / "venv/bin/linelet"
        wheels = [next(out.glob(f"linelet_{package}-*.whl")) for package in BARE]
        run(python, "-m", "pip", "install", "-q", "--constraint", ROOT / "constraints.txt", *wheels)
        found = run(python, "-c", "import linelet_read; print(linelet_read.__file__)", cwd=bare).strip()
        assert str(bare) in found, found
        # Several: a screen may be all in faces and names that the reader doesn't know.
        run(linelet, "synth", "health-app", "--screens", "--out", "screens", "--count", SCREENS, cwd=bare)
        read = json.loads(run(linelet, "read", "health-app", "screens/images", "--json", cwd=bare))
        lines, fields = (sum(len(screen[key]) for screen in read) for key in ("lines", "fields"))
        assert len(read) == SCREENS, read
        assert lines > 5 * SCREENS, read
        assert fields > SCREENS, read
        print(f"read {lines} lines and {fields} named values of {SCREENS} screens")
        run(linelet, "convert", "health-app", "--out", "bundle", cwd=bare)
        check = json.loads((bare / "bundle/conversion.json").read_text(encoding="utf-8"))["check"]
        print(f"converted, checked by {check['by']}: {check['texts_equal']} of {check['lines']} texts equal")
        try_page(linelet, bare)


def try_page(linelet: Path, bare: Path) -> None:
    """Serve the bundle and ask for all of its files."""
    server = subprocess.Popen([linelet, "serve", "bundle", "--port", "0"], cwd=bare, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        address = next(word for word in server.stderr.readline().split() if word.startswith("http://"))
        time.sleep(0.2)
        files = json.loads((bare / "bundle/files.json").read_text(encoding="utf-8"))["files"]
        for name, digest in files.items():
            with urllib.request.urlopen(address + name, timeout=20) as answer:
                assert hashlib.sha256(answer.read()).hexdigest() == digest, name
        print(f"the page's {len(files)} files are served as they were written")
    finally:
        server.terminate()
        assert server.wait(30) == 143


def main() -> None:
    """Build, check, try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="the folder to write; what is there of an earlier build is removed")
    args = parser.parse_args()
    out = args.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    run(sys.executable, "-m", "linelet_convert.assets")
    with tempfile.TemporaryDirectory(prefix="linelet-again-") as again:
        first, second = build(out), build(Path(again) / "dist")
    different = [name for name in first if first[name] != second.get(name)] + sorted(set(second) - set(first))
    assert not different, f"two builds differ: {different}"
    print(f"{len(first)} files, two builds equal")
    check_contents(out)
    run(sys.executable, "-m", "twine", "check", "--strict", *[p for p in out.iterdir() if p.suffix != ".tgz"])
    print("twine finds nothing wrong")
    try_bare(out)


if __name__ == "__main__":
    main()
