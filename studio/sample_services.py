"""The small web service that the samples call: one answer that takes its time, one that fails."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

USUAL_PORT: Final = 47811
"""Taken when it is free, so that a sample's execution can be replayed after a restart."""

FRAUD_SECONDS: Final = 1.2
TAX_SECONDS: Final = 0.25


class SampleService:
    """Serves ``POST /fraud`` and ``GET /tax`` on a loopback port until closed.

    The fraud check finds a low risk after a while; the tax service is always too late (504).
    """

    def __init__(self, port: int = USUAL_PORT) -> None:
        """Open the port, or any free one, and serve from a daemon thread."""
        self._closing = threading.Event()
        self._server = _open(port)
        self._server.closing = self._closing
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="sample-service",
            daemon=True,
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Give the port back. Safe to call twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    # A port that was closed a moment ago can be had again; on Windows this setting would also
    # give us one that another process listens on.
    allow_reuse_address = os.name == "posix"
    daemon_threads = True
    closing: threading.Event


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self.path != "/tax":
            self._answer(404, {"error": f"nothing at {self.path}"})
            return
        self.server.closing.wait(TAX_SECONDS)
        self._answer(504, {"error": "the tax service did not answer in time"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/fraud":
            self._answer(404, {"error": f"nothing at {self.path}"})
            return
        self.server.closing.wait(FRAUD_SECONDS)
        self._answer(200, {"risk": "low", "score": 0.07})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: requests are in the execution's history."""


def _open(port: int) -> _Server:
    try:
        return _Server(("127.0.0.1", port), _Handler)
    except OSError:
        return _Server(("127.0.0.1", 0), _Handler)
