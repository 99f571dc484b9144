"""Is, is not, is any of, is none of: of the JSON type of the rule's value, and to the letter."""

from django.db.models.expressions import Expression

from engage.expressions import AnyJson, AnyText, Comparison, IsNotTrue, Json, Text
from engage.fields import Field
from engage.operators.base import InvalidValue, Operator, Takes, Test, V, checked, in_words, may_begin_another_kind
from engage.operators.moments import Moment
from identity import values
from identity.values import Kind, Value

LIST_LIMIT = 250


class _Equality(Operator[V]):
    def value_kind(self, trait_kind: Kind) -> Kind:
        return trait_kind


class Equals(_Equality[Value]):
    key = "equals"
    label = "is"
    opposite = "is not"
    explanation = "Users who have exactly this value; in texts, case counts."
    kinds = frozenset({Kind.STRING, Kind.NUMBER, Kind.BOOLEAN})

    def reads(self, value: Value) -> Kind:
        return _kind(value)

    def check(self, raw: object) -> Value:
        return checked(raw)

    def test(self, value: Value) -> Test:
        if isinstance(value, str):
            return lambda actual, moment: actual == value
        if isinstance(value, bool):
            return lambda actual, moment: actual is value
        return lambda actual, moment: actual == value and actual is not True and actual is not False  # 1 == True

    def condition(self, field: Field, value: Value, moment: Moment) -> Expression:
        if isinstance(value, str):  # a third quicker than as jsonb
            return _is_string(Comparison(field.text, "=", Text(value)), field, [value])
        return Comparison(field.json, "=", Json(value))


class NotEquals(Equals):
    key = "not_equals"
    label = "is not"
    opposite = "is"
    explanation = "All users but those who have exactly this value."
    matches_missing = True

    def test(self, value: Value) -> Test:
        if isinstance(value, str):
            return lambda actual, moment: actual != value
        if isinstance(value, bool):
            return lambda actual, moment: actual is not value
        return lambda actual, moment: actual != value or actual is True or actual is False

    def condition(self, field: Field, value: Value, moment: Moment) -> Expression:
        return IsNotTrue(super().condition(field, value, moment))


class IsAnyOf(_Equality[tuple[str | int | float, ...]]):
    key = "any_of"
    label = "is any of"
    opposite = "is not any of"
    explanation = "Users whose value is exactly one of these, which can be up to 250."
    kinds = frozenset({Kind.STRING, Kind.NUMBER})
    takes = Takes.LIST

    def reads(self, value: tuple[str | int | float, ...]) -> Kind:
        return _kind(value[0])

    def check(self, raw: object) -> tuple[str | int | float, ...]:
        if not isinstance(raw, list):
            raise InvalidValue("Enter a list of values.")
        made = [checked(item) for item in raw]
        if not {_kind(item) for item in made} <= self.kinds:
            raise InvalidValue("A list has texts or numbers.")
        if len({_kind(item) for item in made}) > 1:
            raise InvalidValue("A list has either texts or numbers, not both.")
        if not 1 <= len(found := dict.fromkeys(made)) <= LIST_LIMIT:
            raise InvalidValue(f"Enter 1 to {LIST_LIMIT} values.")
        return tuple(found)

    def test(self, value: tuple[str | int | float, ...]) -> Test:
        members = frozenset(value)
        if isinstance(value[0], str):
            return lambda actual, moment: isinstance(actual, str) and actual in members
        return lambda actual, moment: (type(actual) is int or type(actual) is float) and actual in members

    def condition(self, field: Field, value: tuple[str | int | float, ...], moment: Moment) -> Expression:
        texts = [item for item in value if isinstance(item, str)]
        if texts:
            return _is_string(Comparison(field.text, "=", AnyText(texts)), field, texts)
        return Comparison(field.json, "=", AnyJson(value))

    def value_text(self, value: tuple[str | int | float, ...]) -> str:
        *others, last = (in_words(item, in_list=True) for item in value)
        return f"{', '.join(others)} or {last}" if others else last


class IsNoneOf(IsAnyOf):
    key = "none_of"
    label = "is none of"
    opposite = "is any of"
    explanation = "All users but those whose value is exactly one of these."
    matches_missing = True

    def test(self, value: tuple[str | int | float, ...]) -> Test:
        members = frozenset(value)
        if isinstance(value[0], str):
            return lambda actual, moment: not isinstance(actual, str) or actual not in members
        return lambda actual, moment: (type(actual) is not int and type(actual) is not float) or actual not in members

    def condition(self, field: Field, value: tuple[str | int | float, ...], moment: Moment) -> Expression:
        return IsNotTrue(super().condition(field, value, moment))


def _is_string(is_one: Expression, field: Field, texts: list[str]) -> Expression:
    """Whether a property that has one of these texts is a string; when they are the texts of nothing else, it is."""
    return field.of_string(is_one) if any(map(may_begin_another_kind, texts)) else is_one


def _kind(value: Value) -> Kind:
    # The JSON type alone decides, so a date is a string here.
    return Kind.STRING if isinstance(value, str) else values.kind_of(value)
