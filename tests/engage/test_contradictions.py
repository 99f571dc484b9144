"""What is said of two rules holds for every user: no one matches both, or whoever matches one matches the other."""

import itertools
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engage.contradictions import contradict, implies
from engage.operators import Moment
from engage.rules import Rule, compile_rules, parse_rule
from identity.values import Value
from tests.engage.families import FAMILIES, Question

NOW = Moment.at(datetime(2025, 8, 15, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
MOST = 365 * 100


def rule(operator: str, value: object = None, trait: str = "plan") -> Rule:
    made = parse_rule({"trait": trait, "operator": operator, "value": value})
    assert isinstance(made, Rule), made
    return made


@st.composite
def one_trait(draw: st.DrawFn) -> tuple[Moment, list[Rule], list[Value | None]]:
    """Rules of two families about one trait, and the values that try both."""
    first, second = (draw(st.sampled_from(sorted(FAMILIES)).flatmap(lambda family: FAMILIES[family])) for _ in range(2))
    rules = [Rule("plan", asked.operator, asked.value) for asked in [*first.rules, *second.rules]]
    return moment_of(draw(st.sampled_from([first, second]))), rules, [*first.values, *second.values]


def moment_of(question: Question) -> Moment:
    return Moment.at(question.now, ZoneInfo(question.zone))


@given(one_trait())
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_what_is_said_of_two_rules_holds_for_every_value(
    asked: tuple[Moment, list[Rule], list[Value | None]],
) -> None:
    moment, rules, values = asked
    users: list[dict[str, Value]] = [{} if value is None else {"plan": value} for value in values]
    # Only whether it is so can be wrong here; that it is said where it should be, the tables below show.
    for one, other in itertools.permutations(rules, 2):
        both = compile_rules((one, other))
        if contradict(one, other, moment):
            assert not [user for user in users if both(user, moment)], (str(one), str(other))
        if implies(one, other, moment):
            alone = compile_rules((one,))
            assert [user for user in users if both(user, moment) != alone(user, moment)] == [], (str(one), str(other))


@given(one_trait(), st.integers(1, MOST))
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), database=None)
def test_what_is_said_holds_on_every_day(asked: tuple[Moment, list[Rule], list[Value | None]], days: int) -> None:
    moment, rules, _ = asked
    later = Moment.at(datetime.fromtimestamp(days * 86_400, UTC), moment.zone)
    for one, other in itertools.permutations(rules, 2):
        assert contradict(one, other, moment) is contradict(one, other, later)
        assert implies(one, other, moment) is implies(one, other, later)


CONTRADICT = [
    (rule("equals", "free"), rule("equals", "pro")),
    (rule("equals", "free"), rule("not_equals", "free")),
    (rule("equals", "free"), rule("any_of", ["pro", "team"])),
    (rule("any_of", ["free"]), rule("none_of", ["free", "pro"])),
    (rule("equals", "free"), rule("equals", 10)),
    (rule("equals", True), rule("equals", False)),
    (rule("greater_than", 10), rule("less_than", 5)),
    (rule("greater_than", 10), rule("at_most", 10)),
    (rule("between", [1, 5]), rule("between", [6, 9])),
    (rule("at_least", 10), rule("equals", 9.5)),
    (rule("greater_than", 10), rule("starts_with", "1")),
    (rule("is_set"), rule("is_not_set")),
    (rule("contains", "p"), rule("is_not_set")),
    (rule("contains", "Pro"), rule("not_contains", "r")),
    (rule("starts_with", "ab"), rule("starts_with", "ac")),
    (rule("equals", "free"), rule("contains", "pro")),
    (rule("before", "2025-01-01"), rule("after", "2025-01-31")),
    (rule("before", "2025-01-01"), rule("on", "2025-01-01")),
    (rule("on", "2025-01-01"), rule("on", "2025-01-02")),
    (rule("within_last_days", 7), rule("more_than_days_ago", 7)),
    (rule("within_last_days", 7), rule("greater_than", 7)),
]
IMPLIES = [
    (rule("equals", "free"), rule("equals", "free")),
    (rule("equals", "free"), rule("any_of", ["free", "pro"])),
    (rule("equals", "free"), rule("is_set")),
    (rule("equals", "free"), rule("not_equals", "pro")),
    (rule("equals", "PRO"), rule("starts_with", "p")),
    (rule("none_of", ["free", "pro"]), rule("not_equals", "pro")),
    (rule("is_not_set"), rule("not_contains", "x")),
    (rule("starts_with", "professional"), rule("contains", "prof")),
    (rule("ends_with", "@acme.test"), rule("ends_with", ".TEST")),
    (rule("greater_than", 10), rule("greater_than", 5)),
    (rule("greater_than", 10), rule("at_least", 10)),
    (rule("between", [2, 3]), rule("less_than", 4)),
    (rule("greater_than", 10), rule("not_equals", "n/a")),
    (rule("within_last_days", 7), rule("within_last_days", 30)),
    (rule("more_than_days_ago", 30), rule("more_than_days_ago", 7)),
    (rule("before", "2024-01-01"), rule("before", "2025-01-01")),
    (rule("on", "2025-01-01"), rule("after", "2024-12-31")),
]
NEITHER = [
    (rule("equals", "free"), rule("not_equals", "pro", trait="role")),
    (rule("equals", "free"), rule("equals", "pro", trait="role")),
    (rule("not_equals", "free"), rule("not_equals", "pro")),
    (rule("contains", "a"), rule("contains", "b")),
    (rule("starts_with", "a"), rule("ends_with", "b")),
    (rule("starts_with", "a"), rule("not_contains", "b")),
    (rule("greater_than", 5), rule("less_than", 6)),
    (rule("at_least", 5), rule("at_most", 5)),
    (rule("is_set"), rule("not_equals", "free")),
    (rule("within_last_days", 7), rule("within_next_days", 7)),
    # Today nobody can match both, next year somebody will.
    (rule("after", "2026-08-15"), rule("within_last_days", 7)),
    # Dates are texts too.
    (rule("on", "2025-01-01"), rule("starts_with", "2025-01")),
    (rule("on", "2025-01-01"), rule("equals", "2025-01-01T12:00:00.000Z")),
]


@pytest.mark.parametrize(("one", "other"), CONTRADICT, ids=str)
def test_rules_that_contradict_each_other(one: Rule, other: Rule) -> None:
    assert contradict(one, other, NOW)
    assert contradict(other, one, NOW)


@pytest.mark.parametrize(("one", "other"), IMPLIES, ids=str)
def test_rules_that_say_what_another_says_already(one: Rule, other: Rule) -> None:
    assert implies(one, other, NOW)
    assert not contradict(one, other, NOW)
    assert implies(other, one, NOW) is (one == other)


@pytest.mark.parametrize(("one", "other"), NEITHER, ids=str)
def test_rules_that_narrow_each_other(one: Rule, other: Rule) -> None:
    for first, second in ((one, other), (other, one)):
        assert not contradict(first, second, NOW)
        assert not implies(first, second, NOW)
