"""How the engine's objects show themselves in notebooks: whoever can draw them registers here.

The engine draws nothing and knows no drawing package. ``Drawn`` objects ask the registered
``Display``; without one they show their text. A package that can draw either calls
``set_display`` or names a function that does in an entry point of the group
``conductor_studio.display``, which is then loaded with the first object that is shown.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Final, Protocol

ENTRY_POINT_GROUP: Final = "conductor_studio.display"

Bundle = dict[str, Any]
"""Representations by media type; ``text/plain`` is always among them."""
Shown = Bundle | tuple[Bundle, Bundle]
"""A bundle, or a bundle and its metadata."""


class Display(Protocol):
    """What a drawing package offers."""

    def bundle(self, thing: Any) -> Shown | None:
        """Representations of an object; None when this display can't show it."""
        ...

    def panel(self, thing: Any) -> Any:
        """A Panel object that shows an object, live where it can change."""
        ...


_display: Display | None = None
_searched = False


def set_display(display: Display | None) -> None:
    """Have engine objects drawn by ``display`` from now on; None: by nobody."""
    global _display, _searched
    _display, _searched = display, True


def current_display() -> Display | None:
    """The registered display, looked for among the installed packages at the first call."""
    global _searched
    if not _searched:
        _searched = True
        for entry in entry_points(group=ENTRY_POINT_GROUP):
            entry.load()()
    return _display


class Drawn:
    """An object that shows itself in notebooks; subclasses only need a good ``repr``."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Shown:
        """What Jupyter asks for. It picks from the media types itself."""
        display = current_display()
        bundle = display.bundle(self) if display is not None else None
        return bundle or {"text/plain": repr(self)}

    def __panel__(self) -> Any:
        """What Panel asks for when this object is put into a layout.

        Raises:
            RuntimeError: Nothing that can draw is installed.
        """
        display = current_display()
        if display is None:
            raise RuntimeError("Nothing can draw this here; `import studio; studio.install()`.")
        return display.panel(self)
