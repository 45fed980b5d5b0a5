"""Serving a bundle's page on localhost, under the strict content security policy that it is made for."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

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


def make_server(bundle: Path, port: int | None = None) -> ThreadingHTTPServer:
    """A server of a bundle on 127.0.0.1, bound but not yet serving; ``port`` None takes PORT or, if taken, a free one.

    Raises UsageError for a folder that is no bundle and for a port that is taken.
    """
    for name in ("index.html", "spec.json"):
        if not (bundle / name).is_file():
            raise UsageError(f"{bundle} holds no {name}; give a folder that 'linelet convert' wrote")

    class Handler(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # one connection for many small files
        extensions_map = {**SimpleHTTPRequestHandler.extensions_map, **TYPES}  # noqa: RUF012 (the base class's way)

        def end_headers(self) -> None:
            for name, value in HEADERS.items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """A page's every file is no news."""

    handler = partial(Handler, directory=str(bundle))
    try:
        return ThreadingHTTPServer(("127.0.0.1", PORT if port is None else port), handler)
    except OSError as failure:
        if port is None:
            return ThreadingHTTPServer(("127.0.0.1", 0), handler)
        raise UsageError(
            f"port {port} cannot be used ({failure.strerror}); give another one, or 0 for a free one"
        ) from None
