"""ID tokens of OpenID Connect: what they say, if it is true. Pure: no clock, no network.

Panel's providers decode these tokens and believe them; this is what has to hold before we do.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from engine.errors import UnauthorizedError

LEEWAY_SECONDS: Final = 60
"""How much the clocks of the provider and of this machine may differ."""
_LONGEST_TOKEN: Final = 64 * 1024
_HASHES: Final = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
_CURVES: Final[Mapping[str, tuple[str, type[ec.EllipticCurve], int]]] = {
    "ES256": ("P-256", ec.SECP256R1, 32),
    "ES384": ("P-384", ec.SECP384R1, 48),
    "ES512": ("P-521", ec.SECP521R1, 66),
}
_SHORTEST_RSA_BITS: Final = 2048


class IdentityTokenError(UnauthorizedError):
    """An ID token is not what it has to be."""


def key_id(token: str) -> str:
    """Which key a token says it is signed with; empty if it says none.

    Raises:
        IdentityTokenError: It is no token.
    """
    return str(_parts(token)[0].get("kid") or "")


def checked_claims(
    token: str,
    keys: Iterable[Mapping[str, Any]],
    issuer: str,
    audience: str,
    nonce: str,
    now_seconds: float,
) -> dict[str, Any]:
    """What a token says, once all of it is known to be true.

    Args:
        token: As it came, in compact form.
        keys: The provider's public keys (JWK).
        issuer: Who must have made it; ``{tenantid}`` stands for the tenant it names.
        audience: The client it must have been made for.
        nonce: What this log-in was begun with.
        now_seconds: The time, epoch seconds.

    Raises:
        IdentityTokenError: Signature, issuer, audience, time or nonce is wrong.
    """
    header, claims, signed, signature = _parts(token)
    _check_signature(header, keys, signed, signature)
    wanted = issuer.replace("{tenantid}", str(claims.get("tid", "")))
    if not wanted or claims.get("iss") != wanted:
        raise IdentityTokenError("The ID token was made by another issuer.")
    audiences = claims.get("aud")
    audiences = audiences if isinstance(audiences, list) else [audiences]
    if audience not in audiences or claims.get("azp", audience) != audience:
        raise IdentityTokenError("The ID token was made for another client.")
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or expires + LEEWAY_SECONDS < now_seconds:
        raise IdentityTokenError("The ID token has run out.")
    if not isinstance(begins, int | float) or begins - LEEWAY_SECONDS > now_seconds:
        raise IdentityTokenError("The ID token does not hold yet.")
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise IdentityTokenError("The ID token belongs to another log-in.")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise IdentityTokenError("The ID token names nobody.")
    return claims


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    pieces = token.split(".")
    if len(pieces) != 3 or len(token) > _LONGEST_TOKEN:
        raise IdentityTokenError("The identity provider sent no ID token that can be read.")
    try:
        header, claims = (json.loads(_decoded(piece)) for piece in pieces[:2])
        signature = _decoded(pieces[2])
    except (ValueError, binascii.Error, RecursionError):
        header = claims = None
        signature = b""
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise IdentityTokenError("The identity provider sent no ID token that can be read.")
    return header, claims, ".".join(pieces[:2]).encode("utf-8", "replace"), signature


def _check_signature(
    header: Mapping[str, Any], keys: Iterable[Mapping[str, Any]], signed: bytes, signature: bytes
) -> None:
    algorithm = str(header.get("alg"))
    wanted = header.get("kid")
    for key in keys:
        if wanted is not None and key.get("kid", wanted) != wanted:
            continue
        if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
            continue
        if _is_signed(algorithm, key, signed, signature):
            return
    raise IdentityTokenError("The signature of the ID token is not the identity provider's.")


def _is_signed(algorithm: str, key: Mapping[str, Any], signed: bytes, signature: bytes) -> bool:
    """Whether a key made a signature. ``none`` and shared secrets are no algorithms here."""
    digest = _HASHES.get(algorithm[2:])
    if digest is None:
        return False
    try:
        if algorithm[:2] in ("RS", "PS") and key.get("kty") == "RSA":
            public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
            if public.key_size < _SHORTEST_RSA_BITS:
                return False
            pad: padding.AsymmetricPadding = padding.PKCS1v15()
            if algorithm[:2] == "PS":
                pad = padding.PSS(padding.MGF1(digest()), digest.digest_size)
            public.verify(signature, signed, pad, digest())
            return True
        if algorithm in _CURVES and key.get("kty") == "EC":
            curve, kind, size = _CURVES[algorithm]
            if key.get("crv") != curve or len(signature) != 2 * size:
                return False
            point = ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), kind())
            r, s = (int.from_bytes(half) for half in (signature[:size], signature[size:]))
            encoded = utils.encode_dss_signature(r, s)
            point.public_key().verify(encoded, signed, ec.ECDSA(digest()))
            return True
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, KeyError, TypeError):
        return False
    return False


def _number(text: str) -> int:
    return int.from_bytes(_decoded(text))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
