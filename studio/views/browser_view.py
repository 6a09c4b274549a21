"""Base of views that are drawn by a plain ES module of ``views/browser``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from .. import browser_files
from .greeted_view import GreetedView


class BrowserView(GreetedView):
    """A view whose module a server sends as a cached file instead of inside the document.

    Subclasses name their module in ``_bundle`` and their style sheets with ``sheets``.
    """

    __abstract = True

    _bundle: ClassVar[Path | None] = None

    @classmethod
    def _render_esm(cls, compiled: Any = True, server: bool = False) -> str:
        # Panel would serve the file without cache headers and without its imports.
        if server and cls._bundle is not None:
            return browser_files.address(cls._bundle.name)
        return super()._render_esm(compiled=compiled, server=server)


def module(name: str) -> Path:
    """The module of a view."""
    return browser_files.FOLDER / name


def sheets(*names: str) -> list[str]:
    """Style sheets by name, as text: no second request, no flash of unstyled content."""
    return [browser_files.text(name) for name in names]
