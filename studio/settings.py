"""Settings of the ``conductor-studio`` command: arguments first, then the environment."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from engine.errors import InvalidRequestError

if TYPE_CHECKING:
    from .sign_on_provider import SignOn

PREFIX = "CONDUCTOR_STUDIO_"
MEMORY = ":memory:"


def _setting(default: Any, unit: str, sentence: str) -> Any:
    return field(default=default, metadata={"unit": unit, "sentence": sentence})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one run of the studio is told. The environment name is CONDUCTOR_STUDIO_<FIELD>."""

    host: str = _setting("127.0.0.1", "address", "Address to listen on.")
    port: int = _setting(8080, "TCP port", "Port of pages and API; 0 takes a free one.")
    db: str = _setting(
        "",
        "path",
        "Database file, or :memory:. Empty: history.duckdb in the data folder of the user.",
    )
    workers: str = _setting("", "path", "Python file whose @engine.task functions run as workers.")
    open: bool = _setting(True, "yes or no", "Open the start page in a browser where there is one.")
    names: str = _setting(
        "",
        "host names, comma between",
        "Names that others reach this server by, as behind a reverse proxy.",
    )
    prefix: str = _setting("", "path", "Path that everything is served below, as /studio.")
    proxy: bool = _setting(
        False,
        "yes or no",
        "Take a reverse proxy's word for where requests come from. Only with one in front.",
    )
    tls_cert: str = _setting("", "path", "Certificate with its chain (PEM): serve over TLS.")
    tls_key: str = _setting("", "path", "Key of the certificate (PEM).")
    private_addresses: str = _setting(
        "",
        "networks, comma between",
        "Private networks that HTTP tasks may reach all the same, as 10.1.0.0/16.",
    )
    oauth_provider: str = _setting(
        "",
        "name",
        "Let people sign on: generic (any OpenID Connect), azurev2, google, github, gitlab, okta.",
    )
    oauth_key: str = _setting("", "id", "Id of the client at the identity provider.")
    oauth_secret: str = _setting(
        "",
        "secret",
        "Secret of that client. Only in the environment: options can be seen by others.",
    )
    oauth_issuer: str = _setting(
        "", "URL", "The identity provider; /.well-known/openid-configuration below describes it."
    )
    oauth_redirect_uri: str = _setting(
        "", "URL", "Address of /sign-on as the provider knows it. Empty: as the browser names it."
    )
    oauth_params: str = _setting(
        "", "NAME=VALUE, comma between", "What a provider needs besides: tenant, url, subdomain."
    )
    oauth_name_claim: str = _setting(
        "", "claim", "What users are called by. Empty: as the provider has it, mostly email."
    )
    oauth_role_claim: str = _setting("", "claim", "Where groups stand, as groups.")
    oauth_roles: str = _setting(
        "", "GROUP=ROLE, comma between", "Roles by group; the strongest counts."
    )
    oauth_unknown: str = _setting(
        "",
        "role",
        "Role of people who are neither named here nor in such a group, as viewer. Empty: refused.",
    )
    webhook_url: str = _setting(
        "", "URL", "Where changes of status are POSTed to, for workflows that enable it."
    )
    webhook_events: str = _setting(
        "workflow.completed,workflow.terminated",
        "names",
        "Which ones, separated by commas; workflow.* stands for several.",
    )
    webhook_secret: str = _setting(
        "", "key", "Key of their signature. Only in the environment: options can be seen by others."
    )
    payloads: str = _setting(
        "",
        "path or s3://bucket/prefix",
        "Where payloads too large for the history are kept. Empty: beside the database.",
    )
    connect: str = _setting("", "URL", "Server to look at in place of an engine of our own.")

    @classmethod
    def read(
        cls, arguments: Mapping[str, Any], environment: Mapping[str, str] | None = None
    ) -> Settings:
        """Return the settings of one run.

        Args:
            arguments: By field name; absent or None means not given.
            environment: Default: that of the process.

        Raises:
            InvalidRequestError: A value has the wrong form; the message names it.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for one in dataclasses.fields(cls):
            given = arguments.get(one.name)
            if given is not None:
                values[one.name] = given
            elif text := environment.get(PREFIX + one.name.upper(), "").strip():
                values[one.name] = _parsed(one.name, text, type(one.default))
        settings = cls(**values)
        if bool(settings.tls_cert) != bool(settings.tls_key):
            raise InvalidRequestError("TLS needs both --tls-cert and --tls-key.")
        if not 0 <= settings.port <= 65535:
            raise InvalidRequestError(f"Port {settings.port} is not between 0 and 65535.")
        return settings

    def host_names(self) -> tuple[str, ...]:
        """The names of ``names``."""
        return tuple(name.strip() for name in self.names.split(",") if name.strip())

    def sign_on(self) -> SignOn | None:
        """How people sign on; None: only with passwords of this server.

        Raises:
            InvalidRequestError: It can't work so; the message names the option.
        """
        if not self.oauth_provider:
            return None
        from .sign_on_provider import SignOn

        return SignOn(
            self.oauth_provider,
            self.oauth_key,
            self.oauth_secret,
            self.oauth_redirect_uri,
            self.oauth_issuer,
            _pairs("oauth_params", self.oauth_params),
            self.oauth_name_claim,
            self.oauth_role_claim,
            _pairs("oauth_roles", self.oauth_roles),
            self.oauth_unknown,
        )

    def is_exposed(self) -> bool:
        """Whether others than this machine reach the server."""
        from engine.http_api.exposure import is_exposed

        return self.proxy or is_exposed(self.host, self.host_names())

    def private_networks(self) -> bool | tuple[str, ...]:
        """Which private networks HTTP tasks may reach: all, while only this machine is served."""
        if not self.is_exposed():
            return True
        return tuple(part.strip() for part in self.private_addresses.split(",") if part.strip())

    def database(self) -> str:
        """The database to open: a path whose folder exists, or ``:memory:``."""
        if self.db == MEMORY:
            return MEMORY
        path = self._database_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        return str(path)

    def has_database(self) -> bool:
        """Whether the database is there already; nothing is made."""
        from engine.facade import is_database

        return self.db != MEMORY and is_database(self._database_path())

    def _database_path(self) -> Path:
        return Path(self.db).expanduser() if self.db else default_database()


def default_database() -> Path:
    """``history.duckdb`` in the data folder of the user."""
    return user_data_path("conductor-studio", appauthor=False) / "history.duckdb"


def _pairs(name: str, text: str) -> dict[str, str]:
    """``a=b, c=d`` as a dictionary."""
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    for key, sign, value in pairs:
        if not (key.strip() and sign and value.strip()):
            raise InvalidRequestError(
                f"--{name.replace('_', '-')} is {text!r}; write NAME=VALUE, commas between."
            )
    return {key.strip(): value.strip() for key, _, value in pairs}


def _parsed(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() in {"1", "yes", "true", "on"}:
            return True
        if text.lower() in {"0", "no", "false", "off"}:
            return False
        raise InvalidRequestError(f"{PREFIX}{name.upper()} is {text!r}; use yes or no.")
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise InvalidRequestError(
                f"{PREFIX}{name.upper()} is {text!r}, not a number."
            ) from None
    return text
