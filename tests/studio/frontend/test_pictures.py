"""Pictures drawn without a browser: the whole corpus, and text that tries to be markup."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from studio.graph import picture
from studio.graph.structure import blocks_of

SHARED = Path(__file__).resolve().parents[3].parent / "shared"
VALIDATION = SHARED / "conformance" / "corpus-validation.json"
CONTAINERS = {"loop", "sub", "fork", "join"}


def accepted() -> list[dict[str, Any]]:
    answers = json.loads(VALIDATION.read_text())
    found = []
    for name, (status, _) in answers.items():
        if status == 200:
            found.append(json.loads((SHARED / "corpus" / name).read_text()))
    return found


@pytest.fixture(scope="module")
def corpus() -> list[dict[str, Any]]:
    if not VALIDATION.exists():
        pytest.skip("the corpus of real definitions is not beside this repository")
    return accepted()


def overlaps(boxes: list[tuple[str, float, float, float, float]]) -> list[str]:
    """Pairs of boxes with common ground, found by a sweep from top to bottom."""
    found = []
    open_boxes: list[tuple[str, float, float, float, float]] = []
    for box in sorted(boxes, key=lambda b: b[2]):
        name, x, y, w, _ = box
        open_boxes = [b for b in open_boxes if b[2] + b[4] > y]
        found += [f"{name} over {b[0]}" for b in open_boxes if x < b[1] + b[3] and b[1] < x + w]
        open_boxes.append(box)
    return found


def test_every_accepted_definition_is_drawn_without_overlapping_boxes(
    corpus: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.perf_counter()
    count = 0
    for definition in corpus:
        name = definition.get("name")
        request = {"blocks": blocks_of(definition), "name": name}
        found = picture.boxes(request, limit=100_000)
        leaves = [tuple(box[:1] + box[2:6]) for box in found if box[1] not in CONTAINERS]
        assert not overlaps(leaves), name
        count += len(found)
        ElementTree.fromstring(picture.draw(request, limit=100_000))
    seconds = time.perf_counter() - began
    with capsys.disabled():
        print(f" {len(corpus)} definitions, {count} boxes, {seconds:.2f} s", end=" ")
    assert seconds < 60


def test_text_of_a_definition_never_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'&\x00]]>"
    definition = {
        "name": evil,
        "tasks": [
            {"name": evil, "taskReferenceName": evil, "type": evil},
            {
                "name": "s",
                "taskReferenceName": "s",
                "type": "SWITCH",
                "expression": evil[:12],
                "decisionCases": {evil: [{"name": "a", "taskReferenceName": "a"}]},
            },
        ],
    }
    text = picture.definition_picture(definition)
    assert "<script" not in text
    root = ElementTree.fromstring(text)
    assert root.find("{http://www.w3.org/2000/svg}title").text == evil.replace("\x00", " ")


def test_a_picture_says_in_words_what_it_shows() -> None:
    definition = {"name": "one", "tasks": [{"name": "greet", "taskReferenceName": "greet"}]}
    root = ElementTree.fromstring(picture.definition_picture(definition, theme="dark"))
    description = root.find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    assert "greet, Worker" in (description.text or "")
    assert root.get("data-theme") == "dark"


def test_the_same_definition_gives_the_same_picture_in_another_thread() -> None:
    import threading

    definition = {"name": "one", "tasks": [{"name": "greet", "taskReferenceName": "greet"}]}
    drawn: list[str] = []
    thread = threading.Thread(target=lambda: drawn.append(picture.definition_picture(definition)))
    thread.start()
    thread.join()
    assert drawn == [picture.definition_picture(definition)]
