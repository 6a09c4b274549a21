"""What every store has to do, as tests: subclass ``StoreConformance`` and give it a store.

::

    class TestMyStore(StoreConformance):
        @pytest.fixture
        def store(self, tmp_path):
            with closing(MyStore(tmp_path / "my.db")) as store:
                yield store
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..core.events import EventKind
from ..errors import (
    EngineError,
    HistoryConflictError,
    InvalidRequestError,
    StoreClosedError,
    StoreCorruptError,
)
from ..models.codec import loads
from ..store.base import AuditRow, Commit, DueTime, IdleRow, LogRow, MetadataRow, Store
from .store_records import commit_of, ending, event, history, rows_of


class StoreConformance:
    """The contract of ``Store``, one rule per test."""

    def settle(self, store: Store) -> None:
        """Wait until the store has moved what it moves in the background. Override if needed."""
        store.catch_up()

    # -- events and openness -------------------------------------------------------------

    def test_committed_events_come_back_in_order(self, store: Store) -> None:
        events = history("a", steps=3)
        store.commit(commit_of(events[:4]))
        store.commit(commit_of(events[4:]))
        assert store.events("a") == events

    def test_events_after_a_number_are_only_the_later_ones(self, store: Store) -> None:
        events = history("a", steps=3)
        store.commit(commit_of(events))
        assert store.events("a", after=5) == events[5:]
        self.settle(store)
        assert store.events("a", after=5) == events[5:]
        assert store.events("a", after=len(events)) == []

    def test_an_unknown_execution_has_no_events(self, store: Store) -> None:
        assert store.events("nobody") == []

    def test_events_of_all_executions_come_in_order_of_their_positions(self, store: Store) -> None:
        first, second = history("a", steps=2), history("b", steps=2, ended=False)
        store.commit(commit_of(first[:3]))
        store.commit(Commit(logs=[_log("a", "t", 1, "takes a position of its own")]))
        store.commit(commit_of([*second, *first[3:]]))
        expected = [*first[:3], *second, *first[3:]]

        def whole() -> list[Any]:
            found: list[Any] = []
            position = 0
            while page := store.events_after(position, 2):
                assert len(page) <= 2
                assert all(at > position for at, _ in page)
                position = page[-1][0]
                found += [event for _, event in page]
            return found

        assert whole() == expected
        self.settle(store)
        assert whole() == expected
        middle = store.events_after(0, 4)[-1][0]
        assert [event for _, event in store.events_after(middle, 100)] == expected[4:]
        assert store.events_after(store.last_position(), 100) == []
        later = history("c", steps=1)
        store.commit(commit_of(later))  # a page may lie half in the history, half in the journal
        assert [event for _, event in store.events_after(0, 100)] == [*expected, *later]

    def test_open_executions_are_listed_oldest_first(self, store: Store) -> None:
        for name in ("c", "a", "b"):
            store.commit(commit_of(history(name, ended=False)))
        assert store.open_executions() == ["c", "a", "b"]

    def test_a_summary_counts_only_for_the_newest_event(self, store: Store) -> None:
        for name in ("b", "a"):
            store.commit(commit_of(history(name, ended=False)))
        newest = store.events("a")[-1].number
        row = IdleRow(workflow_id="a", last_event=newest, body=b"in short")
        store.commit(Commit(idle=[row]))
        known = dict(store.idle_executions())
        assert list(known) == ["b", "a"]
        assert (known["b"], known["a"] in (None, b"in short")) == (None, True)
        update = event("a", newest + 1, EventKind.WORKFLOW_PAUSED, {})
        store.commit(Commit(events=[update]))
        assert list(store.idle_executions()) == [("b", None), ("a", None)]
        store.commit(commit_of([ending("a", newest + 2)]))
        assert list(store.idle_executions()) == [("b", None)]

    def test_due_times_come_in_order_page_by_page(self, store: Store) -> None:
        moments = {"e": 50, "b": 20, "d": 20, "a": 30, "c": 20, "never": 0}
        for name, due_ms in moments.items():
            store.commit(commit_of(history(name, ended=False)))
            row = IdleRow(workflow_id=name, last_event=5, body=b"in short", due_ms=due_ms)
            store.commit(Commit(idle=[row]))
        first = store.due_times(DueTime(0, ""), 40, 2)
        assert first == [(20, "b"), (20, "c")]
        assert store.due_times(first[-1], 40, 9) == [(20, "d"), (30, "a")]
        assert store.due_times(DueTime(30, "b"), 2**62, 9) == [(50, "e")]
        later = IdleRow(workflow_id="b", last_event=5, body=b"in short", due_ms=60)
        store.commit(Commit(idle=[later]))
        store.commit(commit_of([ending("c", 6)]))
        assert store.due_times(DueTime(0, ""), 99, 2) == [(20, "d"), (30, "a")]
        assert store.due_times(DueTime(50, "e"), 99, 9) == [(60, "b")]

    def test_an_ended_execution_is_open_no_more(self, store: Store) -> None:
        store.commit(commit_of(history("a"), history("b", ended=False)))
        assert store.open_executions() == ["b"]
        store.commit(commit_of([ending("b", 6)]))
        assert store.open_executions() == []

    def test_an_ended_execution_keeps_its_whole_history(self, store: Store) -> None:
        events = history("a", steps=4)
        store.commit(commit_of(events))
        self.settle(store)
        assert store.events("a") == events

    def test_a_reopened_execution_is_open_with_its_whole_history(self, store: Store) -> None:
        events = history("a")
        store.commit(commit_of(events))
        self.settle(store)
        restarted = event("a", len(events) + 1, EventKind.WORKFLOW_RESTARTED, {})
        store.commit(Commit(events=[restarted], reopened=["a"]))
        self.settle(store)
        assert store.open_executions() == ["a"]
        assert store.events("a") == [*events, restarted]
        last = ending("a", len(events) + 2)
        store.commit(commit_of([last]))
        self.settle(store)
        assert store.open_executions() == []
        assert store.events("a") == [*events, restarted, last]
        count = "SELECT count(*) AS n FROM events WHERE workflow_id = 'a'"
        assert store.query(count) == [{"n": len(events) + 2}]

    def test_an_event_after_the_end_joins_the_history(self, store: Store) -> None:
        events = history("a")
        store.commit(commit_of(events))
        self.settle(store)
        late = event("a", len(events) + 1, EventKind.TASKS_REMOVED, {"task_ids": ["x"]})
        store.commit(Commit(events=[late]))
        assert store.events("a") == [*events, late]
        self.settle(store)
        assert store.events("a") == [*events, late]
        assert store.open_executions() == []

    def test_a_removed_execution_leaves_nothing(self, store: Store) -> None:
        secret = {"secret": "only in a", "long": "x" * 5000}
        store.commit(commit_of(history("a", payload=secret), history("b")))
        store.commit(Commit(logs=[_log("a", "a-task-1", 1, "line")]))
        self.settle(store)
        store.commit(Commit(removed=["a"]))
        assert store.events("a") == []
        assert store.logs("a-task-1") == []
        for table in ("events", "executions", "tasks", "executions_log", "tasks_log", "logs"):
            query = f"SELECT count(*) AS n FROM {table} WHERE workflow_id = 'a'"
            assert store.query(query) == [{"n": 0}], table
        query = "SELECT count(*) AS n FROM payloads WHERE body LIKE '%only in a%'"
        assert store.query(query) == [{"n": 0}]
        assert store.events("b") == history("b")
        assert store.query("SELECT output FROM executions") == [{"output": '{"done":true}'}]

    def test_removing_an_open_execution_closes_it(self, store: Store) -> None:
        store.commit(commit_of(history("a", ended=False)))
        store.commit(Commit(removed=["a"]))
        assert store.open_executions() == []
        self.settle(store)
        assert store.events("a") == []

    def test_a_number_is_given_once_and_the_group_fails_whole(self, store: Store) -> None:
        store.commit(commit_of(history("a", ended=False)))
        twice = event("a", 3, EventKind.TASK_UPDATED, {}, 1)
        _raises(
            HistoryConflictError,
            lambda: store.commit(Commit(events=[*history("b"), twice], closed=["b"])),
        )
        assert store.events("a") == history("a", ended=False)
        assert store.events("b") == []
        store.commit(commit_of(history("b")))
        assert store.query("SELECT count(*) AS n FROM executions") == [{"n": 2}]

    def test_payloads_come_back_exactly(self, store: Store) -> None:
        payload = {
            "z": 1,
            "a": [None, True, 1.10, -0.0, 10**30, {"nested": {}}],
            "text": 'quote " backslash \\ newline \n nul \x00 ünïcödé 🙂 </script>',
            "empty": {},
            "": "",
        }
        short, long = payload, {**payload, "long": "ü" * 5000}
        for name, payload in (("short", short), ("long", long)):
            self._check_exact(store, name, payload)

    def _check_exact(self, store: Store, name: str, payload: dict[str, Any]) -> None:
        events = history(name, payload=payload)
        odd = event(name, len(events) + 1, EventKind.VARIABLES_SET, {"variables": {}, "x": None})
        store.commit(commit_of([*events, odd]))
        store.commit(Commit(closed=[name]))
        self.settle(store)
        found = store.events(name)
        assert found == [*events, odd]
        assert list(found[0].data["input"]) == list(payload)
        query = "SELECT input_data FROM tasks WHERE workflow_id = ? AND seq = 1"
        assert loads(store.query(query, [name])[0]["input_data"]) == payload

    # -- definitions, metadata, logs -----------------------------------------------------

    def test_definition_snapshots_are_kept(self, store: Store) -> None:
        store.commit(Commit(definitions={"h1": b'{"name":"x"}'}))
        store.commit(Commit(definitions={"h1": b'{"name":"x"}', "h2": b'{"name":"y"}'}))
        assert store.definition("h1") == b'{"name":"x"}'
        assert store.definition("h2") == b'{"name":"y"}'
        found = store.query("SELECT hash FROM definitions ORDER BY hash")
        assert found == [{"hash": "h1"}, {"hash": "h2"}]

    def test_a_missing_definition_is_corruption(self, store: Store) -> None:
        _raises(StoreCorruptError, lambda: store.definition("nowhere"))

    def test_metadata_is_ordered_replaced_and_deleted(self, store: Store) -> None:
        rows = [_definition("b", 1), _definition("a", 10), _definition("a", 2)]
        store.commit(Commit(metadata=rows))
        store.commit(Commit(metadata=[_definition("b", 1, {"name": "b", "changed": True})]))
        found = [(row.key, row.version) for row in store.metadata("workflow_defs")]
        assert found == [("a", 2), ("a", 10), ("b", 1)]
        assert store.metadata("workflow_defs")[2].body == {"name": "b", "changed": True}
        self.settle(store)
        gone = MetadataRow(collection="workflow_defs", key="a", version=2, body=None, wall_ms=9)
        store.commit(Commit(metadata=[gone]))
        assert len(store.metadata("workflow_defs")) == 2
        assert store.metadata("task_defs") == []
        found_rows = store.query("SELECT name, version FROM workflow_defs ORDER BY ALL")
        assert found_rows == [{"name": "a", "version": 10}, {"name": "b", "version": 1}]

    def test_logs_are_ordered_by_time(self, store: Store) -> None:
        store.commit(Commit(logs=[_log("a", "t", 5, "second"), _log("a", "other", 1, "x")]))
        self.settle(store)
        store.commit(Commit(logs=[_log("a", "t", 5, "third"), _log("a", "t", 2, "first")]))
        assert [row.log for row in store.logs("t")] == ["first", "second", "third"]
        self.settle(store)
        assert [row.log for row in store.logs("t")] == ["first", "second", "third"]
        assert store.logs("nobody") == []

    # -- questions -----------------------------------------------------------------------

    def test_a_query_sees_what_was_committed_before_it(self, store: Store) -> None:
        for number in range(5):
            store.commit(commit_of(history(f"w{number}", steps=1)))
            found = store.query("SELECT count(*) AS n FROM tasks")
            assert found == [{"n": number + 1}]

    def test_views_show_the_newest_version_of_each_record(self, store: Store) -> None:
        events = history("a", steps=1)
        store.commit(commit_of(events[:2]))
        store.catch_up()
        statuses = "SELECT e.status AS e, t.status AS t FROM executions e JOIN tasks t USING "
        assert store.query(statuses + "(workflow_id)") == [{"e": "RUNNING", "t": "SCHEDULED"}]
        store.commit(_whole_rows(commit_of(events[2:]), events))
        assert store.query(statuses + "(workflow_id)") == [{"e": "COMPLETED", "t": "COMPLETED"}]
        row = store.query("SELECT * FROM tasks")[0]
        assert row["input_data"] == '{"order":"a","amount":12.5}'
        assert row["output_data"] == '{"step":1}'

    def test_a_deleted_record_is_in_no_view(self, store: Store) -> None:
        events = history("a", steps=2)
        store.commit(commit_of(events))
        store.catch_up()
        tasks, _ = rows_of(events)
        fields = {name: getattr(tasks[0], name) for name in tasks[0].__struct_fields__}
        gone = type(tasks[0])(**(fields | {"version": 99, "removed": True}))
        late = event("a", len(events) + 1, EventKind.TASKS_REMOVED, {"task_ids": [gone.task_id]})
        store.commit(Commit(events=[late], tasks=[gone]))
        assert store.query("SELECT seq FROM tasks") == [{"seq": 2}]

    def test_parameters_take_the_place_of_question_marks(self, store: Store) -> None:
        store.commit(commit_of(history("a"), history("b")))
        query = "SELECT workflow_id FROM executions WHERE workflow_id = ?"
        assert store.query(query, ["b"]) == [{"workflow_id": "b"}]

    def test_a_query_can_change_and_reach_nothing(self, store: Store) -> None:
        store.commit(commit_of(history("a")))
        for sql in (
            "DELETE FROM events",
            "INSERT INTO logs VALUES (1, 'a', 'b', 1, 'c')",
            "DROP VIEW tasks",
            "CREATE TABLE x (y INT)",
            "SELECT 1; SELECT 2",
            "SET threads = 1",
            "COPY events TO 'stolen.csv'",
            "ATTACH 'other.duckdb'",
            "SELECT * FROM read_text('/etc/hostname')",
            "SELECT * FROM no_such_table",
            "SELEC",
            "",
        ):
            _raises(InvalidRequestError, lambda sql=sql: store.query(sql))  # type: ignore[misc]
        assert store.query("SELECT count(*) AS n FROM executions") == [{"n": 1}]

    def test_a_query_can_answer_with_a_data_frame(self, store: Store) -> None:
        store.commit(commit_of(history("a"), history("b")))
        frame = store.query_frame("SELECT workflow_id FROM executions ORDER BY 1")
        assert list(frame["workflow_id"]) == ["a", "b"]

    def test_every_table_and_column_is_documented(self, store: Store) -> None:
        bare = store.query(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal "
            "AND schema_name = 'main' AND database_name <> 'temp' AND comment IS NULL"
        )
        assert bare == []
        bare = store.query(
            "SELECT table_name AS name FROM duckdb_tables() WHERE comment IS NULL AND NOT "
            "temporary AND NOT internal UNION ALL SELECT view_name FROM duckdb_views() "
            "WHERE comment IS NULL AND NOT internal"
        )
        assert bare == []

    def test_rebuilt_rows_equal_those_that_were_fed(self, store: Store) -> None:
        for number in range(12):
            events = history(f"w{number}", steps=number % 4, ended=number % 3 > 0)
            store.commit(commit_of(events[:3]))
            store.catch_up()
            if events[3:]:
                store.commit(_whole_rows(commit_of(events[3:]), events))
        questions = ("SELECT * FROM executions ORDER BY ALL", "SELECT * FROM tasks ORDER BY ALL")
        before = [store.query(question) for question in questions]
        assert store.rebuild(rows_of) == 12
        assert [store.query(question) for question in questions] == before

    def test_a_failed_rebuild_changes_nothing(self, store: Store) -> None:
        store.commit(commit_of(history("a"), history("b")))
        before = store.query("SELECT * FROM executions ORDER BY ALL")

        def fail(events: Any) -> Any:
            raise RuntimeError(events[0].workflow_id)

        _raises(RuntimeError, lambda: store.rebuild(fail))
        assert store.query("SELECT * FROM executions ORDER BY ALL") == before
        store.commit(commit_of(history("c")))
        assert store.query("SELECT count(*) AS n FROM executions") == [{"n": 3}]

    # -- threads and the end -------------------------------------------------------------

    def test_readers_and_the_writer_do_not_disturb_each_other(self, store: Store) -> None:
        failures: list[BaseException] = []
        written = threading.Event()

        def read() -> None:
            try:
                seen = 0
                while not written.is_set():
                    found = store.query("SELECT count(*) AS n FROM events")[0]["n"]
                    assert found >= seen, (found, seen)
                    seen = found
                    events = store.events("w0")
                    assert events in ([], history("w0")), events
                    store.open_executions()
            except BaseException as error:
                failures.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(60):
            store.commit(commit_of(history(f"w{number}")))
        written.set()
        for reader in readers:
            reader.join()
        assert failures == []
        assert store.query("SELECT count(*) AS n FROM events") == [{"n": 60 * 6}]

    def test_protected_objects_are_kept_replaced_and_deleted(self, store: Store) -> None:
        store.commit(Commit(protected=[_user("bob", 1), _user("ann", 1), _user("eve", 1)]))
        gone = MetadataRow(collection="users", key="eve", version=0, body=None, wall_ms=2)
        store.commit(Commit(protected=[_user("ann", 2), gone]))
        assert store.protected("users") == [_user("ann", 2), _user("bob", 1)]
        assert store.protected("api_keys") == []
        assert store.metadata("users") == []

    def test_no_query_reaches_protected_objects_or_the_audit(self, store: Store) -> None:
        store.commit(Commit(protected=[_user("needle-in-here", 1)], audit=[_audit("needle-too")]))
        self.settle(store)
        names = store.query("SELECT table_name AS name FROM information_schema.tables")
        for name in names:
            rows = store.query(f'SELECT * FROM "{name["name"]}"')
            assert "needle" not in repr(rows)

    def test_the_audit_comes_newest_first_by_page_actor_operation_and_object(
        self, store: Store
    ) -> None:
        first, second = _audit("workflow_defs/a/1"), _audit("workflow_defs/b/1", actor="user:ann")
        third = _audit("w1", operation="terminate", after=None)
        store.commit(Commit(audit=[first]))
        store.commit(Commit(audit=[second, third]))

        def objects(**chosen: Any) -> list[str]:
            return [row.object for row in store.audit(**chosen)]

        assert objects() == ["w1", "workflow_defs/b/1", "workflow_defs/a/1"]
        assert [row.number for row in store.audit()] == [3, 2, 1]
        assert objects(before=3, limit=1) == ["workflow_defs/b/1"]
        assert objects(actor="user:ann") == ["workflow_defs/b/1"]
        assert objects(operation="terminate") == ["w1"]
        assert objects(object="workflow_defs/") == ["workflow_defs/b/1", "workflow_defs/a/1"]
        assert store.audit()[2].after == {"name": "flow"}
        assert store.audit()[0].after is None

    def test_a_closed_store_refuses_everything(self, store: Store) -> None:
        store.commit(commit_of(history("a")))
        store.close()
        store.close()
        _raises(StoreClosedError, lambda: store.commit(commit_of(history("b"))))
        _raises(StoreClosedError, lambda: store.query("SELECT 1"))
        _raises(StoreClosedError, lambda: store.events("a"))

    def test_health_tells_what_is_open_and_what_lags(self, store: Store) -> None:
        store.commit(commit_of(history("a", ended=False), history("b")))
        store.catch_up()
        health = store.health()
        assert health["ok"] is True
        assert health["error"] is None
        assert health["open_executions"] == 1
        assert health["lag"] == 0


def _whole_rows(commit: Commit, events: list[Any]) -> Commit:
    """The commit with rows as of the whole history: an engine knows what came before."""
    commit.tasks, commit.executions = rows_of(events)
    return commit


def _definition(name: str, version: int, body: dict[str, Any] | None = None) -> MetadataRow:
    return MetadataRow(
        collection="workflow_defs",
        key=name,
        version=version,
        body=body or {"name": name},
        wall_ms=1,
    )


def _user(name: str, wall_ms: int) -> MetadataRow:
    return MetadataRow(
        collection="users", key=name, version=0, body={"name": name}, wall_ms=wall_ms
    )


def _audit(about: str, **other: Any) -> AuditRow:
    given: dict[str, Any] = {
        "wall_ms": 1,
        "actor": "user",
        "kind": "local",
        "address": "",
        "operation": "create_workflow_def",
        "object": about,
        "after": {"name": "flow"},
    }
    return AuditRow(**{**given, **other})


def _log(workflow_id: str, task_id: str, created_time: int, text: str) -> LogRow:
    return LogRow(workflow_id=workflow_id, task_id=task_id, created_time=created_time, log=text)


def _raises(expected: type[BaseException], action: Callable[[], Any]) -> None:
    """Like ``pytest.raises``, so that the kit needs no pytest."""
    try:
        action()
    except expected:
        return
    except EngineError as error:
        raise AssertionError(f"{type(error).__name__} instead of {expected.__name__}") from error
    raise AssertionError(f"{expected.__name__} was not raised")
