"""The one service layer: every door and every client calls it, and nothing else."""

from .inspection import Service

__all__ = ["Service"]
