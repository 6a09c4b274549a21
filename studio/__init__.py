"""Conductor Studio: pages and notebook views over the engine. Loads nothing heavy by itself."""

from __future__ import annotations

from typing import Any

__all__ = ["install", "load_ipython_extension", "view"]


def view(thing: Any, client: Any = None) -> Any:
    """Return a Panel object that shows a definition, or an execution live.

    See ``studio.notebook.view``.
    """
    from .notebook import view as show

    return show(thing, client)


def install() -> bool:
    """Teach the running IPython to draw definitions and executions; False without IPython."""
    from .notebook import install as teach

    return teach()


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext studio`` calls."""
    from .notebook import install as teach

    teach(shell)
