"""Numbered steps that bring the two files of a store to the newest schema.

A released step is never changed: what a later version needs is a new step at the end. Every file
records the number of its last step; a file from a later version is refused, never guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ...errors import StoreError


class Step(NamedTuple):
    """One change of a schema, applied in one transaction with its number."""

    number: int
    title: str
    statements: tuple[str, ...]


def migrate(
    file_name: str,
    found: int,
    steps: Sequence[Step],
    apply: Callable[[Step], None],
) -> int:
    """Apply the steps a file lacks, in order; returns the number of the last one.

    Args:
        file_name: What the message calls the file.
        found: Number of the last step the file has had; 0 for a new one.
        steps: All steps, numbered from 1 without a gap.
        apply: Carries out one step and records its number, in one transaction.

    Raises:
        StoreError: The file was written by a later version.
    """
    newest = steps[-1].number
    if found > newest:
        raise StoreError(
            f"{file_name} has schema {found}; this version knows schemas up to {newest}. "
            "Open it with the version of Conductor Studio that wrote it, or a later one."
        )
    for step in steps[found:]:
        apply(step)
    return newest
