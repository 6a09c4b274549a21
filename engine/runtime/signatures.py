"""Signed tokens: short texts that nobody but this server can make, and that run out.

``<payload>.<signature>``, both base64url. The signature covers the kind, so that a share link's
cookie is no session. Nothing in a payload is secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, Final

KEY_BYTES: Final = 32
_LONGEST: Final = 2048
"""Longer texts are no tokens of ours; nothing is computed over them."""


def sign(kind: str, payload: dict[str, Any], key: bytes) -> str:
    """A token of a kind; ``payload["e"]`` is when it runs out, in epoch seconds."""
    text = _encoded(json.dumps(payload, separators=(",", ":")).encode())
    return f"{text}.{_encoded(_signature(kind, text, key))}"


def read(kind: str, token: str, key: bytes) -> dict[str, Any] | None:
    """The payload of a token of that kind that this server signed, run out or not; else None."""
    text, dot, signature = token.partition(".")
    if not dot or len(token) > _LONGEST or not token.isascii():
        return None
    if not hmac.compare_digest(_encoded(_signature(kind, text, key)), signature):
        return None
    payload = json.loads(_decoded(text))
    return payload if isinstance(payload, dict) else None


def _signature(kind: str, text: str, key: bytes) -> bytes:
    return hmac.digest(key, f"{kind}.{text}".encode(), hashlib.sha256)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
