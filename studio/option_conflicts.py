"""Options that mean nothing together are refused: nobody should believe in what is not done."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from engine.errors import InvalidRequestError

from .settings import Settings

COMMAND_OPTIONS: Final[Mapping[str, Collection[str]]] = {
    "run": ("db", "workers", "payloads", "webhook_url", "webhook_events"),
    "import": ("db", "payloads"),
    "publish": ("db", "connect"),
    "rebuild": ("db",),
    "user": ("db",),
    "token": ("db",),
    "secret": ("db",),
    "audit": ("db",),
}
"""What each command heeds of the settings."""
_ONLY_HERE: Final = (
    *("names", "prefix", "proxy", "tls_cert", "tls_key"),
    *("oauth_provider", "oauth_key", "oauth_issuer", "oauth_redirect_uri", "oauth_params"),
    *("oauth_name_claim", "oauth_role_claim", "oauth_roles", "oauth_unknown"),
)
"""Settings of a server that others reach."""
_OF_PROVIDER: Final = tuple(
    name for name in _ONLY_HERE if name.startswith("oauth_") and name != "oauth_provider"
)


def check_options(command: str | None, arguments: Mapping[str, Any], settings: Settings) -> None:
    """Accept what was given, or say which options can't go together.

    Args:
        command: Name of the command; None: serve.
        arguments: What stands on the command line, by field of ``Settings``.
        settings: With what the environment says besides. That may be meant for several runs, so
            a command is held only to what stands on its line.

    Raises:
        InvalidRequestError: An option would be ignored.
    """
    if command is not None:
        _check_command(command, arguments)
        return
    if settings.connect and (given := _given(settings, _ONLY_HERE)):
        raise InvalidRequestError(
            f"{_listed(given)} can't go with --connect: pages over another server are for this "
            "machine only, and that server knows its users. Serve others with a studio beside the "
            "server that runs the workflows, or leave it out."
        )
    if not settings.oauth_provider and (given := _given(settings, _OF_PROVIDER)):
        raise InvalidRequestError(
            f"{_listed(given)} needs --oauth-provider, the kind of identity provider."
        )
    if not settings.webhook_url and "webhook_events" in arguments:
        raise InvalidRequestError("--webhook-events needs --webhook-url, where they are sent to.")


def _check_command(command: str, arguments: Mapping[str, Any]) -> None:
    heeded = COMMAND_OPTIONS[command]
    fields = Settings.__dataclass_fields__
    given = [name for name in arguments if name in fields and name not in (*heeded, "open")]
    if given:
        raise InvalidRequestError(
            f"{_listed(given)} means nothing to `conductor-studio {command}`, which takes "
            f"{_listed(heeded)}."
        )


def _given(settings: Settings, names: Collection[str]) -> list[str]:
    return [name for name in names if getattr(settings, name)]


def _listed(names: Collection[str]) -> str:
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
