"""What pages are sent with, and the handlers of browser files."""

from __future__ import annotations

from typing import Any, Final

from panel.io.server import ComponentResourceHandler
from tornado.web import HTTPError, RequestHandler

from . import browser_files

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        # Bokeh starts its document inline; Panel imports modules through blob addresses.
        "script-src 'self' 'unsafe-inline' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class BrowserFileHandler(RequestHandler):
    """``GET /browser/<edition>/<name>``: a file that may be kept for ever under this address."""

    def get(self, asked_edition: str, name: str) -> None:
        """Send the file; under an address of an older edition it must be asked for again."""
        file = browser_files.browser_files().get(name)
        if file is None:
            raise HTTPError(404)
        current = asked_edition == browser_files.edition()
        self.set_header("Content-Type", file.media_type)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header(
            "Cache-Control", "public, max-age=31536000, immutable" if current else "no-cache"
        )
        self.finish(file.content)


class BundleHandler(ComponentResourceHandler):
    """``GET /components/studio.…``: compiled bundles, kept by the browser but always checked."""

    def set_extra_headers(self, path: str) -> None:
        """Without this a browser may go on using a bundle from before an upgrade."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")


def static_routes() -> list[tuple[Any, ...]]:
    """Routes of everything that is neither a page nor the API."""
    return [
        (r"/browser/([0-9a-f]+)/([\w.-]+)", BrowserFileHandler),
        (r"/components/(studio\..*)", BundleHandler, {}),
    ]
