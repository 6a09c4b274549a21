"""JSONPath as Conductor's server reads it (the Jayway dialect, exceptions suppressed).

Rules of this file
  1. A definite path gives one value, None when it leads nowhere; an indefinite one (``..``,
     ``*``, filter, slice, several indexes) always gives a list, empty when nothing fits.
  2. A path that can't be parsed, or that exceeds a limit, leads nowhere. Nothing raises.
  3. The document is only asked for the roots that a path names, so it may build them lazily.
  4. Reading never changes the document and shares its values with the result.

Nearly every path in real definitions is a plain chain of names and indexes. Those never meet the
parser: one regular expression recognises them and a loop reads them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from .jsonpath_cursor import PathError
from .jsonpath_parser import parse
from .jsonpath_steps import Names

MAX_PATH_LENGTH: Final = 1_000

_PLAIN = re.compile(
    r"""(?:\$\.)?(?P<root>[^\s.\[\]()$@'"*?,:\\]+)"""
    r"""(?P<rest>(?:\.[^\s.\[\]()@'"*?,:\\]+|\[\d{1,9}\])*) *\Z"""
)
_PLAIN_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")

_Reader = Callable[[Mapping[str, Any], Any], Any]


def read(path: str, document: Mapping[str, Any], default: Any = None) -> Any:
    """Return what a path names in a document.

    Args:
        path: With or without the leading ``$.``. Trailing blanks are tolerated, leading ones not.
        document: The root; only its entries named by the path are asked for.
        default: Returned instead of None when the path leads nowhere, so that a caller can tell
            a missing value from a null.
    """
    return compiled(path).read(document, default)


def is_definite(path: str) -> bool:
    """Whether a path can name one value at most (True for one that can't be parsed)."""
    return compiled(path).definite


class CompiledPath:
    """A path ready to be read: what kind it is, and where it starts."""

    __slots__ = ("definite", "read", "rest", "root")

    def __init__(self, root: str, rest: str, definite: bool, read: _Reader) -> None:
        self.root = root
        """Key of the document that the path starts at; ``""`` if it needs several."""
        self.rest = rest
        """The path as it continues below the root, without a leading dot."""
        self.definite = definite
        self.read = read
        """What the path names: ``read(document, default)``."""


def compiled(path: str) -> CompiledPath:
    """The compiled form of a path, from a bounded cache."""
    return _compiled(path) if len(path) <= MAX_PATH_LENGTH else _TOO_LONG


def _leads_nowhere(document: Mapping[str, Any], default: Any) -> Any:
    return default


_TOO_LONG = CompiledPath("", "", True, _leads_nowhere)


@lru_cache(maxsize=4096)
def _compiled(path: str) -> CompiledPath:
    plain = _PLAIN.match(path)
    if plain is not None:
        root, rest = plain["root"], plain["rest"]
        keys = [name or int(index) for name, index in _PLAIN_STEP.findall(rest)]
        return CompiledPath(root, rest.removeprefix("."), True, _plain_reader(root, keys))
    try:
        parsed = parse(path)
    except (PathError, RecursionError):
        return CompiledPath(*_split_root(path), True, _leads_nowhere)
    first = parsed.steps[0] if parsed.steps else None
    if isinstance(first, Names) and len(first.names) == 1 and first.end:
        rest = path.rstrip()[first.end - parsed.shift :]
        return CompiledPath(first.names[0], rest.removeprefix("."), parsed.definite, parsed.read)
    return CompiledPath("", path, parsed.definite, parsed.read)


def _split_root(path: str) -> tuple[str, str]:
    """Root and rest of a path that can't be parsed, as well as one can tell."""
    root, _, rest = path.removeprefix("$.").partition(".")
    return root, rest


def _plain_reader(root: str, keys: list[str | int]) -> _Reader:
    def read_plain(document: Mapping[str, Any], default: Any) -> Any:
        try:
            value = document[root]
            for key in keys:
                kind = value.__class__
                fits = kind is dict or (kind is list and key.__class__ is int)
                if not fits and (kind is list or not isinstance(value, Mapping)):
                    return default
                value = value[key]
        except (KeyError, IndexError):
            return default
        return value

    return read_plain
