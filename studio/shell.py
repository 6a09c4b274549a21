"""The frame around every page: rail, theme, title, notice. Plain HTML, there before any script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from bokeh.document import Document
from jinja2 import Environment, FileSystemLoader, Template

from . import browser_files
from .condition import WELL, Condition
from .page import Page, in_rail

_UNNEEDED = re.compile(r'<script[^>]*\bsrc="[^"]*/bokeh-gl(\.min)?\.js[^"]*"[^>]*></script>')
"""WebGL plots: 190 kB that no page uses. Panel's own bundle insists on all the others."""


class Place(NamedTuple):
    """One entry of the rail."""

    word: str
    href: str
    count: str
    current: bool

    @classmethod
    def of(cls, pages: Iterable[type[Page]], open_page: type[Page]) -> list[Place]:
        """The rail with one page open."""
        current = open_page.under or open_page.path
        return [
            cls(page.word, f".{page.path}", page.count, page.path == current)
            for page in in_rail(pages)
        ]


def dress(
    document: Document,
    places: list[Place],
    title: str,
    heading: str,
    counts: Mapping[str, int],
    engine_words: str = "Local engine",
    caller_words: str = "",
    condition: Condition = WELL,
) -> None:
    """Give a document the frame.

    Args:
        document: The tab's document, before it is rendered.
        places: The rail.
        title: Title of the browser tab.
        heading: First heading, replaced by the page's own once that is drawn.
        counts: What the rail knew last; brought up to date by ``ShellView``.
        engine_words: What the pages are about: the engine here, or a server's name.
        caller_words: Who has logged in and may log out; empty: nobody had to.
        condition: What is the matter with the engine; brought up to date like the counts.
    """
    document.template = _template()
    document.title = title
    document.template_variables.update(
        places=places,
        heading=heading,
        counts=count_words(counts),
        engine_words=engine_words,
        caller_words=caller_words,
        condition=condition,
        assets={name: browser_files.address(name) for name in browser_files.browser_files()},
    )


def count_words(counts: Mapping[str, int]) -> dict[str, str]:
    """Texts of the rail's numbers; the same words as ``shell_view.js`` writes."""
    if not counts:
        return {"failing": "", "live": "", "known": ""}
    failing, live, parts = counts["failing"], counts["live"], counts["parts"]
    own = counts["known"] - parts
    inside = f" and {parts:,} sub-workflow{'' if parts == 1 else 's'}" if parts else ""
    return {
        "failing": f"{failing:,} failing" if failing else "",
        "live": f"{live:,} live" if live else "",
        "known": f"{own:,} execution{'' if own == 1 else 's'}{inside}",
    }


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, loader=FileSystemLoader(browser_files.FOLDER))
    environment.filters["needed_scripts"] = lambda scripts: _UNNEEDED.sub("", str(scripts))
    return environment.get_template("shell.html")
