"""Administration of users, API keys, share links and secrets; the audit to read."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Final

from ..errors import InvalidRequestError
from ..runtime.accounts import hash_password
from ..runtime.desk import Desk
from ..runtime.vault import check_secret
from ..store.base import AuditRow
from .access import Role
from .base import Wire
from .credentials import CredentialService

LONGEST_LINK_SECONDS: Final = 90 * 86400
LINK_SECONDS: Final = 7 * 86400
AUDIT_PAGE: Final = 500


class AccountService(CredentialService):
    """Who may come in. Nothing here gives out a hash, and secrets only once, when made."""

    def users(self) -> list[Wire]:
        """Users by name, without hashes; ``signOn`` for those of an identity provider."""
        shown = ("name", "role", "createTime", "updateTime")
        return [
            {key: user[key] for key in shown} | ({"signOn": True} if "signOn" in user else {})
            for _, user in sorted(self._accounts.users.items())
        ]

    def add_user(self, name: str, role: str, password: str) -> Future[None]:
        """Add a person who logs in with a password. Slow on purpose: not for the event loop.

        Raises:
            InvalidRequestError: The name, role or password can't be used.
            ConflictError: (from the future) the name is taken.
        """
        checked_role(role)
        hashed = hash_password(password)
        return self._change(lambda accounts, now: [accounts.add_hashed(name, role, hashed, now)])

    def change_user_role(self, name: str, role: str) -> Future[None]:
        """Give a person another role; it counts at once, in open pages as well.

        Raises:
            NotFoundError: (from the future) there is no such user.
        """
        checked_role(role)
        return self._change(lambda accounts, now: [accounts.change_role(name, role, now)])

    def change_password(self, name: str, password: str) -> Future[None]:
        """Give a person another password; their sessions end. Slow on purpose.

        Raises:
            NotFoundError: (from the future) there is no such user.
        """
        hashed = hash_password(password)
        return self._change(lambda accounts, now: [accounts.change_password(name, hashed, now)])

    def remove_user(self, name: str) -> Future[None]:
        """Take a person out; their sessions end at once.

        Raises:
            NotFoundError: (from the future) there is no such user.
        """
        return self._change(lambda accounts, now: [accounts.remove_user(name, now)])

    def api_keys(self) -> list[Wire]:
        """API keys by name, without hashes."""
        wanted = ("id", "name", "role", "createTime", "expireTime")
        keys = sorted(self._accounts.api_keys.values(), key=lambda key: (key["name"], key["id"]))
        return [{name: key[name] for name in wanted} for key in keys]

    def create_api_key(self, name: str, role: str, seconds: int = 0) -> Future[Wire]:
        """Make a key for a program; resolves to ``keyId`` and ``keySecret``, shown only now.

        Args:
            name: What it is for; histories show it.
            role: What it is trusted with.
            seconds: How long it holds; 0: until it is revoked.
        """
        checked_role(role)
        if seconds < 0:
            raise InvalidRequestError("A key can't hold for less than 0 seconds.")

        def make(desk: Desk) -> Wire:
            now = desk.clock.now().wall_ms
            until = now + seconds * 1000 if seconds else 0
            made = self._accounts.add_api_key(name, role, now, until)
            desk.outbox.commit.protected.append(made.row)
            return {"keyId": made.id, "keySecret": made.secret, "name": name, "role": role}

        return self._submit(make)

    def revoke_api_key(self, key_id: str) -> Future[None]:
        """Take a key out; its tokens are refused at once.

        Raises:
            NotFoundError: (from the future) there is no such key.
        """
        return self._change(lambda accounts, now: [accounts.revoke_api_key(key_id, now)])

    def share_execution(self, workflow_id: str, seconds: int = LINK_SECONDS) -> Future[Wire]:
        """Make a read-only link to one execution and what it started.

        Args:
            workflow_id: The execution; everything below it is shown too.
            seconds: How long the link holds, 90 days at most.

        Returns:
            Resolves to ``id``, ``token`` (shown only now), ``scope`` (``execution`` or ``board``),
            ``workflowId`` (empty: the board) and ``expireTime`` (epoch ms).

        Raises:
            NotFoundError: (from the future) there is no such execution.
        """
        return self._share(workflow_id, seconds)

    def share_board(self, seconds: int = LINK_SECONDS) -> Future[Wire]:
        """Make a read-only link to the board; see ``share_execution``."""
        return self._share("", seconds)

    def _share(self, workflow_id: str, seconds: int) -> Future[Wire]:
        if not 60 <= seconds <= LONGEST_LINK_SECONDS:
            days = LONGEST_LINK_SECONDS // 86400
            raise InvalidRequestError(f"A link holds from a minute to {days} days.")

        def make(desk: Desk) -> Wire:
            if workflow_id:
                desk.state(workflow_id)
            now = desk.clock.now().wall_ms
            until = now + seconds * 1000
            made = self._accounts.add_share_link(workflow_id, self._caller.name, now, until)
            desk.outbox.commit.protected.append(made.row)
            return {
                "id": made.id,
                "token": f"{made.id}.{made.secret}",
                "scope": _scope(workflow_id),
                "workflowId": workflow_id,
                "expireTime": until,
            }

        return self._with_execution(workflow_id, make) if workflow_id else self._submit(make)

    def share_links(self, workflow_id: str | None = None) -> list[Wire]:
        """Links that have been made and not revoked, of one execution on demand; no tokens."""
        wanted = ("id", "workflowId", "createdBy", "createTime", "expireTime")
        links = sorted(self._accounts.share_links.values(), key=lambda link: link["createTime"])
        return [
            {**{name: link[name] for name in wanted}, "scope": _scope(link["workflowId"])}
            for link in links
            if workflow_id is None or link["workflowId"] == workflow_id
        ]

    def revoke_share_link(self, link_id: str) -> Future[None]:
        """Take a link out; pages opened through it show nothing more.

        Raises:
            NotFoundError: (from the future) there is no such link.
        """
        return self._change(lambda accounts, now: [accounts.revoke_share_link(link_id, now)])

    def secrets_are_writable(self) -> bool:
        """Whether this process has a key to store secrets with."""
        return self._runtime.vault.is_writable

    def set_secret(self, name: str, value: str) -> Future[None]:
        """Store or replace ``${workflow.secrets.NAME}``, encrypted.

        Raises:
            InvalidRequestError: The name can't be used, or the value is empty or too long.
            UnsupportedError: (from the future) there is no key; the environment provides alone.
        """
        check_secret(name, value)
        vault = self._runtime.vault
        return self._change(lambda accounts, now: [vault.put(name, value, now)])

    def delete_secret(self, name: str) -> Future[None]:
        """Take a stored secret out.

        Raises:
            NotFoundError: (from the future) no such secret is stored.
        """
        vault = self._runtime.vault
        return self._change(lambda accounts, now: [vault.drop(name, now)])

    def audit(
        self,
        before: int = 0,
        limit: int = 100,
        actor: str = "",
        operation: str = "",
        about: str = "",
        since_ms: int = 0,
        until_ms: int = 0,
    ) -> list[AuditRow]:
        """A page of the audit, newest first. Blocks.

        Args:
            before: Only rows with smaller numbers; 0: from the newest.
            limit: How many, 500 at most.
            actor: Only of this one.
            operation: Only this operation.
            about: Only objects whose name begins so.
            since_ms: Only from then on, epoch milliseconds; 0: from the first.
            until_ms: Only until then; 0: to the newest.
        """
        page = min(limit, AUDIT_PAGE)
        between = (since_ms, until_ms)
        return self._runtime.store.audit(before, page, actor, operation, about, between)


def _scope(workflow_id: str) -> str:
    return "execution" if workflow_id else "board"


def checked_role(role: str) -> Role:
    """A role by its name, or a refusal that lists them."""
    try:
        return Role(role)
    except ValueError:
        known = ", ".join(Role)
        raise InvalidRequestError(f"'{role[:80]}' is no role; there are {known}.") from None
