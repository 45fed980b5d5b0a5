"""What a bundle gets besides its network, with and without Node."""

import json
import re
from pathlib import Path

import pytest

from linelet_common.errors import ConversionError
from linelet_common.files import LISTING, digest_of, read_listing, whole_folder
from linelet_convert import assets

MARKER = "core.js"


@pytest.fixture
def unbuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which TensorFlow.js was never built."""
    runtime = tmp_path / "package" / "tfjs"
    monkeypatch.setattr(assets, "RUNTIME", runtime)
    return runtime


def test_without_node_all_but_the_runtime_is_there_and_one_line_says_how_to_get_it(
    unbuilt: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets.shutil, "which", lambda name: None)
    notice = assets.install(tmp_path)
    assert notice is not None
    assert "install Node 20 and run 'python -m linelet_convert.assets BUNDLE'" in notice
    assert "\n" not in notice
    written = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert written == {path.name for path in assets.reader_files()}
    assert {"index.html", "linelet.js", "worker.js"} <= written
    assert not any(name.startswith(".") for name in written)
    assert not (tmp_path / "tfjs").exists()


def test_the_pages_sample_shows_what_is_said_of_it() -> None:
    """Where a reader lacks one of its characters, its bundle gets another sample or none."""
    screen = (Path(__file__).parents[1] / "tools" / "sample-screen.html").read_text(encoding="utf-8")
    shown = re.sub(r"<style>.*?</style>|<!--.*?-->|<[^>]*>", "", screen, flags=re.DOTALL)
    assert set("".join(shown.split())) == set(assets.SAMPLE_TEXT)


def test_a_build_that_fails_leaves_nothing_and_says_why(unbuilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets.shutil, "which", lambda name: f"/bin/{name}")

    def run(command: list[str], folder: Path) -> None:
        raise ConversionError(f"TensorFlow.js could not be built: '{command[0]}' failed")

    monkeypatch.setattr(assets, "_run", run)
    with pytest.raises(ConversionError, match="could not be built"):
        assets.build_runtime()
    assert not unbuilt.exists()


def test_a_failing_command_is_named_with_its_first_error(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"'sh -c' failed \(npm error code E404\); check that npm"):
        assets._run(["sh", "-c", "echo npm error code E404 >&2; exit 1"], tmp_path)


def test_a_runtime_built_from_other_sources_is_built_anew(unbuilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = []

    def run(command: list[str], folder: Path) -> None:
        if command[1] == "build.mjs":
            builds.append(command)
            Path(command[2], MARKER).write_text(f"build {len(builds)}")

    monkeypatch.setattr(assets.shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(assets, "_run", run)
    for _ in range(2):
        assert (assets.build_runtime() / MARKER).read_text() == "build 1"
    about = json.loads((unbuilt / "package.json").read_bytes())
    (unbuilt / "package.json").write_text(json.dumps(about | {"sources": "older"}))
    assert (assets.build_runtime() / MARKER).read_text() == "build 2"


def test_an_older_runtime_in_a_bundle_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "package" / "tfjs"
    runtime.mkdir(parents=True)
    (runtime / MARKER).write_text("new")
    monkeypatch.setattr(assets, "RUNTIME", runtime)
    monkeypatch.setattr(assets, "build_runtime", lambda: runtime)
    bundle = tmp_path / "bundle"
    (bundle / "tfjs").mkdir(parents=True)
    (bundle / "tfjs" / "old.js").write_text("old")
    assert assets.install(bundle) is None
    assert [path.name for path in (bundle / "tfjs").iterdir()] == [MARKER]


def test_refreshing_refuses_what_is_no_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assets, "build_runtime", lambda: tmp_path)
    monkeypatch.setattr(assets.sys, "argv", ["assets", str(tmp_path)])
    assert assets.main() == 2
    assert f"{tmp_path} is not a bundle; give a folder that 'linelet convert' wrote" in capsys.readouterr().err


def test_a_refreshed_bundle_is_still_ours_to_replace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "package" / "tfjs"
    runtime.mkdir(parents=True)
    (runtime / MARKER).write_text("new")
    (runtime / LISTING).write_text("{}")
    monkeypatch.setattr(assets, "RUNTIME", runtime)
    monkeypatch.setattr(assets, "build_runtime", lambda: runtime)
    bundle = tmp_path / "bundle"
    with whole_folder(bundle) as folder:
        (folder / "spec.json").write_text("{}")
        (folder / "page.js").write_text("old")
        (folder / "tfjs").mkdir()
        (folder / "tfjs" / "gone.js").write_text("old")
    assets.refresh(bundle)
    listed = read_listing(bundle)
    assert listed is not None
    held = {p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file()} - {LISTING}
    assert set(listed) == held
    assert all(digest_of(bundle / name) == digest for name, digest in listed.items())
    with whole_folder(bundle) as folder:
        (folder / "new").write_text("it may be replaced")
