"""What is the matter with the engine, in words for a person who looks at a page. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_ADVICE: Final = re.compile(r"\s*Free some space\.$")
_FULL: Final = re.compile(r"no space left|disk quota exceeded|is full|ENOSPC", re.I)
_LONGEST: Final = 400


class Condition(NamedTuple):
    """What every page says above itself; all texts, to be escaped by whoever shows them."""

    word: str = "running"
    """How the engine is, for the rail."""
    headline: str = ""
    """What is the matter in one sentence; empty: nothing is."""
    words: str = ""
    """What that means and what to do."""
    reason: str = ""
    """What the store or the connection said; may name files and addresses."""

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to say."""
        return not self.headline

    def without_reason(self) -> Condition:
        """The same for who was sent a link: names of files and servers are no affair of theirs."""
        return self._replace(reason="")


WELL: Final = Condition()


def condition_of(report: Mapping[str, Any], server: str = "") -> Condition:
    """Words for a health report (``engine.service.Service.health``), or for that of a Conductor.

    Args:
        report: ``healthy``, and ``healthResults`` with their ``details``.
        server: Who has reported, as ``Server host:port``; empty: the engine here.
    """
    if report.get("healthy") is not False:
        return WELL
    details = _details(report)
    for affects, words in (("recording", _not_recording), ("searching", _not_searching)):
        for one in details:
            if one.get("affects") == affects:
                return words(one, server)
    reason = _short("; ".join(filter(None, (str(one.get("message") or "") for one in details))))
    return Condition(
        "not well",
        f"{server or 'The engine'} says that it is not well.",
        "This goes away by itself when it is.",
        reason,
    )


def out_of_reach(error: Exception, server: str = "") -> Condition:
    """Words for a connection that is lost."""
    return Condition(
        "out of reach",
        f"{server or 'The engine'} can't be reached.",
        "What this page shows may be out of date; what runs there goes on without it. The studio "
        "keeps asking and goes on by itself.",
        _short(str(error)),
    )


def _not_recording(details: Mapping[str, Any], server: str) -> Condition:
    reason = _short(str(details.get("reason") or details.get("message") or ""))
    who = server or "The engine"
    if details.get("isForGood") is True:
        return Condition(
            "stopped",
            f"{who} takes no commands any more and does not go on by itself.",
            "What it had recorded before can still be read as far as it is whole.",
            reason,
        )
    is_full = _FULL.search(reason) is not None
    what_to_do = "Free some space" if is_full else "See to the disk that its store is on"
    return Condition(
        "not recording",
        f"{who} can't record anything at present.",
        "Nothing that was acknowledged is lost; what is asked now is refused and may be sent "
        f"again. {what_to_do}: it goes on by itself, without a restart.",
        _ADVICE.sub("", reason),  # said above
    )


def _not_searching(details: Mapping[str, Any], server: str) -> Condition:
    return Condition(
        "not searching",
        f"The history of {server or 'the engine'} can't take the newest records.",
        "Executions go on, are recorded and lose nothing; lists, figures and searches wait until "
        "it can.",
        _short(str(details.get("reason") or "")),
    )


def _details(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    results = report.get("healthResults")
    if not isinstance(results, list):
        return []
    found = [one.get("details") for one in results if isinstance(one, Mapping)]
    return [one for one in found if isinstance(one, Mapping)]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
