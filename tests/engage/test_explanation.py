"""Why a user matches or not, in words, which never disagree with the rules."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from engage.explanation import explain
from engage.operators import Moment
from engage.rules import compile_rules, parse
from identity.values import Value, canonical
from tests.engage.strategies import Case, cases

NOON = Moment.at(datetime(2025, 8, 15, 12, 0, tzinfo=UTC), ZoneInfo("UTC"))


def reason(trait: str, operator: str, value: object, actual: Value | None) -> tuple[bool, str]:
    asked = parse([{"trait": trait, "operator": operator, "value": value}])
    found = explain(asked, {} if actual is None else {trait: actual}, NOON)
    [one] = found.rules
    assert (one.rule, one.actual, one.matches) == (asked[0], actual, found.matches)
    return one.matches, one.reason


@pytest.mark.parametrize(
    ("trait", "operator", "value", "actual", "matches", "words"),
    [
        ("plan", "equals", "pro", "pro", True, '`plan` is "pro"'),
        ("plan", "equals", "pro", "free", False, '`plan` is "free", which is not pro'),
        ("plan", "equals", "pro", None, False, "`plan` is not set"),
        ("plan", "not_equals", "pro", "pro", False, '`plan` is "pro"'),
        ("plan", "not_equals", "pro", "free", True, '`plan` is "free", which is not pro'),
        ("plan", "not_equals", "pro", None, True, "`plan` is not set, so it is not pro"),
        ("plan", "not_equals", "pro", 5, True, "`plan` is 5, which is not a string"),
        ("plan", "any_of", ["pro", "team"], "free", False, '`plan` is "free", which is not any of pro or team'),
        ("plan", "none_of", ["pro", "team"], None, True, "`plan` is not set, so it is none of pro or team"),
        ("plan", "contains", "RO", "pro", True, '`plan` is "pro", which contains RO'),
        ("plan", "not_contains", "x", "pro", True, '`plan` is "pro", which does not contain x'),
        ("teamSize", "greater_than", 10, "n/a", False, '`teamSize` is "n/a", which is not a number'),
        ("teamSize", "greater_than", 10, 12, True, "`teamSize` is 12, which is greater than 10"),
        ("teamSize", "greater_than", 10, 8.5, False, "`teamSize` is 8.5, which is not greater than 10"),
        ("teamSize", "between", [5, 10], 12, False, "`teamSize` is 12, which is not between 5 and 10"),
        ("beta", "equals", True, False, False, "`beta` is false, which is not true"),
        ("beta", "equals", True, 1, False, "`beta` is 1, which is not a boolean"),
        ("since", "within_last_days", 7, "2025-08-01", False,
         '`since` is "2025-08-01", which is not within the last 7 days'),
        ("since", "on", "2025-08-01", "soon", False, '`since` is "soon", which is not a date'),
        ("plan", "is_set", None, "pro", True, '`plan` is "pro"'),
        ("plan", "is_set", None, None, False, "`plan` is not set"),
        ("plan", "is_not_set", None, "pro", False, '`plan` is "pro"'),
        ("plan", "is_not_set", None, None, True, "`plan` is not set"),
        ("plan", "equals", "2025-08-01", "2025-08-01", True, '`plan` is "2025-08-01"'),
        ("plan", "equals", "x", "y" * 200, False, f'`plan` is "{"y" * 100}…", which is not x'),
        ("$email", "ends_with", "@acme.com", "a@b.c", False, 'E-mail is "a@b.c", which does not end with @acme.com'),
    ],
)  # fmt: skip
def test_reasons(trait: str, operator: str, value: object, actual: Value | None, matches: bool, words: str) -> None:
    assert reason(trait, operator, value, actual) == (matches, words)


@given(case=cases())
@settings(max_examples=200, deadline=None)
def test_explanations_say_what_the_rules_say(case: Case) -> None:
    moment = Moment.at(case.now, ZoneInfo(case.zone))
    for rules in case.rules:
        matches = compile_rules(rules)
        for call in case.calls:
            known = {key: value for key, raw in call.traits.items() if (value := canonical(raw).value) is not None}
            found = explain(rules, known, moment)
            assert found.matches == matches(known, moment)
            assert [one.matches for one in found.rules] == [rule.matches(known, moment) for rule in rules]


def test_without_rules_everyone_matches() -> None:
    found = explain((), {}, NOON)
    assert (found.matches, found.rules) == (True, [])
