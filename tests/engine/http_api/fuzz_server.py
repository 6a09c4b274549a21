"""A server of its own process to be fuzzed: prints its port and a key, ends with its input.

The key is an admin's. Without one the first user that a request made would shut the others out.
"""

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
        ApiServer(engine.service, port=0, requests_per_second=0) as server,
    ):
        key = engine.service.create_api_key("fuzzer", "admin").result(30)
        print(server.port, key["keyId"], key["keySecret"], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
