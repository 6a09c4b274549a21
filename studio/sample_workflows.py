"""The samples that the empty Board offers, whichever of them this installation has."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from .contracts import Samples

if TYPE_CHECKING:
    from engine import Engine


def samples_for(engine: Engine) -> Samples | None:
    """Samples over an engine, or None where none are installed."""
    if importlib.util.find_spec("studio.samples") is None:
        return None
    samples: Samples = importlib.import_module("studio.samples").samples_for(engine)
    return samples
