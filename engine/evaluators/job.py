"""One script on its way through the pool, and how its answer becomes a result."""

from __future__ import annotations

import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from ..errors import UnavailableError, UnsupportedError
from ..models import codec
from .constants import NOT_CONSTANT, constant_value
from .errors import EvaluationError, ExpressionError, ExpressionTimeout
from .evaluator_process import is_installed
from .jq_programs import forbidden_word, with_whole_numbers
from .long_numbers import long_numbers, with_long_numbers
from .wording import script_error

_JAVASCRIPT: Final = 0
_JQ: Final = 1
_SCHEMA: Final = 2
_LANES: Final = {
    "javascript": _JAVASCRIPT,
    "graaljs": _JAVASCRIPT,
    "jq": _JQ,
    "json-schema": _SCHEMA,
}
_PACKAGES: Final = {_JAVASCRIPT: "quickjs", _JQ: "jq", _SCHEMA: "jsonschema_rs"}
MAX_SOURCE_BYTES: Final = 64 * 1024
MAX_SCHEMA_BYTES: Final = 512 * 1024
MAX_CHECKED_BYTES: Final = 12 * 1024 * 1024
"""Longest payload that a schema is applied to: a little more than a task may put out."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the processes of a pool may use."""

    size: int
    wall_seconds: float
    heap_bytes: int
    max_input_bytes: int
    max_output_bytes: int
    max_uses: int


class Job:
    """A script with its future. ``start`` and everything after it run on one thread."""

    __slots__ = ("_begun", "attempts", "future", "given", "lane", "source", "worked_seconds")

    def __init__(self, evaluator: str, source: str, input_value: Any, limits: Limits) -> None:
        """Prepare a script; a fault found here ends its future at once, so does a constant."""
        self.future: Future[Any] = Future()
        self.attempts = 0
        self.worked_seconds = 0.0
        """What broken off attempts have used of its time."""
        self._begun = 0.0
        self.lane = _LANES.get(evaluator, _JAVASCRIPT)
        self.source = source.encode("utf-8", "replace")
        self.given = b""
        error = self._refusal(evaluator, source)
        if error is not None:
            self.future.set_exception(error)
            return
        constant = constant_value(source) if self.lane == _JAVASCRIPT else NOT_CONSTANT
        if constant is not NOT_CONSTANT:
            self.future.set_result(constant)
            return
        self.given = codec.dumps(input_value)
        most = MAX_CHECKED_BYTES if self.lane == _SCHEMA else limits.max_input_bytes
        if len(self.given) > most:
            what = "payload" if self.lane == _SCHEMA else "input of the script"
            text = f"The {what} has {len(self.given)} bytes, the limit is {most}."
            self.future.set_exception(ExpressionError(text, text=text))

    def start(self) -> bool:
        """Whether the job still has to be run: its caller may have cancelled it meanwhile."""
        return self.future.set_running_or_notify_cancel()

    def begin(self) -> float:
        """An attempt begins now; returns the seconds that those before have used."""
        self._begun = time.monotonic()
        return self.worked_seconds

    def broken_off(self) -> None:
        """The attempt has ended without an answer: its time counts, what follows it does not."""
        self.attempts += 1
        self.worked_seconds += time.monotonic() - self._begun

    def conclude(self, letter: bytes, body: bytes, limits: Limits) -> None:
        """Resolve the future with what the process answered."""
        try:
            self.future.set_result(self._value(letter, body, limits))
        except EvaluationError as error:
            self.future.set_exception(error)
        except (ValueError, RecursionError) as error:
            self.future.set_exception(ExpressionError(f"The result is not JSON: {error}"))

    def _value(self, letter: bytes, body: bytes, limits: Limits) -> Any:
        if letter == b"T":
            raise ExpressionTimeout(limits.wall_seconds)
        if letter == b"X":
            text = body.decode("utf-8", "replace")
            if self.lane != _JAVASCRIPT:
                raise ExpressionError(text, text=text)
            raise ExpressionError(*script_error(None if text == "null" else text, None))
        answer = codec.loads(body)
        if self.lane == _JQ:
            return with_long_numbers(with_whole_numbers(answer), long_numbers(self.given))
        if self.lane == _SCHEMA:
            return answer
        if "value" in answer:
            return with_long_numbers(answer["value"], long_numbers(self.given))
        error = answer["error"]
        source = self.source.decode("utf-8", "replace")
        message, line = script_error(
            error["message"],
            error["stack"],
            error["made"],
            source,
            lambda: codec.loads(self.given),
        )
        raise ExpressionError(message, line)

    def _refusal(self, evaluator: str, source: str) -> Exception | None:
        if evaluator not in _LANES:
            return UnsupportedError(f"There is no evaluator '{evaluator}'.")
        package = _PACKAGES[self.lane]
        if not is_installed(package):
            kind = UnavailableError if package == "quickjs" else UnsupportedError
            return kind(f"The evaluator '{evaluator}' needs the Python package '{package}'.")
        size = len(self.source)
        if self.lane == _SCHEMA:
            if size > MAX_SCHEMA_BYTES:
                text = f"The schema has {size} bytes, the limit is {MAX_SCHEMA_BYTES}."
                return ExpressionError(text, text=text)
            return None
        if size > MAX_SOURCE_BYTES:
            text = f"The script has {size} bytes, the limit is {MAX_SOURCE_BYTES}."
            return ExpressionError(text, text=text)
        if "\0" in source:
            return ExpressionError("SyntaxError: a script can't hold a NUL character")
        word = forbidden_word(source) if self.lane == _JQ else None
        if word is not None:
            text = f"jq: '{word}' is not available here."
            return ExpressionError(text, text=text)
        return None
