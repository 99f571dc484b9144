"""What rules can ask of one trait or built-in property, in SQL. Where it lies in the row, its kind is looked at only
where a comparison holds; where many rules ask for it, its kind is found out first, once."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Case, DateTimeField, F, IntegerField, TextField, Value, When
from django.db.models.expressions import Expression

from engage.expressions import (
    NUMERIC,
    All,
    Bounds,
    ByCodePoint,
    Column,
    Comparison,
    FoldAscii,
    HasDigits,
    HasMember,
    InstantText,
    IsNotNull,
    IsNumber,
    IsType,
    Itself,
    LooksLike,
    Member,
    MemberText,
    NumberBounds,
    Numeric,
    ScalarText,
    Text,
    Then,
    ToJson,
    ToNumeric,
)
from identity.values import Kind

DAY = "____-__-__"
INSTANT = "____-__-__T__:__:__.___Z"


@dataclass(frozen=True)
class Field(ABC):
    """A value as conditions compare it, NULL where a user lacks it, and what can be asked of it besides."""

    json: Expression
    text: Expression  # also of numbers and booleans; compares by code point
    folded: Expression  # the text with A-Z as a-z
    is_present: Expression  # without a look at the value, which takes twice as long
    is_string: Expression | None  # None where there are no other values

    def of_string(self, condition: Expression) -> Expression:
        """A condition about its text, which holds for strings alone."""
        return condition if self.is_string is None else Then(condition, self.is_string)

    @abstractmethod
    def is_number(self, bounds: NumberBounds) -> Expression:
        """Whether it is a number within the bounds."""

    @abstractmethod
    def is_date(self, instants: Bounds, days: Bounds) -> Expression:
        """Whether it is a date within the bounds for its shape."""


@dataclass(frozen=True)
class _FoundField(Field):
    """A field whose kind is known: each of these is NULL unless it is of that kind."""

    number: Expression
    day: Expression
    instant: Expression

    def is_number(self, bounds: NumberBounds) -> Expression:
        return All(*(Comparison(self.number, operator, Numeric(bound)) for operator, bound in bounds))

    def is_date(self, instants: Bounds, days: Bounds) -> Expression:
        is_day = When(IsNotNull(self.day), then=_within(days, self.day))
        return Case(is_day, default=_within(instants, self.instant), output_field=BooleanField())


@dataclass(frozen=True)
class ReadOnce:
    """A field made of columns: of those that are read from each row, and of those that are found out about them."""

    field: Field
    read: dict[str, Expression]
    found: dict[str, Expression]


@dataclass(frozen=True)
class RowField(Field):
    """A field where it lies in the row. Whatever takes long is only looked at where a comparison holds."""

    def is_number(self, bounds: NumberBounds) -> Expression:
        return IsNumber(self.json, bounds)

    def is_date(self, instants: Bounds, days: Bounds) -> Expression:
        def within(bounds: Bounds, shape: str) -> When:
            return When(LooksLike(self.text, shape), then=Then(_within(bounds, self.text), HasDigits(self.text, shape)))

        # Nothing but a string has these shapes. The bounds for both are nearly the same, so what the first of them
        # keeps out of either is done with at once.
        [(operator, instant), *_], [(_, day), *_] = instants, days
        widest = (">=", min(instant, day)) if operator in (">", ">=") else ("<=", max(instant, day))
        shaped = Case(within(days, DAY), within(instants, INSTANT), output_field=BooleanField())
        return Then(_within([widest], self.text), shaped)

    @property
    def is_any_date(self) -> Expression:
        shapes = (DAY, INSTANT)
        shaped = (When(LooksLike(self.text, shape), then=HasDigits(self.text, shape)) for shape in shapes)
        return Case(*shaped, output_field=BooleanField())

    def read_once(self, suffix: str) -> ReadOnce:
        """The same for many conditions, of columns whose names have this at their end."""

        def columns(made: Mapping[str, Expression]) -> dict[str, Column]:
            return {name: Column(f"{name}{suffix}", one.output_field) for name, one in made.items()}

        def named(made: Mapping[str, Expression]) -> dict[str, Expression]:
            return {f"{name}{suffix}": one for name, one in made.items()}

        read = {"json": self.json, "text": self.text, "is_present": self.is_present}
        json, text, is_present = columns(read).values()
        found = {
            "folded": FoldAscii(text),
            "is_string": IsType(json, "string"),
            "number": Case(When(IsType(json, "number"), then=ToNumeric(json)), output_field=NUMERIC),
            "day": _of_shape(text, DAY),
            "instant": _of_shape(text, INSTANT),
        }
        field = _FoundField(json=json, text=text, is_present=is_present, **columns(found))
        if self.is_string is None:
            field = replace(field, is_string=None)
        return ReadOnce(field, named(read), named(found))


@dataclass(frozen=True)
class _InstantField(RowField):
    """A timestamp as if it were a trait. As a text it is cut to milliseconds, and takes long to make."""

    instant: Expression

    def is_date(self, instants: Bounds, days: Bounds) -> Expression:
        return All(*(self._compared(operator, datetime.fromisoformat(bound)) for operator, bound in instants))

    def _compared(self, operator: str, bound: datetime) -> Expression:
        """As the texts compare by one of <, <=, >=, >. Timestamps have whole microseconds."""
        if operator in ("<=", ">"):
            bound += timedelta(microseconds=999)
        return Comparison(self.instant, operator, Value(bound, output_field=DateTimeField()))

    def read_once(self, suffix: str) -> ReadOnce:
        once = super().read_once(suffix)
        instant = Column(f"moment{suffix}", DateTimeField())
        parts = {part.name: getattr(once.field, part.name) for part in fields(Field)}
        return ReadOnce(_InstantField(**parts, instant=instant), once.read | {instant.name: self.instant}, once.found)


def trait_field(document: Expression | F, key: str) -> RowField:
    """The trait `key` in a jsonb object. A key is always text, also one that looks like a number."""
    json, text = Member(document, Text(key)), MemberText(document, Text(key))
    return RowField(
        json=json,
        text=text,
        folded=FoldAscii(text),
        is_present=HasMember(document, Text(key)),
        is_string=IsType(json, "string"),
    )


def text_field(column: Expression | F) -> RowField:
    """A text, or NULL, as if it were a trait."""
    return RowField(**_text_parts(column))


def instant_field(column: F) -> RowField:
    """A timestamp as if it were a trait."""
    return _InstantField(**_text_parts(InstantText(column)) | {"is_present": IsNotNull(column)}, instant=Itself(column))


def _text_parts(column: Expression | F) -> dict[str, Any]:
    text = ByCodePoint(column)
    return {
        "json": ToJson(column),
        "text": text,
        "folded": FoldAscii(text),
        "is_present": IsNotNull(column),
        "is_string": None,
    }


def _within(bounds: Bounds, text: Expression) -> Expression:
    return All(*(Comparison(text, operator, Text(bound)) for operator, bound in bounds))


def _of_shape(text: Expression, shape: str) -> Case:
    """The text, if it has the shape."""
    return Case(When(Then(LooksLike(text, shape), HasDigits(text, shape)), then=text), output_field=TextField())


def place_of_kind(json: Expression) -> Case:
    """Which one of Kind a jsonb scalar is, by its place there; NULL of none."""
    text = ScalarText(json)
    dates = (
        When(Then(LooksLike(text, shape), HasDigits(text, shape)), then=_place(Kind.DATE)) for shape in (DAY, INSTANT)
    )
    return Case(
        When(IsType(json, "string"), then=Case(*dates, default=_place(Kind.STRING), output_field=IntegerField())),
        *(When(IsType(json, kind), then=_place(kind)) for kind in (Kind.NUMBER, Kind.BOOLEAN)),
        output_field=IntegerField(),
    )


def is_kind(place: Expression, kind: Kind) -> Comparison:
    """Whether what was found by `place_of_kind` is this kind."""
    return Comparison(place, "=", _place(kind))


def _place(kind: Kind) -> Value:
    return Value(list(Kind).index(kind), output_field=IntegerField())
