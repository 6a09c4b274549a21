"""Where large payloads are kept: a folder, or memory; ``s3_storage`` has buckets.

Names are made by the engine and look like ``task/output/<execution>/<event>.json``. Whatever name
comes from outside is checked against that shape before it touches anything.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import threading
from pathlib import Path
from typing import Final, Protocol

from ..errors import InvalidRequestError, NotFoundError, TooLargeError
from .faults import fault_point

UPLOADS: Final = "upload"
"""First part of the names of what clients put here before they tell about it."""

_NAME = re.compile(
    r"(?:task|workflow|script|upload)/(?:input|output|result)/"
    r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}/[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.json"
)


def checked_name(name: str) -> str:
    """The name itself if it is one of ours.

    Raises:
        InvalidRequestError: It has another shape; nothing is looked up.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise InvalidRequestError(
            f"'{name[:120]}' is no path of an external payload; "
            "expected one that externalstoragelocation has given."
        )
    return name


def payload_too_large(name: str, found: int, most_bytes: int) -> TooLargeError:
    """The error of a payload that a client has uploaded and that is not taken."""
    return TooLargeError(f"The payload '{name}' has {found} bytes; the limit is {most_bytes}.")


class PayloadStorage(Protocol):
    """Keeps bytes under names. Callable from any thread."""

    def put(self, name: str, body: bytes) -> None:
        """Keep bytes durably; what the name had is replaced."""
        ...

    def get(self, name: str, most_bytes: int = 0) -> bytes:
        """The bytes of a name.

        Args:
            name: What they are kept under.
            most_bytes: More are not read; 0: however many they are.

        Raises:
            NotFoundError: There is nothing under it.
            TooLargeError: There are more than ``most_bytes``.
        """
        ...

    def delete(self, name: str) -> None:
        """Forget a name; an unknown one is fine."""
        ...

    def delete_execution(self, workflow_id: str) -> None:
        """Forget everything of one execution."""
        ...

    def address(self, name: str, operation: str) -> str | None:
        """Where a client may ``READ`` or ``WRITE`` a name itself; None: through this server."""
        ...


class FolderStorage:
    """Payloads as files below one folder."""

    def __init__(self, folder: str | Path) -> None:
        """Use a folder; it is made with the first payload."""
        self.folder = Path(folder).absolute()

    def _path(self, name: str) -> Path:
        return self.folder.joinpath(*checked_name(name).split("/"))

    def put(self, name: str, body: bytes) -> None:
        """Write a file under another name, then move it to its place, synced."""
        path = self._path(name)
        if not self.folder.exists():
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
        try:
            with unfinished.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            fault_point("payloads.file_written")
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    def get(self, name: str, most_bytes: int = 0) -> bytes:
        """Read the file of a name."""
        path = self._path(name)
        if path.is_symlink():
            raise NotFoundError(f"There is no external payload '{name}'.")
        try:
            if most_bytes and (found := path.stat().st_size) > most_bytes:
                raise payload_too_large(name, found, most_bytes)
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFoundError(f"There is no external payload '{name}'.") from None

    def delete(self, name: str) -> None:
        """Remove the file of a name, and its folder when that was the last one."""
        path = self._path(name)
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            path.parent.rmdir()

    def delete_execution(self, workflow_id: str) -> None:
        """Remove the folders of an execution."""
        if not self.folder.is_dir() or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", workflow_id):
            return
        for folder in self.folder.glob(f"*/*/{workflow_id}"):
            for file in folder.iterdir():
                file.unlink(missing_ok=True)
            folder.rmdir()

    def delete_uploads(self, before: float) -> int:
        """Remove uploads that nobody told about since; returns how many.

        Args:
            before: Epoch seconds; what is younger may still be told about.
        """
        removed = 0
        for path in self.folder.glob(f"{UPLOADS}/*/*/*.json"):
            try:
                if path.stat().st_mtime >= before:
                    continue
                path.unlink()
            except FileNotFoundError:  # taken over meanwhile
                continue
            removed += 1
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        return removed

    def address(self, name: str, operation: str) -> str | None:
        """Files are read and written through this server."""
        return None


class MemoryStorage:
    """Payloads in memory, for databases that are there too."""

    def __init__(self) -> None:
        """Nothing is kept yet."""
        self._bodies: dict[str, bytes] = {}
        self._guard = threading.Lock()

    def put(self, name: str, body: bytes) -> None:
        """Keep bytes."""
        with self._guard:
            self._bodies[checked_name(name)] = body

    def get(self, name: str, most_bytes: int = 0) -> bytes:
        """The bytes of a name."""
        with self._guard:
            body = self._bodies.get(checked_name(name))
        if body is None:
            raise NotFoundError(f"There is no external payload '{name}'.")
        if most_bytes and len(body) > most_bytes:
            raise payload_too_large(name, len(body), most_bytes)
        return body

    def delete(self, name: str) -> None:
        """Forget a name."""
        with self._guard:
            self._bodies.pop(checked_name(name), None)

    def delete_execution(self, workflow_id: str) -> None:
        """Forget the names of an execution."""
        with self._guard:
            for name in [n for n in self._bodies if n.split("/")[2] == workflow_id]:
                del self._bodies[name]

    def address(self, name: str, operation: str) -> str | None:
        """Memory is read and written through this server."""
        return None


def sync_folder(folder: Path) -> None:
    """Make the names of a folder durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
