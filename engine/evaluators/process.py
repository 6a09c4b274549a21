"""The evaluator process: reads scripts from stdin, writes what became of them to stdout.

Runs as a program of its own, outside the package (``python -I -S process.py …``), with an empty
environment, a lower priority, no right to open or write files, and a cap on its address space.
It imports nothing of the engine; whatever breaks out of a script finds nothing here.

Frames, in network byte order:
  to the process    batch: number of jobs, CPU seconds and heap bytes for each; then per job
                    lane (0 JavaScript, 1 jq), length of source, length of input, and the two
  from the process  ``R`` once when ready; then per job a letter, a length and that many bytes:
                    ``J`` JSON (of JavaScript as the prelude answers, of jq the list of
                    results), ``X`` error text of the engine, ``T`` out of time
"""

from __future__ import annotations

import importlib
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import BinaryIO

BATCH = struct.Struct("!IdQ")
JOB = struct.Struct("!BQQ")
ANSWER = struct.Struct("!cQ")
STACK_BYTES = 512 * 1024


class JavaScriptLane:
    """Evaluates scripts with QuickJS, each in a realm of its own."""

    def __init__(self, prelude: str) -> None:
        from quickjs import Context, JSException

        self._new_context = Context
        self._exception = JSException
        self._prelude = prelude
        self._ready: tuple[object, Callable[[str, str], str]] | None = None

    def prepare(self, heap_bytes: int) -> None:
        """Build the next realm, while nobody waits for it."""
        context = self._new_context()
        context.set_memory_limit(heap_bytes)
        context.set_max_stack_size(STACK_BYTES)
        self._ready = (context, context.eval(self._prelude))

    def run(
        self, source: str, given: str, cpu_seconds: float, heap_bytes: int
    ) -> tuple[bytes, str]:
        """The letter and text that answer one job."""
        if self._ready is None:
            self.prepare(heap_bytes)
        assert self._ready is not None
        context, evaluate = self._ready
        self._ready = None
        context.set_time_limit(cpu_seconds)  # type: ignore[attr-defined]
        try:
            answer = evaluate(source, given)
        except self._exception as error:
            message = str(error).partition("\n")[0]
            return (b"T" if message == "InternalError: interrupted" else b"X"), message
        return b"J", answer


class JqLane:
    """Evaluates jq programs; each compiled one is kept."""

    def __init__(self) -> None:
        self._compile = importlib.import_module("jq").compile
        self._compiled: dict[str, object] = {}

    def run(self, source: str, given: str) -> tuple[bytes, str]:
        """The letter and text that answer one job: a JSON list of all results."""
        try:
            program = self._compiled.get(source)
            if program is None:
                if len(self._compiled) >= 500:
                    self._compiled.clear()
                program = self._compiled[source] = self._compile(source)
            results = program.input_text(given)  # type: ignore[attr-defined]
            return b"J", "[" + ",".join(results.text().split("\n")) + "]"
        except (ValueError, SystemError) as error:
            return b"X", str(error)


def confine(address_space_bytes: int) -> None:
    """Give up whatever a script could misuse. What a platform lacks is left out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine; it closes us
    if hasattr(os, "nice"):
        os.nice(5)
    if os.name != "posix":
        return
    import resource

    os.chdir("/")
    caps = {
        resource.RLIMIT_AS: address_space_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 0,
        getattr(resource, "RLIMIT_NPROC", resource.RLIMIT_CORE): 0,
    }
    for kind, cap in caps.items():
        try:
            resource.setrlimit(kind, (cap, cap))
        except (ValueError, OSError):
            continue


def serve(
    incoming: BinaryIO,
    outgoing: BinaryIO,
    javascript: JavaScriptLane,
    jq: JqLane | None,
    most: int,
) -> None:
    """Answer batches until the other side closes the pipe."""
    while len(head := incoming.read(BATCH.size)) == BATCH.size:
        count, cpu_seconds, heap_bytes = BATCH.unpack(head)
        jobs = []
        for _ in range(count):
            lane, source_size, input_size = JOB.unpack(incoming.read(JOB.size))
            jobs.append((lane, incoming.read(source_size), incoming.read(input_size)))
        for lane, source, given in jobs:
            try:
                if lane == 1 and jq is not None:
                    letter, text = jq.run(source.decode(), given.decode())
                else:
                    letter, text = javascript.run(
                        source.decode(), given.decode(), cpu_seconds, heap_bytes
                    )
                body = text.encode("utf-8", "backslashreplace")
            except MemoryError:
                letter, body = b"X", b"InternalError: out of memory"
            except Exception as error:
                # User code must never end the process; what it did wrong is its answer.
                letter, body = b"X", f"{type(error).__name__}: {error}".encode()
            if len(body) > most:
                letter = b"X"
                body = f"RangeError: the result has {len(body)} bytes, the limit is {most}".encode()
            outgoing.write(ANSWER.pack(letter, len(body)) + body)
            outgoing.flush()
        javascript.prepare(heap_bytes)


def main() -> None:
    """Start up: where packages are, the caps, then the prelude from stdin."""
    address_space_bytes, heap_bytes, most, has_jq = (int(value) for value in sys.argv[1:5])
    sys.path.extend(sys.argv[5:])
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    (size,) = struct.unpack("!Q", incoming.read(8))
    javascript = JavaScriptLane(incoming.read(size).decode())
    javascript.prepare(heap_bytes)
    jq = JqLane() if has_jq else None
    confine(address_space_bytes)
    outgoing.write(b"R")
    outgoing.flush()
    serve(incoming, outgoing, javascript, jq, most)


if __name__ == "__main__":
    main()
