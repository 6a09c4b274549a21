"""One file per page; the order here is the order in the rail."""

from __future__ import annotations

from ..page import Page
from .board import BoardPage
from .execution import ExecutionPage
from .executions import ExecutionsPage
from .shared import SharedPage

PAGES: tuple[type[Page], ...] = (BoardPage, ExecutionsPage, ExecutionPage, SharedPage)
"""Every page that is served."""
