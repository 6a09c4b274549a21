"""What the Workers page shows: who polls for what, and what waits for whom. Blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from engine.errors import EngineError

from .graph.task_words import is_system_type

SILENT_SECONDS: Final = 60.0
"""A worker that has not polled for this long is called silent."""
_TYPES: Final = 40
"""Task types whose oldest waiting task a server is asked for, at most."""
_LOOKED_AT: Final = 100
"""Open tasks of a type that are looked at for it, oldest first."""
_ANSWER_SECONDS: Final = 30.0


def load_workers(service: Any, now_ms: int) -> dict[str, Any]:
    """Return one row per task type and domain, what needs a worker first.

    Returns:
        ``rows``: ``{name, domain, waiting, oldest_ms, polled_ms, worker, state}``; times are epoch
        milliseconds, 0 for never. ``state``: ``unserved`` (tasks wait, nobody has ever polled),
        ``silent`` (tasks wait, nobody has polled lately), ``polling``, ``system`` (run by the
        engine itself), ``seen`` (has polled) or ``unseen``. ``now_ms``: when this was so.
        ``ages``: the sentence where not every age is known, else empty.
    """
    sizes = {name: size for name, size in service.queue_all().items() if not name.startswith("_")}
    oldest, ages = _oldest(service, sizes, now_ms)
    polls = {_key(row): row for row in service.poll_data()}
    known = [(name, "") for name in _defined(service)]
    rows = [
        _row(name, domain, sizes, oldest, polls.get((name, domain)), now_ms)
        for name, domain in dict.fromkeys([*map(_split, sizes), *polls, *known])
    ]
    rows.sort(key=lambda row: (_RANK[row["state"]], -row["waiting"], row["name"], row["domain"]))
    return {"rows": rows, "now_ms": now_ms, "ages": ages}


_RANK: Final = {
    name: rank
    for rank, name in enumerate(("unserved", "silent", "polling", "seen", "unseen", "system"))
}


def _row(
    name: str,
    domain: str,
    sizes: Mapping[str, int],
    oldest: Mapping[str, int],
    poll: Mapping[str, Any] | None,
    now_ms: int,
) -> dict[str, Any]:
    queue = f"{domain}:{name}" if domain else name
    waiting, polled_ms = sizes.get(queue, 0), int((poll or {}).get("lastPollTime") or 0)
    return {
        "name": name,
        "domain": domain,
        "waiting": waiting,
        "oldest_ms": oldest.get(queue, 0) if waiting else 0,
        "polled_ms": polled_ms,
        "worker": str((poll or {}).get("workerId") or ""),
        "state": _state(name, waiting, polled_ms, now_ms),
    }


def _state(name: str, waiting: int, polled_ms: int, now_ms: int) -> str:
    if is_system_type(name):
        return "system"
    if polled_ms and now_ms - polled_ms < SILENT_SECONDS * 1000:
        return "polling"
    if waiting:
        return "silent" if polled_ms else "unserved"
    return "seen" if polled_ms else "unseen"


def _oldest(service: Any, sizes: Mapping[str, int], now_ms: int) -> tuple[dict[str, int], str]:
    """Since when the longest waiting task of a queue waits, and what is not known of that."""
    if getattr(service, "url", None) is None:
        ages = service.figures().queue_ages_seconds
        return {name: now_ms - round(age * 1000) for name, age in ages.items()}, ""
    # A server is asked for the oldest tasks of a type, one request each.
    names = [_split(queue)[0] for queue, size in sizes.items() if size and not _is_system(queue)]
    types = list(dict.fromkeys(names))
    since: dict[str, int] = {}
    try:
        for found in [service.pending_tasks(name, 0, _LOOKED_AT) for name in types[:_TYPES]]:
            for task in found.result(_ANSWER_SECONDS):
                _note(since, task)
    except EngineError:
        return since, "This server does not tell how long tasks have waited."
    if len(types) > _TYPES:
        return since, f"Ages are told for {_TYPES} of {len(types)} task types that have a queue."
    return since, ""


def _note(since: dict[str, int], task: Mapping[str, Any]) -> None:
    at = int(task.get("scheduledTime") or 0)
    if task.get("status") != "SCHEDULED" or not at:
        return
    name, domain = str(task.get("taskType") or ""), task.get("domain")
    queue = f"{domain}:{name}" if domain else name
    since[queue] = min(at, since.get(queue, at))


def _is_system(queue: str) -> bool:
    return is_system_type(_split(queue)[0])


def _defined(service: Any) -> Iterable[str]:
    return [str(body["name"]) for body in service.task_defs()]


def _split(queue: str) -> tuple[str, str]:
    domain, colon, name = queue.partition(":")
    return (name, domain) if colon else (queue, "")


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row.get("queueName") or ""), str(row.get("domain") or "")
