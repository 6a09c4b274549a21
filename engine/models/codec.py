"""The one way JSON comes in and goes out: bounded, exact for integers, no NaN, always Unicode."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from ..errors import InvalidRequestError, TooDeepError, TooLargeError

JsonValue = Any
"""A JSON value: dict with str keys, list, str, int, float, bool or None."""

MAX_DEPTH: Final = 200
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Above the largest input and output (``core.limits``): their own limits are to speak."""

_encoder = msgspec.json.Encoder(enc_hook=str)
_canonical = msgspec.json.Encoder(order="deterministic", enc_hook=str)
_decoder = msgspec.json.Decoder()


def dumps(value: JsonValue) -> bytes:
    """Return compact UTF-8 JSON. NaN and infinities become null; foreign objects their text.

    Of half a surrogate pair, which UTF-8 has no bytes for, it says ``\N{REPLACEMENT CHARACTER}``.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(with_whole_characters(value))


def recorded(value: JsonValue) -> JsonValue:
    """A copy of a value as it will be read from its record: JSON only, nothing of it shared."""
    return _decoder.decode(dumps(value))


def whole_characters(text: str) -> str:
    """A text whose surrogates are joined to characters; a half of a pair alone is U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def with_whole_characters(value: Any) -> Any:
    """A JSON value, or records with such, whose texts have no half of a surrogate pair.

    Python's file names and messages about them may have some. What is whole is shared.
    """
    if isinstance(value, str):
        return value if value.isascii() else whole_characters(value)
    if isinstance(value, dict):
        return {
            with_whole_characters(key): with_whole_characters(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [with_whole_characters(item) for item in value]
    if isinstance(value, tuple):
        return tuple(map(with_whole_characters, value))
    if isinstance(value, msgspec.Struct):
        fields = {name: getattr(value, name) for name in value.__struct_fields__}
        changes = {
            name: whole
            for name, old in fields.items()
            if (whole := with_whole_characters(old)) != old
        }
        return msgspec.structs.replace(value, **changes) if changes else value
    return value


def loads(data: bytes | str) -> JsonValue:
    """Return the value of a JSON text this process wrote itself (no limits checked)."""
    return _decoder.decode(data)


def loads_untrusted(data: bytes, max_bytes: int = MAX_BODY_BYTES) -> JsonValue:
    """Return the value of a JSON text from outside.

    Raises:
        TooLargeError: Too long.
        TooDeepError: Nested deeper than 200.
        InvalidRequestError: Not JSON (NaN is not JSON).
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"The body has {len(data)} bytes; the limit is {max_bytes}.")
    if _depth_exceeds(data, MAX_DEPTH):
        raise TooDeepError(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = _place(data, str(error))
        raise InvalidRequestError(f"The body is not valid JSON: {error}{place}") from None


def _place(data: bytes, words: str) -> str:
    """Line and column of the byte that an error of the decoder names, for who edits text."""
    found = re.search(r"\(byte (\d+)\)", words)
    at = int(found[1]) if found else len(data) if "truncated" in words else -1
    if at < 0:
        return ""
    before = data[:at]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
    return f", line {line}, column {column}"


def payload_hash(value: JsonValue) -> str:
    """Return the content address of a JSON value: 32 hex digits, the same for equal values."""
    try:
        text = _canonical.encode(value)
    except UnicodeEncodeError:
        text = _canonical.encode(with_whole_characters(value))
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _depth_exceeds(data: bytes, limit: int) -> bool:
    if data.count(b"[") + data.count(b"{") <= limit:
        return False
    depth = 0
    in_string = escaped = False
    for byte in data:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in (0x5B, 0x7B):
            depth += 1
            if depth > limit:
                return True
        elif byte in (0x5D, 0x7D):
            depth -= 1
    return False
