"""What a share link opens: one execution, only to look at, without the rest of the studio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bokeh.document import Document

from ..session import Session
from .execution import ExecutionPage

if TYPE_CHECKING:
    from ..app import StudioApp


class SharedPage(ExecutionPage):
    """The execution of the link; whatever the address says, no other."""

    path, under, is_shared = "/shared", "/shared", True

    def __init__(self, app: StudioApp, session: Session, document: Document | None) -> None:
        """See ``Page``."""
        service: Any = app.service
        session.workflow_id = service.caller.scope.workflow_id
        super().__init__(app, session, document)

    def _sharing_words(self) -> dict[str, Any]:
        return {}

    def _failed(self, error: BaseException) -> None:
        self.view.show({"found": False, "id": "", "error": str(error)})
