"""Python files of task functions, named with ``--workers``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from engine.errors import InvalidRequestError
from engine.functions import DEFAULT_REGISTRY


def load_worker_file(path: str) -> list[str]:
    """Import a file and return the names of the task functions it registered.

    The file's folder goes to the front of ``sys.path`` as for a script, so that it finds its
    neighbours.

    Raises:
        InvalidRequestError: No such file, it does not import, or it registers nothing.
    """
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        raise InvalidRequestError(f"--workers {path}: there is no such file.")
    before = set(DEFAULT_REGISTRY.names())
    name = f"conductor_studio_workers_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InvalidRequestError(f"--workers {path}: not a Python file.")
    module = importlib.util.module_from_spec(spec)
    # Functions are looked up by module name when they are pickled or inspected.
    sys.modules[name] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InvalidRequestError(
            f"--workers {path} does not import: {type(error).__name__}: {error}"
        ) from error
    found = [one for one in DEFAULT_REGISTRY.names() if one not in before]
    if not found:
        raise InvalidRequestError(
            f"--workers {path} registers nothing; decorate its functions with @engine.task."
        )
    return found
