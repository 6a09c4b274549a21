"""Bokeh figure of executions that ended, failed ones apart."""

from __future__ import annotations

import re
import time
from functools import cache
from typing import Any

import panel as pn
from bokeh.models import ColumnDataSource, DatetimeTickFormatter, HoverTool
from bokeh.plotting import figure

from .. import browser_files

_FOLLOWS_PAGE = """
:host {
  --bk-background-fill-color: transparent; --bk-border-fill-color: transparent;
  --bk-axis-line-color: var(--line); --bk-major-tick-line-color: var(--line);
  --bk-major-label-text-color: var(--text-3); --bk-grid-line-color: var(--line);
}"""
"""Bokeh reads these when it paints; the colours of bars have to be set from here."""


class ThroughputPlot:
    """Stacked bars over time. ``pane`` is the Panel object; all methods run on the event loop."""

    def __init__(self, theme: str = "light") -> None:
        """An empty plot."""
        self._source = ColumnDataSource(
            _columns({"since_ms": 0, "width_ms": 1, "failed": [], "other": []})
        )
        self._figure = figure(
            sizing_mode="stretch_both",
            min_height=80,
            x_axis_type="datetime",
            x_range=(0, 1),
            y_range=(0, 4),
            toolbar_location=None,
            tools="",
            background_fill_color=None,
            border_fill_color=None,
            outline_line_color=None,
            min_border=4,
            stylesheets=[_FOLLOWS_PAGE],
        )
        self._style_axes()
        self._bars = [
            self._figure.quad(
                left="left",
                right="right",
                bottom=low,
                top=top,
                line_color=None,
                source=self._source,
            )
            for low, top in (("zero", "failed"), ("failed", "all"))
        ]
        hover = HoverTool(
            renderers=self._bars,
            tooltips=[("from", "@left{%H:%M}"), ("failed", "@failed"), ("all other", "@other")],
            formatters={"@left": "datetime"},
            point_policy="follow_mouse",
        )
        self._figure.add_tools(hover)
        self.pane = pn.pane.Bokeh(self._figure, sizing_mode="stretch_both", margin=0)
        self.set_theme(theme)

    def show(self, buckets: dict[str, Any]) -> None:
        """Draw the buckets of ``load_board``."""
        columns = _columns(buckets)
        self._source.data = columns
        self._figure.x_range.update(start=columns["left"][0], end=columns["right"][-1])
        self._figure.y_range.update(start=0, end=max(4, *columns["all"]) * 1.08)

    def set_theme(self, theme: str) -> None:
        """Take the colours of ``light`` or ``dark`` from the tokens."""
        colours = token_colours(theme)
        failed, other = self._bars
        failed.glyph.fill_color = colours["--failure"]
        other.glyph.update(fill_color=colours["--success"], fill_alpha=0.55)
        for axis in (*self._figure.xaxis, *self._figure.yaxis):
            axis.major_label_text_color = colours["--text-3"]
            axis.axis_line_color = axis.major_tick_line_color = colours["--line"]
        self._figure.ygrid.grid_line_color = colours["--line"]

    def _style_axes(self) -> None:
        plot = self._figure
        plot.xgrid.visible = False
        plot.ygrid.grid_line_alpha = 0.6
        for axis in (*plot.xaxis, *plot.yaxis):
            axis.update(
                minor_tick_line_color=None,
                major_label_text_font_size="11px",
                major_tick_in=0,
                major_tick_out=3,
            )
        plot.yaxis.update(axis_line_color=None)
        plot.yaxis[0].ticker.update(desired_num_ticks=3, min_interval=1, num_minor_ticks=0)
        plot.xaxis[0].formatter = DatetimeTickFormatter(
            minutes="%H:%M", hourmin="%H:%M", hours="%H:%M", days="%d %b"
        )


def _columns(buckets: dict[str, Any]) -> dict[str, list[float]]:
    since, width = buckets["since_ms"], buckets["width_ms"]
    # Bokeh draws moments as UTC; the person reads the clock of this machine.
    since += round(time.localtime(since / 1000).tm_gmtoff * 1000)
    failed, other = buckets["failed"], buckets["other"]
    left = [since + at * width for at in range(len(failed))]
    return {
        "left": left,
        "right": [at + width * 0.86 for at in left],
        "zero": [0] * len(failed),
        "failed": failed,
        "other": other,
        "all": [a + b for a, b in zip(failed, other, strict=True)],
    }


@cache
def token_colours(theme: str) -> dict[str, str]:
    """Colours of one theme by token name, read from ``tokens.css``."""
    start = browser_files.text("tokens.css").split(f'[data-theme="{theme}"]', 1)[1]
    block = start[start.index("{") + 1 : start.index("}")]
    return dict(re.findall(r"(--[\w-]+):\s*(#[0-9A-Fa-f]{6})", block))
