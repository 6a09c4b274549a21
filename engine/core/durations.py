"""How long a WAIT waits: its ``duration`` and ``until`` texts (semantics reference §5.15).

The two fail differently, as in Conductor: a bad duration refuses the request that met it, a bad
``until`` is an outcome of the task.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import InvalidRequestError

_DURATION = re.compile(
    r"""(?:\s*(?P<days>\d{1,12})\s*(?:days?|d))?
        (?:\s*(?P<hours>\d{1,12})\s*(?:hours?|hrs?|h))?
        (?:\s*(?P<minutes>\d{1,12})\s*(?:minutes?|mins?|m))?
        (?:\s*(?P<seconds>\d{1,12})\s*(?:seconds?|secs?|s))?\s*""",
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_UNIT_SECONDS: Final = (86_400, 3_600, 60, 1)
_LARGEST_PART: Final = 2**31 - 1  # each part is an int on the server

_UNTIL = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?: +(\d{1,2}):(\d{1,2})(?: +(?P<zone>\S.*))?)?", re.ASCII
)
_OFFSET = re.compile(r"(?:GMT|UTC)?([+-])(\d{1,2})(?::?([0-5]\d))?", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Java reads an abbreviation as a fixed offset, winter and summer having names of their own.
_NAMES_BY_HOURS: Final[dict[float, str]] = {
    -10: "HST",
    -9: "AKST",
    -8: "PST AKDT",
    -7: "MST PDT",
    -6: "CST MDT",
    -5: "EST CDT",
    -4: "AST EDT",
    -3: "BRT ADT",
    0: "GMT UTC UT Z WET",
    1: "CET BST WEST",
    2: "EET CEST SAST",
    3: "MSK EEST",
    5.5: "IST",
    8: "SGT HKT",
    9: "JST KST",
    10: "AEST",
    11: "AEDT",
    12: "NZST",
}
_ABBREVIATIONS: Final = {
    name: hours for hours, names in _NAMES_BY_HOURS.items() for name in names.split()
}


def parse_duration_seconds(text: str) -> int:
    """Return the seconds of a ``duration`` text.

    Optional parts in the order days, hours, minutes, seconds (``1 day 2h 30 mins``), upper or
    lower case. A number without a unit is invalid. A blank text is 0; to Conductor it means no
    duration at all, which is for the caller to see first.

    Raises:
        InvalidRequestError: The text is not a duration; the message is Conductor's.
    """
    match = _DURATION.fullmatch(text)
    if match is not None:
        parts = [int(part or 0) for part in match.groups()]
        if max(parts) <= _LARGEST_PART:
            return sum(part * unit for part, unit in zip(parts, _UNIT_SECONDS, strict=True))
    raise InvalidRequestError(f"Not valid duration: {text}")


def parse_until_ms(text: str, default_zone: tzinfo = UTC) -> int | None:
    """Return the moment of an ``until`` text in epoch milliseconds, or None if it is unreadable.

    Args:
        text: ``yyyy-MM-dd``, ``yyyy-MM-dd HH:mm`` or ``yyyy-MM-dd HH:mm z``, where the zone is
            a region (``Europe/Berlin``), an abbreviation (``PST``) or an offset (``+02:00``).
        default_zone: The zone of a text without one. A local time that exists twice is the later
            one; one that a clock change skips counts from before the change. Both as in Java.
    """
    match = _UNTIL.fullmatch(text.strip())
    if match is None:
        return None
    zone = default_zone if match["zone"] is None else _zone(match["zone"])
    if zone is None:
        return None
    year, month, day, hour, minute = (int(part or 0) for part in match.groups()[:5])
    try:
        local = datetime(year, month, day, hour, minute, tzinfo=zone)
        moments = [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    except (ValueError, OverflowError):
        return None
    return (max(moments) - _EPOCH) // timedelta(milliseconds=1)


def until_error(text: str) -> str:
    """Return why a WAIT with an unreadable ``until`` fails, in Conductor's words."""
    return f"Invalid/Unsupported Wait Until format.  Provided: {text}"


def _zone(name: str) -> tzinfo | None:
    hours = _ABBREVIATIONS.get(name.upper())
    if hours is not None:
        return timezone(timedelta(hours=hours))
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        sign = -1 if offset[1] == "-" else 1
        shift = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(sign * shift) if shift < timedelta(hours=24) else None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
