"""Definitions: workflows and tasks as they are registered, to look at, change and delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import param
from bokeh.document import Document

from engine.service.access import AUTHOR

from .. import definition_data as data
from ..definition_deletion import delete_definition, plan_deletion
from ..live import Refresh
from ..page import Page
from ..session import Session
from ..views.definitions_view import DefinitionsView

if TYPE_CHECKING:
    from ..app import StudioApp

_REST_SECONDS: Final = 2.0


class DefinitionsPage(Page):
    """List with search; one definition beside it as picture or JSON, to read or to change."""

    path, word = "/definitions", "Definitions"

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        super().__init__(app, session, document)
        self.view = DefinitionsView(
            about={"where": app.engine_words, "locked": self._locked()},
            sizing_mode="stretch_both",
            margin=0,
        )
        self._answers: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "open": self._open,
            "check": self._check,
            "plan": self._plan,
            "save": self._save,
            "picture": self._picture,
            "losses": self._losses,
            "delete": self._delete,
        }
        self.view.param.watch(self._asked, "request")
        self._refresh = Refresh(
            document, app.readers, self._load, self.view.show, self._failed, _REST_SECONDS
        )
        self.keep_fresh(self._refresh)

    def __panel__(self) -> DefinitionsView:
        """The view of this page."""
        return self.view

    def _locked(self) -> str:
        """Why nothing can be changed here; empty: it can."""
        caller = getattr(self.app.service, "caller", None)
        if caller is None or caller.role.may(AUTHOR):
            return ""
        return f"Changing definitions takes the role author; you are {caller.role}."

    def _load(self) -> dict[str, Any]:
        return data.load_definitions(self.app.service)

    def _failed(self, error: Exception) -> None:
        self.view.show({"error": str(error)})

    def _asked(self, event: param.parameterized.Event) -> None:
        request = event.new
        what = str(request.get("what"))
        if what == "refresh":
            self._refresh.request()
            return
        answer = self._answers.get(what)
        if answer is None:
            return
        about = {"seq": request.get("seq"), "what": what}

        def told(found: dict[str, Any]) -> None:
            self.view.answer = {**about, **found}
            if found.get("saved") or found.get("deleted"):
                self._refresh.request()

        def refused(error: BaseException) -> None:
            self.view.answer = {**about, "problems": data.problems_of(error)}

        self.in_background(lambda: answer(request), told, refused)

    def _open(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return data.load_definition(self.app.service, *_which(request))

    def _picture(self, request: Mapping[str, Any]) -> dict[str, Any]:
        _, name, version = _which(request)
        return data.draw_definition(self.app.service, name, version)

    def _losses(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return plan_deletion(self.app.service, *_which(request))

    def _delete(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return delete_definition(self.app.service, *_which(request), _text(request))

    def _check(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return data.check(self.app.service, _kind(request), _text(request))

    def _plan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return data.plan(self.app.service, _kind(request), _text(request))

    def _save(self, request: Mapping[str, Any]) -> dict[str, Any]:
        agreed = [str(line) for line in request.get("agreed") or ()]
        return data.save(self.app.service, _kind(request), _text(request), agreed)


def _kind(request: Mapping[str, Any]) -> str:
    return data.TASK if request.get("kind") == data.TASK else data.WORKFLOW


def _which(request: Mapping[str, Any]) -> tuple[str, str, int | None]:
    """Kind, name and version; None: the newest."""
    version = request.get("version")
    return (
        _kind(request),
        str(request.get("name")),
        version if isinstance(version, int) else None,
    )


def _text(request: Mapping[str, Any]) -> str:
    return str(request.get("text") or "")
