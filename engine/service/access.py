"""Who may do what: callers, roles, and the one table of what each operation needs.

**Adding an operation**: a public method of ``Service`` without an entry in ``OPERATIONS`` is
refused to every caller and fails ``tests/engine/security/test_operation_roles.py``. Add one line:
``"method_name": VIEWER`` when it only reads, ``WORKER`` or ``ANSWER`` for what workers call,
``OPERATOR`` when it steers executions or schedules, ``AUTHOR`` when it changes definitions or
deletes, ``ADMIN`` for users, keys, secrets and the audit, ``NOBODY`` when no door may call it.
A new route has its line in ``engine/http_api/route_roles.py`` as well.

The lattice (who includes whom)::

                 admin
                   │
                 author          changes definitions, deletes executions
                 ╱    ╲
           worker      operator  starts, steers, answers what waits for a person
                 ╲    ╱
                 viewer          reads executions, definitions, queues; never secrets

A worker takes tasks and reports on them but steers nothing; an operator steers but takes no tasks
away from workers. Both may answer a task that waits (``ANSWER``). Whoever starts an execution
from a definition of their own writes a definition: that needs an author.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Role(StrEnum):
    """What a caller is trusted with."""

    VIEWER = "viewer"
    WORKER = "worker"
    OPERATOR = "operator"
    AUTHOR = "author"
    ADMIN = "admin"

    def may(self, needed: Needed) -> bool:
        """Whether the role has one of the needed ones, or includes it."""
        return not _INCLUDED[self].isdisjoint(needed)


Needed = frozenset[Role]
"""Roles of which a caller must have one."""

_INCLUDED: Final[Mapping[Role, Needed]] = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.WORKER: frozenset({Role.VIEWER, Role.WORKER}),
    Role.OPERATOR: frozenset({Role.VIEWER, Role.OPERATOR}),
    Role.AUTHOR: frozenset({Role.VIEWER, Role.WORKER, Role.OPERATOR, Role.AUTHOR}),
    Role.ADMIN: frozenset(Role),
}

ANYONE: Final[Needed] = frozenset(Role)
VIEWER: Final[Needed] = frozenset({Role.VIEWER})
WORKER: Final[Needed] = frozenset({Role.WORKER})
OPERATOR: Final[Needed] = frozenset({Role.OPERATOR})
ANSWER: Final[Needed] = WORKER | OPERATOR
AUTHOR: Final[Needed] = frozenset({Role.AUTHOR})
ADMIN: Final[Needed] = frozenset({Role.ADMIN})
NOBODY: Final[Needed] = frozenset()

OPERATIONS: Final[Mapping[str, Needed]] = {
    # the service itself
    "acting_as": NOBODY,
    "close": NOBODY,
    "health": ANYONE,
    # executions: reading
    "committed_events": VIEWER,
    "committed_since": VIEWER,
    "correlated": VIEWER,
    "correlated_batch": VIEWER,
    "counts": VIEWER,
    "created_between": VIEWER,
    "events": VIEWER,
    "failure": VIEWER,
    "family": VIEWER,
    "figures": VIEWER,
    "history": VIEWER,
    "last_position": VIEWER,
    "logs": VIEWER,
    "look_for_block": VIEWER,
    "origin": VIEWER,
    "pending_tasks": VIEWER,
    "plan_branch": VIEWER,
    "query": VIEWER,
    "query_frame": VIEWER,
    "query_table": AUTHOR,
    "running": VIEWER,
    "search_tasks": VIEWER,
    "search_workflows": VIEWER,
    "search_workflows_by_tasks": VIEWER,
    "state": VIEWER,
    "subscribe": VIEWER,
    "task": VIEWER,
    "tree": VIEWER,
    "tree_events": VIEWER,
    "workflow": VIEWER,
    "workflow_at_hand": VIEWER,
    "workflow_status": VIEWER,
    "workflow_tasks": VIEWER,
    "workflow_text": VIEWER,
    # executions: steering
    "branch": OPERATOR,
    "decide": OPERATOR,
    "execute_workflow": OPERATOR,
    "pause": OPERATOR,
    "remove": AUTHOR,
    "rerun": OPERATOR,
    "reset_callbacks": OPERATOR,
    "restart": OPERATOR,
    "resume": OPERATOR,
    "retry": OPERATOR,
    "set_variables": OPERATOR,
    "skip_task": OPERATOR,
    "start_workflow": OPERATOR,
    "sweep": OPERATOR,
    "terminate": OPERATOR,
    "test_workflow": OPERATOR,
    "update_state": OPERATOR,
    # workers and queues
    "add_log": ANSWER,
    "poll": WORKER,
    "push_message": ANSWER,
    "poll_data": VIEWER,
    "queue_all": VIEWER,
    "queue_all_verbose": VIEWER,
    "queue_sizes": VIEWER,
    "requeue": OPERATOR,
    "signal": ANSWER,
    "signal_sync": ANSWER,
    "update_task": ANSWER,
    "update_task_and_poll": WORKER,
    "update_task_by_reference": ANSWER,
    "update_task_by_reference_sync": ANSWER,
    # definitions
    "create_task_defs": AUTHOR,
    "create_workflow_def": AUTHOR,
    "delete_task_def": AUTHOR,
    "delete_workflow_def": AUTHOR,
    "import_execution": AUTHOR,
    "task_def": VIEWER,
    "task_defs": VIEWER,
    "task_types": VIEWER,
    "update_task_def": AUTHOR,
    "update_workflow_defs": AUTHOR,
    "validate_workflow_def": VIEWER,
    "workflow_def": VIEWER,
    "workflow_defs": VIEWER,
    # large payloads; reading and writing need an address that was given out
    "payload_to_read": VIEWER,
    "payload_to_write": ANSWER,
    "read_payload": ANYONE,
    "write_payload": ANYONE,
    # schemas
    "delete_schema": AUTHOR,
    "save_schemas": AUTHOR,
    "schema": VIEWER,
    "schemas": VIEWER,
    # event handlers
    "create_event_handler": AUTHOR,
    "create_event_handlers": AUTHOR,
    "update_event_handlers": AUTHOR,
    "add_tags": AUTHOR,
    "all_tags": VIEWER,
    "remove_tags": AUTHOR,
    "set_tags": AUTHOR,
    "tagged_schedules": VIEWER,
    "tags": VIEWER,
    "delete_environment_variable": AUTHOR,
    "set_environment_variable": AUTHOR,
    "delete_event_handler": AUTHOR,
    "event_executions": VIEWER,
    "event_handlers": VIEWER,
    "event_queues": VIEWER,
    "publish_event": OPERATOR,
    "update_event_handler": AUTHOR,
    # schedules
    "change_schedules": OPERATOR,
    "delete_schedule": AUTHOR,
    "next_schedules": VIEWER,
    "pause_schedule": OPERATOR,
    "pause_scheduler": OPERATOR,
    "plan_schedules": OPERATOR,
    "resume_schedule": OPERATOR,
    "save_schedule": AUTHOR,
    "schedule": VIEWER,
    "schedule_executions": VIEWER,
    "schedules": VIEWER,
    "search_schedules": VIEWER,
    # who may come in: the doors ask on nobody's behalf
    "caller_of_link": NOBODY,
    "caller_of_session": NOBODY,
    "caller_of_token": NOBODY,
    "exchange_key": NOBODY,
    "has_users": NOBODY,
    "log_in": NOBODY,
    "log_out": NOBODY,
    "needs_login": NOBODY,
    "open_link": NOBODY,
    "require_log_in": NOBODY,
    "session_of": NOBODY,
    "sign_on": NOBODY,
    # administration
    "add_signing_on_user": ADMIN,
    "add_user": ADMIN,
    "api_keys": ADMIN,
    "audit": ADMIN,
    "change_password": ADMIN,
    "change_user_role": ADMIN,
    "create_api_key": ADMIN,
    "remove_user": ADMIN,
    "revoke_api_key": ADMIN,
    "revoke_share_link": OPERATOR,
    "share_board": OPERATOR,
    "share_execution": OPERATOR,
    "share_links": OPERATOR,
    "users": ADMIN,
    # secrets and environment
    "environment": AUTHOR,
    "delete_secret": ADMIN,
    "secret_names": AUTHOR,
    "secrets_are_writable": AUTHOR,
    "set_secret": ADMIN,
}
"""Every operation and the roles it needs. See the module's text on how to add one."""

WRITES_DEFINITION: Final = frozenset({"start_workflow", "execute_workflow", "test_workflow"})
"""Operations whose request may bring a definition of its own: then an author is needed."""

_LOOKS: Final = frozenset(
    {"api_keys", "audit", "environment", "health", "secret_names"}
    | {"secrets_are_writable", "share_links", "users"}
)
"""Operations that change nothing though they need more than a viewer, or less."""
_TOLD_BY_HISTORY: Final = frozenset(
    {"decide", "execute_workflow", "publish_event", "requeue", "start_workflow", "sweep"}
    | {"test_workflow"}
)
"""Frequent changes of the local person: their executions name them already."""


def needed_for(operation: str, arguments: tuple[Any, ...] = ()) -> Needed:
    """The roles one call needs; ``NOBODY`` for an operation that is not in the table."""
    needed = OPERATIONS.get(operation, NOBODY)
    if operation in WRITES_DEFINITION and arguments and _has_definition(arguments[0]):
        return AUTHOR
    return needed


def is_audited(operation: str, kind: CallerKind) -> bool:
    """Whether a call of somebody of this kind leaves a row in the audit.

    Reading does not, nor what workers do: their histories tell it, and a row for every task
    would double what is written.
    """
    if operation in _LOOKS or not OPERATIONS.get(operation, NOBODY).isdisjoint(VIEWER | WORKER):
        return False
    return kind is not CallerKind.LOCAL or operation not in _TOLD_BY_HISTORY


def _has_definition(request: Any) -> bool:
    return isinstance(request, Mapping) and request.get("workflowDef") is not None


class CallerKind(StrEnum):
    """How a caller has shown who they are."""

    LOCAL = "local"
    USER = "user"
    KEY = "api key"
    LINK = "share link"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a share link shows: one execution with its sub-workflows, or the board."""

    workflow_id: str = ""
    """The outermost execution; empty: the board."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks for something, once they have shown who they are."""

    name: str
    kind: CallerKind
    role: Role
    address: str = ""
    """Where they are: an IP address; empty for this process."""
    scope: Scope | None = None
    """Only this may be seen; None: everything the role allows."""
    key_id: str = ""
    """Which API key or share link; of a user, which of their passwords they came in with."""
    expires_ms: int = 0
    """When what they came in with runs out, in epoch milliseconds; 0: never."""
    session_id: str = ""
    """Which session of a user; it may be ended before its time."""

    @property
    def actor(self) -> str:
        """What histories call them: ``user`` for the local person, else ``user:NAME``."""
        return "user" if self.kind is CallerKind.LOCAL else f"user:{self.name}"

    @property
    def is_known(self) -> bool:
        """Whether they had to say who they are."""
        return self.kind is not CallerKind.LOCAL

    @property
    def words(self) -> str:
        """For messages: ``user 'ann' (viewer)``."""
        return f"{self.kind} '{self.name}' ({self.role})"


LOCAL_CALLER: Final = Caller("local", CallerKind.LOCAL, Role.ADMIN)
"""The person at this machine while nobody is configured: every right, no log-in."""
