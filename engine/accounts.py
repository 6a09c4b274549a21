"""Users and keys of a store that nobody else has open: for commands, before a server starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from .runtime.accounts import Accounts, hash_password
from .runtime.vault import COLLECTION as SECRETS
from .runtime.vault import SecretVault, check_secret
from .service.access import LOCAL_CALLER
from .service.accounts import checked_role
from .service.auditing import Note
from .store.base import AuditRow, Commit, MetadataRow, Store


class OfflineAccounts:
    """The same changes as the service makes, durable when a method returns, audited as well."""

    def __init__(self, store: Store) -> None:
        """Over an open store that stays the caller's."""
        self._store = store
        self._accounts = Accounts(store)

    def is_configured(self) -> bool:
        """Whether there is anybody: a user or a key."""
        return self._accounts.is_configured

    def users(self) -> list[dict[str, Any]]:
        """Users by name: ``name``, ``role``, ``createTime``."""
        return [user for _, user in sorted(self._accounts.users.items())]

    def add_user(self, name: str, role: str, password: str) -> None:
        """Add a person; see ``Service.add_user``."""
        hashed = hash_password(password)
        row = self._accounts.add_hashed(name, checked_role(role), hashed, _now())
        self._keep("add_user", [row])

    def add_signing_on_user(self, name: str, role: str) -> None:
        """Add a person who signs on through the identity provider."""
        row = self._accounts.add_signing_on(name, checked_role(role), _now())
        self._keep("add_signing_on_user", [row])

    def change_password(self, name: str, password: str) -> None:
        """Give a person another password; their sessions end."""
        hashed = hash_password(password)
        self._keep("change_password", [self._accounts.change_password(name, hashed, _now())])

    def change_role(self, name: str, role: str) -> None:
        """Give a person another role."""
        row = self._accounts.change_role(name, checked_role(role), _now())
        self._keep("change_user_role", [row])

    def remove_user(self, name: str) -> None:
        """Take a person out."""
        self._keep("remove_user", [self._accounts.remove_user(name, _now())])

    def api_keys(self) -> list[dict[str, Any]]:
        """API keys by name: ``id``, ``name``, ``role``, ``createTime``, ``expireTime``."""
        return sorted(self._accounts.api_keys.values(), key=lambda key: (key["name"], key["id"]))

    def create_api_key(self, name: str, role: str, seconds: int = 0) -> tuple[str, str]:
        """Make a key: its id and its secret, which is told only now."""
        until = _now() + seconds * 1000 if seconds else 0
        made = self._accounts.add_api_key(name, checked_role(role), _now(), until)
        self._keep("create_api_key", [made.row])
        return made.id, made.secret

    def revoke_api_key(self, key_id: str) -> None:
        """Take a key out."""
        self._keep("revoke_api_key", [self._accounts.revoke_api_key(key_id, _now())])

    def secret_names(self) -> list[str]:
        """Names of the stored secrets."""
        return [row.key for row in self._store.protected(SECRETS)]

    def set_secret(self, name: str, value: str, key: bytes) -> None:
        """Store or replace a secret, sealed with the key."""
        check_secret(name, value)
        vault = SecretVault(self._store, {}, key)
        self._keep("set_secret", [vault.put(name, value, _now())])

    def delete_secret(self, name: str, key: bytes | None) -> None:
        """Take a stored secret out."""
        vault = SecretVault(self._store, {}, key)
        self._keep("delete_secret", [vault.drop(name, _now())])

    def audit(self, limit: int = 100, actor: str = "", about: str = "") -> list[AuditRow]:
        """The newest rows of the audit, newest first."""
        return self._store.audit(0, limit, actor, "", about)

    def _keep(self, operation: str, rows: Sequence[MetadataRow]) -> None:
        note = Note(LOCAL_CALLER, operation, "")
        audit = [note.row(row.wall_ms, f"{row.collection}/{row.key}") for row in rows]
        self._store.commit(Commit(protected=list(rows), audit=audit))


def _now() -> int:
    return time.time_ns() // 1_000_000
