"""The public face of the models."""

from __future__ import annotations

import subprocess
import sys

import pytest

import engine.models as models


def test_exports_are_sorted_and_all_there() -> None:
    constants = [name for name in models.__all__ if name.isupper()]
    classes = [name for name in models.__all__ if name[0].isupper() and name not in constants]
    functions = [name for name in models.__all__ if name[0].islower()]
    assert models.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]
    for name in models.__all__:
        assert getattr(models, name) is not None
        assert name in dir(models)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        models.Nonsense  # noqa: B018


def test_importing_the_face_loads_neither_pydantic_nor_quickjs() -> None:
    script = (
        "import sys, engine.models, engine.models.enums, engine.evaluators.syntax;"
        "print(sorted({'pydantic', 'quickjs'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
