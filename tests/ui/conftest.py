"""A real browser on a real server. Everything here is skipped where no Chromium is found."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "studio"))

from recorded_service import RecordedService

from studio.server import StudioServer

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def _chromium() -> str | None:
    named = os.environ.get("STUDIO_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = _chromium()
    if path is None:
        pytest.skip("no Chromium found; install one or name it in STUDIO_CHROMIUM")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    sync_api.expect.set_options(timeout=15_000)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[RecordedService, StudioServer]]:
    """One service and one server for a whole module; ``service`` empties it for each test."""
    service = RecordedService()
    with StudioServer(service, port=0) as server:
        yield service, server
    service.close()


@pytest.fixture
def service(recorded: tuple[RecordedService, StudioServer]) -> RecordedService:
    recorded[0].clear()
    return recorded[0]


@pytest.fixture
def server(
    service: RecordedService, recorded: tuple[RecordedService, StudioServer]
) -> StudioServer:
    return recorded[1]


@pytest.fixture
def open_page(browser: Any, server: StudioServer) -> Iterator[Callable[..., Any]]:
    """Open an address of the studio; any console error or foreign request fails the test."""
    contexts, wrong = [], list[str]()

    def judge_request(request: Any) -> None:
        if request.url.startswith(("http", "ws")) and not request.url.startswith(
            (f"http://localhost:{server.port}/", f"ws://localhost:{server.port}/")
        ):
            wrong.append(f"request to {request.url}")

    def open_address(path: str = "", width: int = 1440, theme: str = "light") -> Any:
        height = 844 if width < 700 else 900
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on(
            "console",
            lambda message: wrong.append(message.text) if message.type == "error" else None,
        )
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", judge_request)
        page.goto(f"{server.url}/{path}", wait_until="commit")
        page.locator("html[data-ready]").wait_for()
        return page

    yield open_address
    for context in contexts:
        context.close()
    assert not wrong, wrong
