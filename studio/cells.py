"""Definitions and executions as Panel objects for notebook cells."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import panel as pn
from panel.viewable import Viewer

from .execution_link import ExecutionLink
from .graph.picture import definition_picture
from .views.execution_view import ExecutionView

if TYPE_CHECKING:
    from engine.service import Service

CELL_HEIGHT = 420
"""Height of an execution in a cell, in pixels."""


class DefinitionCell(Viewer):
    """Picture of a workflow definition."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        """``definition``: a WorkflowDef in wire form."""
        super().__init__()
        # Our own drawing code escaped every text of it.
        self._pane = pn.pane.HTML(definition_picture(definition), sizing_mode="stretch_width")

    def __panel__(self) -> pn.pane.HTML:
        """The picture."""
        return self._pane


class AnswerCell(Viewer):
    """A table of ``studio.notebook_tables``."""

    def __init__(self, html: str) -> None:
        """``html``: trusted, its texts are escaped."""
        super().__init__()
        self._pane = pn.pane.HTML(html, sizing_mode="stretch_width")

    def __panel__(self) -> pn.pane.HTML:
        """The table."""
        return self._pane


class ExecutionCell(Viewer):
    """One execution, live: failure strip, graph, cursor and a slim inspector."""

    def __init__(self, service: Service, workflow_id: str) -> None:
        """Show an execution.

        Raises:
            EngineError: It can't be read.
        """
        super().__init__()
        self.view = ExecutionView(height=CELL_HEIGHT, sizing_mode="stretch_width")
        self._link = ExecutionLink(
            service, workflow_id, self.view, pn.state.curdoc, _readers(), mode="cell"
        )
        self._link.open(lambda data: None, _raise)

    def __panel__(self) -> ExecutionView:
        """The view."""
        return self.view

    def close(self) -> None:
        """Follow the execution no longer."""
        self._link.close()


@cache
def _readers() -> ThreadPoolExecutor:
    readers = ThreadPoolExecutor(max_workers=2, thread_name_prefix="studio-cell")
    atexit.register(readers.shutdown, wait=False, cancel_futures=True)
    return readers


def _raise(error: Exception) -> None:
    raise error
