"""Tornado handlers of the studio itself: pages with security headers, browser files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from panel.io.server import ComponentResourceHandler, DocHandler
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
        "connect-src 'self' ws: blob: data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def page_handler(allowed_hosts: Iterable[str] | None) -> type[DocHandler]:
    """Return Panel's page handler with our headers, answering to known host names only.

    Args:
        allowed_hosts: Names without port; None lets every name in. A page that rebinds its own
            DNS name to this machine is kept out by this, as in ``engine.http_api.guard``.
    """
    names = None if allowed_hosts is None else {name.lower() for name in allowed_hosts}

    class StudioPageHandler(DocHandler):
        def set_default_headers(self) -> None:
            for name, value in HEADERS.items():
                self.set_header(name, value)

        def prepare(self) -> Any:
            if names is not None and _host_name(self.request.host) not in names:
                raise HTTPError(403, "unknown host name")
            return super().prepare()

    return StudioPageHandler


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


def _host_name(host: str) -> str:
    host = host.lower()
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
