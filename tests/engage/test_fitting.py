"""Which rules look for values of a declared kind, and what becomes of those whose value can be one."""

import pytest

from engage.fitting import fitted
from engage.rules import dump, parse
from identity.values import Kind


def fit(kind: Kind, operator: str, value: object = None) -> object:
    """The value of a fitted rule; “in the way” where there is none."""
    made = fitted(parse([{"trait": "t", "operator": operator, "value": value}]), "t", kind)
    return "in the way" if made is None else dump(made)[0].get("value")


@pytest.mark.parametrize(
    ("kind", "operator", "value", "expected"),
    [
        (Kind.NUMBER, "equals", "12", 12),
        (Kind.NUMBER, "not_equals", "-3.5", -3.5),
        (Kind.NUMBER, "any_of", ["1", "2"], [1, 2]),
        (Kind.NUMBER, "none_of", ["1", "pro"], "in the way"),
        (Kind.NUMBER, "equals", "007", "in the way"),
        (Kind.NUMBER, "equals", True, "in the way"),
        (Kind.NUMBER, "at_least", 3, 3),
        (Kind.NUMBER, "contains", "1", "in the way"),
        (Kind.NUMBER, "within_last_days", 30, "in the way"),
        (Kind.BOOLEAN, "equals", "True", True),
        (Kind.BOOLEAN, "any_of", ["true", "false"], "in the way"),
        (Kind.STRING, "equals", 12, "12"),
        (Kind.STRING, "equals", False, "false"),
        (Kind.STRING, "between", [1, 2], "in the way"),
        (Kind.STRING, "contains", "a", "a"),
        (Kind.STRING, "before", "2026-01-01", "in the way"),
        (Kind.DATE, "equals", 1767225600, "2026-01-01T00:00:00.000Z"),
        (Kind.DATE, "equals", "2026-01-01", "2026-01-01"),
        (Kind.DATE, "equals", "pro", "in the way"),
        (Kind.DATE, "before", "2026-01-01", "2026-01-01"),
        (Kind.DATE, "is_set", None, None),
        (Kind.NUMBER, "is_not_set", None, None),
    ],
)
def test_a_rule_keeps_asking_for_the_same_users_or_is_in_the_way(
    kind: Kind, operator: str, value: object, expected: object
) -> None:
    made = fit(kind, operator, value)
    assert (made, type(made)) == (expected, type(expected))


def test_rules_about_other_traits_stay() -> None:
    rules = parse([{"trait": "u", "operator": "contains", "value": "1"}, {"trait": "t", "operator": "is_set"}])
    assert fitted(rules, "t", Kind.NUMBER) == rules
