"""Firefox and WebKitGTK, driven by what they bring themselves, for tests and benchmarks.

Firefox speaks WebDriver BiDi (and needs the package websocket-client here), WebKitGTK has a WebDriver server. Both run
on Linux, without a screen.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Protocol

LONGEST = 300  # seconds for one script


class Browser(Protocol):
    """What is needed of a browser: to open an address, and to run an async function in the page."""

    def open(self, url: str) -> None:
        """Load an address in the one tab there is."""

    def run(self, function: str, *arguments: Any) -> Any:
        """What an async function of JavaScript gives for arguments; both ways whatever JSON can say."""

    def close(self) -> None:
        """End it, and all that was started for it."""


class Firefox:
    """Firefox, over WebDriver BiDi."""

    def __init__(self, folder: Path) -> None:
        import websocket

        path = found("LINELET_FIREFOX", "firefox-esr", "firefox")
        self.folder, self.last = folder / "out", 0
        self.socket: Any = None
        options = ["--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port", "0"]
        with self.folder.open("wb") as out:
            self.process = subprocess.Popen([path, *options], stdout=out, stderr=out)
        try:
            address = self.address()
            self.socket = websocket.create_connection(f"{address}/session", timeout=LONGEST, suppress_origin=True)
            self.send("session.new", {"capabilities": {}})
            [tab] = self.send("browsingContext.getTree", {})["contexts"]
            self.tab = tab["context"]
        except BaseException:
            self.close()
            raise

    def address(self) -> str:
        """Where it listens: it says so once it does."""
        for _ in range(300):
            said = self.folder.read_text(errors="replace")
            listening = re.search(r"WebDriver BiDi listening on (\S+)", said)
            if listening:
                return listening[1]
            assert self.process.poll() is None, said
            time.sleep(0.2)
        raise AssertionError(f"Firefox does not listen: {said}")

    def send(self, method: str, parameters: dict[str, Any]) -> Any:
        """The result of a BiDi command; events that come in between are dropped."""
        self.last += 1
        self.socket.send(json.dumps({"id": self.last, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.last:
                assert answer["type"] == "success", answer
                return answer["result"]

    def open(self, url: str) -> None:
        """See Browser."""
        self.send("browsingContext.navigate", {"context": self.tab, "url": url, "wait": "complete"})

    def run(self, function: str, *arguments: Any) -> Any:
        """See Browser."""
        # JSON both ways, since BiDi wraps every value otherwise.
        call = f"async (given) => JSON.stringify(await ({function})(...JSON.parse(given)) ?? null)"
        given = {"type": "string", "value": json.dumps(arguments)}
        parameters = {"functionDeclaration": call, "awaitPromise": True, "arguments": [given]}
        answer = self.send("script.callFunction", {**parameters, "target": {"context": self.tab}})
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def close(self) -> None:
        """See Browser."""
        if self.socket:
            self.socket.close()
        self.process.terminate()
        self.process.wait(30)


class WebKit:
    """WebKitGTK's MiniBrowser, over WebDriver, on a screen that nobody sees."""

    def __init__(self, folder: Path) -> None:
        driver, screen = found("LINELET_WEBKIT_DRIVER", "WebKitWebDriver"), found("LINELET_XVFB", "Xvfb")
        browsers = sorted(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"))
        browser = os.environ.get("LINELET_WEBKIT") or (str(browsers[-1]) if browsers else None)
        assert browser, "no MiniBrowser of WebKitGTK found; install webkit2gtk-driver or name one in LINELET_WEBKIT"
        out, number = os.pipe()
        self.processes = [subprocess.Popen([screen, "-displayfd", str(number)], pass_fds=[number], stderr=-3)]
        os.close(number)
        try:
            with os.fdopen(out) as said:
                display = said.readline().strip()
            port = free_port()
            environment = {**os.environ, "DISPLAY": f":{display}", "GDK_BACKEND": "x11"}
            with (folder / "out").open("wb") as log:
                driving = subprocess.Popen([driver, f"--port={port}"], env=environment, stdout=log, stderr=log)
            self.processes.append(driving)
            self.at = f"http://127.0.0.1:{port}/session"
            options = {"binary": browser, "args": ["--automation"]}
            wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
            self.at += "/" + self.first({"capabilities": wanted})["sessionId"]
            self.post("/timeouts", {"script": 1000 * LONGEST})
        except BaseException:
            self.stop()
            raise

    def first(self, body: dict[str, Any]) -> Any:
        """The first request: the driver needs a moment to listen."""
        for _ in range(100):
            try:
                return self.post("", body)
            except urllib.error.URLError as failure:
                if not isinstance(failure.reason, ConnectionRefusedError):
                    raise
                time.sleep(0.2)
        raise AssertionError("WebKitWebDriver does not listen")

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The value that the driver answers a command with."""
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.at + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=LONGEST) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as failure:
            raise AssertionError(failure.read().decode()) from None

    def open(self, url: str) -> None:
        """See Browser."""
        self.post("/url", {"url": url})

    def run(self, function: str, *arguments: Any) -> Any:
        """See Browser."""
        script = (
            f"const [given, done] = arguments; ({function})(...JSON.parse(given))"
            ".then((value) => done({ value: value ?? null }), (failure) => done({ failure: String(failure) }));"
        )
        answer = self.post("/execute/async", {"script": script, "args": [json.dumps(arguments)]})
        assert "value" in answer, answer
        return answer["value"]

    def close(self) -> None:
        """See Browser."""
        urllib.request.urlopen(urllib.request.Request(self.at, method="DELETE"), timeout=30).close()
        self.stop()

    def stop(self) -> None:
        """End the processes."""
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)


def found(variable: str, *names: str) -> str:
    """The path of a program, from an environment variable or by the first of its names that is installed."""
    path = os.environ.get(variable) or next((p for p in map(shutil.which, names) if p), None)
    assert path, f"this needs {names[0]}; install it or name it in {variable}"
    return path


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port
