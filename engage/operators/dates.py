"""Comparisons of dates: instants, and plain dates in the application's time zone. Which of them a text is, its shape
alone says; nobody parses it."""

from abc import abstractmethod
from datetime import date

from django.db.models.expressions import Expression

from engage.expressions import Bounds
from engage.fields import Field
from engage.operators.base import InvalidValue, Operator, Test, V, checked, checked_text
from engage.operators.moments import Moment, day_bounds
from identity import values
from identity.values import Kind, Value

DAYS_LIMIT = 36_500
# Midnights of other years lie outside of Python's calendar in one zone or another, or of what a date can be.
YEARS = range(1000, 9999)

_INSTANT_LENGTH = len("2025-08-15T09:30:00.000Z")


class _DateComparison(Operator[V]):
    kinds = frozenset({Kind.DATE})

    @abstractmethod
    def bounds(self, value: V, moment: Moment) -> tuple[Bounds, Bounds]:
        """What instants are compared with, and what plain dates are."""

    def condition(self, field: Field, value: V, moment: Moment) -> Expression:
        return field.is_date(*self.bounds(value, moment))

    def edges(self, value: V, moment: Moment) -> tuple[Value, ...]:
        return tuple(bound for bounds in self.bounds(value, moment) for _, bound in bounds)


class _DayCount(_DateComparison[int]):
    unit = "days"
    one_day = "day"  # is within the last day

    def value_kind(self, trait_kind: Kind) -> Kind:
        return Kind.NUMBER

    def check(self, raw: object) -> int:
        value = checked(raw)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= DAYS_LIMIT:
            raise InvalidValue(f"Enter a whole number of days from 1 to {DAYS_LIMIT:,}.")
        return value

    def value_text(self, value: int) -> str:
        return f"{value:,} days" if value > 1 else self.one_day


class _InWindow(_DayCount):
    # The last days are a window by their number, the next ones by its negative.
    sign: int

    def test(self, value: int) -> Test:
        window = self.sign * value

        def within(actual: Value | None, moment: Moment) -> bool:
            if not isinstance(actual, str):
                return False
            start, end, start_day, end_day = moment.windows[window]
            if len(actual) == _INSTANT_LENGTH:
                return start <= actual <= end and values.is_instant(actual)
            return start_day <= actual <= end_day and values.is_day(actual)

        return within

    def bounds(self, value: int, moment: Moment) -> tuple[Bounds, Bounds]:
        start, end, start_day, end_day = moment.windows[self.sign * value]
        return [(">=", start), ("<=", end)], [(">=", start_day), ("<=", end_day)]


class WithinLastDays(_InWindow):
    key = "within_last_days"
    label = "is within the last"
    opposite = "is not within the last"
    explanation = "Users whose date lies at most so many days back, or up to a day ahead."
    sign = 1


class MoreThanDaysAgo(_DayCount):
    key = "more_than_days_ago"
    label = "is longer ago than"
    opposite = "is not longer ago than"
    explanation = "Users whose date is more than so many days ago."
    one_day = "1 day"

    def test(self, value: int) -> Test:
        def before(actual: Value | None, moment: Moment) -> bool:
            if not isinstance(actual, str):
                return False
            start, _, start_day, _ = moment.windows[value]
            if len(actual) == _INSTANT_LENGTH:
                return actual < start and values.is_instant(actual)
            return actual < start_day and values.is_day(actual)

        return before

    def bounds(self, value: int, moment: Moment) -> tuple[Bounds, Bounds]:
        window = moment.windows[value]
        return [("<", window.start)], [("<", window.start_day)]


class WithinNextDays(_InWindow):
    key = "within_next_days"
    label = "is within the next"
    opposite = "is not within the next"
    explanation = "Users whose date lies at most so many days ahead, or up to a day back."
    sign = -1


class _Day(_DateComparison[str]):
    """Compares with a day, which for instants runs from its local midnight to the next."""

    def value_kind(self, trait_kind: Kind) -> Kind:
        return Kind.DATE

    def check(self, raw: object) -> str:
        value = checked_text(raw)
        if not values.is_day(value):
            raise InvalidValue("Enter a date, such as 2026-08-15.")
        try:
            year = date.fromisoformat(value).year
        except ValueError as error:
            raise InvalidValue("There is no such day in the calendar.") from error
        if year not in YEARS:
            raise InvalidValue(f"Enter a date in the years {YEARS[0]} to {YEARS[-1]}.")
        return value


class Before(_Day):
    key = "before"
    label = "is before"
    opposite = "is not before"
    explanation = "Users whose date lies before this day in the application’s time zone."

    def test(self, value: str) -> Test:
        def before(actual: Value | None, moment: Moment) -> bool:
            if not isinstance(actual, str):
                return False
            if len(actual) == _INSTANT_LENGTH:
                bound = day_bounds(value, moment.zone)[0]
                return actual < bound and values.is_instant(actual)
            return actual < value and values.is_day(actual)

        return before

    def bounds(self, value: str, moment: Moment) -> tuple[Bounds, Bounds]:
        return [("<", day_bounds(value, moment.zone)[0])], [("<", value)]


class After(_Day):
    key = "after"
    label = "is after"
    opposite = "is not after"
    explanation = "Users whose date lies after this day in the application’s time zone."

    def test(self, value: str) -> Test:
        def after(actual: Value | None, moment: Moment) -> bool:
            if not isinstance(actual, str):
                return False
            if len(actual) == _INSTANT_LENGTH:
                bound = day_bounds(value, moment.zone)[1]
                return actual >= bound and values.is_instant(actual)
            return actual > value and values.is_day(actual)

        return after

    def bounds(self, value: str, moment: Moment) -> tuple[Bounds, Bounds]:
        return [(">=", day_bounds(value, moment.zone)[1])], [(">", value)]


class On(_Day):
    key = "on"
    label = "is on"
    opposite = "is not on"
    explanation = "Users whose date is this day in the application’s time zone."

    def test(self, value: str) -> Test:
        def on(actual: Value | None, moment: Moment) -> bool:
            if not isinstance(actual, str):
                return False
            if len(actual) == _INSTANT_LENGTH:
                start, end = day_bounds(value, moment.zone)
                return start <= actual < end and values.is_instant(actual)
            return actual == value

        return on

    def bounds(self, value: str, moment: Moment) -> tuple[Bounds, Bounds]:
        start, end = day_bounds(value, moment.zone)
        return [(">=", start), ("<", end)], [("=", value)]
