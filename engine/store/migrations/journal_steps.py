"""Schema of the journal (SQLite)."""

from __future__ import annotations

from typing import Final

from . import Step

JOURNAL_STEPS: Final = (
    Step(
        1,
        "events, open executions and what the history has not taken over",
        (
            "CREATE TABLE info (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
            """
            CREATE TABLE events (
                position INTEGER PRIMARY KEY,
                workflow_id TEXT NOT NULL,
                number INTEGER NOT NULL,
                crc INTEGER NOT NULL,
                body BLOB NOT NULL,
                UNIQUE (workflow_id, number)
            )
            """,
            """
            CREATE TABLE open_executions (
                workflow_id TEXT PRIMARY KEY,
                position INTEGER NOT NULL
            ) WITHOUT ROWID
            """,
            """
            CREATE TABLE ended_executions (
                workflow_id TEXT PRIMARY KEY,
                position INTEGER NOT NULL
            ) WITHOUT ROWID
            """,
            """
            CREATE TABLE definitions (
                hash TEXT PRIMARY KEY,
                position INTEGER NOT NULL,
                body BLOB NOT NULL
            )
            """,
            "CREATE INDEX definitions_by_position ON definitions (position)",
            """
            CREATE TABLE metadata (
                collection TEXT NOT NULL,
                key TEXT NOT NULL,
                version INTEGER NOT NULL,
                position INTEGER NOT NULL,
                wall_ms INTEGER NOT NULL,
                body BLOB,
                PRIMARY KEY (collection, key, version)
            )
            """,
            "CREATE INDEX metadata_by_position ON metadata (position)",
            """
            CREATE TABLE logs (
                position INTEGER PRIMARY KEY,
                workflow_id TEXT NOT NULL,
                task_id TEXT NOT NULL,
                created_time INTEGER NOT NULL,
                log TEXT NOT NULL
            )
            """,
            "CREATE INDEX logs_by_task ON logs (task_id)",
            """
            CREATE TABLE removals (
                position INTEGER PRIMARY KEY,
                workflow_id TEXT NOT NULL
            )
            """,
        ),
    ),
    Step(
        2,
        "who may come in, and what they changed: never fed to the history",
        (
            """
            CREATE TABLE protected (
                collection TEXT NOT NULL,
                key TEXT NOT NULL,
                wall_ms INTEGER NOT NULL,
                body BLOB NOT NULL,
                PRIMARY KEY (collection, key)
            ) WITHOUT ROWID
            """,
            """
            CREATE TABLE audit (
                number INTEGER PRIMARY KEY AUTOINCREMENT,
                wall_ms INTEGER NOT NULL,
                actor TEXT NOT NULL,
                kind TEXT NOT NULL,
                address TEXT NOT NULL,
                operation TEXT NOT NULL,
                object TEXT NOT NULL,
                before BLOB,
                after BLOB
            )
            """,
            """
            CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
            """,
            """
            CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
            BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
            """,
        ),
    ),
    Step(
        3,
        "what spares a start the folding of idle executions",
        (
            "ALTER TABLE open_executions ADD COLUMN idle_event INTEGER",
            "ALTER TABLE open_executions ADD COLUMN idle_crc INTEGER",
            "ALTER TABLE open_executions ADD COLUMN idle_body BLOB",
        ),
    ),
    Step(
        4,
        "checksums of everything else that is answered from; rows of before have none",
        tuple(
            f"ALTER TABLE {table} ADD COLUMN seal INTEGER"
            for table in (
                "open_executions",
                "definitions",
                "metadata",
                "logs",
                "protected",
                "audit",
            )
        ),
    ),
    Step(
        5,
        "when idle executions are due, so that memory need not hold it",
        (
            "ALTER TABLE open_executions ADD COLUMN due_ms INTEGER",
            "ALTER TABLE open_executions ADD COLUMN due_seal INTEGER",
            "CREATE INDEX open_by_due ON open_executions (due_ms) WHERE due_ms IS NOT NULL",
        ),
    ),
    Step(
        6,
        "events by short numbers of executions: ids are spread over the whole of an index",
        (
            """
            CREATE TABLE journalled (
                execution INTEGER PRIMARY KEY,
                workflow_id TEXT NOT NULL UNIQUE,
                seal INTEGER
            )
            """,
            "INSERT INTO journalled (execution, workflow_id) "
            "SELECT min(position), workflow_id FROM events GROUP BY workflow_id",
            "ALTER TABLE events RENAME TO events_by_id",
            """
            CREATE TABLE events (
                position INTEGER PRIMARY KEY,
                execution INTEGER NOT NULL,
                number INTEGER NOT NULL,
                crc INTEGER NOT NULL,
                body BLOB NOT NULL,
                UNIQUE (execution, number)
            )
            """,
            "INSERT INTO events SELECT position, execution, number, crc, body "
            "FROM events_by_id JOIN journalled USING (workflow_id) ORDER BY position",
            "DROP TABLE events_by_id",
        ),
    ),
    Step(
        7,
        "checksums of removals; a second place for what had one, which tells when rows are lost",
        (
            "ALTER TABLE removals ADD COLUMN seal INTEGER",
            "CREATE INDEX protected_by_time ON protected (wall_ms)",
            "CREATE INDEX audit_by_time ON audit (wall_ms)",
        ),
    ),
)
