"""How numbers and dates spread, for a picture of it: which ranges of them are counted, and what these are called. Pure.

Ranges reach from the smallest value to the largest, unless a few lie so far out that nothing would be seen of the rest:
those come together in a range of their own at either end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_FLOOR, Decimal

# About so many ranges of numbers, and at most so many spans of time, stand side by side.
RANGES = 24
SPANS = 62

# How many letters of a date say its day, month, year, decade and century.
_DAY, _MONTH, _YEAR, _DECADE, _CENTURY = 10, 7, 4, 3, 2
# Sort before and after every date.
BEFORE, AFTER = "", "~"


@dataclass(frozen=True, slots=True)
class Bucket:
    label: str
    users: int


@dataclass(frozen=True, slots=True)
class NumberScale:
    """Ranges of one width: the first begins at `start`, and there are `count` of them. What lies below has the place
    -1, what lies above the place `count`."""

    start: Decimal
    step: Decimal
    count: int
    is_whole: bool

    def buckets(self, users: Mapping[int, int]) -> list[Bucket]:
        """From how many users have a number in the range at each place."""
        end = self.start + self.count * self.step
        made = [Bucket(self._label(place), users.get(place, 0)) for place in range(self.count)]
        if -1 in users:
            made.insert(0, Bucket(f"under {number_text(self.start)}", users[-1]))
        if self.count in users:
            made.append(Bucket(f"{number_text(end)} and more", users[self.count]))
        return made

    def _label(self, place: int) -> str:
        first = self.start + place * self.step
        if self.is_whole:
            last = first + self.step - 1
            return number_text(first) if last == first else f"{number_text(first)}–{number_text(last)}"
        return f"{number_text(first)} to {number_text(first + self.step)}"


def number_text(number: Decimal) -> str:
    return f"{number.normalize():,f}"


def number_scale(lowest: Decimal, low: Decimal, high: Decimal, highest: Decimal, *, is_whole: bool) -> NumberScale:
    """Ranges for numbers between the ends, of which nine in ten lie between `low` and `high`."""
    room = high - low
    if room:
        lowest, highest = (lowest if lowest >= low - room else low), (highest if highest <= high + room else high)
    step = _step((highest - lowest) / RANGES, is_whole=is_whole)
    start = (lowest / step).to_integral_value(ROUND_FLOOR) * step
    count = int((highest - start) / step) + 1
    return NumberScale(start, step, count, is_whole)


def _step(least: Decimal, *, is_whole: bool) -> Decimal:
    """A width that people count in (1, 2 or 5, 10, 20 or 50, …), and no smaller than this."""
    if not least or (is_whole and least <= 1):
        return Decimal(1)
    power = Decimal(1).scaleb(least.adjusted())
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least)


@dataclass(frozen=True, slots=True)
class DateScale:
    """Days, months, years, decades or centuries, from one to another. A date belongs to the one that its first `length`
    letters name; what lies before or after all of them to BEFORE or AFTER."""

    first: str
    last: str
    length: int

    def buckets(self, users: Mapping[str, int]) -> list[Bucket]:
        """From how many users have a date in each span that is named so."""
        # Nobody checks dates: the 30th of February stands where it sorts.
        names = sorted({*(_spans(self.first, self.last, self.length) or ()), *users})
        return [Bucket(self._label(name), users.get(name, 0)) for name in names]

    def _label(self, name: str) -> str:
        if name == BEFORE:
            return f"before {span_text(self.first)}"
        return f"after {span_text(self.last)}" if name == AFTER else span_text(name)


def span_text(name: str) -> str:
    """A day, month, year, decade or century in words: 15 Aug 2025, Aug 2025, 2025, 2020s, 2000s."""
    if len(name) < _YEAR:
        return f"{name.ljust(_YEAR, '0')}s"
    try:
        day = date.fromisoformat(name + "-01" if len(name) == _MONTH else name)
    except ValueError:
        return name
    return f"{day:%b %Y}" if len(name) == _MONTH else f"{day.day} {day:%b %Y}"


def date_scale(lowest: str, low: str, high: str, highest: str) -> DateScale:
    """Spans for dates between the ends, of which nine in ten lie between `low` and `high`. The shortest spans
    of which there are not too many."""
    for first, last, lengths in (
        (lowest, highest, (_DAY, _MONTH, _YEAR)),
        (low, high, (_DAY, _MONTH, _YEAR, _DECADE)),
    ):
        for length in lengths:
            if _spans(first[:length], last[:length], length):
                return DateScale(first[:length], last[:length], length)
    return DateScale(low[:_CENTURY], high[:_CENTURY], _CENTURY)


def _spans(first: str, last: str, length: int) -> list[str] | None:
    """The names of all spans from one to another; None if there are too many, or they are none of the calendar's."""
    if length == _DAY:
        try:
            begin = date.fromisoformat(first)
            days = (date.fromisoformat(last) - begin).days
        except ValueError:
            return None
        return [str(begin + timedelta(number)) for number in range(days + 1)] if days < SPANS else None
    if length == _MONTH:
        months = range(_month_number(first), _month_number(last) + 1)
        return [f"{month // 12:04}-{month % 12 + 1:02}" for month in months] if len(months) <= SPANS else None
    many = int(last) - int(first) >= SPANS and length != _CENTURY
    return None if many else [f"{number:0{length}}" for number in range(int(first), int(last) + 1)]


def _month_number(name: str) -> int:
    return int(name[:4]) * 12 + int(name[5:7]) - 1
