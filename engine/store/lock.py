"""One owner per store: a lock file that names the owner, and a lock that dies with it.

The file ``NAME.duckdb.lock`` tells people and other processes who owns the store; what counts is
the operating system's lock on it, which no crash leaves behind.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from ..errors import StoreLockedError
from .faults import fault_point

_LOCK_OFFSET: Final = 1 << 30
"""Far behind the text, so that others may read it where locks are mandatory (Windows)."""

_owned: dict[str, int] = {}
"""Stores open in this process: the system's locks don't hold a process against itself."""
_owned_guard = threading.Lock()


class StoreLock:
    """Ownership of one store, from construction until ``release``."""

    def __init__(self, path: Path) -> None:
        """Take the lock file ``path``; the file of a dead owner is taken over.

        Raises:
            StoreLockedError: Somebody else owns the store; the message names them.
        """
        self.path = path
        self._key = str(path.resolve())
        with _owned_guard:
            if self._key in _owned:
                raise StoreLockedError(_refusal(path, {"pid": os.getpid()}))
            _owned[self._key] = os.getpid()
        try:
            self._file: IO[str] | None = self._acquire()
        except BaseException:
            self._disown()
            raise
        self.previous_owner_died: Final = bool(self._read())
        """The last owner did not close the store: worth a closer look at its files."""
        self._owner: dict[str, Any] = {
            "pid": os.getpid(),
            "address": None,
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._write()

    def publish_address(self, url: str | None) -> None:
        """Tell whoever finds the store locked where its owner can be reached."""
        self._owner["address"] = url
        self._write()

    def release(self) -> None:
        """Give the store up and remove the file. Safe to call twice."""
        file, self._file = self._file, None
        if file is None:
            return
        self.path.unlink(missing_ok=True)  # while it is still ours
        file.close()
        self._disown()

    def _acquire(self) -> IO[str]:
        while True:
            # "a+" creates the file without emptying one that somebody owns.
            file = self.path.open("a+", encoding="utf-8")
            try:
                _lock(file)
            except OSError:
                owner = _owner_in(file)
                file.close()
                raise StoreLockedError(_refusal(self.path, owner), _address(owner)) from None
            if self._is_current(file):
                return file
            file.close()  # its owner removed it between our opening and locking

    def _is_current(self, file: IO[str]) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), os.stat(self.path))
        except FileNotFoundError:
            return False

    def _read(self) -> dict[str, Any]:
        return _owner_in(self._file) if self._file is not None else {}

    def _write(self) -> None:
        if self._file is not None:
            self._file.seek(0)
            self._file.truncate()
            fault_point("lock.taken")
            self._file.write(json.dumps(self._owner))
            self._file.flush()

    def _disown(self) -> None:
        with _owned_guard:
            _owned.pop(self._key, None)


def _owner_in(file: IO[str]) -> dict[str, Any]:
    try:
        file.seek(0)
        owner = json.loads(file.read() or "{}")
    except (OSError, ValueError):
        return {}
    return owner if isinstance(owner, dict) else {}


def _address(owner: dict[str, Any]) -> str:
    """Where another owner's API is; nothing of this process, which has the engine itself."""
    address = owner.get("address")
    return address if isinstance(address, str) and owner.get("pid") != os.getpid() else ""


def _refusal(lock_path: Path, owner: dict[str, Any]) -> str:
    name = lock_path.name.removesuffix(".lock")
    pid = owner.get("pid")
    if pid == os.getpid():
        return f"{name} is open in this process already (pid {pid}); use that engine or close it."
    who = f"process {pid}" if pid else "another process"
    since = f" since {owner['started']}" if owner.get("started") else ""
    address = owner.get("address")
    if address:
        return f"{name} is owned by {who}{since}: connect to {address}, or stop that process."
    return f"{name} is owned by {who}{since}: stop that process, or choose another file."


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        file.seek(_LOCK_OFFSET)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        # A record lock belongs to the process: children that it forks don't inherit it, so
        # they can't keep a store locked after its owner has died.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _LOCK_OFFSET)
