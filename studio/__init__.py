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


def install() -> None:
    """Have definitions, executions and answers drawn in notebooks from now on.

    Needed in a source tree only: an installed studio is found by the engine itself.
    """
    from .notebook import install as teach

    teach()


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext studio`` calls; the same as ``install()``."""
    install()
