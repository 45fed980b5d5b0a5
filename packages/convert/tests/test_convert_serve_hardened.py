"""``linelet serve`` answers the page and nobody else: other names, links, folders, silent and many connections."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linelet_convert import serve


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    (folder / "tfjs").mkdir(parents=True)
    for name in ("index.html", "spec.json", "tfjs/core.js"):
        (folder / name).write_text(name)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "links").symlink_to(tmp_path)
    return folder


@pytest.fixture
def port(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(serve.Handler, "timeout", 1.0)
    server = serve.make_server(bundle, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(port: int, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Host": host or f"localhost:{port}"})
    answer = connection.getresponse()
    content = answer.status, answer.read()
    connection.close()
    return content


def test_the_pages_files_are_served(port: int) -> None:
    assert ask(port, "/") == (200, b"index.html")
    assert ask(port, "/tfjs/core.js?v=2") == (200, b"tfjs/core.js")
    assert ask(port, "/spec.json", f"127.0.0.1:{port}") == (200, b"spec.json")


@pytest.mark.parametrize("host", ["evil.example", "localhost", "localhost:1", "evil.example:8640", "localhost.evil:80"])
def test_another_name_is_refused(port: int, host: str) -> None:
    status, said = ask(port, "/spec.json", host)
    assert status == 421
    assert f"http://localhost:{port}/ only".encode() in said


PATHS = ["/link.txt", "/links/secret.txt", "/links/", "/tfjs/", "/../secret.txt", "/%2e%2e/secret.txt"]


@pytest.mark.parametrize("path", PATHS)
def test_links_folders_and_what_lies_outside_are_not_there(port: int, path: str) -> None:
    status, said = ask(port, path)
    assert status == 404
    assert b"secret\n" not in said


def test_silent_connections_take_a_bounded_number_of_threads_and_end(port: int) -> None:
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    time.sleep(0.5)
    assert threading.active_count() - before <= serve.THREADS
    deadline = time.monotonic() + 30
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert threading.active_count() <= before
    assert ask(port, "/")[0] == 200
    for connection in silent:
        connection.close()
