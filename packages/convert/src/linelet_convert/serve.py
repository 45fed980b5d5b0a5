"""Serving a bundle's page on localhost, under the strict content security policy that it is made for."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from linelet_common.errors import UsageError

# What the page needs and nothing else; the page's own <meta> says the same for other servers. Only WebAssembly needs
# more than 'self'. No request can leave for another host.
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # A bundle converted again must show at the next reload.
    "Cache-Control": "no-cache",
}
# mimetypes takes some of these from the machine's registry, which is often wrong: scripts as text/plain do not run.
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".bin": "application/octet-stream",
}
PORT = 8640
NAMES = ("localhost", "127.0.0.1")


# A page asks over six connections at once; what idles longer than a moment is closed.
THREADS = 64
SECONDS = 10.0


class Server(ThreadingHTTPServer):
    """At most THREADS connections at once; further ones are closed, so that no flood takes threads without end."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        super().__init__(address, handler)
        self._free = threading.BoundedSemaphore(THREADS)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread if one is free."""
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread's work."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks off or is silent for too long is no news."""


class Handler(SimpleHTTPRequestHandler):
    """The files of one folder, to who asks for them by a name of this machine: no links, no lists of folders."""

    protocol_version = "HTTP/1.1"  # one connection for many small files
    timeout = SECONDS
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **TYPES}  # noqa: RUF012 (the base class's way)

    def parse_request(self) -> bool:
        """Refuse a name that is not this machine's: a page elsewhere whose name was pointed here (DNS rebinding)."""
        if not super().parse_request():
            return False
        hosts = self.headers.get_all("Host") or []
        port = self.connection.getsockname()[1]
        if len(hosts) == 1 and hosts[0].lower() in {f"{name}:{port}" for name in NAMES}:
            return True
        self.close_connection = True
        self.send_error(421, "Misdirected Request", f"This server answers to http://localhost:{port}/ only.")
        return False

    def send_head(self) -> Any:
        """A file that lies in the folder itself, at the end of no link."""
        path = Path(self.translate_path(self.path))
        root = Path(self.directory).resolve()
        if path.exists() and path.resolve() != root / path.relative_to(self.directory):
            self.send_error(404, "File not found")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        """No lists of folders."""
        self.send_error(404, "File not found")

    def end_headers(self) -> None:
        """Our headers too."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """A page's every file is no news."""


def make_server(bundle: Path, port: int | None = None) -> Server:
    """A server of a bundle on 127.0.0.1, bound but not yet serving; ``port`` None takes PORT or, if taken, a free one.

    Raises UsageError for a folder that is no bundle and for a port that is taken.
    """
    for name in ("index.html", "spec.json"):
        if not (bundle / name).is_file():
            raise UsageError(f"{bundle} holds no {name}; give a folder that 'linelet convert' wrote")
    handler = partial(Handler, directory=str(bundle))
    try:
        return Server(("127.0.0.1", PORT if port is None else port), handler)
    except OSError as failure:
        if port is None:
            return Server(("127.0.0.1", 0), handler)
        raise UsageError(
            f"port {port} cannot be used ({failure.strerror}); give another one, or 0 for a free one"
        ) from None
