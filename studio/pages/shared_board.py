"""What a share link to the board opens: its figures and lists, without ways into the studio."""

from __future__ import annotations

from typing import Any

import param

from ..board_data import SPANS
from .board import BoardPage


class SharedBoardPage(BoardPage):
    """The board of a link: spans can be chosen, nothing can be opened or started."""

    path, word, count, is_shared = "/shared-board", "", "", True

    @property
    def heading(self) -> str:
        """As on the board itself."""
        return "Board"

    def _load(self) -> dict[str, Any]:
        service: Any = self.app.service
        return {**service.board(self.session.span), "is_shared": True}

    def _sharing_words(self) -> dict[str, Any]:
        return {}

    def _asked(self, event: param.parameterized.Event) -> None:
        span = event.new.get("span")
        if event.new.get("what") == "span" and span in SPANS:
            self.session.span = span
        self._refresh.request()
