"""Answers what a page's *Run…* form asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import EngineError, InvalidRequestError

from . import start_form

if TYPE_CHECKING:
    from .page import Page
    from .views.starting_view import StartingView


class Starts:
    """Starting executions from one page; everything that blocks runs on the reader threads."""

    def __init__(self, page: Page, view: StartingView) -> None:
        """Answer for this view of this page."""
        self._page, self._view = page, view
        self._answers: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "offers": self._offer,
            "newest": self._fetch_newest,
            "start": self._start,
            "sample": self._start_sample,
            "run": self._run,
        }

    def answer(self, request: Mapping[str, Any]) -> bool:
        """Begin what is asked; False when it is not about starting."""
        answer = self._answers.get(str(request.get("what")))
        if answer is not None:
            answer(request)
        return answer is not None

    def _offer(self, request: Mapping[str, Any]) -> None:
        app = self._page.app

        def show(found: dict[str, Any]) -> None:
            self._view.offers = {"seq": time.monotonic_ns(), **found}

        self._page.in_background(
            lambda: start_form.startable(app.service, app.samples), show, self._refused
        )

    def _fetch_newest(self, request: Mapping[str, Any]) -> None:
        name, service = str(request.get("name")), self._page.app.service

        def show(found: dict[str, Any]) -> None:
            self._view.newest = {"seq": time.monotonic_ns(), "name": name, **found}

        def failed(error: BaseException) -> None:
            self._view.newest = {"seq": time.monotonic_ns(), "name": name, "error": str(error)}

        self._page.in_background(lambda: start_form.newest_input(service, name), show, failed)

    def _start(self, request: Mapping[str, Any]) -> None:
        self._begin(lambda: start_form.start(self._page.app.service, request))

    def _run(self, request: Mapping[str, Any]) -> None:
        text = str(request.get("text", ""))
        self._begin(lambda: start_form.run_definition(self._page.app.service, text))

    def _start_sample(self, request: Mapping[str, Any]) -> None:
        name, samples = str(request.get("name")), self._page.app.samples

        def start() -> str:
            if samples is None or name not in samples.names():
                raise InvalidRequestError(f"There is no sample named {name!r}.")
            return samples.start(name)

        self._begin(start)

    def _begin(self, start: Callable[[], str]) -> None:
        self._page.in_background(start, self._started, self._refused)

    def _started(self, workflow_id: str) -> None:
        self._view.started = {"seq": time.monotonic_ns(), "id": workflow_id}

    def _refused(self, error: BaseException) -> None:
        text = str(error) if isinstance(error, EngineError) else f"It did not start: {error!r}"
        problems = getattr(error, "problems", ())
        if problems:
            text = f"{text} {problems[0].path}: {problems[0].message}"
        self._view.notice = {"seq": time.monotonic_ns(), "text": text}
