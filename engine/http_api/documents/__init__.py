"""What each route takes and answers: the tables that the OpenAPI document is made from.

**Adding a route**: add its ``METHOD path`` to one of these files with its query parameters, its
body and its answers, or ``tests/engine/http_api/test_openapi.py`` fails. The test reads the
endpoint's source: each parameter it reads must be named here, with the kind it is read as. The
summary of a route is the first sentence of its endpoint's docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..describing import Document
from . import access, administration, definitions, executions, tasks

DOCUMENTS: Final[Mapping[str, Document]] = {
    **administration.DOCUMENTS,
    **access.DOCUMENTS,
    **definitions.DOCUMENTS,
    **executions.DOCUMENTS,
    **tasks.DOCUMENTS,
}
"""Every route by ``METHOD path``."""
