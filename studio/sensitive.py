"""Values under names like ``token`` or ``password``: never shown, never offered again.

The history keeps them, since a replay needs them (decision 21).
"""

from __future__ import annotations

import re
from typing import Any, Final

MASK: Final = "\u2022" * 8
_SECRET: Final = re.compile(r"token|secret|passw|api_?key|authorization|credential", re.IGNORECASE)


def is_sensitive_name(name: str) -> bool:
    """Whether what stands under this name is not for showing."""
    return _SECRET.search(name) is not None


def masked(value: Any) -> Any:
    """The value with texts under sensitive names shown as bullets."""
    if isinstance(value, dict):
        return {
            key: MASK if _is_sensitive(key, item) else masked(item) for key, item in value.items()
        }
    return [masked(item) for item in value] if isinstance(value, list) else value


def masked_hop(hop: dict[str, Any], leaf: str) -> dict[str, Any]:
    """One hop of an origin route; a value under a sensitive name is bullets at every hop."""
    value = hop.get("value")
    names = (leaf, str(hop.get("what", "")))
    hidden = isinstance(value, str) and any(map(is_sensitive_name, names))
    return {**hop, "value": MASK if hidden else masked(value)}


def without_sensitive(value: Any) -> tuple[Any, int]:
    """The value with texts under sensitive names set to ``None``, and how many they were."""
    if isinstance(value, dict):
        kept, left_out = {}, 0
        for key, item in value.items():
            if _is_sensitive(key, item):
                kept[key] = None
                left_out += 1
            else:
                kept[key], inside = without_sensitive(item)
                left_out += inside
        return kept, left_out
    if isinstance(value, list):
        items = [without_sensitive(item) for item in value]
        return [item for item, _ in items], sum(inside for _, inside in items)
    return value, 0


def _is_sensitive(key: str, value: Any) -> bool:
    # An expression in a definition only says where a secret comes from.
    return isinstance(value, str) and not value.startswith("${") and is_sensitive_name(key)
