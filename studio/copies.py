"""Copies of another server's executions in an engine here, where they can be branched."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

from .local_engine import open_engine
from .settings import Settings

if TYPE_CHECKING:
    from engine import Engine
    from engine.client.base import Client


class Copies:
    """An engine of our own beside a server that is looked at. Any thread; close it at last."""

    def __init__(self, source: Client, settings: Settings) -> None:
        """Nothing is opened before the first copy is asked for.

        Args:
            source: The server.
            settings: Database and workers of the engine.
        """
        self._source, self._settings = source, settings
        self._guard = threading.Lock()
        self._opened = contextlib.ExitStack()
        self._engine: Engine | None = None
        self.api_url = ""
        """Root of the API that workers of branches poll, once the engine is open."""

    @property
    def database(self) -> str:
        """Where copies are kept."""
        return self._settings.database()

    def service(self) -> Any:
        """The service of the engine here. Opens it at first; blocks.

        Raises:
            EngineError: The database can't be opened.
        """
        return self._open().service

    def copy(self, workflow_id: str) -> str:
        """Copy an execution with its sub-workflows; returns its id. Blocks.

        Raises:
            EngineError: It can't be read there, or is refused here.
        """
        from engine.copying import copy_execution, outermost
        from engine.errors import ConflictError

        root = outermost(self._source, workflow_id)
        copied = copy_execution(self._source, self._open().client, root)
        # One that was branched or changed here is left as it is, and shown.
        refused = next((one for one in copied if one.workflow_id == workflow_id and one.note), None)
        if refused is not None and "changed here since" not in refused.note:
            raise ConflictError(refused.note)
        return workflow_id

    def close(self) -> None:
        """Close the engine, if there is one. Safe to call twice."""
        with self._guard:
            self._engine = None
            self._opened.close()

    def _open(self) -> Engine:
        with self._guard:
            if self._engine is None:
                from engine.http_api.server import serve_api

                engine = self._opened.enter_context(open_engine(self._settings))
                if engine.attached_to:
                    self.api_url = engine.attached_to
                else:
                    # For workers of branches, and for notebooks that open the same file.
                    server = self._opened.enter_context(serve_api(engine.service, port=0))
                    self.api_url = server.url
                    engine.publish_address(server.url)
                self._engine = engine
            return self._engine
