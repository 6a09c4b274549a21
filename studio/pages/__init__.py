"""One file per page; the order here is the order in the rail."""

from __future__ import annotations

from ..page import Page
from .board import BoardPage
from .definitions import DefinitionsPage
from .execution import ExecutionPage
from .executions import ExecutionsPage
from .shared import SharedPage
from .workers import WorkersPage

PAGES: tuple[type[Page], ...] = (
    BoardPage,
    ExecutionsPage,
    DefinitionsPage,
    WorkersPage,
    ExecutionPage,
    SharedPage,
)
"""Every page that is served."""
