"""``/sign-on``: to the identity provider and back, by Panel's own providers.

Rules of this file
  1. What comes back is believed only in the browser that was sent out, once, and for ten minutes:
     a signed cookie holds state, nonce and code verifier (PKCE), and states are spent.
  2. Panel exchanges the code; its cookies, which would keep the provider's tokens in the browser,
     are not set. A session is one of ours, as after a password.
  3. Who has signed on is what a verified ID token says (``identity_tokens.py``), never a token
     that was only decoded.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import re
import secrets
import time
from typing import Any, Final

import panel as pn
from jinja2 import Environment
from panel.auth import AUTH_PROVIDERS
from tornado.web import HTTPError

from engine.errors import EngineError, UnauthorizedError, UnavailableError
from engine.http_api.guard import Guard
from engine.runtime.signatures import KEY_BYTES, read, sign

from .log_in import SIGN_ON_PATH, AccountHandler, own_address
from .sign_on_provider import Provider, Recorder, claim

STATE_COOKIE: Final = "conductor_studio_sign_on"
STATE_SECONDS: Final = 600
_KIND: Final = "sign-on"
_MOST_SPENT: Final = 10_000
_NEXT: Final = re.compile(r"[^\s<>\"\\]{0,1000}")
_ENTER: Final = Environment(autoescape=True).from_string(
    '<!doctype html><meta charset="utf-8">'
    '<meta http-equiv="refresh" content="0; url={{ address }}">'
    "<title>Conductor Studio</title>"
)
"""A page of our own goes on to the studio: a redirect would still be the provider's, and a browser
leaves strict cookies out of those."""

logger = logging.getLogger(__name__)


class States:
    """What was sent out and not yet used. Lives on the event loop, as long as the server."""

    def __init__(self) -> None:
        """With a key of its own: who is on the way during a restart begins again."""
        self._key = secrets.token_bytes(KEY_BYTES)
        self._spent: dict[str, float] = {}

    def begin(self, following: str) -> tuple[dict[str, Any], str]:
        """State, nonce and verifier of a new log-in, and the same as a signed text."""
        made = {
            "t": secrets.token_urlsafe(24),
            "n": secrets.token_urlsafe(24),
            "v": secrets.token_urlsafe(48),
            "x": following if _NEXT.fullmatch(following) else "",
            "e": int(time.time()) + STATE_SECONDS,
        }
        return made, sign(_KIND, made, self._key)

    def end(self, cookie: str, state: str) -> dict[str, Any]:
        """What a log-in was begun with, once.

        Raises:
            UnauthorizedError: It was begun elsewhere, too long ago, or has been ended.
        """
        made = read(_KIND, cookie, self._key)
        now = time.time()
        if made is None or not hmac.compare_digest(made["t"].encode(), state.encode()):
            raise UnauthorizedError("This log-in was not begun in this browser. Begin it again.")
        if made["e"] < now or made["t"] in self._spent:
            raise UnauthorizedError("This log-in is over. Begin it again.")
        self._spent[made["t"]] = made["e"]
        if len(self._spent) > _MOST_SPENT:
            self._spent = {one: until for one, until in self._spent.items() if until > now}
        return made


class SignOnHandler(AccountHandler):
    """``GET /sign-on``: sends the browser out, and takes it back with a code.

    Mixed into a login handler of Panel's, which has the addresses and exchanges the code.
    """

    provider: Provider
    states: States

    async def get(self) -> None:
        """Out without a ``state``, else back."""
        try:
            if self.get_query_argument("state", None) is None:
                await self._send_out()
            else:
                await self._take_back()
        except EngineError as error:
            self._refuse(error)

    async def _send_out(self) -> None:
        await self.provider.describe()
        made, cookie = self.states.begin(self.get_query_argument("next", ""))
        self.set_cookie(
            STATE_COOKIE,
            cookie,
            path=self.request.path,
            httponly=True,
            samesite="Lax",  # the provider's redirect has to bring it along
            secure=self.request.protocol == "https",
            max_age=STATE_SECONDS,
        )
        digest = hashlib.sha256(made["v"].encode()).digest()
        self._panel.authorize_redirect(
            redirect_uri=self._return_address(),
            client_id=self.provider.sign_on.key,
            scope=self._panel._SCOPE,
            response_type="code",
            extra_params={
                "state": made["t"],
                "nonce": made["n"],
                "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
                "code_challenge_method": "S256",
            },
        )

    async def _take_back(self) -> None:
        cookie = self.get_cookie(STATE_COOKIE) or ""
        self.clear_cookie(STATE_COOKIE, path=self.request.path)
        made = self.states.end(cookie, self.get_query_argument("state"))
        if said := self.get_query_argument("error", ""):
            words = self.get_query_argument("error_description", "") or said
            raise UnauthorizedError(f"The identity provider refused: {words[:200]}")
        claims = await self._exchange(self.get_query_argument("code", ""), made)
        sign_on = self.provider.sign_on
        name = claim(claims, self._panel._USER_KEY)
        if not isinstance(name, str) or not name:
            raise UnauthorizedError(
                f"The identity provider tells no {self._panel._USER_KEY!r} to know you by."
            )
        if self._panel._USER_KEY == "email" and str(claims.get("email_verified")) in (
            "False",
            "false",
        ):
            raise UnauthorizedError("The identity provider has not verified this e-mail address.")
        subject = f"{claims['iss']}|{claims['sub']}"
        address = self.request.remote_ip or ""
        signed_on = self._service.sign_on(
            name, subject, sign_on.role_of(claims), sign_on.unknown, address
        )
        self.keep_session(await asyncio.wrap_future(signed_on))
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(_ENTER.render(address=own_address(made["x"])))

    async def _exchange(self, code: str, made: dict[str, Any]) -> dict[str, Any]:
        """The claims that a code is good for."""
        await self.provider.describe()
        self._recorder = Recorder()
        self._verifier = made["v"]
        sign_on, panel = self.provider.sign_on, self._panel
        panel._EXTRA_TOKEN_PARAMS = {**panel._EXTRA_TOKEN_PARAMS, "code_verifier": made["v"]}
        try:
            await panel._fetch_access_token(
                sign_on.key,
                self._return_address(),
                client_secret=sign_on.secret or None,
                code=code,
            )
        except HTTPError as error:
            logger.warning("The identity provider refused a code: %s", error)
            raise UnauthorizedError("The identity provider did not confirm this log-in.") from None
        except EngineError:
            raise
        except Exception as error:
            logger.warning("The identity provider could not be asked.", exc_info=error)
            raise UnavailableError("The identity provider does not answer as it should.") from None
        finally:
            self._recorder.close()
        return await self.provider.claims(
            self._recorder,
            panel._OAUTH_ACCESS_TOKEN_URL,
            panel._OAUTH_USER_URL or "",
            made["n"],
        )

    @property
    def _panel(self) -> Any:
        """This handler as Panel's: what is asked of it is written there."""
        return self

    def _return_address(self) -> str:
        given = self.provider.sign_on.redirect_uri
        request = self.request
        return given or f"{request.protocol}://{request.host}{request.path}"

    def _refuse(self, error: EngineError) -> None:
        logger.warning("A sign-on was refused: %r", str(error))
        self.set_status(error.status)
        self.show_form(str(error))

    # -- what Panel's code asks of its handler ---------------------------------------------

    def get_auth_http_client(self) -> Any:
        """Its requests are bounded, and their answers kept for a closer look."""
        return self._recorder

    def get_code_cookie(self) -> str:
        """Asked for where there is no client secret."""
        return self._verifier

    def set_secure_cookie(self, *args: Any, **kwargs: Any) -> None:
        """The provider's tokens stay out of the browser."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """In plain words; Panel's page of errors loads files of other servers."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"The log-in failed ({status_code}). Begin it again.")


def sign_on_route(
    service: Any, guard: Guard, headers: dict[str, str], provider: Provider
) -> tuple[Any, ...]:
    """The Tornado route of it."""
    theirs: Any = AUTH_PROVIDERS[provider.sign_on.provider]
    if provider.sign_on.params:
        pn.config.oauth_extra_params = dict(provider.sign_on.params)

    class ProviderHandler(SignOnHandler, theirs):
        """Panel's handler of this provider; its own description comes first."""

        @property
        def _OAUTH_AUTHORIZE_URL(self) -> str:
            return provider.endpoint("authorization_endpoint") or super()._OAUTH_AUTHORIZE_URL

        @property
        def _OAUTH_ACCESS_TOKEN_URL(self) -> str:
            return provider.endpoint("token_endpoint") or super()._OAUTH_ACCESS_TOKEN_URL

        @property
        def _OAUTH_USER_URL(self) -> str:
            theirs = getattr(super(), "_OAUTH_USER_URL", "")
            return provider.endpoint("userinfo_endpoint") or theirs or ""

        @property
        def _USER_KEY(self) -> str:
            return provider.sign_on.name_key() or super()._USER_KEY

        @property
        def _SCOPE(self) -> list[str]:
            # Nothing is asked for in anybody's absence.
            return [one for one in super()._SCOPE if one != "offline_access"]

    ProviderHandler.provider, ProviderHandler.states = provider, States()
    given = {
        "service": service,
        "guard": guard,
        "headers": headers,
        "sign_on_words": provider.sign_on.words(),
    }
    return (rf"/{SIGN_ON_PATH}", ProviderHandler, given)
