"""An identity provider: where it is, what it is asked, and what of its answers is believed.

Panel's providers (``panel.auth``) know the addresses of theirs and exchange the code; what they
leave out is added here: addresses by discovery, keys, and a close look at the ID token.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse

from engine.errors import InvalidRequestError, UnauthorizedError, UnavailableError
from engine.http_api.exposure import is_loopback_url
from engine.service.access import Role

from .identity_tokens import IdentityTokenError, checked_claims, key_id

PROVIDERS: Final = (
    "generic", "azure", "azurev2", "google", "github", "gitlab", "bitbucket", "auth0", "okta",
)  # fmt: skip
"""Panel's names of them, those that log people in by redirects."""
_ISSUERS: Final = {
    "azure": "https://login.microsoftonline.com/{tenant}",
    "azurev2": "https://login.microsoftonline.com/{tenant}/v2.0",
    "google": "https://accounts.google.com",
    "auth0": "https://{subdomain}.auth0.com/",
    "gitlab": "https://{url}",
    "okta": "https://{url}/oauth2/{server}",
}
_WITHOUT_ID_TOKENS: Final = frozenset({"github", "bitbucket"})
"""Their user page is asked with the access token instead."""
_WORDS: Final = {
    "azure": "Microsoft",
    "azurev2": "Microsoft",
    "google": "Google",
    "github": "GitHub",
    "gitlab": "GitLab",
    "bitbucket": "Bitbucket",
    "auth0": "Auth0",
    "okta": "Okta",
}
_SHARED_TENANTS: Final = frozenset({"", "common", "organizations", "consumers"})
_STRONGEST_FIRST: Final = (Role.ADMIN, Role.AUTHOR, Role.OPERATOR, Role.WORKER, Role.VIEWER)
_KEPT_SECONDS: Final = 600.0
_ASK_AGAIN_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 10.0
_ANSWER_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SignOn:
    """How people sign on. Made by ``Settings.sign_on``."""

    provider: str
    key: str
    secret: str = field(repr=False)
    redirect_uri: str = ""
    issuer: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    name_claim: str = ""
    role_claim: str = ""
    roles: Mapping[str, str] = field(default_factory=dict)
    unknown: str = ""

    def check(self) -> None:
        """Refuse what can't work or would let in whom nobody meant.

        Raises:
            InvalidRequestError: The message names the option.
        """
        if self.provider not in PROVIDERS:
            known = ", ".join(PROVIDERS)
            raise InvalidRequestError(f"--oauth-provider is {self.provider!r}; there are {known}.")
        if not self.key:
            raise InvalidRequestError("--oauth-provider needs --oauth-key, the client's id.")
        tenant = self.params.get("tenant", "")
        if self.provider.startswith("azure") and tenant in _SHARED_TENANTS:
            raise InvalidRequestError(
                f"--oauth-params tenant={tenant} lets every Microsoft account in; name your tenant."
            )
        if self.provider not in _WITHOUT_ID_TOKENS and not self.issuer_address():
            raise InvalidRequestError(
                f"--oauth-provider {self.provider} needs --oauth-issuer, the address whose "
                "/.well-known/openid-configuration describes it."
            )
        for address in (self.issuer_address(), self.redirect_uri):
            check_address(address)
        for role in (*self.roles.values(), *([self.unknown] if self.unknown else [])):
            if role not in list(Role):
                known = ", ".join(Role)
                raise InvalidRequestError(f"{role!r} is no role; there are {known}.")
        if self.roles and not self.role_claim:
            raise InvalidRequestError("--oauth-roles needs --oauth-role-claim, as groups.")

    def name_key(self) -> str:
        """The claim that people are called by; empty: the provider's own, as Panel knows it."""
        if self.provider == "gitlab":  # Panel's is a field of GitLab's API, not of its ID tokens
            return self.name_claim or "preferred_username"
        return self.name_claim

    def words(self) -> str:
        """What the button of the log-in page calls the provider."""
        host = urlsplit(self.issuer_address()).hostname or self.provider
        return host if self.provider == "generic" else _WORDS[self.provider]

    def issuer_address(self) -> str:
        """Whose discovery document describes the provider; empty: it has none."""
        url = "gitlab.com" if self.provider == "gitlab" else ""
        given = {"server": "default", "url": url, "subdomain": "", "tenant": "", **self.params}
        address = self.issuer or _ISSUERS.get(self.provider, "").format(**given)
        return "" if "//." in address or "///" in address else address

    def role_of(self, claims: Mapping[str, Any]) -> str:
        """The strongest role that a person's groups give; empty: none."""
        found = claim(claims, self.role_claim) if self.role_claim else None
        groups = found if isinstance(found, list) else [found]
        given = {self.roles.get(group) for group in groups if isinstance(group, str)}
        return next((str(role) for role in _STRONGEST_FIRST if role in given), "")


class Recorder:
    """The HTTP client that Panel's code is given: bounded, and keeps what was answered."""

    def __init__(self) -> None:
        """For one log-in."""
        self.answers: dict[str, Any] = {}
        self._client = AsyncHTTPClient(force_instance=True, max_body_size=_ANSWER_BYTES)

    async def fetch(self, request: HTTPRequest | str, **options: Any) -> HTTPResponse:
        """See ``AsyncHTTPClient.fetch``."""
        if isinstance(request, str):
            request = HTTPRequest(request, **options)
        check_address(request.url)
        request.request_timeout = request.connect_timeout = _ANSWER_SECONDS
        request.follow_redirects = False
        response = await self._client.fetch(request)
        try:
            self.answers[request.url.partition("?")[0]] = json.loads(response.body)
        except (ValueError, RecursionError):
            self.answers[request.url.partition("?")[0]] = None
        return response

    async def fetch_object(self, address: str, **options: Any) -> dict[str, Any]:
        """A JSON object of the provider.

        Raises:
            UnavailableError: It can't be had.
        """
        try:
            await self.fetch(address, **options)
        except Exception as error:  # whatever a network or a server may do
            raise UnavailableError(
                f"The identity provider does not answer at {address}: {error}"
            ) from None
        answer = self.answers[address.partition("?")[0]]
        if not isinstance(answer, dict):
            raise UnavailableError(f"The identity provider answers no JSON object at {address}.")
        return answer

    def close(self) -> None:
        """Let its connections go."""
        self._client.close()


class Provider:
    """One identity provider. Lives on the event loop."""

    def __init__(self, sign_on: SignOn) -> None:
        """Nothing is asked before somebody signs on."""
        sign_on.check()
        self.sign_on = sign_on
        self._document: dict[str, Any] = {}
        self._document_at = self._keys_at = 0.0
        self._keys: list[dict[str, Any]] = []

    async def describe(self) -> None:
        """Ask for the provider's own description, now and then.

        Raises:
            UnavailableError: It can't be had, or describes somebody else.
        """
        address = self.sign_on.issuer_address()
        is_fresh = self._document and time.monotonic() < self._document_at + _KEPT_SECONDS
        if not address or is_fresh:
            return
        place = f"{address.rstrip('/')}/.well-known/openid-configuration"
        document = await self._ask(place)
        said = str(document.get("issuer", ""))
        # Azure's name their issuer otherwise than where they are; the name is then theirs.
        if not self.sign_on.provider.startswith("azure") and said != address:
            raise UnavailableError(f"{place} describes {said[:200]!r}, not {address!r}.")
        for name, value in document.items():
            if name.endswith("_endpoint") or name == "jwks_uri":
                check_address(str(value))
        self._document, self._document_at = document, time.monotonic()

    def endpoint(self, name: str) -> str:
        """An address of the description, or an empty text."""
        return str(self._document.get(name) or "")

    async def claims(
        self, recorder: Recorder, token_address: str, user_address: str, nonce: str
    ) -> dict[str, Any]:
        """Who has signed on, by the answers that the exchange of their code brought.

        Args:
            recorder: Has the answers.
            token_address: Where the code was exchanged.
            user_address: Where the provider tells about the owner of an access token, if it does.
            nonce: What this log-in was begun with.

        Raises:
            UnauthorizedError: The answers don't prove anything.
            UnavailableError: The provider can't be asked.
        """
        answer = recorder.answers.get(token_address.partition("?")[0])
        answer = answer if isinstance(answer, dict) else {}
        if self.sign_on.provider in _WITHOUT_ID_TOKENS and not self.sign_on.issuer:
            claims = recorder.answers.get(user_address.partition("?")[0])
            if not isinstance(claims, dict):
                raise UnauthorizedError("The identity provider tells nothing about the user.")
            # Ids never change hands there; names do.
            subject = claims.get("id") or claims.get("uuid")
            if not subject:
                raise UnauthorizedError("The identity provider tells no id of the user.")
            return {**claims, "iss": urlsplit(user_address).netloc, "sub": str(subject)}
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise IdentityTokenError("The identity provider sent no ID token.")
        claims = await self._checked(token, nonce)
        wanted = [self.sign_on.name_key(), self.sign_on.role_claim]
        if user_address and any(one and claim(claims, one) is None for one in wanted):
            told = await self._ask(
                user_address, headers={"Authorization": f"Bearer {answer.get('access_token')}"}
            )
            if told.get("sub") != claims["sub"]:
                raise IdentityTokenError("The identity provider tells about somebody else.")
            claims = {**told, **claims}
        return claims

    async def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of a token; keys are asked for again when it names one that is new."""
        name, now = key_id(token), time.monotonic()
        is_known = any(key.get("kid", name) == name for key in self._keys)
        age = now - self._keys_at
        if not self._keys or age > _KEPT_SECONDS or (not is_known and age > _ASK_AGAIN_SECONDS):
            found = (await self._ask(self.endpoint("jwks_uri"))).get("keys")
            self._keys = [key for key in found or () if isinstance(key, dict)]
            self._keys_at = now
        issuer = self.endpoint("issuer")
        return checked_claims(token, self._keys, issuer, self.sign_on.key, nonce, time.time())

    async def _ask(self, address: str, **options: Any) -> dict[str, Any]:
        recorder = Recorder()
        try:
            return await recorder.fetch_object(address, **options)
        finally:
            recorder.close()


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path with dots (``realm_access.roles``)."""
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def check_address(address: str) -> None:
    """Let an address of the provider pass; an empty one as well.

    Raises:
        InvalidRequestError: It is neither https nor on this machine.
    """
    if address and not (address.startswith("https://") or is_loopback_url(address)):
        raise InvalidRequestError(
            f"{address[:200]!r} must begin with https://: whoever reads along could log in."
        )
