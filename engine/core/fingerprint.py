"""Which failures are the same failure: a short stable hash, and the error as one line.

Computed when a row is written, so grouping failures is a GROUP BY.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from ..models.codec import whole_characters

LINE_LENGTH: Final = 300
_HASH_BYTES: Final = 8
_MESSAGE_LENGTH: Final = 2000

_TYPED: Final = re.compile(
    r"(?P<type>[A-Za-z_][\w.$]*(?:Error|Exception|Exit|Interrupt|Warning|Failure))"
    r"(?:: |\s*\Z)(?P<message>.*)",
    re.S,
)
_WRAPPER: Final = re.compile(r"[^:]{1,60} due to: (?:java\.lang\.Exception: )?", re.S)
_HTTP_STATUS: Final = re.compile(
    r"\b(?:HTTP(?:/[\d.]+)?|status(?:[ _-]?code)?)\s*[:=]?\s*(?P<code>[1-5]\d\d)\b"
    r"|\A(?P<bare>[45]\d\d)(?= [A-Z])",
    re.I,
)

_PLACES: Final = re.compile(r"\[[^\]/]*\]|__\d+(?=/|\Z)")
_MASKS: Final = (
    (re.compile(r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|`[^`\n]*`"), "<text>"),
    (re.compile(r"\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b", re.I), "<id>"),
    (re.compile(r"\b0x[\da-f]+\b", re.I), "<id>"),
    # A word of hex digits or letters and digits mixed is a generated name, not prose.
    (re.compile(r"\b(?=[\da-f]*\d)[\da-f]{8,}\b", re.I), "<id>"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]*\d[\w-]*\b"), "<id>"),
    (re.compile(r"[-+]?\d+(?:[.,:]\d+)*(?:e[-+]?\d+)?", re.I), "<n>"),
    (re.compile(r"\s+"), " "),
)


def fingerprint(error_type: str, place: str, message: str) -> str:
    """Return 16 hex digits that failures with the same cause share.

    Args:
        error_type: Exception type, with or without its module; empty: taken from ``message``.
        place: Run path of the failed task; iteration numbers in it don't count.
        message: The error's text; numbers, ids and quoted text in it don't count.
    """
    if not error_type:
        error_type, message = split_reason(message)
    parts = (_short(error_type), _PLACES.sub("", place), masked(message))
    text = whole_characters("\0".join(parts)).encode()
    return hashlib.blake2b(text, digest_size=_HASH_BYTES).hexdigest()


def masked(message: str) -> str:
    """The message with quoted text, ids and numbers replaced by what they are."""
    text = message[:_MESSAGE_LENGTH]
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text.strip()


def split_reason(reason: str | None) -> tuple[str, str]:
    """Return (type, message) of a reason text; the type is empty when it names none.

    ``ValueError: x`` gives ``ValueError``; a text that tells an HTTP status, ``HTTP 503``; a
    wrapping such as ``Failed to … due to: …`` is looked through.
    """
    text = (reason or "").strip()
    wrapper = _WRAPPER.match(text)
    inner = text[wrapper.end() :] if wrapper else text
    typed = _TYPED.match(inner)
    if typed is not None:
        return _short(typed["type"]), typed["message"]
    status = _HTTP_STATUS.search(inner)
    if status is not None:
        return f"HTTP {status['code'] or status['bare']}", inner
    return "", inner


def error_line(error_type: str, message: str) -> str:
    """The error as one line of at most 300 characters: ``ValueError: amount is negative``."""
    first = next((line.strip() for line in message.splitlines() if line.strip()), "")
    kind = _short(error_type)
    if kind.startswith("HTTP ") and kind.split()[1] in first:
        kind = ""  # the text tells the status itself
    line = f"{kind}: {first}" if kind and first else kind or first
    return line if len(line) <= LINE_LENGTH else line[: LINE_LENGTH - 1] + "…"


def _short(error_type: str) -> str:
    """``requests.exceptions.Timeout`` → ``Timeout``: modules move between releases."""
    return error_type if " " in error_type else error_type.rpartition(".")[2]
