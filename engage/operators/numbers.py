"""Comparisons of numbers. The type is looked at in each of them, because to Python True is 1, and to PostgreSQL any
number is more than any text."""

from django.db.models.expressions import Expression

from engage.fields import Field
from engage.operators.base import InvalidValue, Operator, Takes, Test, V, checked_number, in_words
from engage.operators.moments import Moment
from identity.values import Kind


class _NumberComparison(Operator[V]):
    kinds = frozenset({Kind.NUMBER})

    def value_kind(self, trait_kind: Kind) -> Kind:
        return Kind.NUMBER


class _OneNumber(_NumberComparison[int | float]):
    sql: str

    def check(self, raw: object) -> int | float:
        return checked_number(raw)

    def condition(self, field: Field, value: int | float, moment: Moment) -> Expression:
        return field.is_number([(self.sql, value)])


class GreaterThan(_OneNumber):
    key = "greater_than"
    label = "is greater than"
    opposite = "is not greater than"
    explanation = "Users whose number is greater."
    sql = ">"

    def test(self, value: int | float) -> Test:
        return lambda actual, moment: (type(actual) is int or type(actual) is float) and actual > value


class LessThan(_OneNumber):
    key = "less_than"
    label = "is less than"
    opposite = "is not less than"
    explanation = "Users whose number is less."
    sql = "<"

    def test(self, value: int | float) -> Test:
        return lambda actual, moment: (type(actual) is int or type(actual) is float) and actual < value


class AtLeast(_OneNumber):
    key = "at_least"
    label = "is at least"
    opposite = "is not at least"
    explanation = "Users whose number is this or greater."
    sql = ">="

    def test(self, value: int | float) -> Test:
        return lambda actual, moment: (type(actual) is int or type(actual) is float) and actual >= value


class AtMost(_OneNumber):
    key = "at_most"
    label = "is at most"
    opposite = "is not at most"
    explanation = "Users whose number is this or less."
    sql = "<="

    def test(self, value: int | float) -> Test:
        return lambda actual, moment: (type(actual) is int or type(actual) is float) and actual <= value


class Between(_NumberComparison[tuple[int | float, ...]]):
    key = "between"
    label = "is between"
    opposite = "is not between"
    explanation = "Users whose number lies between these two, or is one of them."
    takes = Takes.RANGE

    def check(self, raw: object) -> tuple[int | float, ...]:
        if not isinstance(raw, list) or len(raw) != 2:
            raise InvalidValue("Enter two numbers.")
        low, high = map(checked_number, raw)
        if low > high:
            raise InvalidValue("Enter the smaller number first.")
        return low, high

    def test(self, value: tuple[int | float, ...]) -> Test:
        low, high = value
        return lambda actual, moment: (type(actual) is int or type(actual) is float) and low <= actual <= high

    def condition(self, field: Field, value: tuple[int | float, ...], moment: Moment) -> Expression:
        low, high = value
        return field.is_number([(">=", low), ("<=", high)])

    def value_text(self, value: tuple[int | float, ...]) -> str:
        return " and ".join(map(in_words, value))
