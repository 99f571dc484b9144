"""The time at which rules are asked, and the bounds in time that they compare with. Bounds are canonical texts: dates
compare as texts do, and nobody parses a stored one. Pure."""

import bisect
import functools
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from identity.values import format_instant


class Window(NamedTuple):
    """A stretch of time with both its ends, for instants and for plain dates."""

    start: str
    end: str
    start_day: str
    end_day: str


class _Windows(dict[int, Window]):
    """The windows about one moment, each made when it is first asked for: the last N days by N, the next N by -N."""

    def __init__(self, now: datetime, today: date) -> None:
        super().__init__()
        # A day is always 24 hours here, so that only the date changes from one bound to another.
        self._date, self._time = now.toordinal(), format_instant(now)[10:]
        self._today = today.toordinal()

    def __missing__(self, days: int) -> Window:
        # A day of slack at the other end, for clocks that run fast or slow and zones where it is another day.
        first, last = (-days, 1) if days > 0 else (-1, -days)
        window = Window(
            _day(self._date + first) + self._time,
            _day(self._date + last) + self._time,
            _day(self._today + first),
            _day(self._today + last),
        )
        self[days] = window
        return window


def _day(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


@dataclass(frozen=True, slots=True)
class Moment:
    """The time at which a rule is asked, and the day that it is then in the application's time zone."""

    now: datetime  # in UTC and whole milliseconds, as stored dates are
    today: date
    zone: ZoneInfo
    windows: _Windows = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "windows", _Windows(self.now, self.today))

    @classmethod
    def at(cls, now: datetime, zone: ZoneInfo) -> "Moment":
        utc = now.astimezone(UTC)
        return cls(utc.replace(microsecond=utc.microsecond // 1000 * 1000), utc.astimezone(zone).date(), zone)


@functools.lru_cache(10_000)
def day_bounds(day: str, zone: ZoneInfo) -> tuple[str, str]:
    """The instants at which a day begins and ends in a zone, of which the second belongs to the next day. A day that
    the zone left out begins and ends at once. Raises OverflowError at the ends of the calendar."""
    first = date.fromisoformat(day)
    return format_instant(day_start(first, zone)), format_instant(day_start(first + timedelta(days=1), zone))


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant at which the clocks of a zone show `day`, or a later day if they leave it out."""
    midnight = datetime.combine(day, time(), zone)
    # They differ where the clocks are put back over midnight, which strikes twice then, or forward, and it never does.
    first, last = sorted((midnight.astimezone(UTC), midnight.replace(fold=1).astimezone(UTC)))
    if _shown(first, zone) >= day:
        return first
    seconds = range(int((last - first).total_seconds()))  # clocks change at whole seconds
    shown = bisect.bisect_left(seconds, True, key=lambda by: _shown(first + timedelta(seconds=by), zone) >= day)
    return first + timedelta(seconds=shown)


def _shown(moment: datetime, zone: ZoneInfo) -> date:
    return moment.astimezone(zone).date()
