"""Where the files of ``assets/`` are: in a source tree, or inside an installed package.

A wheel carries them as ``studio/assets`` (see ``package-dir`` in pyproject.toml); an editable
install and a plain checkout have them beside the code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_INSTALLED: Final = Path(__file__).parent / "assets"
_CHECKED_OUT: Final = Path(__file__).parent.parent / "assets"


def asset(*parts: str) -> Path:
    """Path of a file or folder below ``assets/``.

    Raises:
        FileNotFoundError: This installation does not have it.
    """
    folder = _INSTALLED if _INSTALLED.is_dir() else _CHECKED_OUT
    path = folder.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"This installation lacks {'/'.join(('assets', *parts))}.")
    return path
