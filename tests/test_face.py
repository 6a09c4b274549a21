"""What ``import engine`` offers: a name more or less is a decision, not an accident."""

from __future__ import annotations

import importlib

import pytest

import engine

FACES = {
    "engine": [
        "Client",
        "Engine",
    ],
}


def test_the_face_is_sorted_and_every_name_on_it_is_there() -> None:
    assert engine.__all__ == sorted(engine.__all__)
    for name in engine.__all__:
        assert getattr(engine, name) is not None
    assert set(engine.__all__) <= set(dir(engine))
