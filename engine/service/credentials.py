"""Who somebody is: log-ins, sessions, API keys and their tokens, opened share links."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from ..errors import TooManyRequestsError, UnauthorizedError
from ..runtime.accounts import Accounts, is_password, is_secret
from ..runtime.desk import Desk
from ..runtime.signatures import read, sign
from ..store.base import MetadataRow
from .access import Caller, CallerKind, Role, Scope
from .annotations import AnnotationService
from .auditing import Note
from .base import Wire

SESSION_SECONDS: Final = 12 * 3600
TOKEN_SECONDS: Final = 3600
"""How long a token from a key and secret holds. SDKs renew theirs after 30 to 45 minutes."""
_WAITING_LOGINS: Final = 20
_SESSION, _TOKEN, _LINK = "session", "token", "link"
_DUMMY_HASH: Final = (
    "$argon2id$v=19$m=65536,t=3,p=4$7L1CAFUcTo8sWQ8HSZjMFQ$"
    "xQi9nMFth0H9nvKJrm6/68xKBixeQE5YpWrAFct4PTQ"
)
"""Checked when there is no such user, so that both cases take the same time."""


class CredentialService(AnnotationService):
    """Who comes in, by what they show."""

    @property
    def _accounts(self) -> Accounts:
        return self._runtime.accounts

    # -- for doors; no caller may call these through their view ---------------------------

    def needs_login(self) -> bool:
        """Whether anybody is configured: then nobody comes in without saying who they are."""
        return self._accounts.is_configured

    def has_users(self) -> bool:
        """Whether there is anybody who could log in with a password."""
        return self._accounts.has_passwords

    def log_in(self, name: str, password: str, address: str) -> Future[str]:
        """Check a password; resolves to a session's signed token, for a cookie.

        Args:
            name: Who they say they are.
            password: What they say proves it.
            address: Where they are; wrong tries are counted for it and for the name.

        Raises:
            UnauthorizedError: (from the future) the name or the password is wrong.
            TooManyRequestsError: Too many tries have failed, or too many are under way.
        """
        throttle, waiting = self._runtime.login_throttle, self._runtime.password_checks
        keys = (f"from {address}", f"{name[:80]} from {address}")
        throttle.check(*keys, f"name {name[:80]}")
        throttle.failed(*keys, f"name {name[:80]}")  # taken back below: parallel tries count too
        if waiting.qsize() >= _WAITING_LOGINS:
            raise TooManyRequestsError("Too many log-ins at once; try again in a moment.", 2.0)

        def check() -> str:
            user = self._accounts.users.get(name)
            hashed = user["passwordHash"] if user else ""
            right = is_password(password, hashed or _DUMMY_HASH)
            if not hashed or not right:
                self._tell_audit("log_in_failed", f"users/{name[:80]}", name, address)
                raise UnauthorizedError("The name or the password is wrong.")
            throttle.succeeded(*keys, f"name {name[:80]}")
            self._tell_audit("log_in", f"users/{name}", name, address)
            return self.session_of(name)

        return waiting.submit(check)

    def session_of(self, name: str) -> str:
        """A new session of a user who has been checked elsewhere (OIDC): a signed token.

        Raises:
            UnauthorizedError: There is no such user.
        """
        user = self._accounts.users.get(name)
        if user is None:
            raise UnauthorizedError(f"There is no user '{name}' here; an admin can add them.")
        until = self._now_seconds() + SESSION_SECONDS
        session = {"u": name, "s": secrets.token_hex(8), "g": user["stamp"], "e": until}
        return sign(_SESSION, session, self._signing_key())

    def log_out(self, session: str) -> Future[None]:
        """End a session before its time; unknown ones are passed over."""
        payload = read(_SESSION, session, self._signing_key())
        if payload is None:
            return self._change(lambda accounts, now: [])
        return self._change(
            lambda accounts, now: [
                *accounts.forget_ended_sessions(now),
                accounts.end_session(payload["s"], now, payload["e"] * 1000),
            ]
        )

    def caller_of_session(self, session: str, address: str) -> Caller:
        """Whose session a signed token is.

        Raises:
            UnauthorizedError: It was not made here, has run out, was ended, or its user's
                password has changed since.
        """
        payload = read(_SESSION, session, self._signing_key())
        if payload is None or payload["s"] in self._accounts.ended_sessions:
            raise UnauthorizedError("Log in first.", "INVALID_TOKEN")
        user = self._accounts.users.get(payload["u"])
        if user is None or user["stamp"] != payload["g"] or payload["e"] < self._now_seconds():
            raise UnauthorizedError("The session has ended; log in again.", "EXPIRED_TOKEN")
        return Caller(
            user["name"],
            CallerKind.USER,
            Role(user["role"]),
            address,
            key_id=user["stamp"],
            expires_ms=payload["e"] * 1000,
            session_id=payload["s"],
        )

    def exchange_key(self, key_id: str, secret: str, address: str) -> str:
        """A signed token for an API key's id and secret: what SDKs do at their start.

        Raises:
            UnauthorizedError: There is no such key, or the secret is another.
            TooManyRequestsError: Too many tries have failed.
        """
        caller = self._caller_of_key(key_id, secret, address)
        until = self._now_seconds() + TOKEN_SECONDS
        if caller.expires_ms:
            until = min(until, caller.expires_ms // 1000)
        return sign(_TOKEN, {"k": key_id, "e": until}, self._signing_key())

    def caller_of_token(self, token: str, address: str) -> Caller:
        """Whose token it is: one from ``exchange_key``, or ``KEYID.SECRET`` itself.

        Raises:
            UnauthorizedError: ``token_error`` tells SDKs whether to ask for a new one.
        """
        payload = read(_TOKEN, token, self._signing_key())
        if payload is None:
            key_id, _, secret = token.partition(".")
            if key_id not in self._accounts.api_keys:
                raise UnauthorizedError("The token was not made by this server.", "INVALID_TOKEN")
            return self._caller_of_key(key_id, secret, address)
        if payload["e"] < self._now_seconds():
            raise UnauthorizedError("The token has run out; ask for a new one.", "EXPIRED_TOKEN")
        key = self._accounts.api_keys.get(payload["k"])
        if key is None:
            raise UnauthorizedError("The API key of this token was revoked.", "INVALID_TOKEN")
        return self._key_caller(key, address)

    def _caller_of_key(self, key_id: str, secret: str, address: str) -> Caller:
        throttle, place = self._runtime.login_throttle, f"key from {address}"
        throttle.check(place)
        key = self._accounts.api_keys.get(key_id)
        if key is None or not is_secret(secret, key["secretHash"]):
            throttle.failed(place)
            raise UnauthorizedError("The key id or its secret is wrong.", "INVALID_TOKEN")
        throttle.succeeded(place)
        return self._key_caller(key, address)

    def _key_caller(self, key: Wire, address: str) -> Caller:
        caller = Caller(
            key["name"],
            CallerKind.KEY,
            Role(key["role"]),
            address,
            key_id=key["id"],
            expires_ms=key["expireTime"],
        )
        if caller.expires_ms and caller.expires_ms <= self._now_seconds() * 1000:
            raise UnauthorizedError("The API key has run out; make another.", "INVALID_TOKEN")
        return caller

    def open_link(self, token: str, address: str) -> str:
        """Exchange a share link's token for a signed one that fits into a cookie.

        Raises:
            UnauthorizedError: There is no such link, or it has run out.
            TooManyRequestsError: Too many tries have failed.
        """
        throttle, place = self._runtime.login_throttle, f"link from {address}"
        throttle.check(place)
        link_id, _, secret = token.partition(".")
        link = self._accounts.share_links.get(link_id)
        if link is None or not is_secret(secret, link["secretHash"]):
            throttle.failed(place)
            raise UnauthorizedError("This link is not valid, or it was revoked.")
        payload = {"l": link_id, "e": link["expireTime"] // 1000}
        opened = sign(_LINK, payload, self._signing_key())
        self.caller_of_link(opened, address)
        return opened

    def caller_of_link(self, opened: str, address: str) -> Caller:
        """Who looks through an opened link: a viewer whose scope is what was shared.

        Raises:
            UnauthorizedError: The link has run out or was revoked.
        """
        payload = read(_LINK, opened, self._signing_key())
        link = None if payload is None else self._accounts.share_links.get(payload["l"])
        if link is None:
            raise UnauthorizedError("This link is not valid, or it was revoked.")
        if link["expireTime"] < self._now_seconds() * 1000:
            raise UnauthorizedError("This link has run out; ask for a new one.")
        return Caller(
            f"link of {link['createdBy']}",
            CallerKind.LINK,
            Role.VIEWER,
            address,
            Scope(link["workflowId"]),
            link["id"],
            link["expireTime"],
        )

    # -- inside --------------------------------------------------------------------------

    def _change(self, change: Callable[[Accounts, int], list[MetadataRow]]) -> Future[None]:
        def run(desk: Desk) -> None:
            rows = change(self._accounts, desk.clock.now().wall_ms)
            desk.outbox.commit.protected += rows

        return self._submit(run)

    def _tell_audit(self, operation: str, about: str, name: str, address: str) -> None:
        """Audit what no command changes: log-ins, right and wrong ones."""
        note = Note(Caller(name[:80], CallerKind.USER, Role.VIEWER, address), operation, about)

        def file(desk: Desk) -> None:
            desk.outbox.commit.audit.append(note.row(desk.clock.now().wall_ms, about))

        self._runtime.decider.post(file)

    def _signing_key(self) -> bytes:
        accounts = self._accounts
        with accounts.guard:
            key = accounts.signing_key()
            if key is not None:
                return key
            row = accounts.draw_signing_key(self._runtime.clock.now().wall_ms)
            key = accounts.signing_key()

        def keep(desk: Desk) -> None:
            desk.outbox.commit.protected.append(row)

        self._runtime.decider.post(keep)
        assert key is not None
        return key

    def _now_seconds(self) -> int:
        return self._runtime.clock.now().wall_ms // 1000
