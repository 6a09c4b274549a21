"""The files a browser loads from us, each under an address that changes with the content."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from .asset_files import asset
from .graph.picture import DIST

FOLDER: Final = Path(__file__).parent / "views" / "browser"
_MEDIA_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Fixed here: what ``mimetypes`` says depends on the machine, and modules need the right one."""


class BrowserFile(NamedTuple):
    """One file as it is sent."""

    content: bytes
    media_type: str


@cache
def browser_files() -> dict[str, BrowserFile]:
    """Every file that may be asked for, by name. Read once per process."""
    paths = [path for path in sorted(FOLDER.iterdir()) if path.suffix in _MEDIA_TYPES]
    paths += [asset("tokens.css"), DIST / "execution_view.js"]
    return {path.name: BrowserFile(path.read_bytes(), _MEDIA_TYPES[path.suffix]) for path in paths}


@cache
def edition() -> str:
    """Twelve hex digits that differ whenever any file does."""
    digest = hashlib.blake2b(digest_size=6)
    for name, file in browser_files().items():
        digest.update(name.encode() + b"\0" + file.content)
    return digest.hexdigest()


def address(name: str) -> str:
    """Relative address of a file. All share one folder, so that modules import each other."""
    return f"./browser/{edition()}/{name}"


def text(name: str) -> str:
    """Content of a text file."""
    return browser_files()[name].content.decode()
