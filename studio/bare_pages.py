"""The few pages without the shell and its scripts: log-in, links, addresses that name nothing."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader

from . import browser_files

_ASSETS = ("tokens.css", "log_in.css", "open_link.js")


def bare_page(file: str, root: str = "./", /, **values: Any) -> str:
    """HTML of a template; every value is escaped.

    Args:
        file: Name of the template in the browser's folder.
        root: Path of the Board, as the browser that gets the page sees it.
        values: What the template shows.
    """
    assets = {one: root + browser_files.address(one).removeprefix("./") for one in _ASSETS}
    return _templates().get_template(file).render(assets=assets, root=root, **values)


@cache
def _templates() -> Environment:
    return Environment(autoescape=True, loader=FileSystemLoader(browser_files.FOLDER))
