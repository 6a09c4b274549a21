"""``/metrics``: the engine's figures as Prometheus scrapes them.

Written by hand instead of with ``prometheus_client``: the counters belong to threads of the engine
that must neither wait for a lock nor import a client library, and the text format is forty lines.
Nothing is computed between two scrapes but the counters; the loop's lag is measured from the first
scrape on, by a timer that does nothing else.
"""

from __future__ import annotations

import asyncio
import os
import time
import weakref
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final

from ..runtime.measures import Histogram
from ..service.administration import Figures
from .answers import Answer
from .call import Call
from .event_streams import open_stream_count
from .health import installed_version
from .routing import Route

CONTENT_TYPE: Final = "text/plain;version=0.0.4;charset=utf-8"
_LAG_SECONDS: Final = 0.1
_MOST_QUEUES: Final = 1_000
_NOTICES: Final[Mapping[str, tuple[str, str, str]]] = {
    "waiting": ("notices_waiting", "gauge", "Status notices not delivered yet."),
    "delivered": ("notices_delivered_total", "counter", "Status notices delivered."),
    "failed": ("notices_failed_total", "counter", "Tries to deliver a notice that failed."),
    "given_up": ("notices_given_up_total", "counter", "Notices nobody will be told of any more."),
}
"""Field of ``CourierFigures`` to what it is called here."""


class LoopLag:
    """How late a timer of a loop rings. Loop thread only."""

    def __init__(self) -> None:
        self.lateness = Histogram()
        self.worst_seconds = 0.0
        self._begin()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()  # not kept: the table of lags must not keep loops alive
        self._due = loop.time() + _LAG_SECONDS
        loop.call_at(self._due, self._ring)

    def _ring(self) -> None:
        late = max(0.0, asyncio.get_running_loop().time() - self._due)
        self.lateness.add(late)
        self.worst_seconds = max(self.worst_seconds, late)
        self._begin()

    def take_worst(self) -> float:
        """The longest lateness since the last call."""
        worst, self.worst_seconds = self.worst_seconds, 0.0
        return worst


_lags: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopLag]] = (
    weakref.WeakKeyDictionary()
)


async def metrics(call: Call) -> Answer:
    """Queues, decisions, commits, polls, executions and lags, as Prometheus scrapes them."""
    loop = asyncio.get_running_loop()
    lag = _lags.get(loop)
    if lag is None:
        lag = _lags[loop] = LoopLag()
    worst = lag.take_worst()
    figures = await call.query(call.service.figures)
    return Answer(200, _text(figures, lag, worst).encode(), CONTENT_TYPE)


def _text(figures: Figures, lag: LoopLag, worst: float) -> str:
    page = _Page()
    measures, store = figures.measures, figures.store
    page.add("info", "gauge", "Version of this server.", {"version": installed_version()}, 1)
    page.labelled(
        "queue_depth",
        "gauge",
        "Tasks in a queue, delayed ones included.",
        "queue",
        _largest(figures.queue_depths),
    )
    page.labelled(
        "queue_oldest_seconds",
        "gauge",
        "How long the oldest task that may be handed out has waited.",
        "queue",
        _largest(figures.queue_ages_seconds),
    )
    page.add("polls_waiting", "gauge", "Long polls that wait now.", {}, figures.waiting_polls)
    page.labelled(
        "polls_total", "counter", "Polls of workers.", "task_type", measures.polls.by_name
    )
    page.labelled(
        "tasks_handed_out_total",
        "counter",
        "Tasks given to workers.",
        "task_type",
        measures.handed_out.by_name,
    )
    page.add("executions_open", "gauge", "Executions not ended.", {}, figures.open_executions)
    page.add("executions_started_total", "counter", "Executions started.", {}, measures.started)
    page.labelled(
        "executions_ended_total",
        "counter",
        "Executions by the status they ended in.",
        "status",
        measures.ended.by_name,
    )
    for field, (name, kind, help_text) in _NOTICES.items():
        values = {receiver: getattr(one, field) for receiver, one in figures.notices.items()}
        page.labelled(name, kind, help_text, "receiver", values)
    page.histogram("decide_seconds", "One batch of decisions.", measures.deciding)
    page.histogram("commit_seconds", "One commit of the journal.", figures.committing)
    page.add(
        "feeder_lag_records",
        "gauge",
        "Committed records that the history lacks.",
        {},
        store["lag"],
    )
    page.add("store_healthy", "gauge", "Whether the history takes records.", {}, int(store["ok"]))
    for part in ("journal", "history"):
        page.add(f"{part}_bytes", "gauge", f"Size of the {part}.", {}, store[f"{part}_bytes"])
    page.histogram("event_loop_lag_seconds", "How late a timer of the loop rang.", lag.lateness)
    page.add(
        "event_loop_lag_worst_seconds", "gauge", "The longest since the last scrape.", {}, worst
    )
    page.add(
        "kept_answer_bytes",
        "gauge",
        "Memory of answers that are given again while nothing changes.",
        {},
        figures.kept_answer_bytes,
    )
    page.add("event_streams_open", "gauge", "Streams of events open now.", {}, open_stream_count())
    page.process()
    return page.text()


class _Page:
    """Lines of the text format."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def text(self) -> str:
        return "\n".join([*self._lines, ""])

    def add(
        self, name: str, kind: str, help_text: str, labels: Mapping[str, str], value: float
    ) -> None:
        name = self._head(name, kind, help_text)
        self._line(name, labels, value)

    def labelled(
        self, name: str, kind: str, help_text: str, label: str, values: Mapping[str, float]
    ) -> None:
        name = self._head(name, kind, help_text)
        for key, value in list(values.items()):
            self._line(name, {label: key}, value)

    def histogram(self, name: str, help_text: str, values: Histogram) -> None:
        name = self._head(name, "histogram", help_text)
        counts = list(values.counts)
        ends: Iterable[str] = (*(f"{bound:g}" for bound in values.bounds), "+Inf")
        for end, count in zip(ends, accumulate(counts), strict=True):
            self._line(f"{name}_bucket", {"le": end}, count)
        self._line(f"{name}_sum", {}, values.total_seconds)
        self._line(f"{name}_count", {}, sum(counts))

    def process(self) -> None:
        """The two figures of the process that every dashboard has."""
        self._lines.append("# HELP process_cpu_seconds_total Processor time.")
        self._lines.append("# TYPE process_cpu_seconds_total counter")
        self._line("process_cpu_seconds_total", {}, time.process_time())
        resident = _resident_bytes()
        if resident is not None:
            self._lines.append("# HELP process_resident_memory_bytes Resident memory.")
            self._lines.append("# TYPE process_resident_memory_bytes gauge")
            self._line("process_resident_memory_bytes", {}, resident)

    def _head(self, name: str, kind: str, help_text: str) -> str:
        name = f"conductor_{name}"
        self._lines.append(f"# HELP {name} {help_text}")
        self._lines.append(f"# TYPE {name} {kind}")
        return name

    def _line(self, name: str, labels: Mapping[str, str], value: float) -> None:
        inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        self._lines.append(f"{name}{{{inside}}} {value:.10g}" if inside else f"{name} {value:.10g}")


def _largest(values: Mapping[str, float]) -> dict[str, float]:
    """All of them, or the largest: names of queues are made up by whoever polls."""
    if len(values) <= _MOST_QUEUES:
        return dict(values)
    return dict(sorted(values.items(), key=lambda item: -item[1])[:_MOST_QUEUES])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _resident_bytes() -> int | None:
    """Memory in use, None where the system does not tell it in a file."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except (OSError, ValueError):
        return None


ROUTES: Final = (
    Route("GET", "/metrics", metrics),
    Route("GET", "/actuator/prometheus", metrics),
)
