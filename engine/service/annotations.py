"""What people attach to registered objects: tags; and environment variables that can be written."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from ..errors import ConflictError, InvalidRequestError, NotFoundError
from ..runtime.desk import Desk
from .base import Wire
from .schedules import ScheduleService

MOST_TAGS: Final = 100
LONGEST_VALUE: Final = 10_000
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_LONGEST_TAG: Final = 255
_PLAIN_TYPE: Final = "METADATA"


class AnnotationService(ScheduleService):
    """Tags by kind and name of what they hang on; ``kind``: workflow, task, schedule or event."""

    # -- tags ----------------------------------------------------------------------------

    def tags(self, kind: str, name: str) -> list[Wire]:
        """The tags of an object in the order they were given.

        Raises:
            NotFoundError: There is no such object.
        """
        self._check_tagged(kind, name)
        return self._tags_of(kind, name)

    def all_tags(self) -> list[Wire]:
        """Every tag that something has, each once, by key and value."""
        found = {
            (tag["key"], str(tag["value"])): tag
            for body in self._registry.tags.objects.values()
            for tag in body["tags"]
        }
        return [found[key] for key in sorted(found)]

    def tagged_schedules(self, tag: str) -> list[Wire]:
        """Schedules that have a tag, given as ``key:value`` (or the key alone)."""
        key, _, value = tag.partition(":")
        return [
            wire
            for wire in self.schedules()
            if any(
                held["key"] == key and (not value or str(held["value"]) == value)
                for held in self._tags_of("schedule", wire["name"])
            )
        ]

    def set_tags(self, kind: str, name: str, tags: Sequence[Wire]) -> Future[None]:
        """Replace all tags of an object.

        Raises:
            InvalidRequestError: A tag breaks a rule.
            NotFoundError: (from the future) there is no such object.
        """
        given = _checked_tags(tags)
        return self._change_tags(kind, name, lambda held: given)

    def add_tags(self, kind: str, name: str, tags: Sequence[Wire]) -> Future[None]:
        """Add tags to an object; one it has already is left as it is. See ``set_tags``."""
        given = _checked_tags(tags)
        return self._change_tags(
            kind, name, lambda held: [*held, *(tag for tag in given if tag not in held)]
        )

    def remove_tags(self, kind: str, name: str, tags: Sequence[Wire] | None) -> Future[None]:
        """Take tags off an object (by key and value), or all with None; others are fine."""
        gone = None if tags is None else [(t["key"], t["value"]) for t in _checked_tags(tags)]
        return self._change_tags(
            kind,
            name,
            lambda held: (
                [] if gone is None else [t for t in held if (t["key"], t["value"]) not in gone]
            ),
        )

    def _change_tags(
        self, kind: str, name: str, change: Callable[[list[Wire]], list[Wire]]
    ) -> Future[None]:
        def run(desk: Desk) -> None:
            self._check_tagged(kind, name)
            tags = change(self._tags_of(kind, name))
            if len(tags) > MOST_TAGS:
                raise InvalidRequestError(f"{len(tags)} tags; {MOST_TAGS} are allowed.")
            if tags:
                desk.registry.tags.put(desk, _key(kind, name), {"tags": tags})
            else:
                desk.registry.tags.drop(desk, _key(kind, name))

        return self._submit(run)

    def _tags_of(self, kind: str, name: str) -> list[Wire]:
        body = self._registry.tags.objects.get(_key(kind, name))
        return list(body["tags"]) if body else []

    def _check_tagged(self, kind: str, name: str) -> None:
        known: Any = {
            "workflow": self._registry.workflow_defs,
            "task": self._registry.task_defs,
            "event": self._registry.event_handlers,
            "schedule": self._desk.scheduler.plans,
        }[kind]
        if name not in known:
            raise NotFoundError(f"There is no {_TITLES[kind]} named '{name}' to have tags.")

    # -- what is deleted takes its tags along --------------------------------------------

    def delete_workflow_def(self, name: str, version: int) -> Future[None]:
        """See ``MetadataService``; the tags go with the last version."""
        return self._deleting("workflow", name, super().delete_workflow_def(name, version))

    def delete_task_def(self, name: str) -> Future[None]:
        """See ``MetadataService``."""
        return self._deleting("task", name, super().delete_task_def(name))

    def delete_event_handler(self, name: str) -> Future[None]:
        """See ``EventService``."""
        return self._deleting("event", name, super().delete_event_handler(name))

    def delete_schedule(self, name: str) -> Future[None]:
        """See ``ScheduleService``."""
        return self._deleting("schedule", name, super().delete_schedule(name))

    def _deleting(self, kind: str, name: str, deleted: Future[None]) -> Future[None]:
        if _key(kind, name) not in self._registry.tags.objects:
            return deleted

        def drop(desk: Desk) -> None:
            try:
                self._check_tagged(kind, name)
            except NotFoundError:
                desk.registry.tags.drop(desk, _key(kind, name))

        # The decider takes commands in order, so this one sees what the deletion did.
        self._runtime.decider.post(drop)
        return deleted

    # -- environment ---------------------------------------------------------------------

    def set_environment_variable(self, name: str, value: str) -> Future[None]:
        """Give ``${workflow.env.NAME}`` a value, over one of the process's environment.

        Raises:
            InvalidRequestError: The name or the value can't be one.
        """
        if not _NAME.fullmatch(name):
            raise InvalidRequestError(
                f"{name[:80]!r} is no name of a variable: up to 255 letters, digits, '_', '.', '-'."
            )
        if len(value) > LONGEST_VALUE:
            raise InvalidRequestError(
                f"The value has {len(value)} characters; {LONGEST_VALUE} are allowed."
            )
        return self._submit(lambda desk: desk.set_environment(name, value))

    def delete_environment_variable(self, name: str) -> Future[None]:
        """Take a written value back; the process's own value shows again.

        Raises:
            NotFoundError: (from the future) there is no such variable.
            ConflictError: (from the future) it comes from the process's environment.
        """

        def run(desk: Desk) -> None:
            if name in desk.registry.environment.objects:
                desk.set_environment(name, None)
            elif name in desk.environment:
                raise ConflictError(
                    f"'{name}' comes from this server's own environment and can't be deleted here."
                )
            else:
                raise NotFoundError(f"There is no environment variable '{name}'.")

        return self._submit(run)


_TITLES: Final = {
    "workflow": "workflow definition",
    "task": "task definition",
    "event": "event handler",
    "schedule": "schedule",
}


def _key(kind: str, name: str) -> str:
    return f"{kind}/{name}"


def _checked_tags(tags: Sequence[Wire]) -> list[Wire]:
    """The tags with what Conductor's SDKs read: key, value, type."""
    found = []
    for tag in tags:
        key, value = tag.get("key"), tag.get("value")
        kind = tag.get("type") or _PLAIN_TYPE
        if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_TAG:
            raise InvalidRequestError(f"A tag needs a key of 1 to {_LONGEST_TAG} characters.")
        if not isinstance(value, str | int | float | bool) or len(str(value)) > _LONGEST_TAG:
            raise InvalidRequestError(
                f"The tag {key!r} needs a value: a text, number or boolean of at most "
                f"{_LONGEST_TAG} characters."
            )
        if not isinstance(kind, str) or len(kind) > _LONGEST_TAG:
            raise InvalidRequestError(f"The type of the tag {key!r} must be a short text.")
        found.append({"key": key, "value": value, "type": kind})
    return found
