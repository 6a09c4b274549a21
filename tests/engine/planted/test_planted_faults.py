"""The suite is believed because it notices every planted fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from planted_faults import FAULTS, ROOT, Fault, plant, run

_QUICK = [fault for fault in FAULTS if fault.quick]
_OTHERS = [fault for fault in FAULTS if not fault.quick]


def _name(fault: Fault) -> str:
    return fault.name.replace(" ", "_")


def test_every_fault_has_its_place_in_the_source() -> None:
    assert len(FAULTS) >= 12
    for fault in FAULTS:
        for file, old, _ in fault.changes:
            found = (ROOT / file).read_text(encoding="utf-8").count(old)
            assert found == 1, (
                f"{fault.name}: its text is {found} times in {file}. "
                "Move the fault along in planted_faults.py."
            )


def _is_noticed(fault: Fault, folder: Path) -> None:
    done = run(fault.command, plant(fault, folder))
    # 1 is what pytest and the simulation say of a failed check; a broken copy says something else.
    assert done.returncode == 1, f"not noticed: {fault.name}\n{done.stdout[-2000:]}{done.stderr}"
    told = done.stdout + done.stderr
    assert not re.search("ImportError|SyntaxError|NameError", told), told[-2000:]


@pytest.mark.parametrize("fault", _QUICK, ids=_name)
def test_a_planted_fault_is_noticed(fault: Fault, tmp_path: Path) -> None:
    _is_noticed(fault, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(320)
@pytest.mark.parametrize("fault", _OTHERS, ids=_name)
def test_any_other_planted_fault_is_noticed(fault: Fault, tmp_path: Path) -> None:
    _is_noticed(fault, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_without_a_fault_nothing_is_noticed(tmp_path: Path) -> None:
    folder = plant(None, tmp_path)
    for command in dict.fromkeys(fault.command for fault in FAULTS):
        done = run(command, folder)
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
