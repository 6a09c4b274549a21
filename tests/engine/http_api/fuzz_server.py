"""A server of its own process to be fuzzed: prints its address, ends with its standard input."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api import ApiServer


def main() -> None:
    """Serve until standard input is closed."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine(
            Path(folder) / "fuzz.duckdb",
            functions=FunctionRegistry(),
            http_tasks=False,
            environment={"COLOUR": "blue"},
            secrets={"KEY": "s3cret"},
            secrets_key=b"k" * 32,
        ) as engine,
        ApiServer(engine.service, port=0) as server,
    ):
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
