"""Cron expressions as Spring reads them: six fields, and the moments they name.

Second, minute, hour, day of month, month, day of week. Unlike in crontab, a day has to fit both
day fields. ``L``, ``L-n``, ``nW``, ``LW`` in the day of month, ``dL`` and ``d#n`` in the day of
the week, names of months and days, and macros such as ``@daily`` are understood.

When clocks go forward, a local time that is left out counts as that much later; when they go
back, a doubled one counts once. Expressions for every hour simply follow real time.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from ..errors import InvalidRequestError

_MACROS: Final = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_MONTHS: Final = {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS: Final = {"SUN": 0, "MON": 1, "TUE": 2, "WED": 3, "THU": 4, "FRI": 5, "SAT": 6}
_LONGEST_SEARCH: Final = timedelta(days=366 * 41)
"""A 29 February on a given weekday may be 40 years away."""
_SECOND: Final = timedelta(seconds=1)
_NEAR: Final = timedelta(hours=3)
"""No change of the clocks is larger."""

_END_OF_TIME_MS: Final = 4_102_444_800_000
"""The year 2100: nothing is planned beyond it."""

DayRule = Callable[[date], bool]


class Cron:
    """A cron expression in a time zone. Immutable; any thread."""

    def __init__(self, expression: str, zone: ZoneInfo | None = None) -> None:
        """Read an expression; ``zone`` is UTC by default.

        Raises:
            InvalidRequestError: It is none; the message shows it.
        """
        self.expression = expression
        self.zone = zone or ZoneInfo("UTC")
        text = _MACROS.get(expression.strip().lower(), expression)
        fields = text.upper().split()
        try:
            if len(fields) != 6:
                raise ValueError
            self._seconds = _numbers(fields[0], 0, 59)
            self._minutes = _numbers(fields[1], 0, 59)
            self._hours = _numbers(fields[2], 0, 23)
            self._day_rules = _days_of_month(fields[3])
            self._months = frozenset(_numbers(fields[4], 1, 12, _MONTHS))
            self._weekday_rules = _weekdays(fields[5])
        except ValueError:
            raise InvalidRequestError(f"Invalid cron expression: {expression[:80]}") from None

    def next_after_ms(self, moment_ms: int) -> int | None:
        """The first moment after another, both epoch milliseconds; None if there is none."""
        if moment_ms >= _END_OF_TIME_MS:
            return None
        after = datetime.fromtimestamp(moment_ms // 1000, UTC)
        last = after + _LONGEST_SEARCH
        found = self._every_hour(after, last) if len(self._hours) == 24 else self._at(after, last)
        return None if found is None else int(found.timestamp()) * 1000

    def _fits(self, day: date) -> bool:
        return (
            day.month in self._months
            and any(rule(day) for rule in self._day_rules)
            and any(rule(day) for rule in self._weekday_rules)
        )

    def _every_hour(self, after: datetime, last: datetime) -> datetime | None:
        """Step through real time: the hour does not matter."""
        moment = after + _SECOND
        while moment < last:
            local = moment.astimezone(self.zone)
            if not self._fits(local.date()):
                midnight = datetime.combine(local.date() + timedelta(days=1), time(), self.zone)
                moment = max(midnight.astimezone(UTC), moment + _SECOND)
                continue
            if local.minute not in self._minutes:
                moment += timedelta(seconds=60 - local.second)
                continue
            second = next((s for s in self._seconds if s >= local.second), None)
            if second is not None:
                return moment + timedelta(seconds=second - local.second)
            moment += timedelta(seconds=60 - local.second)
        return None

    def _at(self, after: datetime, last: datetime) -> datetime | None:
        """Go through the local times that are named."""
        local = after.astimezone(self.zone)
        begin = local.replace(tzinfo=None)
        near = ((after + shift).astimezone(self.zone).utcoffset() for shift in (-_NEAR, _NEAR))
        if any(offset != local.utcoffset() for offset in near):
            begin -= _NEAR
        for wall in self._walls(begin, last.date()):
            moment = wall.replace(tzinfo=self.zone).astimezone(UTC)
            if moment > after:
                return moment
        return None

    def _walls(self, begin: datetime, last: date) -> Iterator[datetime]:
        """Local times from a moment on, in order."""
        day = begin.date()
        while day <= last:
            if self._fits(day):
                floor = begin.time() if day == begin.date() else time()
                for hour in self._hours:
                    if hour < floor.hour:
                        continue
                    for minute in self._minutes:
                        if (hour, minute) < (floor.hour, floor.minute):
                            continue
                        for second in self._seconds:
                            yield datetime.combine(day, time(hour, minute, second))
            day += timedelta(days=1)


def _numbers(
    field: str, low: int, high: int, names: dict[str, int] | None = None
) -> tuple[int, ...]:
    """The numbers that a field without days names, in order."""
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if span in ("*", "?"):
            first, last = low, high
        else:
            begin, dash, end = span.partition("-")
            first = _number(begin, names)
            last = _number(end, names) if dash else (high if slash else first)
        width = int(step) if slash else 1
        if not (low <= first <= last <= high) or width < 1:
            raise ValueError
        found.update(range(first, last + 1, width))
    return tuple(sorted(found))


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdigit():
        raise ValueError
    return int(text)


def _days_of_month(field: str) -> list[DayRule]:
    rules: list[DayRule] = []
    for part in field.split(","):
        if part == "LW":
            rules.append(lambda day: day.day == _nearest_weekday(day, _last_day(day)))
        elif match := re.fullmatch(r"L(?:-(\d{1,2}))?", part):
            rules.append(_days_before_the_last(int(match[1] or 0)))
        elif match := re.fullmatch(r"(\d{1,2})W", part):
            rules.append(_weekday_nearest_to(_within(int(match[1]), 1, 31)))
        else:
            rules.append(_one_of(_numbers(part, 1, 31)))
    return rules


def _days_before_the_last(count: int) -> DayRule:
    return lambda day: day.day == _last_day(day) - count


def _weekday_nearest_to(number: int) -> DayRule:
    return lambda day: number <= _last_day(day) and day.day == _nearest_weekday(day, number)


def _one_of(numbers: tuple[int, ...]) -> DayRule:
    return lambda day: day.day in numbers


def _weekdays(field: str) -> list[DayRule]:
    rules: list[DayRule] = []
    for part in field.split(","):
        if match := re.fullmatch(r"([A-Z]{3}|[0-7])L", part):
            rules.append(_last_in_month(_number(match[1], _DAYS) % 7))
        elif match := re.fullmatch(r"([A-Z]{3}|[0-7])#([1-5])", part):
            rules.append(_nth_in_month(_number(match[1], _DAYS) % 7, int(match[2])))
        else:
            rules.append(_on(frozenset(n % 7 for n in _weekday_numbers(part))))
    return rules


def _weekday_numbers(part: str) -> tuple[int, ...]:
    """Sunday is 0 and 7, and a range may end with it: ``FRI-SUN``."""
    ends_on_sunday = re.sub(r"-SUN\b", "-7", part)
    return _numbers(ends_on_sunday, 0, 7, _DAYS)


def _on(weekdays: frozenset[int]) -> DayRule:
    return lambda day: _weekday(day) in weekdays


def _last_in_month(weekday: int) -> DayRule:
    return lambda day: _weekday(day) == weekday and day.day > _last_day(day) - 7


def _nth_in_month(weekday: int, count: int) -> DayRule:
    return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 == count - 1


def _weekday(day: date) -> int:
    return day.isoweekday() % 7


def _last_day(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, number: int) -> int:
    """The weekday nearest to a day of the month, without leaving the month."""
    weekday = day.replace(day=number).isoweekday()
    if weekday == 6:
        return number - 1 if number > 1 else number + 2
    if weekday == 7:
        return number + 1 if number < _last_day(day) else number - 2
    return number


def _within(number: int, low: int, high: int) -> int:
    if not low <= number <= high:
        raise ValueError
    return number
