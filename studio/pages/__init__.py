"""One file per page; the order here is the order in the rail."""

from __future__ import annotations

from ..page import Page
from .audit import AuditPage
from .board import BoardPage
from .definitions import DefinitionsPage
from .execution import ExecutionPage
from .executions import ExecutionsPage
from .shared import SharedPage
from .shared_board import SharedBoardPage
from .workers import WorkersPage

PAGES: tuple[type[Page], ...] = (
    BoardPage,
    ExecutionsPage,
    DefinitionsPage,
    WorkersPage,
    AuditPage,
    ExecutionPage,
    SharedPage,
    SharedBoardPage,
)
"""Every page that is served."""
