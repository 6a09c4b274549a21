"""The service as one caller has it: every call checked, every change in their name.

Rules of this file
  1. Deny by default: what is not in ``access.OPERATIONS`` is refused.
  2. A check happens when something is called, so that a bound method may be passed around.
  3. The local caller pays nothing: their methods are the service's own, looked up once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from ..errors import ForbiddenError, UnauthorizedError
from ..runtime.accounts import Accounts
from .access import OPERATIONS, Caller, CallerKind, Role, is_audited, needed_for
from .auditing import Note, about

if TYPE_CHECKING:
    from .base import ServiceBase

logger = logging.getLogger(__name__)


class ActingService:
    """Looks like a ``Service``, acts for one caller. Callable from any thread."""

    def __init__(self, service: ServiceBase, caller: Caller) -> None:
        """Use ``Service.acting_as``, which keeps types."""
        self._service = service
        self._caller = caller
        self._generation = service._runtime.accounts.generation

    @property
    def caller(self) -> Caller:
        """For whom it acts, as they stand now.

        Raises:
            UnauthorizedError: They may not come in any more.
        """
        return self._present()

    @property
    def capabilities(self) -> frozenset[str]:
        """What the engine can do; what of it the caller may do is another matter."""
        return self._service.capabilities

    def __getattr__(self, name: str) -> Any:
        """The operation, checked at each call; kept, so that the next look-up costs nothing."""
        method = None if name.startswith("_") else getattr(self._service, name, None)
        if method is None:
            raise AttributeError(name)
        kind = self._caller.kind
        is_free = kind is CallerKind.LOCAL and OPERATIONS.get(name) and not is_audited(name, kind)
        call = method if is_free else self._checked(name)
        self.__dict__[name] = call
        return call

    def _checked(self, name: str) -> Callable[..., Any]:
        service = self._service
        method = getattr(service._for_caller(self._caller), name)
        audited = is_audited(name, self._caller.kind)

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            given = args or tuple(kwargs.values())
            caller = self._present()
            check(caller, name, given)
            if not audited:
                return method(*args, **kwargs)
            twin = service._for_caller(caller, Note(caller, name, about(given)))
            return getattr(twin, name)(*args, **kwargs)

        return call

    def _present(self) -> Caller:
        """The caller as they stand now: a page may stay open longer than they are welcome.

        Raises:
            UnauthorizedError: They were taken out, or what they came in with has run out.
        """
        runtime = self._service._runtime
        if self._generation != runtime.accounts.generation:
            generation = runtime.accounts.generation
            self._caller = current(runtime.accounts, self._caller)
            self._generation = generation
        expires_ms = self._caller.expires_ms
        if expires_ms and expires_ms <= runtime.clock.now().wall_ms:
            raise UnauthorizedError("Time is up; log in again.", "EXPIRED_TOKEN")
        return self._caller


def current(accounts: Accounts, caller: Caller) -> Caller:
    """The caller as their account stands now.

    Raises:
        UnauthorizedError: It is gone, or was renewed since they came in.
    """
    table = {
        CallerKind.USER: accounts.users,
        CallerKind.KEY: accounts.api_keys,
        CallerKind.LINK: accounts.share_links,
    }.get(caller.kind)
    if table is None:
        return caller
    key = caller.name if caller.kind is CallerKind.USER else caller.key_id
    account = table.get(key)
    if account is None or account.get("stamp", caller.key_id) != caller.key_id:
        raise UnauthorizedError(
            f"{caller.kind} '{caller.name}' may not come in any more.", "INVALID_TOKEN"
        )
    if caller.session_id in accounts.ended_sessions:
        raise UnauthorizedError("The session was ended; log in again.", "INVALID_TOKEN")
    return replace(caller, role=Role(account.get("role", caller.role)))


def check(caller: Caller, operation: str, arguments: tuple[Any, ...] = ()) -> None:
    """Let a call pass, or raise.

    Raises:
        ForbiddenError: The caller's role does not include it, or only part of it is shared.
    """
    needed = needed_for(operation, arguments)
    if caller.scope is None and caller.role.may(needed):
        return
    words = operation.replace("_", " ")
    logger.warning("Refused %s to %s from %s.", words, caller.words, caller.address or "here")
    if not needed:
        raise ForbiddenError(f"'{words}' is not offered to anybody from outside.")
    if caller.scope is not None:
        raise ForbiddenError(f"A share link shows what it was made for; '{words}' is not in it.")
    roles = " or ".join(sorted(needed))
    raise ForbiddenError(
        f"'{words}' needs the role {roles}; {caller.words} has not got it. An admin can grant it."
    )
