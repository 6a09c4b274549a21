"""One evaluator process as its owner sees it: start, ask, kill."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Final

from . import process as program
from .errors import EvaluatorCrashed
from .javascript_realm import PRELUDE

_NATIVE_BYTES: Final = 256 * 1024 * 1024
"""Address space beyond the heap: the interpreter itself and what native code needs."""
_PATIENT: Final = 5
"""The priority (``nice``) of one at a long script."""


class EvaluatorProcess:
    """A running evaluator process. One thread talks to it; any thread may end it."""

    def __init__(self, heap_bytes: int, max_output_bytes: int) -> None:
        """Start the program; ``wait_ready`` tells when it can be asked.

        Raises:
            EvaluatorCrashed: The system would not start it.
        """
        self.expired = False
        """Set by whoever kills it for taking too long."""
        self.stands_back = False
        """Whether others go first: it has been at a long script."""
        self.uses = 0
        self._max_output_bytes = max_output_bytes
        numbers = (
            heap_bytes + _NATIVE_BYTES,
            heap_bytes,
            max_output_bytes,
            int(is_installed("jq")),
            int(is_installed("jsonschema_rs")),
        )
        command = [sys.executable, "-I", "-S", program.__file__, *map(str, numbers)]
        try:
            self._popen = subprocess.Popen(
                [*command, *_package_folders()],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in ("SystemRoot",) if name in os.environ},
            )
        except OSError as error:
            raise EvaluatorCrashed(f"The evaluator process can't be started: {error}") from None
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._input: IO[bytes] = self._popen.stdin
        self._output: IO[bytes] = self._popen.stdout

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked; reaps it if it can't."""
        return self._popen.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    def wait_ready(self) -> None:
        """Block until it has given up its rights and answers.

        Raises:
            EOFError: It ended before.
        """
        prelude = PRELUDE.encode()
        self._write(struct.pack("!Q", len(prelude)) + prelude)
        self._read(1)

    def ask(
        self, jobs: Sequence[tuple[int, bytes, bytes]], cpu_seconds: float, heap_bytes: int
    ) -> None:
        """Send lane, source and input of some jobs. As many answers have to be received.

        Raises:
            EOFError: It has ended.
        """
        parts = [program.BATCH.pack(len(jobs), cpu_seconds, heap_bytes)]
        for lane, source, given in jobs:
            parts += (program.JOB.pack(lane, len(source), len(given)), source, given)
        self._write(b"".join(parts))

    def receive(self) -> tuple[bytes, bytes]:
        """Block for the next answer: its letter and its bytes.

        Raises:
            EOFError: It has ended.
        """
        letter, size = program.ANSWER.unpack(self._read(program.ANSWER.size))
        # Room for an error text: the process keeps to the limit, a broken one may not.
        if size > self._max_output_bytes + 1024:
            raise EOFError
        return letter, self._read(size)

    def stand_back(self) -> None:
        """Give way to other processes from now on, for good. Callable from any thread."""
        if not self.stands_back and hasattr(os, "setpriority"):
            self.stands_back = True
            with suppress(OSError):  # it has ended
                os.setpriority(os.PRIO_PROCESS, self.pid, _PATIENT)

    def kill(self) -> None:
        """End it at once, without waiting for it to be gone."""
        self._popen.kill()

    def close(self) -> None:
        """End it and leave nothing of it behind."""
        self._popen.kill()
        self._popen.wait()
        self._input.close()
        self._output.close()

    def disown(self) -> None:
        """Forget it without touching it: in a forked child it belongs to the parent."""
        self._popen.returncode = 0  # keeps Popen from complaining or reaping
        self._input.close()
        self._output.close()

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[self._input.write(view) or 0 :]
        except OSError:
            raise EOFError from None

    def _read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            try:
                part = self._output.read(size)
            except (OSError, ValueError):
                part = b""
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


@lru_cache(maxsize=8)
def is_installed(package: str) -> bool:
    """Whether a Python package can be imported; asked once, without importing it."""
    return importlib.util.find_spec(package) is not None


@lru_cache(maxsize=1)
def _package_folders() -> tuple[str, ...]:
    """Where the process finds its engines: it runs without site-packages of its own."""
    folders: dict[str, None] = {}
    for name in ("quickjs", "_quickjs", "jq", "jsonschema_rs"):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin:
            folder = Path(spec.origin).parent
            folders[str(folder.parent if spec.submodule_search_locations else folder)] = None
    return tuple(folders)
