"""After a power cut at any moment a journal has what it acknowledged, or refuses loudly."""

from __future__ import annotations

import platform
import random
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from recorded_writes import Recorder, after_power_cut

from engine.core.events import HistoryEvent
from engine.errors import StoreCorruptError
from engine.store.base import Commit
from engine.store.journal import Journal
from engine.testing.store_records import commit_of, history

_EXECUTIONS = 40
_OPEN_EVERY = 3
"""Each third execution does not end."""


class Known(NamedTuple):
    """What a journal holds after a commit."""

    last_position: int
    open: dict[str, list[HistoryEvent]]


def _commits() -> list[Commit]:
    """Executions that begin, three at a time, go on and mostly end, each by three commits."""
    made = []
    for first in range(0, _EXECUTIONS, 3):
        names = [f"w{number}" for number in range(first, first + 3)]
        histories = [history(name, steps=4) for name in names]
        for part in (slice(0, 3), slice(3, 6), slice(6, None)):
            for name, events in zip(names, histories, strict=True):
                stays = int(name[1:]) % _OPEN_EVERY == 0
                is_last = part.stop is None
                chosen = events[part][: -1 if is_last and stays else None]
                made.append(Commit(events=chosen, closed=[name] if is_last and not stays else []))
    return made


def _recorded(path: Path) -> tuple[Recorder, list[Known]]:
    """A journal at work: commits, prunings and checkpoints, and what it should hold after each."""
    known = [Known(0, {})]
    with closing(Journal(path)) as journal:
        journal.prune(0)  # both connections have opened their files
        recorder = Recorder(path)
        recorder.attach(journal._writer)
        recorder.attach(journal._janitor)
        for number, commit in enumerate(_commits(), 1):
            recorder.mark("committing", number)
            journal.commit(commit)
            recorder.mark("acknowledged", number)
            is_open = {name: list(events) for name, events in known[-1].open.items()}
            for event in commit.events:
                is_open.setdefault(event.workflow_id, []).append(event)
            for name in commit.closed:
                del is_open[name]
            known.append(Known(journal.last_position, is_open))
            if number % 7 == 0:
                journal.prune(known[-4].last_position)
            if number % 25 == 0:
                journal._unchecked_bytes = 1 << 30
                journal.checkpoint()
    return recorder, known


def _check(path: Path, known: list[Known], acknowledged: int, begun: int) -> None:
    """The journal has some commit as its last, not before what was acknowledged, and goes on."""
    with closing(Journal(path, suspicious=True)) as journal:
        count = [one.last_position for one in known].index(journal.last_position)
        assert acknowledged <= count <= begun
        should = known[count].open
        assert sorted(journal.reads.open_executions()) == sorted(should)
        for name, events in should.items():
            assert journal.reads.events(name) == events
        journal.commit(commit_of(history("later")))
        assert journal.reads.events("later") == history("later")


def _cut(folder: Path, seeds: range) -> int:
    """Cut the power once for each seed; returns how many journals refused to open."""
    folder.mkdir()
    recorder, known = _recorded(folder / "recorded")
    marks = [(at, call) for at, call in enumerate(recorder.calls) if not call.file]
    refused = 0
    for seed in seeds:
        chance = random.Random(seed)
        cut = chance.randrange(len(recorder.calls) + 1)
        said = {"acknowledged": 0, "committing": 0}
        said.update((call.what, call.at) for at, call in marks if at < cut)
        files = after_power_cut(recorder, cut, chance)
        path = folder / f"cut{seed}"
        path.write_bytes(files["database"])
        path.with_name(path.name + "-wal").write_bytes(files["log"])
        try:
            _check(path, known, said["acknowledged"], said["committing"])
        except StoreCorruptError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}, cut after {cut} calls: {error!r}") from error
        for file in folder.glob(f"{path.name}*"):
            file.unlink()
    return refused


needs_cpython = pytest.mark.skipif(
    platform.python_implementation() != "CPython" or platform.system() == "Windows",
    reason="reads CPython's connection objects and SQLite's table of the Unix file system",
)


@needs_cpython
def test_a_power_cut_loses_nothing_acknowledged(tmp_path: Path) -> None:
    assert _cut(tmp_path / "cuts", range(500)) == 0


@needs_cpython
@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_thousand_power_cuts_lose_nothing_acknowledged(tmp_path: Path) -> None:
    assert _cut(tmp_path / "cuts", range(1000, 21_000)) == 0
