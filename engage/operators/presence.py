"""Is set, is not set: whether users have a trait at all, of whatever kind."""

from django.db.models.expressions import Expression

from engage.expressions import IsNotTrue
from engage.fields import Field
from engage.operators.base import InvalidValue, Operator, Takes, Test
from engage.operators.moments import Moment
from identity.values import Kind


class IsSet(Operator[None]):
    key = "is_set"
    label = "is set"
    opposite = "is not set"
    explanation = "Users who have the trait, whatever its value."
    kinds = frozenset(Kind)
    takes = Takes.NONE

    def value_kind(self, trait_kind: Kind) -> None:
        return None

    def check(self, raw: object) -> None:
        if raw is not None:
            raise InvalidValue("This comparison takes no value.")

    def test(self, value: None) -> Test:
        return lambda actual, moment: actual is not None

    def condition(self, field: Field, value: None, moment: Moment) -> Expression:
        return field.is_present


class IsNotSet(IsSet):
    key = "is_not_set"
    label = "is not set"
    opposite = "is set"
    explanation = "Users who do not have the trait."
    matches_missing = True

    def test(self, value: None) -> Test:
        return lambda actual, moment: actual is None

    def condition(self, field: Field, value: None, moment: Moment) -> Expression:
        return IsNotTrue(field.is_present)
