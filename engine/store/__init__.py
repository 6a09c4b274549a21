"""Where events become durable and the past can be asked: memory, or journal and history."""

from __future__ import annotations

from .opening import open_store

__all__ = ["open_store"]
