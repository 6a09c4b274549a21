"""The answer to addresses that name nothing: a page with ways back, or a line for programs."""

from __future__ import annotations

from typing import Any

from tornado.web import RequestHandler

from .bare_pages import bare_page


class NotFoundHandler(RequestHandler):
    """Every address that no route takes."""

    def initialize(self, root: str, headers: dict[str, str]) -> None:
        """``root``: path of the Board; ``headers``: what pages are sent with."""
        self._root, self._sent_with = root, headers

    def prepare(self) -> None:
        """Answer, whatever the method."""
        self.set_status(404)
        for name, value in self._sent_with.items():
            self.set_header(name, value)
        if "text/html" in self.request.headers.get("Accept", ""):
            self.finish(bare_page("not_found.html", self._root, path=self.request.path[:200]))
        else:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(
                "There is nothing at this address. The API is below /api, described at /api-docs.\n"
            )

    def check_xsrf_cookie(self) -> None:
        """Nothing is changed by asking for nothing."""


def not_found_settings(root: str, headers: dict[str, str]) -> dict[str, Any]:
    """Settings of the web application that give such addresses to this handler."""
    return {
        "default_handler_class": NotFoundHandler,
        "default_handler_args": {"root": root, "headers": headers},
    }
