"""``conductor-studio``: the studio with an engine of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator

from engine.errors import UnsupportedError

from .local_engine import open_engine
from .port_owner import check_port
from .settings import Settings


def serve(settings: Settings) -> int:
    """Serve until interrupted; returns the exit status.

    Raises:
        EngineError: The port or the database can't be had; nothing was started.
    """
    if settings.connect:
        raise UnsupportedError(
            f"--connect {settings.connect}: looking at another server is not in this version; "
            "leave the option out to use an engine of your own."
        )
    # Before the database, so that a second start by mistake does not even touch it.
    if settings.port:
        check_port(settings.host, settings.port)
    with open_engine(settings) as engine:
        from engine.runtime.interpreter import tune_for_serving

        from .sample_workflows import samples_for
        from .server import StudioServer

        server = StudioServer(engine.service, settings.host, settings.port, samples_for(engine))

        def ready() -> None:
            tune_for_serving()
            sys.stdout.write(f"Conductor Studio is ready: {server.url}\n")
            sys.stdout.flush()
            if settings.open and _has_browser():
                threading.Thread(
                    target=webbrowser.open, args=(server.url,), name="browser", daemon=True
                ).start()

        with _stopped_by(server.stop):
            server.run(ready)
    return 0


@contextlib.contextmanager
def _stopped_by(stop: object) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the server in order instead of in the middle of something."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, lambda *_: stop())  # type: ignore[operator]
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _has_browser() -> bool:
    """Whether a person is likely to sit at this machine."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
