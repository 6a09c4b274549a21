"""What a function raised, told for its author: type, message, frames of their own code."""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
import traceback
from types import TracebackType
from typing import Any, Final

from ..models.codec import with_whole_characters

_ENGINE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_MAX_FRAMES: Final = 20
_MAX_MESSAGE: Final = 20_000
_MAX_LINE: Final = 400


def describe_exception(error: BaseException) -> dict[str, Any]:
    """``{type, message, frames}`` of an exception.

    ``frames`` are those of user code, innermost last, each ``{file, line, function, source}``
    with one line of source around: frames of the engine, the standard library and installed
    packages are left out, unless nothing else is there. What caused the exception follows in
    the message on lines of its own. Local variables are never included.
    """
    told = {
        "type": type(error).__qualname__.rpartition(".")[2],
        "message": _message(error),
        "frames": _frames(error.__traceback__),
    }
    described: dict[str, Any] = with_whole_characters(told)  # messages may quote names of files
    return described


def _message(error: BaseException) -> str:
    lines = [_text(error)]
    seen = {id(error)}
    cause = _cause(error)
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines.append(f"caused by {type(cause).__name__}: {_text(cause)}")
        cause = _cause(cause)
    return "\n".join(lines)[:_MAX_MESSAGE]


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception whose __str__ fails must not hide what happened
        return f"<{type(error).__name__} without a readable message>"


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _frames(trace: TracebackType | None) -> list[dict[str, Any]]:
    steps = [
        (frame.f_code.co_filename, line, frame.f_code.co_qualname)
        for frame, line in traceback.walk_tb(trace)
    ]
    outside = [step for step in steps if not step[0].startswith(_ENGINE)]
    chosen = [step for step in outside if not _is_library(step[0])] or outside[-1:]
    return [_frame(*step) for step in chosen[-_MAX_FRAMES:]]


def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) or "site-packages" in file


def _library_folders() -> tuple[str, ...]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = {sysconfig.get_paths().get(name, "") for name in names}
    folders.add(os.path.join(sys.base_prefix, "lib"))
    return ("<frozen ", *(folder + os.sep for folder in folders if folder))


_LIBRARIES: Final = _library_folders()


def _frame(file: str, line: int, function: str) -> dict[str, Any]:
    source = [
        [number, text.rstrip("\n")[:_MAX_LINE]]
        for number in (line - 1, line, line + 1)
        if number > 0 and (text := linecache.getline(file, number))
    ]
    return {"file": _shortened(file), "line": line, "function": function, "source": source}


def _shortened(file: str) -> str:
    """The file relative to the working folder; elsewhere its folder and name."""
    here = os.getcwd() + os.sep
    if file.startswith(here):
        return file[len(here) :]
    if not os.path.isabs(file):
        return file
    return os.path.join(*file.split(os.sep)[-2:])
