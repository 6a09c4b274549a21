"""Secrets: from the process's environment, and encrypted in the store when there is a key.

Rules of this file
  1. A value is plain text in this process's memory and in the copy a worker is handed; nowhere
     else. What workers and scripts give back is searched for the values they were handed.
  2. A secret is sealed with AES-256-GCM under its own name, so that one can't be put in another's
     place.
  3. Without a key nothing can be written: the environment alone provides, as on a real server.
"""

from __future__ import annotations

import base64
import binascii
import logging
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidRequestError, NotFoundError, UnsupportedError
from ..store.base import MetadataRow, Store

KEY_VARIABLE: Final = "CONDUCTOR_STUDIO_SECRETS_KEY"
KEY_BYTES: Final = 32
COLLECTION: Final = "secrets"
MASK: Final = "•••"
_NONCE_BYTES: Final = 12
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_LONGEST: Final = 64 * 1024
_SHORTEST_HIDDEN: Final = 6
"""Shorter values are not searched for: ``1`` or ``true`` would be masked everywhere."""

logger = logging.getLogger(__name__)


class SecretVault(Mapping[str, str]):
    """Names to plain values. Read from any thread, changed on the decider thread."""

    def __init__(self, store: Store, given: Mapping[str, str], key: bytes | None) -> None:
        """Open what the store has.

        Args:
            store: Where sealed secrets are.
            given: Secrets of the environment; a stored one of the same name wins.
            key: 32 bytes, or None: stored secrets stay shut and none can be written.

        Raises:
            InvalidRequestError: The key is not the one that sealed them.
        """
        self._store = store
        self._given = dict(given)
        self._key = key
        self._stored: dict[str, str] = {}
        self.reload()

    def reload(self) -> None:
        """Read again what the store has, and forget what it has not.

        Raises:
            InvalidRequestError: The key is not the one that sealed it.
        """
        rows = self._store.protected(COLLECTION)
        if self._key is None:
            if rows:
                logger.warning(
                    "%d stored secrets can't be read: there is no key (%s).",
                    len(rows),
                    KEY_VARIABLE,
                )
            return
        self._stored = {row.key: self._opened(row) for row in rows if row.body is not None}

    def __getitem__(self, name: str) -> str:
        """The value of a secret."""
        return self._stored[name] if name in self._stored else self._given[name]

    def __iter__(self) -> Iterator[str]:
        """Names."""
        return iter({**self._given, **self._stored})

    def __len__(self) -> int:
        """How many there are."""
        return len({**self._given, **self._stored})

    def __repr__(self) -> str:
        """Names only."""
        return f"SecretVault({sorted(self)})"

    @property
    def is_writable(self) -> bool:
        """Whether there is a key to seal new ones with."""
        return self._key is not None

    def put(self, name: str, value: str, wall_ms: int) -> MetadataRow:
        """Store or replace a secret; the row to commit.

        Raises:
            UnsupportedError: There is no key.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if self._key is None:
            raise UnsupportedError(
                f"Secrets come from the environment only: there is no key to seal them with. Set "
                f"{KEY_VARIABLE}, or write one with `conductor-studio secret set NAME`."
            )
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._key).encrypt(nonce, value.encode(), name.encode())
        self._stored = {**self._stored, name: value}
        body = {"sealed": base64.b64encode(nonce + sealed).decode()}
        return _row(name, body, wall_ms)

    def drop(self, name: str, wall_ms: int) -> MetadataRow:
        """Take a stored secret out; the row to commit.

        Raises:
            NotFoundError: No such secret is stored (one of the environment can't be taken out).
        """
        if name not in self._stored:
            raise NotFoundError(f"No secret '{name}' is stored.")
        self._stored = {key: value for key, value in self._stored.items() if key != name}
        return _row(name, None, wall_ms)

    def _opened(self, row: MetadataRow) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        assert self._key is not None
        data = base64.b64decode((row.body or {})["sealed"])
        nonce, sealed = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
        try:
            return AESGCM(self._key).decrypt(nonce, sealed, row.key.encode()).decode()
        except InvalidTag:
            raise InvalidRequestError(
                f"The key does not open the stored secret '{row.key}'. Give the key that it was "
                f"written with ({KEY_VARIABLE}, or the key file beside the database)."
            ) from None


def check_secret(name: str, value: str) -> None:
    """Accept a secret's name and value, or refuse; the message never has the value.

    Raises:
        InvalidRequestError: The name can't be used, or the value is empty or too long.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name[:80]!r} can't be a secret's name: letters, digits, _ and -."
        )
    if not 0 < len(value) <= _LONGEST:
        raise InvalidRequestError(f"A secret has 1 to {_LONGEST} characters.")


def hidden(value: Any, known: Mapping[str, str]) -> Any:
    """The value with every known secret in its texts masked.

    Only where secrets are kept by us: what the environment alone provides comes back as it is from
    a real server (golden ``secrets-http-value``).
    """
    if not (isinstance(known, SecretVault) and known.is_writable):
        return value
    values = sorted((v for v in known.values() if len(v) >= _SHORTEST_HIDDEN), key=len)
    return _hidden(value, values[::-1]) if values else value


def find_key(db: str | Path, create: bool = False) -> bytes | None:
    """The key of a database's secrets: of the environment, else of the file beside it.

    Args:
        db: The database file.
        create: Draw a key and write the file, for its owner only, when there is neither.

    Raises:
        InvalidRequestError: The key has another length, or others may read its file.
    """
    text = os.environ.get(KEY_VARIABLE, "").strip()
    if text:
        return _decoded(text, KEY_VARIABLE)
    path = Path(f"{db}.secrets-key")
    if path.exists():
        if sys.platform != "win32" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InvalidRequestError(f"Others may read {path}; run `chmod 600` on it.")
        return _decoded(path.read_text().strip(), str(path))
    if not create:
        return None
    key = secrets.token_bytes(KEY_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.b64encode(key).decode() + "\n")
    return key


def _decoded(text: str, place: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidRequestError(f"{place} must hold {KEY_BYTES} bytes in base64.")
    return key


def _hidden(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        for secret in known:
            if secret in value:
                value = value.replace(secret, MASK)
        return value
    if isinstance(value, dict):
        return {_hidden(key, known): _hidden(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden(item, known) for item in value]
    return value


def _row(name: str, body: dict[str, Any] | None, wall_ms: int) -> MetadataRow:
    return MetadataRow(collection=COLLECTION, key=name, version=0, body=body, wall_ms=wall_ms)
