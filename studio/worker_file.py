"""Python files of task functions and system tasks, named with ``--workers``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from engine.errors import InvalidRequestError
from engine.functions import DEFAULT_REGISTRY
from engine.system_tasks import SystemTask


class WorkerFile(NamedTuple):
    """What a file brings."""

    functions: list[str]
    """Names of the task functions that it registered."""
    system_tasks: list[SystemTask]
    """One object of each ``SystemTask`` class that is defined in it."""


def load_worker_file(path: str) -> WorkerFile:
    """Import a file and return what it brings.

    The file's folder goes to the front of ``sys.path`` as for a script, so that it finds its
    neighbours.

    Raises:
        InvalidRequestError: No such file, it does not import, or it brings nothing.
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
    system_tasks = _system_tasks(module, path)
    if not found and not system_tasks:
        raise InvalidRequestError(
            f"--workers {path} registers nothing; decorate its functions with @engine.task."
        )
    return WorkerFile(found, system_tasks)


def _system_tasks(module: ModuleType, path: str) -> list[SystemTask]:
    made = []
    for value in vars(module).values():
        is_class = isinstance(value, type) and issubclass(value, SystemTask)
        if not is_class or value.__module__ != module.__name__ or not value.task_type:
            continue
        try:
            made.append(value())
        except Exception as error:
            raise InvalidRequestError(
                f"--workers {path}: {value.__name__} can't be made: {type(error).__name__}: {error}"
            ) from error
    return made
