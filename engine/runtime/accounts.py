"""Who may come in: users, API keys, share links. Passwords and secrets only as hashes.

Read from any thread; changed on the decider thread, or by whoever alone has the store open.
A change gives the row to commit. Keys and links have 256 random bits, so that one round of
SHA-256 hides them well enough; passwords go through Argon2id.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from ..errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from ..store.base import MetadataRow, Store
from .signatures import KEY_BYTES

Wire = dict[str, Any]

USERS: Final = "users"
API_KEYS: Final = "api_keys"
SHARE_LINKS: Final = "share_links"
ENDED_SESSIONS: Final = "ended_sessions"
SERVER_KEYS: Final = "server_keys"

SHORTEST_PASSWORD: Final = 10
LONGEST_PASSWORD: Final = 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A key or link just made: the only time its secret is seen."""

    id: str
    secret: str
    row: MetadataRow


class Accounts:
    """Users, keys and links of one store, in memory."""

    def __init__(self, store: Store) -> None:
        """Read what the store has."""
        self._store = store
        self.guard = threading.Lock()
        """Held while the signing key is drawn, by whichever thread needs it first."""
        self.generation = 0
        """Grows with every change: what was worked out from an account holds as long as it."""
        self.reload()
        self.is_log_in_required = False
        """Whether people can sign on through an identity provider, named here or not."""

    def reload(self) -> None:
        """Read again what the store has, and forget what it has not."""
        store = self._store
        self.users = _bodies(store, USERS)
        self.api_keys = _bodies(store, API_KEYS)
        self.share_links = _bodies(store, SHARE_LINKS)
        self.ended_sessions = _bodies(store, ENDED_SESSIONS)
        with self.guard:
            self._server_keys = _bodies(store, SERVER_KEYS)
        self.generation += 1

    @property
    def is_configured(self) -> bool:
        """Whether anybody has been named; else the local person needs no log-in."""
        return bool(self.is_log_in_required or self.users or self.api_keys)

    @property
    def has_passwords(self) -> bool:
        """Whether anybody could log in with a password."""
        return any(user["passwordHash"] for user in self.users.values())

    # -- users ---------------------------------------------------------------------------

    def add_hashed(self, name: str, role: str, password_hash: str, wall_ms: int) -> MetadataRow:
        """Add a person whose password has been hashed already (``hash_password``).

        Raises:
            ConflictError: The name is taken.
            InvalidRequestError: The name can't be used.
        """
        _check_name(name)
        if name in self.users:
            raise ConflictError(f"There is a user '{name}' already.")
        body = {
            "name": name,
            "role": role,
            "passwordHash": password_hash,
            "stamp": secrets.token_hex(8),
            "createTime": wall_ms,
            "updateTime": wall_ms,
        }
        return self._put(USERS, name, body, wall_ms)

    def change_password(self, name: str, password_hash: str, wall_ms: int) -> MetadataRow:
        """Give a person another password: sessions begun with the old one end."""
        user = self._known(USERS, name)
        if "signOn" in user:
            raise InvalidRequestError(f"'{name}' signs on elsewhere and has no password here.")
        changed = {
            "passwordHash": password_hash,
            "stamp": secrets.token_hex(8),
            "updateTime": wall_ms,
        }
        return self._put(USERS, name, {**user, **changed}, wall_ms)

    def add_signing_on(
        self, name: str, role: str, wall_ms: int, subject: str = "", by_groups: bool = False
    ) -> MetadataRow:
        """Add a person who signs on through an identity provider.

        Args:
            name: What the provider calls them.
            role: What they are trusted with.
            wall_ms: Now, epoch milliseconds.
            subject: Whom the provider means by it; empty: the first who signs on by the name.
            by_groups: Whether the role follows what the provider says at every sign-on.

        Raises:
            ConflictError: The name is taken.
            InvalidRequestError: The name can't be used.
        """
        row = self.add_hashed(name, role, "", wall_ms)
        known = {"subject": subject, "byGroups": by_groups}
        return self._put(USERS, name, {**(row.body or {}), "signOn": known}, wall_ms)

    def sign_on(
        self, name: str, subject: str, role: str, otherwise: str, wall_ms: int
    ) -> list[MetadataRow]:
        """Let a person in whom an identity provider vouches for.

        Args:
            name: What the provider calls them.
            subject: Whom it means by that, for ever: names are given to others in time.
            role: What their groups give them; empty: nothing.
            otherwise: Role of people who are not named and whose groups give nothing; empty:
                they are refused.
            wall_ms: Now, epoch milliseconds.

        Raises:
            ForbiddenError: They may not come in.
            InvalidRequestError: The name can't be used.
        """
        user = self.users.get(name)
        if user is not None and "signOn" not in user:
            raise ForbiddenError(f"'{name}' logs in with a password here.")
        known = {"subject": "", "byGroups": True} if user is None else user["signOn"]
        if known["subject"] not in ("", subject):
            raise ForbiddenError(
                f"'{name}' is somebody else at the identity provider now; "
                "an admin has to remove the old user first."
            )
        if known["byGroups"]:
            role = role or otherwise
        elif user is not None:
            role = user["role"]
        if not role:
            raise ForbiddenError(f"'{name}' is not named here; an admin can add them.")
        if user is None:
            return [self.add_signing_on(name, role, wall_ms, subject, by_groups=True)]
        if known["subject"] == subject and user["role"] == role:
            return []
        changed = {"role": role, "signOn": {**known, "subject": subject}, "updateTime": wall_ms}
        return [self._put(USERS, name, {**user, **changed}, wall_ms)]

    def change_role(self, name: str, role: str, wall_ms: int) -> MetadataRow:
        """Give a person another role; it counts at once, open pages included."""
        user = {**self._known(USERS, name), "role": role, "updateTime": wall_ms}
        if "signOn" in user:  # what an admin says counts for more than groups from now on
            user["signOn"] = {**user["signOn"], "byGroups": False}
        return self._put(USERS, name, user, wall_ms)

    def remove_user(self, name: str, wall_ms: int) -> MetadataRow:
        """Take a person out; their sessions end at once."""
        self._known(USERS, name)
        return self._drop(USERS, name, wall_ms)

    # -- API keys ------------------------------------------------------------------------

    def add_api_key(self, name: str, role: str, wall_ms: int, expire_time_ms: int = 0) -> NewSecret:
        """Make a key. ``expire_time_ms``: epoch milliseconds; 0: it never runs out."""
        _check_name(name)
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        body = {
            "id": key_id,
            "name": name,
            "role": role,
            "secretHash": hash_secret(secret),
            "createTime": wall_ms,
            "expireTime": expire_time_ms,
        }
        return NewSecret(key_id, secret, self._put(API_KEYS, key_id, body, wall_ms))

    def revoke_api_key(self, key_id: str, wall_ms: int) -> MetadataRow:
        """Take a key out; tokens made from it are refused at once."""
        self._known(API_KEYS, key_id)
        return self._drop(API_KEYS, key_id, wall_ms)

    # -- share links ---------------------------------------------------------------------

    def add_share_link(
        self, workflow_id: str, created_by: str, wall_ms: int, expire_time_ms: int
    ) -> NewSecret:
        """Make a link to one execution, or with an empty id to the board."""
        link_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        body = {
            "id": link_id,
            "workflowId": workflow_id,
            "secretHash": hash_secret(secret),
            "createdBy": created_by,
            "createTime": wall_ms,
            "expireTime": expire_time_ms,
        }
        return NewSecret(link_id, secret, self._put(SHARE_LINKS, link_id, body, wall_ms))

    def revoke_share_link(self, link_id: str, wall_ms: int) -> MetadataRow:
        """Take a link out; pages opened through it show nothing more."""
        self._known(SHARE_LINKS, link_id)
        return self._drop(SHARE_LINKS, link_id, wall_ms)

    # -- sessions and keys of the server -------------------------------------------------

    def end_session(self, session_id: str, wall_ms: int, expire_time_ms: int) -> MetadataRow:
        """Remember that a session was logged out, as long as its cookie would hold."""
        return self._put(ENDED_SESSIONS, session_id, {"expireTime": expire_time_ms}, wall_ms)

    def forget_ended_sessions(self, wall_ms: int) -> list[MetadataRow]:
        """Rows that take out sessions whose cookies have run out by now."""
        past = [key for key, body in self.ended_sessions.items() if body["expireTime"] < wall_ms]
        return [self._drop(ENDED_SESSIONS, key, wall_ms) for key in past]

    def signing_key(self) -> bytes | None:
        """What this server signs sessions and tokens with; None: not drawn yet."""
        body = self._server_keys.get("signing")
        return None if body is None else base64.b64decode(body["key"])

    def draw_signing_key(self, wall_ms: int) -> MetadataRow:
        """Draw that key; kept in the store, so that a restart logs nobody out."""
        key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
        return self._put(SERVER_KEYS, "signing", {"key": key}, wall_ms)

    # -- inside --------------------------------------------------------------------------

    def _known(self, collection: str, key: str) -> Wire:
        body = self._table(collection).get(key)
        if body is None:
            word = {USERS: "user", API_KEYS: "API key", SHARE_LINKS: "share link"}[collection]
            raise NotFoundError(f"There is no {word} '{key}'.")
        return body

    def _table(self, collection: str) -> Mapping[str, Wire]:
        tables: dict[str, Mapping[str, Wire]] = {
            USERS: self.users,
            API_KEYS: self.api_keys,
            SHARE_LINKS: self.share_links,
            ENDED_SESSIONS: self.ended_sessions,
            SERVER_KEYS: self._server_keys,
        }
        return tables[collection]

    def _put(self, collection: str, key: str, body: Wire, wall_ms: int) -> MetadataRow:
        self._replace(collection, {**self._table(collection), key: body})
        return _row(collection, key, body, wall_ms)

    def _drop(self, collection: str, key: str, wall_ms: int) -> MetadataRow:
        left = {k: v for k, v in self._table(collection).items() if k != key}
        self._replace(collection, left)
        return _row(collection, key, None, wall_ms)

    def _replace(self, collection: str, table: dict[str, Wire]) -> None:
        name = "_server_keys" if collection == SERVER_KEYS else collection
        setattr(self, name, table)
        self.generation += 1


class PasswordChecks:
    """One thread that works Argon2 out: at 64 MB each, a flood of log-ins must not take more."""

    def __init__(self) -> None:
        """The thread starts with the first check."""
        self._executor = ThreadPoolExecutor(1, "password")
        self._waiting = 0
        self._guard = threading.Lock()

    def qsize(self) -> int:
        """How many checks wait or run."""
        return self._waiting

    def submit(self, check: Callable[[], str]) -> Future[str]:
        """Run a check when its turn comes."""
        with self._guard:
            self._waiting += 1
        future = self._executor.submit(check)
        future.add_done_callback(self._done)
        return future

    def _done(self, _: Future[str]) -> None:
        with self._guard:
            self._waiting -= 1

    def close(self) -> None:
        """Drop what waits."""
        self._executor.shutdown(wait=True, cancel_futures=True)


def hash_password(password: str) -> str:
    """The Argon2id hash of a password; takes tens of milliseconds and 64 MB on purpose.

    Raises:
        InvalidRequestError: It is too short or too long.
    """
    from argon2 import PasswordHasher

    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InvalidRequestError(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; "
            f"this one has {len(password)}."
        )
    return PasswordHasher().hash(password)


def is_password(password: str, password_hash: str) -> bool:
    """Whether a password is the one that was hashed. As slow as hashing."""
    from argon2 import PasswordHasher
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        return PasswordHasher().verify(password_hash, password[: LONGEST_PASSWORD + 1])
    except (Argon2Error, InvalidHashError):
        return False


def hash_secret(secret: str) -> str:
    """The SHA-256 of a secret of 256 random bits, in hex."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def is_secret(secret: str, secret_hash: str) -> bool:
    """Whether a secret is the one that was hashed; takes the same time for every wrong one."""
    return hmac.compare_digest(hash_secret(secret), secret_hash)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidRequestError(
            f"{name[:80]!r} can't be a name: letters, digits and . _ @ + - are, 64 at most."
        )


def _row(collection: str, key: str, body: Wire | None, wall_ms: int) -> MetadataRow:
    return MetadataRow(collection=collection, key=key, version=0, body=body, wall_ms=wall_ms)


def _bodies(store: Store, collection: str) -> Mapping[str, Wire]:
    return {row.key: row.body for row in store.protected(collection) if row.body is not None}
