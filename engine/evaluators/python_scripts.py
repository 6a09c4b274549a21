"""Python scripts, run by Monty: an interpreter of its own that knows no file, net or process.

Monty keeps worker processes as the pool does for JavaScript: a script can at most end one of
them. It is an optional package; nothing here imports it before the first Python script runs.
"""

from __future__ import annotations

import io
import keyword
import os
import re
import threading
import tokenize
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import UnavailableError, UnsupportedError
from ..models import codec
from .crew import GRACE_SECONDS
from .errors import EvaluationError, EvaluatorCrashed, ExpressionError, ExpressionTimeout
from .evaluator_process import is_installed
from .job import MAX_SOURCE_BYTES, Limits
from .jq_programs import with_whole_numbers

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontyRuntimeError, MontySyntaxError

_SCRIPT_FILE: Final = "<python-input-0>"
"""Monty's name for what a session is fed first."""
_MAX_ATTEMPTS: Final = 2
_CLOSED: Final = "The evaluator pool was closed."
_CRASHED: Final = "The evaluator process died while it ran the script."
_MISSING: Final = (
    "The evaluator 'python' needs the Python package 'pydantic-monty': install "
    "'conductor-studio[python]'."
)
_HEAD: Final = "def __script__():\n"
_CALL: Final = (
    # The text is made in there: its size counts, and shared parts can't blow up out here.
    "def __answer__():\n"
    "    import json\n"
    "    return json.dumps(__script__(), ensure_ascii=False)\n"
    "__answer__()"
)
_FORKED: Final = (
    "Python scripts can't run in this process: it was forked from one that had run some."
)
_LINE_END: Final = re.compile(r"\r\n|\r|\n")


class _Script(NamedTuple):
    program: str
    line_count: int
    given: dict[str, Any]
    future: Future[Any]


class PythonScripts:
    """Runs Python function bodies. Callable from any thread; starts nothing before it must."""

    def __init__(self, limits: Limits) -> None:
        """Scripts within ``limits``."""
        self._limits = limits
        self._lock = threading.RLock()
        self._monty: Monty | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._open: set[Future[Any]] = set()
        self._here = threading.local()
        self._closed = False

    def submit(self, source: str, input_value: Any) -> Future[Any]:
        """Evaluate one script; what goes wrong, a refusal too, comes from the future.

        Raises:
            UnavailableError: The pool is closed.
        """
        future: Future[Any] = Future()
        try:
            script = self._script(source, input_value, future)
        except (EvaluationError, UnsupportedError) as error:
            future.set_exception(error)
            return future
        with self._lock:
            if self._closed:
                raise UnavailableError(_CLOSED)
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._limits.size, "python-evaluator")
            self._open.add(future)
            self._threads.submit(self._serve, script)
        return future

    def close(self) -> None:
        """End all processes. Waiting scripts fail, one that runs may finish. Repeatable."""
        with self._lock:
            self._closed = True
            threads, self._threads = self._threads, None
        if threads is not None:
            # The last reference may go on one of these very threads: it can't wait for itself.
            threads.shutdown(wait=not getattr(self._here, "serving", False), cancel_futures=True)
        for future in list(self._open):
            if future.set_running_or_notify_cancel():
                future.set_exception(EvaluatorCrashed(_CLOSED))
        self._open.clear()
        with self._lock:
            monty, self._monty = self._monty, None
        if monty is not None:
            monty.__exit__(None, None, None)

    def disown(self) -> None:
        """Forget the processes without ending them: in a forked child they are the parent's."""
        if self._monty is not None:
            _disowned.append(self._monty)
        self._monty = self._threads = None

    def _script(self, source: str, input_value: Any, future: Future[Any]) -> _Script:
        if not is_installed("pydantic_monty"):
            raise UnsupportedError(_MISSING)
        size = len(source.encode("utf-8", "replace"))
        if size > MAX_SOURCE_BYTES:
            raise _plain(f"The script has {size} bytes, the limit is {MAX_SOURCE_BYTES}.")
        given = codec.dumps(input_value)
        most = self._limits.max_input_bytes
        if len(given) > most:
            raise _plain(f"The input of the script has {len(given)} bytes, the limit is {most}.")
        body, line_count = _indented(source)
        return _Script(_HEAD + body, line_count, _globals(codec.loads(given)), future)

    def _serve(self, script: _Script) -> None:
        future = script.future
        self._open.discard(future)
        if not future.set_running_or_notify_cancel():
            return
        self._here.serving = True
        try:
            future.set_result(self._value(script))
        except Exception as error:
            future.set_exception(error)
        finally:
            self._here.serving = False

    def _value(self, script: _Script) -> Any:
        import pydantic_monty as monty

        for _ in range(_MAX_ATTEMPTS):
            try:
                answer = self._run(script)
            except (monty.MontyRuntimeError, monty.MontySyntaxError) as error:
                raise self._failure(error, script.line_count) from None
            except monty.MontyCrashedError as error:
                if error.timed_out:
                    raise ExpressionTimeout(self._limits.wall_seconds) from None
                continue
            except monty.MontyError as error:
                raise ExpressionError(str(error)) from None
            return self._decoded(answer)
        raise EvaluatorCrashed(_CRASHED)

    def _run(self, script: _Script) -> str:
        limits = self._limits
        session = self._started().checkout(
            limits={"max_feed_duration_secs": limits.wall_seconds, "max_memory": limits.heap_bytes},
            os_policy={"sleep": "zero"},
        )
        with session as running:
            running.feed_run(script.program, inputs=script.given, print_callback=_discard)
            text: str = running.feed_run(_CALL, print_callback=_discard)
        return text

    def _started(self) -> Monty:
        from pydantic_monty import Monty

        with self._lock:
            if self._monty is None:
                _refuse_in_a_fork()
                limits = self._limits
                pool = Monty(
                    max_processes=limits.size,
                    max_checkouts_per_worker=limits.max_uses,
                    feed_duration_limit_grace=GRACE_SECONDS,
                )
                try:
                    self._monty = pool.__enter__()
                except (RuntimeError, OSError) as error:
                    text = f"The evaluator process can't be started: {error}"
                    raise EvaluatorCrashed(text) from None
            return self._monty

    def _decoded(self, answer: str) -> Any:
        data = answer.encode()
        most = self._limits.max_output_bytes
        if len(data) > most:
            raise ExpressionError(f"The result has {len(data)} bytes, the limit is {most}")
        try:
            return with_whole_numbers(codec.loads(data))
        except (ValueError, RecursionError) as error:
            raise ExpressionError(f"The result is not JSON: {error}") from None

    def _failure(
        self, error: MontyRuntimeError | MontySyntaxError, line_count: int
    ) -> EvaluationError:
        frames = error.traceback()
        if isinstance(error.exception(), TimeoutError) and not frames:  # raised by nobody inside
            return ExpressionTimeout(self._limits.wall_seconds)
        lines = [frame.line - 1 for frame in frames if frame.filename == _SCRIPT_FILE]
        if isinstance(error.exception(), SyntaxError):
            lines = [min(max(line, 1), line_count) for line in lines]
        inside = [line for line in lines if 1 <= line <= line_count]
        return ExpressionError(error.display("type-msg"), inside[-1] if inside else None)


_disowned: list[Monty] = []
"""Kept for ever: letting go of them would end the parent's processes."""
_first_process: list[int] = []
"""Id of the process that started Monty first: its threads are not in a forked child."""


def _refuse_in_a_fork() -> None:
    if not _first_process:
        _first_process.append(os.getpid())
    elif _first_process[0] != os.getpid():
        raise UnsupportedError(_FORKED)


def _plain(text: str) -> ExpressionError:
    return ExpressionError(text, text=text)


def _discard(stream: str, text: str) -> None:
    """What a script prints is nobody's."""


def _globals(given: Any) -> dict[str, Any]:
    """The keys of an input that a script can name; the others are out of its reach."""
    if not isinstance(given, dict):
        return {}
    return {
        key: value
        for key, value in given.items()
        if key.isidentifier() and not keyword.iskeyword(key)
    }


def _indented(source: str) -> tuple[str, int]:
    """A script as the body of a function, and how many lines it has.

    Lines inside a text of several lines stay as they are: their spaces belong to the text.
    """
    lines = _LINE_END.split(source)
    inside: set[int] = set()
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
            inside.update(range(token.start[0] + 1, token.end[0] + 1))
    except (tokenize.TokenError, SyntaxError):
        inside.clear()  # Monty will say what is wrong with it
    body = [line if number in inside else f"    {line}" for number, line in enumerate(lines, 1)]
    return "\n".join(body), len(lines)
