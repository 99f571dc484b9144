"""What a rule can ask of a value. Each operator has its two evaluators side by side, the Python test on one value and
the SQL condition over all of them: they mean the same, and the property tests hold them to it."""

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Generic, TypeGuard, TypeVar
from zoneinfo import ZoneInfo

from django.db.models.expressions import Expression

from engage.expressions import (
    All,
    AnyOf,
    Comparison,
    ContainsText,
    Field,
    FoldAscii,
    HasShape,
    IsNotTrue,
    IsPresent,
    IsType,
    Json,
    Text,
)
from identity import values
from identity.values import Kind, Value

DAYS_LIMIT = 36_500

V = TypeVar("V")


class InvalidValue(ValueError):
    """Raised for a value that an operator can't compare with; the message says what it wants."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The time at which a rule is asked, and the day that it is then in the application's time zone."""

    now: datetime  # in UTC and whole milliseconds, as stored dates are
    today: date

    @classmethod
    def at(cls, now: datetime, zone: ZoneInfo) -> "Moment":
        utc = now.astimezone(UTC)
        return cls(utc.replace(microsecond=utc.microsecond // 1000 * 1000), utc.astimezone(zone).date())


class Operator(ABC, Generic[V]):
    """One way to compare, with values of type V."""

    key: ClassVar[str]
    label: ClassVar[str]
    # The kinds of trait that it is offered for.
    kinds: ClassVar[frozenset[Kind]]
    # What the value counts, where that is not plain.
    unit: ClassVar[str] = ""

    @abstractmethod
    def value_kind(self, trait_kind: Kind) -> Kind | None:
        """The kind of value to ask for beside a trait of `trait_kind`; None when there is nothing to ask."""

    def reads(self, value: V) -> Kind | None:
        """The kind of values that a rule with this value looks at; None for all kinds."""
        return next(iter(self.kinds)) if len(self.kinds) == 1 else None

    @abstractmethod
    def check(self, raw: object) -> V:
        """The canonical form of a rule's value as JSON gives it. Raises InvalidValue."""

    @abstractmethod
    def matches(self, actual: Value | None, value: V, moment: Moment) -> bool:
        """Whether a user matches who has the canonical value `actual`, or lacks it (None)."""

    @abstractmethod
    def condition(self, field: Field, value: V, moment: Moment) -> Expression:
        """The same in SQL: true for users who match, false or NULL for all others."""

    def value_text(self, value: V) -> str:
        """The value as the end of the rule's sentence: pro, 10, true, 7 days."""
        if value is None:
            return ""
        if isinstance(value, str):
            return value if value == value.strip() else f"“{value}”"  # or blanks at its ends would not be seen
        return json.dumps(value)


class Equals(Operator[Value]):
    key = "equals"
    label = "is"
    kinds = frozenset({Kind.STRING, Kind.NUMBER, Kind.BOOLEAN})

    def value_kind(self, trait_kind: Kind) -> Kind:
        return trait_kind

    def reads(self, value: Value) -> Kind:
        # The JSON type alone decides, so a date is a string here.
        return Kind.STRING if isinstance(value, str) else values.kind_of(value)

    def check(self, raw: object) -> Value:
        return _checked(raw)

    def matches(self, actual: Value | None, value: Value, moment: Moment) -> bool:
        return values.same(actual, value)

    def condition(self, field: Field, value: Value, moment: Moment) -> Expression:
        return Comparison(field.json, "=", Json(value))


class NotEquals(Equals):
    key = "not_equals"
    label = "is not"

    def matches(self, actual: Value | None, value: Value, moment: Moment) -> bool:
        return not super().matches(actual, value, moment)

    def condition(self, field: Field, value: Value, moment: Moment) -> Expression:
        return IsNotTrue(super().condition(field, value, moment))


class Contains(Operator[str]):
    key = "contains"
    label = "contains"
    kinds = frozenset({Kind.STRING})

    def value_kind(self, trait_kind: Kind) -> Kind:
        return Kind.STRING

    def check(self, raw: object) -> str:
        value = _checked(raw)
        if not isinstance(value, str):
            raise InvalidValue("Enter a text.")
        return value

    def matches(self, actual: Value | None, value: str, moment: Moment) -> bool:
        # Case is ignored for ASCII alone, which means the same everywhere; bytes.lower() folds just that.
        return isinstance(actual, str) and value.encode().lower() in actual.encode().lower()

    def condition(self, field: Field, value: str, moment: Moment) -> Expression:
        return All(IsType(field.json, "string"), ContainsText(FoldAscii(field.text), FoldAscii(Text(value))))


class _NumberComparison(Operator[int | float]):
    kinds = frozenset({Kind.NUMBER})

    def value_kind(self, trait_kind: Kind) -> Kind:
        return Kind.NUMBER

    def check(self, raw: object) -> int | float:
        value = _checked(raw)
        if isinstance(value, (str, bool)):
            raise InvalidValue("Enter a number.")
        return value


class GreaterThan(_NumberComparison):
    key = "greater_than"
    label = "is greater than"

    def matches(self, actual: Value | None, value: int | float, moment: Moment) -> bool:
        return _is_number(actual) and actual > value

    def condition(self, field: Field, value: int | float, moment: Moment) -> Expression:
        return All(IsType(field.json, "number"), Comparison(field.json, ">", Json(value)))


class LessThan(_NumberComparison):
    key = "less_than"
    label = "is less than"

    def matches(self, actual: Value | None, value: int | float, moment: Moment) -> bool:
        return _is_number(actual) and actual < value

    def condition(self, field: Field, value: int | float, moment: Moment) -> Expression:
        return All(IsType(field.json, "number"), Comparison(field.json, "<", Json(value)))


class WithinLastDays(Operator[int]):
    key = "within_last_days"
    label = "is within the last"
    kinds = frozenset({Kind.DATE})
    unit = "days"

    def value_kind(self, trait_kind: Kind) -> Kind:
        return Kind.NUMBER

    def check(self, raw: object) -> int:
        value = _checked(raw)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= DAYS_LIMIT:
            raise InvalidValue(f"Enter a whole number of days from 1 to {DAYS_LIMIT:,}.")
        return value

    def matches(self, actual: Value | None, value: int, moment: Moment) -> bool:
        return isinstance(actual, str) and self._window(value, moment).holds(actual)

    def condition(self, field: Field, value: int, moment: Moment) -> Expression:
        return self._window(value, moment).condition(field)

    def value_text(self, value: int) -> str:
        return f"{value:,} days" if value > 1 else "day"

    def _window(self, days: int, moment: Moment) -> "Window":
        # A day of slack ahead, for clocks that run fast and zones where tomorrow has begun.
        return Window(
            instants=(moment.now - timedelta(days=days), moment.now + timedelta(days=1)),
            days=(moment.today - timedelta(days=days), moment.today + timedelta(days=1)),
        )


class IsSet(Operator[None]):
    key = "is_set"
    label = "is set"
    kinds = frozenset(Kind)

    def value_kind(self, trait_kind: Kind) -> None:
        return None

    def check(self, raw: object) -> None:
        if raw is not None:
            raise InvalidValue("This comparison takes no value.")

    def matches(self, actual: Value | None, value: None, moment: Moment) -> bool:
        return actual is not None

    def condition(self, field: Field, value: None, moment: Moment) -> Expression:
        return IsPresent(field.json)


class IsNotSet(IsSet):
    key = "is_not_set"
    label = "is not set"

    def matches(self, actual: Value | None, value: None, moment: Moment) -> bool:
        return actual is None

    def condition(self, field: Field, value: None, moment: Moment) -> Expression:
        return IsNotTrue(IsPresent(field.json))


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time with both its ends, once for instants and once for plain dates. The bounds are canonical texts:
    dates compare as texts do, and nobody parses a stored one."""

    instants: tuple[datetime, datetime]
    days: tuple[date, date]

    def holds(self, actual: str) -> bool:
        if values.is_instant(actual):
            low, high = self._instant_texts
        elif values.is_day(actual):
            low, high = self._day_texts
        else:
            return False
        return low <= actual <= high

    def condition(self, field: Field) -> Expression:
        def within(bounds: tuple[str, str], shape: str) -> Expression:
            # The cheap comparisons first; the shape is looked at only for what they let through. Nothing but a string
            # has it, so the type needs no look.
            low, high = map(Text, bounds)
            return All(
                Comparison(field.text, ">=", low), Comparison(field.text, "<=", high), HasShape(field.text, shape)
            )

        return AnyOf(
            within(self._instant_texts, values.INSTANT_SHAPE),
            within(self._day_texts, values.DAY_SHAPE),
        )

    @property
    def _instant_texts(self) -> tuple[str, str]:
        return values.format_instant(self.instants[0]), values.format_instant(self.instants[1])

    @property
    def _day_texts(self) -> tuple[str, str]:
        return self.days[0].isoformat(), self.days[1].isoformat()


def _is_number(actual: Value | None) -> TypeGuard[int | float]:
    return isinstance(actual, (int, float)) and not isinstance(actual, bool)


def _checked(raw: object) -> Value:
    """A rule's value, made canonical as the values that it is compared with are. Nothing is cut or replaced here: a
    rule that would mean something else than it says is refused."""
    try:
        made = values.canonical(raw)
    except values.NotAValue as error:
        if error.problem.code == "number_out_of_range":
            raise InvalidValue(f"Enter a number of at most {values.NUMBER_LIMIT:,}.") from error
        raise InvalidValue(error.problem.message) from error
    if made.value is None:
        raise InvalidValue("Enter a value.")
    if made.problems:
        raise InvalidValue(f"Enter a text of at most {values.STRING_LENGTH:,} ordinary characters.")
    return made.value


OPERATORS: dict[str, Operator[Any]] = {
    operator.key: operator
    for operator in (
        Equals(),
        NotEquals(),
        Contains(),
        GreaterThan(),
        LessThan(),
        WithinLastDays(),
        IsSet(),
        IsNotSet(),
    )
}


def offered_for(kind: Kind) -> list[Operator[Any]]:
    """The operators that make sense for traits of `kind`, in the order of the registry."""
    return [operator for operator in OPERATORS.values() if kind in operator.kinds]
