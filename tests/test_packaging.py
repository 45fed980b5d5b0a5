"""The packages fit together: one version, exact siblings, only `common` shared, every verb documented."""

import ast
import graphlib
import itertools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("common", "synth", "read", "model", "convert")


def project(package):
    return tomllib.loads((ROOT / "packages" / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_all_packages_have_one_version_and_pin_their_siblings_to_it():
    versions = {package: project(package)["version"] for package in PACKAGES}
    assert len(set(versions.values())) == 1, versions
    for package in PACKAGES[1:]:
        pins = {re.sub(r"\[\w+\]", "", d) for d in project(package)["dependencies"] if d.startswith("linelet-")}
        assert pins == {f"linelet-common=={versions[package]}"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_no_sibling_but_common(package):
    allowed = {"linelet_common", f"linelet_{package}"}
    for path in (ROOT / "packages" / package / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            siblings = {n.split(".")[0] for n in names if n.startswith("linelet_")}
            assert siblings <= allowed, f"{path} imports {siblings - allowed}"


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [("synth", "torch"), ("read", "torch"), ("read", "opencv"), ("convert", "torch"), ("convert", "tensorflow")],
)
def test_what_a_package_must_not_need(package, forbidden):
    assert not any(d.startswith(forbidden) for d in project(package)["dependencies"])


# Distributions whose module has another name.
MODULES = {
    "levenshtein": "Levenshtein",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "protobuf": "google",
    "fonttools": "fontTools",
    "tomli-w": "tomli_w",
}
# Scripts that the Python of another environment runs.
ELSEWHERE = {"chain.py"}


def imported_by(path):
    """The top-level modules that a file imports, without the standard library's and our own."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        for name in names:
            top = name.split(".")[0]
            if top not in sys.stdlib_module_names and not top.startswith("linelet_"):
                yield top


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_requires_what_it_imports_and_imports_what_it_requires(package):
    about = project(package)
    required = [*about["dependencies"], *itertools.chain(*about.get("optional-dependencies", {}).values())]
    # The extra of common that opens ONNX files brings what it imports.
    required += ["onnxruntime"] if any(d.startswith("linelet-common[onnx]") for d in required) else []
    names = {re.split(r"[<>=!~\[; ]", d)[0] for d in required} - {"linelet-common"}
    declared = {MODULES.get(name, name.replace("-", "_")) for name in names}
    source = ROOT / "packages" / package / "src"
    found = {name for path in source.rglob("*.py") if path.name not in ELSEWHERE for name in imported_by(path)}
    # torch.utils.tensorboard is an import of torch's that needs tensorboard.
    text = "".join(path.read_text(encoding="utf-8") for path in source.rglob("*.py"))
    found |= {"tensorboard"} if "torch.utils.tensorboard" in text else set()
    if package != "common" and "from linelet_common.onnx_session" in text:
        found.add("onnxruntime")
    assert declared - found == set(), "required and never imported"
    assert found - declared == set(), "imported and not required"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_way_of_others(package):
    """The imports of a package's modules, those inside functions included, can be put in an order."""
    source = ROOT / "packages" / package / "src"
    modules = {
        ".".join(p.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): p for p in source.rglob("*.py")
    }
    arrows = {}
    for name, path in modules.items():
        if path.name == "__init__.py" and name.count(".") == 0:
            continue  # the public face shows what is inside; nothing inside looks at it
        arrows[name] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                inside = {f"{node.module}.{a.name}" for a in node.names} | {node.module}
                arrows[name] |= {m for m in inside if m in modules and m != name and m.count(".")}
    graphlib.TopologicalSorter(arrows).prepare()


@pytest.mark.parametrize("package", PACKAGES)
def test_the_public_names_are_sorted_and_exist(package):
    code = (
        f"import linelet_{package} as m\n"
        "ordered = sorted(m.__all__, key=lambda n: (not n.isupper(), not n[0].isupper(), n))\n"
        "assert list(m.__all__) == ordered, ordered  # constants, classes, the rest\n"
        "assert all(hasattr(m, name) for name in m.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_carries_types_and_a_readme(package):
    assert (ROOT / "packages" / package / "src" / f"linelet_{package}" / "py.typed").exists()
    assert (ROOT / "packages" / package / "README.md").read_text(encoding="utf-8").startswith(f"# linelet-{package}")


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_carries_the_licence_text(package):
    """hatchling puts a LICENSE that lies beside the pyproject.toml into wheels and sdists."""
    assert (ROOT / "packages" / package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_help_of_the_command_and_of_every_verb_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from linelet_common.cli import installed_verbs, main\n"
        "for words in ([], *([v] for v in installed_verbs())):\n"
        "    try: main([*words, '--help'])\n"
        "    except SystemExit as end: assert end.code == 0\n"
        "heavy = {'torch', 'cv2', 'onnx', 'onnxruntime', 'albumentations', 'matplotlib', 'tensorflow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_verb_is_documented_in_the_readme():
    from linelet_common.cli import installed_verbs

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [verb for verb in installed_verbs() if f"linelet {verb}" not in readme]
    assert not missing


def test_the_readme_names_only_verbs_and_sessions_that_exist():
    from linelet_common.cli import installed_verbs

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"nox -s (\w+)", readme)) <= sessions
    assert set(re.findall(r"^\$ linelet (\w+)", readme, re.MULTILINE)) <= set(installed_verbs())


def test_workflows_and_documents_name_sessions_that_exist():
    sessions = set(re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(encoding="utf-8"), re.MULTILINE))
    ci = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    named = set(re.search(r"session: \[(.*)\]", ci)[1].split(", "))
    for path in (".github/workflows/ci.yml", ".github/workflows/publish.yml", "CONTRIBUTING.md", "SECURITY.md"):
        text = (ROOT / path).read_text(encoding="utf-8")
        named |= {name for words in re.findall(r"nox -s ([a-z_ ]+)", text) for name in words.split()}
    assert named - sessions == set()


def test_ci_runs_the_readmes_test_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^python3 -m venv .*nox -s tests$", readme, re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
