"""``conductor-studio``: the studio with an engine of its own, or over another server."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .local_engine import open_engine
from .port_owner import check_port
from .settings import Settings

if TYPE_CHECKING:
    from .server import StudioServer


def serve(settings: Settings) -> int:
    """Serve until interrupted; returns the exit status.

    Raises:
        EngineError: The port or the database can't be had; nothing was started.
    """
    if settings.connect:
        return _serve_remote(settings)
    # Before the database, so that a second start by mistake does not even touch it.
    if settings.port:
        check_port(settings.host, settings.port)
    check_exposure(settings)
    with open_engine(settings, attach=False) as engine:
        from .sample_workflows import samples_for
        from .server import StudioServer

        server = StudioServer(
            engine.service,
            settings.host,
            settings.port,
            samples_for(engine),
            names=settings.host_names(),
            prefix=settings.prefix,
            is_proxied=settings.proxy,
            tls=(settings.tls_cert, settings.tls_key) if settings.tls_cert else None,
            sign_on=settings.sign_on(),
        )
        # A notebook that opens the same file finds this studio and attaches to it.
        _run(server, settings, lambda: engine.publish_address(f"{server.url}/api"))
    return 0


def check_exposure(settings: Settings) -> None:
    """Refuse to serve others while nobody is configured, before a file is made or a thread runs.

    Raises:
        InvalidRequestError: Others could come in, and nobody is configured.
        StoreLockedError: Another process owns the database.
    """
    if settings.oauth_provider or not settings.is_exposed():
        return
    from engine.facade import open_accounts
    from engine.http_api.exposure import exposure_refusal

    if settings.has_database():
        with open_accounts(settings.database()) as accounts:
            if accounts.is_configured():
                return
    names = settings.host_names()
    raise exposure_refusal(settings.host, (*names, "a reverse proxy") if settings.proxy else names)


def _serve_remote(settings: Settings) -> int:
    """Serve pages over another server; it stays as it is.

    Raises:
        InvalidRequestError: Its address is none, or the port can't be had.
        UnavailableError: It can't be reached.
    """
    from engine.client.remote import RemoteClient
    from engine.models.capability import Capability

    from .cluster_service import ClusterService
    from .copies import Copies

    client = RemoteClient(settings.connect)
    if settings.port:
        check_port(settings.host, settings.port)
    capabilities = client.capabilities  # an unreachable server is told here, before any page
    from .server import StudioServer

    service = ClusterService(client.service)
    copies = None if Capability.BRANCH in capabilities else Copies(client, settings)
    try:
        kind = "Conductor Studio" if capabilities else "Conductor"
        sys.stdout.write(f"Looking at {kind} {client.service.server_version}, {client.url}\n")
        server = StudioServer(
            service, settings.host, settings.port, remote=client.url, copies=copies
        )
        _run(server, settings)
    finally:
        if copies is not None:
            copies.close()
        service.close()
    return 0


def _run(
    server: StudioServer, settings: Settings, opened: Callable[[], None] = lambda: None
) -> None:
    from engine.runtime.interpreter import tune_for_serving

    def ready() -> None:
        tune_for_serving()
        opened()
        sys.stdout.write(f"Conductor Studio is ready: {server.url}\n")
        sys.stdout.flush()
        if settings.open and _has_browser():
            threading.Thread(
                target=webbrowser.open, args=(server.url,), name="browser", daemon=True
            ).start()

    with _stopped_by(server.stop):
        server.run(ready)


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
