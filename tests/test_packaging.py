"""The packages fit together: one version, exact siblings, only `common` shared, every verb documented."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("common", "synth", "model", "convert")


def project(package):
    return tomllib.loads((ROOT / "packages" / package / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_all_packages_have_one_version_and_pin_their_siblings_to_it():
    versions = {package: project(package)["version"] for package in PACKAGES}
    assert len(set(versions.values())) == 1, versions
    for package in PACKAGES[1:]:
        assert f"linelet-common=={versions[package]}" in project(package)["dependencies"]


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
    ("package", "forbidden"), [("synth", "torch"), ("convert", "torch"), ("convert", "tensorflow")]
)
def test_what_a_package_must_not_need(package, forbidden):
    assert not any(d.startswith(forbidden) for d in project(package)["dependencies"])


@pytest.mark.parametrize("package", PACKAGES)
def test_the_public_names_are_sorted_and_exist(package):
    code = (
        f"import linelet_{package} as m\n"
        "assert list(m.__all__) == sorted(m.__all__), m.__all__\n"
        "assert all(hasattr(m, name) for name in m.__all__)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_carries_types_and_a_readme(package):
    assert (ROOT / "packages" / package / "src" / f"linelet_{package}" / "py.typed").exists()
    assert (ROOT / "packages" / package / "README.md").read_text(encoding="utf-8").startswith(f"# linelet-{package}")


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


def test_documents_link_only_to_files_that_exist():
    for path in [ROOT / n for n in ("README.md", "CONTRIBUTING.md")] + list((ROOT / "packages").glob("*/README.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path} links to {target}"


def test_ci_runs_the_readmes_test_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^python3 -m venv .*nox -s tests$", readme, re.MULTILINE)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
