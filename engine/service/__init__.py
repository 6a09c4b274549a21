"""The one service layer: every door and every client calls it, and nothing else."""

from .synchronous import Service

__all__ = ["Service"]
