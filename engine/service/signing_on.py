"""People who sign on through an identity provider: who they are here, and in which role.

What a provider says is checked where it is asked (``studio/sign_on.py``); here it is known.
"""

from __future__ import annotations

from concurrent.futures import Future

from ..errors import EngineError
from ..runtime.desk import Desk
from ..store.base import MetadataRow
from .access import Caller, CallerKind, Role
from .accounts import AccountService, checked_role
from .auditing import Note


class SignOnService(AccountService):
    """Accounts without passwords."""

    def require_log_in(self) -> None:
        """Let nobody in without a log-in from now on, even while nobody is named."""
        self._accounts.is_log_in_required = True

    def add_signing_on_user(self, name: str, role: str) -> Future[None]:
        """Add a person who signs on through the identity provider; they have no password here.

        Raises:
            InvalidRequestError: The name or role can't be used.
            ConflictError: (from the future) the name is taken.
        """
        checked_role(role)
        return self._change(lambda accounts, now: [accounts.add_signing_on(name, role, now)])

    def sign_on(
        self, name: str, subject: str, role: str, otherwise: str, address: str
    ) -> Future[str]:
        """Let a person in whom the provider vouches for; resolves to a session's signed token.

        A person is added at their first sign-on if their groups or ``otherwise`` give a role.

        Args:
            name: What the provider calls them.
            subject: Whom it means by that: another subject under a known name is refused.
            role: What their groups give them; empty: nothing.
            otherwise: Role of the unnamed whose groups give nothing; empty: they are refused.
            address: Where they are, for the audit.

        Raises:
            ForbiddenError: (from the future) they may not come in; the audit tells it.
        """
        caller = Caller(name[:80], CallerKind.USER, Role.VIEWER, address)
        about = f"users/{name[:80]}"

        def enter(desk: Desk) -> str:
            now = desk.clock.now().wall_ms
            commit = desk.outbox.commit
            try:
                rows: list[MetadataRow] = self._accounts.sign_on(
                    name, subject, role, otherwise, now
                )
            except EngineError:
                self._tell_audit("sign_on_failed", about, name, address)
                raise
            commit.protected += rows
            commit.audit.append(Note(caller, "sign_on", about).row(now, about))
            return self.session_of(name)

        return self._submit(enter)
