"""Links to what a page shows: made, listed and revoked from the page itself."""

from __future__ import annotations

import time
from typing import Any

import param

from engine.service.access import OPERATOR

from .page import Page

ANSWER_SECONDS = 30.0
_DAY_SECONDS = 86400


class Sharing:
    """Answers a view's ``share`` with its ``shared``. Event loop; the work is done off it."""

    def __init__(self, page: Page, view: Any, workflow_id: str = "") -> None:
        """``workflow_id``: the execution that is shared; empty: the board."""
        self._page, self._view, self._workflow_id = page, view, workflow_id
        view.param.watch(self._asked, "share")

    def _asked(self, event: param.parameterized.Event) -> None:
        request = event.new
        self._page.in_background(lambda: self._answer(request), self._show, self._failed)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        service: Any = self._page.app.service
        answer: dict[str, Any] = {}
        what = request.get("what")
        if what == "revoke":
            service.revoke_share_link(str(request.get("id"))[:80]).result(ANSWER_SECONDS)
        elif what == "make":
            days = request.get("days")
            seconds = _DAY_SECONDS * (days if isinstance(days, int) else 7)
            making = (
                service.share_execution(self._workflow_id, seconds)
                if self._workflow_id
                else service.share_board(seconds)
            )
            answer["made"] = making.result(ANSWER_SECONDS)
        return {**answer, "links": service.share_links(self._workflow_id)}

    def _show(self, answer: dict[str, Any]) -> None:
        self._view.shared = {"seq": time.monotonic_ns(), **answer}

    def _failed(self, error: BaseException) -> None:
        self._show({"error": str(error)})


def why_not_to_share(service: Any) -> str:
    """Why no links are offered, and what to do; empty: they are.

    Operators who had to log in may make links: where nobody has to, everybody sees everything.
    """
    caller = getattr(service, "caller", None)
    if caller is None:
        return "Links are made by the studio that runs the executions, not by one that looks on."
    if not caller.is_known:
        return (
            "Sharing needs users: so far nobody has to log in here, and nobody else reaches this "
            "studio. Add one with `conductor-studio user add ann --role admin`, log in, and this "
            "makes read-only links. `--host` lets others in (README, For more than yourself)."
        )
    if not caller.role.may(OPERATOR):
        return f"Sharing takes the role operator; you are {caller.role}. An admin can change it."
    return ""
