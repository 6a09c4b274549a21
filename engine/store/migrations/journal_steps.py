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
)
