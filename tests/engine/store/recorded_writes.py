"""What SQLite asks of the file system, recorded, and what a power cut may leave of it.

SQLite calls a table of functions for every open file. The recorder puts its own functions in the
place of write, truncate and sync; they note the call and pass it on. So it is SQLite's real order
of writes and syncs that is replayed, not a guess at it.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import random
import sqlite3
from ctypes import CFUNCTYPE, POINTER, c_int, c_int64, c_void_p
from pathlib import Path
from typing import Any, Final, NamedTuple

_FILE_POINTER, _JOURNAL_POINTER = 7, 28
"""Operations of ``sqlite3_file_control``: the file of the database, and of its write-ahead log."""
_SECTOR: Final = 512
_PYTHON_HEADER: Final = object.__basicsize__
"""Behind it a connection object begins with its ``sqlite3 *``."""

_Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_Sync = CFUNCTYPE(c_int, c_void_p, c_int)
# fmt: off
_NAMES = (
    "close", "read", "write", "truncate", "sync", "file_size", "lock", "unlock",
    "check_reserved_lock", "file_control", "sector_size", "device_characteristics",
    "shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch",
)
# fmt: on


class _Methods(ctypes.Structure):
    """``sqlite3_io_methods``."""

    _fields_ = [("version", c_int), *((name, c_void_p) for name in _NAMES)]


class Call(NamedTuple):
    """One thing that was done to a file."""

    file: str
    """``database`` or ``log``; empty for a mark."""
    what: str
    """``write``, ``truncate``, ``sync``, or the word of a mark."""
    at: int = 0
    """Where it was written, the new length, or the number of a mark."""
    body: bytes = b""


class Recorder:
    """Notes the calls of SQLite connections to one database."""

    def __init__(self, path: Path) -> None:
        """Record for the database at ``path``; what its files hold by now counts as synced."""
        self.calls: list[Call] = []
        self._library = ctypes.CDLL(_sqlite3.__file__)
        self._kept: list[Any] = []  # SQLite holds pointers to these
        self._failing = ("", -1, 0)
        log = path.with_name(path.name + "-wal")
        self.began = {"database": path.read_bytes(), "log": log.read_bytes()}

    def attach(self, connection: sqlite3.Connection) -> None:
        """Record what this connection does from now on. It has to have read something."""
        handle = c_void_p.from_address(id(connection) + _PYTHON_HEADER)
        for name, operation in (("database", _FILE_POINTER), ("log", _JOURNAL_POINTER)):
            file = c_void_p()
            status = self._library.sqlite3_file_control(
                handle, b"main", operation, ctypes.byref(file)
            )
            assert status == 0
            assert file.value, f"the connection has not opened its {name}"
            self._replace(name, c_void_p.from_address(file.value))

    def fail(self, what: str, after: int, status: int) -> None:
        """Have a ``write`` or ``sync`` fail once, ``after`` so many others; below 0 none does."""
        self._failing = (what, after, status)

    def _fails(self, what: str) -> int:
        which, left, status = self._failing
        if which != what or left < 0:
            return 0
        self._failing = (which, left - 1, status)
        return 0 if left else status

    def mark(self, what: str, number: int) -> None:
        """Note something that is no call."""
        self.calls.append(Call("", what, number))

    def _replace(self, name: str, methods: c_void_p) -> None:
        was = ctypes.cast(methods, POINTER(_Methods)).contents
        now = _Methods.from_buffer_copy(was)
        write, truncate, sync = _Write(was.write), _Truncate(was.truncate), _Sync(was.sync)

        def noted_write(file: int, body: int, size: int, at: int) -> int:
            if failure := self._fails("write"):
                return failure
            self.calls.append(Call(name, "write", at, ctypes.string_at(body, size)))
            return int(write(file, body, size, at))

        def noted_truncate(file: int, size: int) -> int:
            self.calls.append(Call(name, "truncate", size))
            return int(truncate(file, size))

        def noted_sync(file: int, flags: int) -> int:
            if failure := self._fails("sync"):
                return failure
            status = int(sync(file, flags))
            self.calls.append(Call(name, "sync"))
            return status

        mine = (_Write(noted_write), _Truncate(noted_truncate), _Sync(noted_sync))
        now.write, now.truncate, now.sync = (ctypes.cast(one, c_void_p).value for one in mine)
        self._kept += [was, now, *mine, write, truncate, sync]
        methods.value = ctypes.addressof(now)


def after_power_cut(recorder: Recorder, cut: int, chance: random.Random) -> dict[str, bytes]:
    """Files as a power cut after ``cut`` calls may leave them.

    What was synced is there. Of what was not, each write is there, or not, or only some of its
    sectors are, in whatever order they were made.
    """
    calls = recorder.calls[:cut]
    left: dict[str, bytes] = {}
    for name, began in recorder.began.items():
        image = bytearray(began)
        synced = max(
            (n for n, call in enumerate(calls) if call.file == name and call.what == "sync"),
            default=-1,
        )
        mood = chance.choice(("nothing", "all", "some", "some"))
        for number, call in enumerate(calls):
            if call.file != name or call.what == "sync":
                continue
            if number < synced or mood == "all":
                _apply(image, call)
            elif mood == "some":
                _apply_some(image, call, chance)
        left[name] = bytes(image)
    return left


def _apply(image: bytearray, call: Call) -> None:
    if call.what == "truncate":
        del image[call.at :]
        return
    image.extend(bytes(max(0, call.at - len(image))))
    image[call.at : call.at + len(call.body)] = call.body


def _apply_some(image: bytearray, call: Call, chance: random.Random) -> None:
    fate = chance.choice(("lost", "whole", "torn"))
    if fate == "whole":
        _apply(image, call)
    elif fate == "torn" and call.what == "write":
        # A sector is written or not; those of the disk don't begin where the write does.
        at, end = call.at, call.at + len(call.body)
        while at < end:
            upto = min(end, (at // _SECTOR + 1) * _SECTOR)
            if chance.random() < 0.5:
                piece = call.body[at - call.at : upto - call.at]
                _apply(image, Call(call.file, "write", at, piece))
            at = upto
