"""Layout and drawing without a browser: the corpus of real definitions, and one large fork."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from studio.graph import picture
from studio.graph.structure import blocks_of

from .figures import Figure
from .wide_fork import fork

_SHARED = Path(__file__).resolve().parents[2].parent / "shared"
_VERDICTS = _SHARED / "conformance" / "corpus-validation.json"
_ALL_BOXES = 100_000


def measure() -> list[Figure]:
    """Seconds for all accepted definitions of the corpus (if it is there) and for a wide fork."""
    picture.draw({"blocks": blocks_of({"name": "warm", "tasks": []}), "name": "warm"})
    figures = []
    corpus = _corpus()
    if corpus:
        layout, drawing, boxes = _time(corpus)
        figures = [
            Figure(f"corpus: layout of {len(corpus)} definitions", layout, "s"),
            Figure("corpus: layout and drawing", drawing, "s"),
            Figure("corpus: boxes laid out", boxes / layout, "boxes/s"),
        ]
    layout, drawing, _ = _time([{"name": "wide", "tasks": fork(1_000)}])
    return [
        *figures,
        Figure("fork of 1,000: layout", layout, "s"),
        Figure("fork of 1,000: layout and drawing", drawing, "s"),
    ]


def _time(definitions: list[dict[str, Any]]) -> tuple[float, float, int]:
    requests = [{"blocks": blocks_of(one), "name": one.get("name")} for one in definitions]
    begun = time.perf_counter()
    boxes = sum(len(picture.boxes(request, limit=_ALL_BOXES)) for request in requests)
    layout = time.perf_counter() - begun
    begun = time.perf_counter()
    for request in requests:
        picture.draw(request, limit=_ALL_BOXES)
    return layout, time.perf_counter() - begun, boxes


def _corpus() -> list[dict[str, Any]]:
    if not _VERDICTS.exists():
        return []
    verdicts = json.loads(_VERDICTS.read_text(encoding="utf-8"))
    accepted = [name for name, (status, _) in verdicts.items() if status == 200]
    return [json.loads((_SHARED / "corpus" / name).read_text("utf-8")) for name in accepted]
