"""A real OpenID Connect provider on this machine: discovery, authorize, token, keys, user info.

It logs the person in ``user`` in without asking. ``spoil`` changes what it says in one place, as a
broken or hostile one would.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

CLIENT, SECRET = "studio", "the client's secret"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """A key pair that signs tokens, RSA or on P-256."""

    def __init__(self, name: str, algorithm: str = "RS256", bits: int = 2048) -> None:
        self.name, self.algorithm = name, algorithm
        self.private: Any = (
            ec.generate_private_key(ec.SECP256R1())
            if algorithm == "ES256"
            else rsa.generate_private_key(65537, bits)
        )

    def public(self) -> dict[str, str]:
        numbers = self.private.public_key().public_numbers()
        entry = {"kid": self.name, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "ES256":
            point = {"x": encoded(numbers.x.to_bytes(32)), "y": encoded(numbers.y.to_bytes(32))}
            return entry | {"kty": "EC", "crv": "P-256"} | point
        n, e = numbers.n, numbers.e
        parts = {"n": encoded(n.to_bytes(n.bit_length() // 8 + 1)), "e": encoded(e.to_bytes(3))}
        return entry | {"kty": "RSA"} | parts

    def token(self, claims: dict[str, Any], **header: Any) -> str:
        head = {"alg": self.algorithm, "kid": self.name, "typ": "JWT"} | header
        text = ".".join(encoded(json.dumps(part).encode()) for part in (head, claims))
        return f"{text}.{encoded(self._signature(text.encode()))}"

    def _signature(self, text: bytes) -> bytes:
        if self.algorithm == "ES256":
            r, s = utils.decode_dss_signature(self.private.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)
        return bytes(self.private.sign(text, padding.PKCS1v15(), hashes.SHA256()))


class IdentityProvider:
    """Serves from a thread of its own; use as a context."""

    def __init__(self) -> None:
        self.key = SigningKey("first")
        self.user: dict[str, Any] = {"sub": "4711", "email": "ann@example.com"}
        self.told: dict[str, Any] = {}
        """What only the user info has."""
        self.spoil: Callable[[dict[str, Any]], Any] = lambda claims: None
        """Changes the claims of the next token; a text it returns is the token."""
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        sockets = bind_sockets(0, "127.0.0.1")
        self.issuer = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        server = HTTPServer(Application([(r"/(.*)", _Handler, {"provider": self})]))
        server.add_sockets(sockets)
        self._started.set()
        await self._stop.wait()
        server.stop()
        await server.close_all_connections()

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/keys",
        }

    def begin(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def exchange(self, given: dict[str, str]) -> dict[str, Any]:
        """The tokens of a code: once, to the client that was sent out."""
        asked = self._codes.pop(given.get("code", ""), None)
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or (given.get("client_id"), given.get("client_secret")) != (CLIENT, SECRET)
            or given.get("redirect_uri") != asked["redirect_uri"]
            or encoded(digest) != asked["code_challenge"]
        ):
            raise HTTPError(400)
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.user,
        }
        token = self.spoil(claims)
        answer = {"access_token": "access", "token_type": "Bearer", "expires_in": 300}
        if token == "":
            return answer
        return answer | {"id_token": token if isinstance(token, str) else self.key.token(claims)}


class _Handler(RequestHandler):
    def initialize(self, provider: IdentityProvider) -> None:
        self._provider = provider

    def get(self, path: str) -> None:
        provider = self._provider
        provider.asked.append(path)
        asked = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        if path == ".well-known/openid-configuration":
            self.finish(provider.document())
        elif path == "keys":
            self.finish({"keys": [provider.key.public()]})
        elif path == "authorize":
            self.redirect(provider.begin(asked))
        elif path == "userinfo":
            if self.request.headers.get("Authorization") != "Bearer access":
                raise HTTPError(401)
            self.finish(provider.user | provider.told)
        else:
            raise HTTPError(404)

    def post(self, path: str) -> None:
        self._provider.asked.append(path)
        given = {name: self.get_body_argument(name) for name in self.request.body_arguments}
        self.finish(self._provider.exchange(given))
