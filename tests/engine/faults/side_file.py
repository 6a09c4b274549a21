"""What a process was promised, written down where a kill can't take it back."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any


class SideFile:
    """Lines of JSON; ``note`` returns once the line is on disk. Callable from any thread."""

    def __init__(self, path: Path) -> None:
        """Append to ``path``."""
        self._file = path.open("ab")
        self._lock = threading.Lock()

    def note(self, what: str, **facts: Any) -> None:
        """Write one line down."""
        line = json.dumps({"what": what, **facts}).encode() + b"\n"
        with self._lock:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_side_file(path: Path) -> list[dict[str, Any]]:
    """All whole lines in order of writing; a torn last one promised nothing."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]
