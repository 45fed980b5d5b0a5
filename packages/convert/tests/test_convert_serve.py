"""`linelet serve`: what it sends and what it refuses."""

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from linelet_common.cli import main
from linelet_convert.serve import HEADERS, make_server


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    for name in ("index.html", "spec.json", "linelet.js", "x.wasm", "manifest.webmanifest", "x.bin"):
        (folder / name).write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
def address(bundle: Path) -> Iterator[str]:
    server = make_server(bundle, 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html; charset=utf-8"),
        ("linelet.js", "text/javascript; charset=utf-8"),
        ("x.wasm", "application/wasm"),
        ("manifest.webmanifest", "application/manifest+json"),
        ("spec.json", "application/json"),
        ("x.bin", "application/octet-stream"),
    ],
)
def test_files_have_their_types_and_the_policy(address: str, name: str, kind: str) -> None:
    with urllib.request.urlopen(address + name) as response:
        assert response.read().decode() == (name or "index.html")
        assert response.headers["content-type"] == kind
        assert {key: response.headers[key] for key in HEADERS} == HEADERS


def test_nothing_outside_the_bundle_is_served(address: str) -> None:
    for path in ("../secret.txt", "%2e%2e/secret.txt", "missing.bin"):
        with pytest.raises(urllib.error.HTTPError, match="404") as refusal:
            urllib.request.urlopen(address + path)
        refusal.value.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["serve", "nowhere"], "nowhere holds no index.html; give a folder that 'linelet convert' wrote"),
        (["serve", "x", "--port", "99999"], "'99999' is not a port; give 0 to 65535"),
    ],
)
def test_what_cannot_be_served_is_refused_in_one_line(
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_taken_port_is_refused_if_asked_for_and_avoided_if_not(
    bundle: Path, address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(address.rstrip("/").rsplit(":", 1)[1])
    assert main(["serve", str(bundle), "--port", str(port)]) == 2
    assert f"port {port} cannot be used" in capsys.readouterr().err
    monkeypatch.setattr("linelet_convert.serve.PORT", port)
    with make_server(bundle) as server:
        assert server.server_address[1] != port
