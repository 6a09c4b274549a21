"""The evaluator process: reads scripts from stdin, writes what became of them to stdout.

Runs as a program of its own, outside the package (``python -I -S process.py …``), with an empty
environment, a lower priority, no right to open or write files, and a cap on its address space.
It imports nothing of the engine; whatever breaks out of a script finds nothing here.

Frames, in network byte order:
  to the process    batch: number of jobs, CPU seconds and heap bytes for each; then per job
                    lane (0 JavaScript, 1 jq, 2 JSON Schema), length of source, length of
                    input, and the two
  from the process  ``R`` once when ready; then per job a letter, a length and that many bytes:
                    ``J`` JSON (of JavaScript as the prelude answers, of jq the list of
                    results, of a schema the list of problems), ``X`` error text of the
                    engine, ``T`` out of time
"""

from __future__ import annotations

import importlib
import json
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


class SchemaLane:
    """Applies JSON Schemas; each compiled one is kept.

    No reference leaves the schema, and a pattern takes time linear in the text it is tried on.
    """

    most_problems = 50

    def __init__(self) -> None:
        library = importlib.import_module("jsonschema_rs")
        self._compile = library.validator_for
        self._error = library.ValidationError
        self._patterns = library.RegexOptions(size_limit=4 * 1024 * 1024)
        self._compiled: dict[str, object] = {}

    def compiled(self, schema: str) -> object:
        """The validator of a schema.

        Raises:
            ValueError: It is no JSON Schema, or refers to another document.
        """
        known = self._compiled.get(schema)
        if known is None:
            if len(self._compiled) >= 200:
                self._compiled.clear()
            try:
                known = self._compile(
                    json.loads(schema), retriever=_refuse, pattern_options=self._patterns
                )
            except self._error as error:
                first = str(error).partition("\n")[0]
                raise ValueError(first.removesuffix(": ").replace("ValueError: ", "")) from None
            self._compiled[schema] = known
        return known

    def run(self, source: str, given: str) -> tuple[bytes, str]:
        """The letter and text that answer one job: a JSON list of [path, keyword, parameters]."""
        try:
            validator = self.compiled(source)
            problems = []
            for error in validator.iter_errors(json.loads(given)):  # type: ignore[attr-defined]
                keyword = error.kind.name if hasattr(error.kind, "name") else ""
                parameters = {
                    key: value
                    for key, value in error.kind.as_dict().items()
                    if key not in ("context", "error", "message")
                }
                problems.append([error.instance_path, keyword, parameters])
                if len(problems) >= self.most_problems:
                    break
            return b"J", json.dumps(problems)
        except (ValueError, RecursionError) as error:
            return b"X", str(error)


def _refuse(address: str) -> object:
    raise ValueError(f"'{address[:200]}' is not fetched; put what it refers to below $defs")


def confine(address_space_bytes: int) -> None:
    """Give up whatever a script could misuse. What a platform lacks is left out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the engine; it closes us
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
    schemas: SchemaLane | None,
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
                elif lane == 2 and schemas is not None:
                    letter, text = schemas.run(source.decode(), given.decode())
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
    if hasattr(os, "nice"):
        os.nice(5)  # before anything is loaded: starting takes processor time from others too
    numbers = (int(value) for value in sys.argv[1:6])
    address_space_bytes, heap_bytes, most, has_jq, has_schemas = numbers
    sys.path.extend(sys.argv[6:])
    incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
    (size,) = struct.unpack("!Q", incoming.read(8))
    javascript = JavaScriptLane(incoming.read(size).decode())
    javascript.prepare(heap_bytes)
    jq = JqLane() if has_jq else None
    schemas = SchemaLane() if has_schemas else None
    confine(address_space_bytes)
    outgoing.write(b"R")
    outgoing.flush()
    serve(incoming, outgoing, javascript, jq, schemas, most)


if __name__ == "__main__":
    main()
