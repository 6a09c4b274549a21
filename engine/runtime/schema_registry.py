"""Schemas by name and version, and how definitions that only name one come by its text.

Written by the decider thread only; read from any thread (entries are replaced, never changed).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

from ..store.base import MetadataRow

Wire = dict[str, Any]

COLLECTION: Final = "schemas"
_KEYS: Final = ("inputSchema", "outputSchema")
_logger = logging.getLogger(__name__)


class SchemaRegistry:
    """Registered schemas."""

    def __init__(self, rows: Iterable[MetadataRow]) -> None:
        """What the store has of the collection ``schemas``."""
        self.schemas: dict[str, dict[int, Wire]] = {}
        for row in rows:
            if row.body is not None:
                self.schemas.setdefault(row.key, {})[row.version] = row.body

    def schema(self, name: str, version: int | None = None) -> Wire | None:
        """One schema, of the highest version if none is named; None if unknown."""
        versions = self.schemas.get(name)
        if not versions:
            return None
        return versions.get(max(versions) if version is None else version)

    def all_schemas(self) -> list[Wire]:
        """Every version of every schema, by name and version."""
        return [
            versions[number]
            for _, versions in sorted(self.schemas.items())
            for number in sorted(versions)
        ]

    def put(self, body: Wire, wall_ms: int) -> MetadataRow:
        """Register or replace one version."""
        name, version = body["name"], int(body["version"])
        self.schemas[name] = {**self.schemas.get(name, {}), version: body}
        return MetadataRow(
            collection=COLLECTION, key=name, version=version, body=body, wall_ms=wall_ms
        )

    def drop(self, name: str, version: int, wall_ms: int) -> MetadataRow:
        """Take one version out."""
        versions = {k: v for k, v in self.schemas.get(name, {}).items() if k != version}
        if versions:
            self.schemas[name] = versions
        else:
            self.schemas.pop(name, None)
        return MetadataRow(
            collection=COLLECTION, key=name, version=version, body=None, wall_ms=wall_ms
        )

    def filled(self, definition: Wire) -> Wire:
        """A workflow or task definition with the text of the schemas that it only names.

        The same object where there is nothing to fill in.
        """
        found = {}
        for key in _KEYS:
            named = definition.get(key)
            if not isinstance(named, dict) or named.get("data") or named.get("externalRef"):
                continue
            name, version = str(named.get("name") or ""), int(named.get("version") or 1)
            registered = self.schema(name, version)
            if registered is None:
                _logger.warning(
                    "%s of '%s' names schema '%s' version %s, which is not registered: "
                    "nothing is checked.",
                    key,
                    definition.get("name"),
                    name,
                    version,
                )
                continue
            found[key] = {
                **named,
                **{k: registered[k] for k in ("type", "data", "externalRef") if k in registered},
            }
        return {**definition, **found} if found else definition
