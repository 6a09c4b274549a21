"""Which roles a route needs: the whole door in one table, deny by default.

**Adding a route**: add its ``METHOD path`` under the roles it needs, or nobody but the local person
gets through and ``tests/engine/security/test_route_roles.py`` fails. The service checks every
operation again; this table is what refuses a request before its body is read, and what tells
requests that change something (whatever their method) from those that read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ..service.access import (
    ADMIN,
    ANSWER,
    ANYONE,
    AUTHOR,
    NOBODY,
    OPERATOR,
    VIEWER,
    WORKER,
    Needed,
)
from .routing import Route

_ROUTES_BY_ROLE: Final[tuple[tuple[Needed, str], ...]] = (
    (
        ANYONE,
        """
        GET /health
        GET /api/health
        GET /actuator/health
        GET /api/version
        POST /api/token
        GET /api/token
        GET /api/external/payload/{owner}/{kind}/{holder}/{file}
        PUT /api/external/payload/{owner}/{kind}/{holder}/{file}
        GET /api-docs
        GET /openapi.json
        GET /swagger-ui.html
        GET /swagger-ui/{file}
        """,
    ),
    (
        VIEWER,
        """
        GET /api/capabilities
        POST /api/metadata/workflow/validate
        GET /api/token/userInfo
        GET /api/access/me
        GET /api/metadata/workflow
        GET /api/metadata/workflow/names
        GET /api/metadata/workflow/names-and-versions
        GET /api/metadata/workflow/latest-versions
        GET /api/metadata/workflow/{name}
        GET /api/metadata/workflow/{name}/versions
        GET /api/metadata/taskdefs
        GET /api/metadata/tasktypes
        GET /api/metadata/taskdefs/{name}
        GET /api/schema
        GET /api/schema/{name}
        GET /api/schema/{name}/{version}
        GET /api/workflow/{workflowId}
        GET /api/workflow/{workflowId}/status
        GET /api/workflow/{workflowId}/tasks
        GET /api/workflow/running/{name}
        GET /api/workflow/{name}/correlated/{correlationId}
        POST /api/workflow/{name}/correlated
        POST /api/workflow/correlated/batch
        POST /api/workflow/bulk/search
        GET /api/workflow/search
        GET /api/workflow/search-v2
        GET /api/workflow/search-by-tasks
        GET /api/workflow/search-by-tasks-v2
        GET /api/workflow/externalstoragelocation
        GET /api/workflow/external-storage-location
        GET /api/tasks/externalstoragelocation
        GET /api/tasks/external-storage-location
        GET /api/tasks/search
        GET /api/tasks/search-v2
        GET /api/tasks/{taskId}
        GET /api/tasks/{taskId}/log
        GET /api/tasks/queue/size
        GET /api/tasks/queue/sizes
        GET /api/tasks/queue/all
        GET /api/tasks/queue/all/verbose
        GET /api/tasks/queue/polldata
        GET /api/tasks/queue/polldata/all
        GET /api/event
        GET /api/event/{event}
        GET /api/metadata/tags
        GET /api/scheduler/schedules/tags
        GET /api/metadata/workflow/{name}/tags
        GET /api/metadata/tags/workflow/{name}
        GET /api/metadata/task/{name}/tags
        GET /api/scheduler/schedules/{name}/tags
        GET /api/event/{name}/tags
        GET /metrics
        GET /actuator/prometheus
        GET /api/executions/events
        GET /api/executions/{workflowId}/events
        GET /api/executions/{workflowId}/history
        GET /api/executions/{workflowId}/failure
        GET /api/executions/{workflowId}/family
        GET /api/executions/{workflowId}/tasks/{taskId}/origin
        GET /api/executions/{workflowId}/tasks/{taskId}/plan
        GET /api/admin/config
        GET /api/admin/task/{taskType}
        GET /api/admin/queues
        GET /api/queue/
        GET /api/queue/size
        GET /api/scheduler/schedules
        GET /api/scheduler/schedules/search
        GET /api/scheduler/schedules/{name}
        GET /api/scheduler/nextFewSchedules
        GET /api/scheduler/search/executions
        """,
    ),
    (
        WORKER,
        """
        GET /api/tasks/poll/{taskType}
        GET /api/tasks/poll/batch/{taskType}
        POST /api/tasks/update-v2
        """,
    ),
    (
        ANSWER,
        """
        POST /api/tasks
        POST /api/tasks/{workflowId}/{taskRefName}/{status}
        POST /api/tasks/{workflowId}/{taskRefName}/{status}/sync
        POST /api/tasks/{workflowId}/{status}/signal
        POST /api/tasks/{workflowId}/{status}/signal/sync
        POST /api/tasks/{taskId}/log
        POST /api/workflow/{workflowId}/messages
        POST /api/queue/update/{workflowId}/{taskRefName}/{status}
        POST /api/queue/update/{workflowId}/task/{taskId}/{status}
        """,
    ),
    (
        OPERATOR,
        """
        POST /api/workflow
        POST /api/workflow/{name}
        POST /api/workflow/execute/{name}/{version}
        POST /api/workflow/test
        GET /api/access/links
        POST /api/access/links
        DELETE /api/access/links/{linkId}
        DELETE /api/workflow/{workflowId}
        POST /api/executions/{workflowId}/tasks/{taskId}/branch
        POST /api/workflow/{workflowId}/variables
        POST /api/workflow/{workflowId}/state
        PUT /api/workflow/decide/{workflowId}
        PUT /api/workflow/{workflowId}/pause
        PUT /api/workflow/{workflowId}/resume
        POST /api/workflow/{workflowId}/restart
        POST /api/workflow/{workflowId}/retry
        POST /api/workflow/{workflowId}/rerun
        POST /api/workflow/{workflowId}/resetcallbacks
        PUT /api/workflow/{workflowId}/skiptask/{taskReferenceName}
        PUT /api/workflow/bulk/pause
        PUT /api/workflow/bulk/resume
        POST /api/workflow/bulk/restart
        POST /api/workflow/bulk/retry
        POST /api/workflow/bulk/terminate
        POST /api/tasks/queue/requeue/{taskType}
        POST /api/admin/sweep/requeue/{workflowId}
        POST /api/admin/consistency/verifyAndRepair/{workflowId}
        PUT /api/scheduler/schedules/{name}/pause
        PUT /api/scheduler/schedules/{name}/resume
        GET /api/scheduler/admin/requeue
        GET /api/scheduler/admin/pause
        GET /api/scheduler/admin/resume
        PUT /api/scheduler/bulk/pause
        PUT /api/scheduler/bulk/resume
        """,
    ),
    (
        AUTHOR,
        """
        POST /api/metadata/workflow/{name}/tags
        PUT /api/metadata/workflow/{name}/tags
        DELETE /api/metadata/workflow/{name}/tags
        POST /api/metadata/tags/workflow/{name}
        PUT /api/metadata/tags/workflow/{name}
        DELETE /api/metadata/tags/workflow/{name}
        POST /api/metadata/task/{name}/tags
        PUT /api/metadata/task/{name}/tags
        DELETE /api/metadata/task/{name}/tags
        POST /api/scheduler/schedules/{name}/tags
        PUT /api/scheduler/schedules/{name}/tags
        DELETE /api/scheduler/schedules/{name}/tags
        POST /api/event/{name}/tags
        PUT /api/event/{name}/tags
        DELETE /api/event/{name}/tags
        PUT /api/environment/{key}
        DELETE /api/environment/{key}
        POST /api/executions/query
        POST /api/metadata/workflow
        PUT /api/metadata/workflow
        DELETE /api/metadata/workflow/{name}/{version}
        POST /api/metadata/taskdefs
        PUT /api/metadata/taskdefs
        DELETE /api/metadata/taskdefs/{name}
        POST /api/schema
        DELETE /api/schema/{name}
        DELETE /api/schema/{name}/{version}
        POST /api/executions/import
        DELETE /api/workflow/{workflowId}/remove
        DELETE /api/workflow/{workflowId}/terminate-remove
        DELETE /api/workflow/bulk/remove
        POST /api/workflow/bulk/delete
        DELETE /api/workflow/bulk/terminate-remove
        POST /api/event
        PUT /api/event
        DELETE /api/event/{name}
        POST /api/scheduler/schedules
        DELETE /api/scheduler/schedules/{name}
        GET /api/secrets
        POST /api/secrets
        GET /api/secrets/v2
        GET /api/secrets/{key}
        GET /api/secrets/{key}/exists
        GET /api/environment
        GET /api/environment/{key}
        """,
    ),
    (
        ADMIN,
        """
        GET /api/access/users
        POST /api/access/users
        PUT /api/access/users/{name}
        DELETE /api/access/users/{name}
        GET /api/access/keys
        POST /api/access/keys
        DELETE /api/access/keys/{keyId}
        GET /api/access/audit
        PUT /api/secrets/{key}
        DELETE /api/secrets/{key}
        """,
    ),
)


def _table(groups: Iterable[tuple[Needed, str]]) -> dict[tuple[str, str], Needed]:
    table: dict[tuple[str, str], Needed] = {}
    for needed, lines in groups:
        for line in lines.split("\n"):
            if not line.strip():
                continue
            method, path = line.split()
            if (method, path) in table:
                raise ValueError(f"{method} {path} stands twice in the table of roles.")
            table[method, path] = needed
    return table


ROUTE_ROLES: Final[Mapping[tuple[str, str], Needed]] = _table(_ROUTES_BY_ROLE)
"""Method and path of every route, as in ``ROUTES``, to the roles it needs."""


def route_needs(route: Route) -> Needed:
    """The roles a route needs; ``NOBODY`` for one that is not in the table."""
    return ROUTE_ROLES.get((route.method, route.path), NOBODY)


def is_reading(route: Route) -> bool:
    """Whether a route only reads. Not a matter of its method: the scheduler is paused by GET."""
    return route_needs(route) in (VIEWER, ANYONE)
