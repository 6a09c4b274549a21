"""``conductor-studio user``, ``token``, ``secret`` and ``audit``: before a server starts."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from engine.errors import InvalidRequestError, StoreLockedError

from .settings import Settings

ROLES: Final = ("viewer", "worker", "operator", "author", "admin")
_DAY_SECONDS: Final = 86400


def add_parsers(commands: Any, add_options: Any) -> None:
    """Describe the commands.

    Args:
        commands: Sub-commands of the parser.
        add_options: Adds settings to a parser, by name.
    """
    users = _group(commands, "user", "people who log in in the browser", "user_command")
    add = _leaf(users, "add", "add a person; asks for the password", add_options)
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, required=True, help="what they are trusted with")
    add.add_argument(
        "--sign-on",
        action="store_true",
        help="without a password: they sign on by --oauth-provider",
    )
    _leaf(users, "list", "list people with their roles", add_options)
    _leaf(users, "remove", "take a person out", add_options).add_argument("name")
    password = _leaf(users, "password", "give a person another password", add_options)
    password.add_argument("name")
    role = _leaf(users, "role", "give a person another role", add_options)
    role.add_argument("name")
    role.add_argument("role", choices=ROLES)
    tokens = _group(commands, "token", "API keys for programs", "token_command")
    create = _leaf(tokens, "create", "make a key and print its id and secret, once", add_options)
    create.add_argument("name", help="what it is for; histories show it")
    create.add_argument("--role", choices=ROLES, required=True, help="what it is trusted with")
    create.add_argument("--days", type=int, default=0, help="how long it holds; 0: until revoked")
    _leaf(tokens, "list", "list keys without their secrets", add_options)
    _leaf(tokens, "revoke", "take a key out", add_options).add_argument("id")
    stored = _group(commands, "secret", "secrets for tasks, stored encrypted", "secret_command")
    _leaf(stored, "set", "store a secret; asks for its value", add_options).add_argument("name")
    _leaf(stored, "list", "list names", add_options)
    _leaf(stored, "remove", "take a secret out", add_options).add_argument("name")
    audit = commands.add_parser("audit", help="print who changed what, newest first")
    audit.add_argument("--limit", type=int, default=50, help="how many rows; default: 50")
    audit.add_argument("--actor", default="", help="only of this one: user, or user:NAME")
    audit.add_argument("--about", default="", help="only objects whose name begins so")
    audit.add_argument("--json", action="store_true", help="whole rows, one JSON object a line")
    add_options(audit, ("db",))


def run_account_command(command: str, settings: Settings, given: Mapping[str, Any]) -> int:
    """Carry out one of them; returns the exit status.

    Raises:
        StoreLockedError: A studio runs on the database; the message says how to go on.
        EngineError: A name, role or password can't be used, or what is named is not there.
    """
    from engine.facade import open_accounts

    try:
        with open_accounts(settings.database()) as accounts:
            given = {**given, "database": settings.database()}
            lines = _COMMANDS[command, given.get(f"{command}_command")](accounts, given)
    except StoreLockedError as error:
        raise StoreLockedError(
            f"{error} While it runs, an admin changes users and keys through its API: "
            "/api/access/users and /api/access/keys."
        ) from None
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return 0


def _group(commands: Any, name: str, words: str, dest: str) -> Any:
    group = commands.add_parser(name, help=words)
    return group.add_subparsers(dest=dest, metavar="what", required=True)


def _leaf(group: Any, name: str, words: str, add_options: Any) -> argparse.ArgumentParser:
    leaf: argparse.ArgumentParser = group.add_parser(name, help=words)
    add_options(leaf, ("db",))
    return leaf


def _password() -> str:
    """Asked for twice by a person; one line of a pipe."""
    first = _asked("Password: ")
    if sys.stdin.isatty() and first != _asked("Once more: "):
        raise InvalidRequestError("The two passwords differ; nothing was changed.")
    return first


def _asked(words: str) -> str:
    """Typed unseen by a person, or one line of a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    return getpass.getpass(words)


def _add_user(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    if given.get("sign_on"):
        accounts.add_signing_on_user(given["name"], given["role"])
    else:
        accounts.add_user(given["name"], given["role"], _password())
    return [f"{given['name']} may log in as {given['role']}."]


def _list_users(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    users = [f"{user['name']}  {user['role']}" for user in accounts.users()]
    return users or ["Nobody so far: this machine's own pages need no log-in."]


def _remove_user(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    accounts.remove_user(given["name"])
    return [f"{given['name']} may not log in any more."]


def _change_password(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    accounts.change_password(given["name"], _password())
    return [f"{given['name']} has another password; their sessions have ended."]


def _change_role(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    accounts.change_role(given["name"], given["role"])
    return [f"{given['name']} is {given['role']} now."]


def _create_token(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    seconds = max(0, given["days"]) * _DAY_SECONDS
    key_id, secret = accounts.create_api_key(given["name"], given["role"], seconds)
    return [
        f"CONDUCTOR_AUTH_KEY={key_id}",
        f"CONDUCTOR_AUTH_SECRET={secret}",
        "# The secret is shown only now. Without an SDK: Authorization: Bearer KEY.SECRET",
    ]


def _list_tokens(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    return [
        f"{key['id']}  {key['name']}  {key['role']}  {_until(key['expireTime'])}"
        for key in accounts.api_keys()
    ] or ["No keys so far."]


def _revoke_token(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    accounts.revoke_api_key(given["id"])
    return [f"Key {given['id']} holds no longer."]


def _set_secret(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    from engine.runtime.vault import find_key

    value = _asked("Value: ")
    key = find_key(given["database"], create=True)
    accounts.set_secret(given["name"], value, key)
    return [f"Stored: tasks get it as ${{workflow.secrets.{given['name']}}}."]


def _list_secrets(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    return accounts.secret_names() or ["No secrets are stored."]


def _remove_secret(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    from engine.runtime.vault import find_key

    accounts.delete_secret(given["name"], find_key(given["database"]))
    return [f"{given['name']} is stored no longer."]


def _audit(accounts: Any, given: Mapping[str, Any]) -> list[str]:
    rows = accounts.audit(given["limit"], given["actor"], given["about"])
    if given["json"]:
        return [json.dumps({f: getattr(row, f) for f in row.__struct_fields__}) for row in rows]
    return [
        f"{_moment(row.wall_ms)}  {row.actor}  {row.address or 'here'}  {row.operation}  "
        f"{row.object}"
        for row in rows
    ] or ["Nothing so far."]


def _until(wall_ms: int) -> str:
    return f"until {_moment(wall_ms)}" if wall_ms else "until revoked"


def _moment(wall_ms: int) -> str:
    return datetime.fromtimestamp(wall_ms / 1000, UTC).isoformat(" ", "seconds")


_COMMANDS: Final[dict[tuple[str, str | None], Any]] = {
    ("user", "add"): _add_user,
    ("user", "list"): _list_users,
    ("user", "remove"): _remove_user,
    ("user", "password"): _change_password,
    ("user", "role"): _change_role,
    ("token", "create"): _create_token,
    ("token", "list"): _list_tokens,
    ("token", "revoke"): _revoke_token,
    ("secret", "set"): _set_secret,
    ("secret", "list"): _list_secrets,
    ("secret", "remove"): _remove_secret,
    ("audit", None): _audit,
}
