"""What a rule can ask of a value. Each operator has its two evaluators side by side, the Python test on one value and
the SQL condition over all of them: they mean the same, and the property tests hold them to it."""

from typing import Any

from engage.operators.base import InvalidValue, Operator, RuleValue, Takes, Test
from engage.operators.dates import DAYS_LIMIT, After, Before, MoreThanDaysAgo, On, WithinLastDays, WithinNextDays
from engage.operators.equality import Equals, IsAnyOf, IsNoneOf, NotEquals
from engage.operators.moments import Moment
from engage.operators.numbers import AtLeast, AtMost, Between, GreaterThan, LessThan
from engage.operators.presence import IsNotSet, IsSet
from engage.operators.text import Contains, EndsWith, NotContains, StartsWith
from identity.values import Kind

__all__ = ["DAYS_LIMIT", "OPERATORS", "InvalidValue", "Moment", "Operator", "RuleValue", "Takes", "Test", "offered_for"]

# In the order in which they are offered.
OPERATORS: dict[str, Operator[Any]] = {
    operator.key: operator
    for operator in (
        Equals(),
        NotEquals(),
        IsAnyOf(),
        IsNoneOf(),
        Contains(),
        NotContains(),
        StartsWith(),
        EndsWith(),
        GreaterThan(),
        LessThan(),
        AtLeast(),
        AtMost(),
        Between(),
        WithinLastDays(),
        MoreThanDaysAgo(),
        WithinNextDays(),
        Before(),
        After(),
        On(),
        IsSet(),
        IsNotSet(),
    )
}


def offered_for(kind: Kind) -> list[Operator[Any]]:
    """The operators that make sense for traits of `kind`, in the order of the registry."""
    return [operator for operator in OPERATORS.values() if kind in operator.kinds]
