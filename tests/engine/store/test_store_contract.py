"""One contract over every store."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from engine.store import feeder, open_store
from engine.store.base import Store
from engine.store.local import LocalStore
from engine.testing.store_conformance import StoreConformance
from engine.testing.store_records import rows_of


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        with closing(open_store(":memory:")) as store:
            yield store


class TestLocalStore(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
        monkeypatch.setattr(feeder, "FEED_SECONDS", 0.01)
        with closing(open_store(tmp_path / "x.duckdb", project=rows_of)) as store:
            yield store

    def settle(self, store: Store) -> None:
        """Also wait until the journal has forgotten what it may."""
        assert isinstance(store, LocalStore)
        store.catch_up()
        give_up = time.monotonic() + 20
        while store._journal.fed_position < store._journal.last_position:
            assert time.monotonic() < give_up
            time.sleep(0.002)
        with store._feeder.not_pruning():
            while store._journal.prune(store._history.watermark):
                pass
