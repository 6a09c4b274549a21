"""Executions as they were last sent out: what has not changed since is not put together again.

Rules of this file
  1. Never stale. The writer takes texts out before it commits anything of their execution and
     again before it answers anybody; none comes in meanwhile, nor one whose reading began before.
     So whoever has been answered, or told of an event, finds nothing older here.
  2. Nothing ahead of the disk: a text shows what was committed when its reading ended.
  3. Derived and bounded by bytes; those asked for longest ago go first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

MOST_BYTES: Final = 64 * 1024 * 1024
LONGEST_BYTES: Final = 1024 * 1024
"""A longer text is not kept: a few of them would push everything else out."""
_SLOT_BYTES: Final = 400
"""What a slot costs beside its texts."""


class Slot:
    """The texts of one execution as it stood when the slot was made, by form."""

    __slots__ = ("size", "texts", "workflow_id")

    def __init__(self, workflow_id: str) -> None:
        """Nothing is kept yet."""
        self.workflow_id = workflow_id
        self.texts: dict[bool, bytes] = {}
        self.size = _SLOT_BYTES


class EncodedExecutions:
    """JSON texts of executions, with tasks and without (the form). Callable from any thread."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Keep up to ``most_bytes``."""
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._slots: OrderedDict[str, Slot] = OrderedDict()
        self._size = 0
        self._changing: frozenset[str] = frozenset()
        self._closed = False

    def get(self, workflow_id: str, with_tasks: bool) -> bytes | None:
        """The text, if it was kept and nothing of the execution was committed since."""
        with self._lock:
            slot = self._slots.get(workflow_id)
            if slot is None:
                return None
            self._slots.move_to_end(workflow_id)
            return slot.texts.get(with_tasks)

    def slot(self, workflow_id: str) -> Slot:
        """Where to ``keep`` a text. Ask for it before the execution is read."""
        with self._lock:
            slot = self._slots.get(workflow_id)
            if slot is None:
                slot = Slot(workflow_id)
                if not self._closed:
                    self._slots[workflow_id] = slot
                    self._size += slot.size
                    self._make_room()
            return slot

    def keep(self, slot: Slot, with_tasks: bool, text: bytes) -> None:
        """Keep a text that was read after ``slot`` was asked for, unless it is outdated."""
        if len(text) > LONGEST_BYTES:
            return
        with self._lock:
            if self._slots.get(slot.workflow_id) is not slot or with_tasks in slot.texts:
                return
            if slot.workflow_id in self._changing:
                return
            slot.texts[with_tasks] = text
            slot.size += len(text)
            self._size += len(text)
            self._make_room()

    def changing(self, workflow_ids: Iterable[str]) -> None:
        """Something of these executions is about to be committed; then comes ``changed``."""
        with self._lock:
            self._changing = frozenset(workflow_ids)
            self._take_out()

    def changed(self) -> None:
        """It is committed, and nobody was told yet."""
        with self._lock:
            self._take_out()
            self._changing = frozenset()

    def close(self) -> None:
        """Keep nothing from now on: the engine ends, or can't write any more."""
        with self._lock:
            self._closed = True
            self._slots.clear()
            self._size = 0

    @property
    def size(self) -> int:
        """Bytes in use."""
        return self._size

    def _take_out(self) -> None:
        if self._slots:
            for workflow_id in self._changing:
                slot = self._slots.pop(workflow_id, None)
                if slot is not None:
                    self._size -= slot.size

    def _make_room(self) -> None:
        while self._size > self._most_bytes:
            _, oldest = self._slots.popitem(last=False)
            self._size -= oldest.size
