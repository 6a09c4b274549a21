"""Files of a store are for their owner alone: the journal has the key that signs sessions.

SQLite gives the files beside a database its own mode, so what is made private first stays so.
DuckDB makes its write-ahead file anew after every checkpoint, with the mode of the process.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_HAS_MODES: Final = os.name == "posix"
_told: set[str] = set()


def create_private(path: Path) -> None:
    """See that a file exists; a new one is nobody's but its owner's from its first moment."""
    if _HAS_MODES and not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def make_private(*paths: Path) -> None:
    """Take away from others what they may do with files (and folders); absent ones are passed over.

    A file system without modes, or a file of somebody else, is warned of once.
    """
    if not _HAS_MODES:
        return
    for path in paths:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if not mode & _OTHERS:
                continue
            path.chmod(mode & ~_OTHERS)
            left = stat.S_IMODE(path.stat().st_mode) & _OTHERS
        except FileNotFoundError:
            continue
        except OSError as error:
            _warn(path, str(error.strerror))
            continue
        if left:
            _warn(path, "the file system keeps no modes")


def _warn(path: Path, why: str) -> None:
    if str(path) not in _told:
        _told.add(str(path))
        logger.warning("Others on this machine may read %s: %s.", path, why)
