"""Rules out of JSON and back, and the refusals, each with its place and its reason."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.operators import OPERATORS, Moment
from engage.rules import BUILT_IN_PROPERTIES, InvalidRules, Rule, RuleError, compile_rules, dump, parse, parse_rule
from identity.values import Value
from tests.engage.strategies import HOSTILE_DATES, keys, numbers, texts

PRO: dict[str, object] = {"trait": "plan", "operator": "equals", "value": "pro"}


def refusals(raw: object) -> list[tuple[int | None, str, str]]:
    with pytest.raises(InvalidRules) as refused:
        parse(raw)
    return [(error.index, error.field, error.message) for error in refused.value.errors]


# There and back


def test_rules_are_parsed_and_dumped_in_their_order() -> None:
    raw = [
        PRO,
        {"trait": "teamSize", "operator": "greater_than", "value": 10},
        {"trait": "$last_seen", "operator": "within_last_days", "value": 30},
        {"trait": "beta", "operator": "is_set"},
        {"trait": "plan", "operator": "any_of", "value": ["pro", "free"]},
        {"trait": "teamSize", "operator": "between", "value": [5, 10]},
        {"trait": "signupDate", "operator": "on", "value": "2025-08-15"},
    ]
    rules = parse(raw)
    assert [(rule.trait, rule.operator.key, rule.value) for rule in rules] == [
        ("plan", "equals", "pro"),
        ("teamSize", "greater_than", 10),
        ("$last_seen", "within_last_days", 30),
        ("beta", "is_set", None),
        ("plan", "any_of", ("pro", "free")),
        ("teamSize", "between", (5, 10)),
        ("signupDate", "on", "2025-08-15"),
    ]
    assert dump(rules) == raw


@given(
    key=keys() | st.sampled_from(list(BUILT_IN_PROPERTIES)),
    operator=st.sampled_from(list(OPERATORS)),
    value=st.none()
    | texts()
    | numbers()
    | st.booleans()
    | st.sampled_from([*HOSTILE_DATES, "2025-08-15"])
    | st.lists(texts(), max_size=4)
    | st.lists(numbers(), max_size=3).map(sorted),
)
def test_what_is_dumped_is_parsed_to_the_same(key: str, operator: str, value: object) -> None:
    rule = parse_rule({"trait": key, "operator": operator, "value": value})
    if isinstance(rule, RuleError):
        assert rule.field == "value"
        return
    stored = json.loads(json.dumps(dump((rule,))))
    assert repr(parse(stored)) == repr((rule,))
    assert parse(stored) == (rule,)
    assert hash(parse(stored)) == hash((rule,))
    assert repr(dump(parse(stored))) == repr(dump((rule,)))


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (10.0, 10),
        (-0.0, 0),
        (1e3, 1000),
        ("2025-08-15T11:30:00+02:00", "2025-08-15T09:30:00.000Z"),
        ("2025-08-15T09:30Z", "2025-08-15T09:30:00.000Z"),
        ("2025-08-15", "2025-08-15"),
        (" pro ", " pro "),
    ],
)
def test_value_is_stored_canonical(sent: Value, stored: Value) -> None:
    [rule] = dump(parse([PRO | {"value": sent}]))
    assert repr(rule["value"]) == repr(stored)


def test_rule_without_a_value_stores_none() -> None:
    assert dump(parse([{"trait": "plan", "operator": "is_set", "value": None}])) == [
        {"trait": "plan", "operator": "is_set"}
    ]


@pytest.mark.parametrize("number", [1, 20])
def test_segment_has_one_to_twenty_rules(number: int) -> None:
    assert len(parse([PRO] * number)) == number


@given(key=keys())
def test_any_name_of_a_trait_is_taken(key: str) -> None:
    [rule] = parse([PRO | {"trait": key}])
    assert rule.trait == key


@pytest.mark.parametrize("key", ["$id", "$email", "$name", "$first_seen", "$last_seen"])
def test_built_in_property_is_taken_for_a_trait(key: str) -> None:
    [rule] = parse([{"trait": key, "operator": "is_set"}])
    assert rule.trait == key


# Refusals


@pytest.mark.parametrize("raw", [None, {}, PRO, "[]", 1, True, (PRO,)])
def test_rules_are_a_list(raw: object) -> None:
    assert refusals(raw) == [(None, "rules", "Rules are a list.")]


@pytest.mark.parametrize("number", [0, 21])
def test_too_few_and_too_many_rules_are_refused(number: int) -> None:
    assert refusals([PRO] * number) == [(None, "rules", "A segment has 1 to 20 rules.")]


@pytest.mark.parametrize("raw", [None, [], "plan", 1, ["plan", "equals", "pro"]])
def test_rule_is_an_object(raw: object) -> None:
    assert refusals([raw]) == [(0, "rule", "A rule is an object.")]


def test_unknown_field_is_refused_by_name() -> None:
    assert refusals([PRO | {"negate": True}]) == [(0, "rule", "A rule has no field “negate”.")]
    assert refusals([PRO | {"any": [], "Trait": "plan"}]) == [(0, "rule", "A rule has no field “Trait”.")]


@pytest.mark.parametrize(
    ("trait", "message"),
    [
        (None, "Choose a trait."),
        ("", "Choose a trait."),
        (1, "Choose a trait."),
        (["plan"], "Choose a trait."),
        ("  ", "A trait needs a name."),
        ("$nope", "Names that begin with $ are Callout's own."),
        ("$Email", "Names that begin with $ are Callout's own."),
        ("__proto__", "This name has a meaning of its own in JavaScript."),
        ("constructor", "This name has a meaning of its own in JavaScript."),
        ("pl\0an", "A trait's name can't have NUL characters or lone surrogates."),
        ("\ud83e", "A trait's name can't have NUL characters or lone surrogates."),
        ("k" * 101, "A trait's name has at most 100 characters."),
    ],
)
def test_trait_that_can_have_no_values_is_refused(trait: object, message: str) -> None:
    assert refusals([PRO | {"trait": trait}]) == [(0, "trait", message)]


@pytest.mark.parametrize("operator", [None, "", 1, True, [], ["equals"], {}, {"equals": 1}])
def test_missing_operator_is_refused(operator: object) -> None:
    assert refusals([PRO | {"operator": operator}]) == [(0, "operator", "Choose how to compare.")]


@pytest.mark.parametrize("operator", ["is", "EQUALS", "equals "])
def test_unknown_operator_is_refused_with_those_that_there_are(operator: str) -> None:
    message = f"There is no such comparison. There are {', '.join(OPERATORS)}."
    assert refusals([PRO | {"operator": operator}]) == [(0, "operator", message)]


@pytest.mark.parametrize(
    ("operator", "value", "message"),
    [
        ("equals", "", "Enter a value."),
        ("equals", " \t", "Enter a value."),
        ("equals", None, "Enter a value."),
        ("equals", ["pro"], "A value is text, a number, true, false, a date or null."),
        ("equals", {"a": 1}, "A value is text, a number, true, false, a date or null."),
        ("equals", "pro\0", "Enter a text of at most 1,024 ordinary characters."),
        ("not_equals", "x" * 1025, "Enter a text of at most 1,024 ordinary characters."),
        ("equals", 2**53 + 1, "Enter a number of at most 9,007,199,254,740,992."),
        ("contains", 10, "Enter a text."),
        ("contains", True, "Enter a text."),
        ("greater_than", "10", "Enter a number."),
        ("less_than", True, "Enter a number."),
        ("within_last_days", 0, "Enter a whole number of days from 1 to 36,500."),
        ("within_last_days", 36_501, "Enter a whole number of days from 1 to 36,500."),
        ("within_last_days", 1.5, "Enter a whole number of days from 1 to 36,500."),
        ("within_last_days", True, "Enter a whole number of days from 1 to 36,500."),
        ("within_last_days", "7", "Enter a whole number of days from 1 to 36,500."),
        ("is_set", "pro", "This comparison takes no value."),
        ("is_not_set", False, "This comparison takes no value."),
        ("any_of", "pro", "Enter a list of values."),
        ("none_of", ["pro", 10], "A list has either texts or numbers, not both."),
        ("between", [10, 5], "Enter the smaller number first."),
        ("on", "2025-02-30", "There is no such day in the calendar."),
    ],
)
def test_value_that_the_operator_does_not_take_is_refused(operator: str, value: object, message: str) -> None:
    assert refusals([{"trait": "plan", "operator": operator, "value": value}]) == [(0, "value", message)]


def test_value_left_out_is_asked_for() -> None:
    assert refusals([{"trait": "plan", "operator": "equals"}]) == [(0, "value", "Enter a value.")]


def test_every_bad_rule_is_named_by_its_place() -> None:
    raw = [PRO, PRO | {"trait": ""}, PRO, PRO | {"operator": "like"}, PRO | {"value": ""}]
    assert [(index, field) for index, field, _ in refusals(raw)] == [(1, "trait"), (3, "operator"), (4, "value")]


def test_refusal_says_all_of_it_in_one_line() -> None:
    with pytest.raises(InvalidRules) as refused:
        parse([PRO | {"value": ""}, PRO | {"trait": ""}])
    assert str(refused.value) == "rule 0, value: Enter a value.; rule 1, trait: Choose a trait."
    with pytest.raises(InvalidRules, match=r"^rules: A segment has 1 to 20 rules\.$"):
        parse([])


# One rule


def test_rule_asks_about_its_own_trait() -> None:
    moment = Moment.at(datetime(2025, 8, 15, tzinfo=UTC), ZoneInfo("UTC"))
    rule = parse_rule(PRO)
    assert isinstance(rule, Rule)
    assert rule.matches({"plan": "pro", "role": "free"}, moment)
    assert not rule.matches({"plan": "free", "role": "pro"}, moment)
    assert not rule.matches({"Plan": "pro"}, moment)
    assert not rule.matches({}, moment)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (PRO, "plan is pro"),
        ({"trait": "company.name", "operator": "contains", "value": "inc"}, "company.name contains inc"),
        ({"trait": "teamSize", "operator": "greater_than", "value": 10}, "teamSize is greater than 10"),
        ({"trait": "beta", "operator": "not_equals", "value": True}, "beta is not true"),
        ({"trait": "$first_seen", "operator": "within_last_days", "value": 7}, "First seen is within the last 7 days"),
        ({"trait": "$email", "operator": "is_not_set"}, "E-mail is not set"),
        ({"trait": "plan", "operator": "any_of", "value": ["pro", "free", "team"]}, "plan is any of pro, free or team"),
        ({"trait": "plan", "operator": "none_of", "value": ["pro", "free"]}, "plan is none of pro or free"),
        ({"trait": "plan", "operator": "not_contains", "value": "pro"}, "plan does not contain pro"),
        ({"trait": "teamSize", "operator": "between", "value": [5, 10]}, "teamSize is between 5 and 10"),
        (
            {"trait": "$last_seen", "operator": "more_than_days_ago", "value": 30},
            "Last seen is longer ago than 30 days",
        ),
        ({"trait": "trialEnds", "operator": "within_next_days", "value": 7}, "trialEnds is within the next 7 days"),
        ({"trait": "trialEnds", "operator": "on", "value": "2025-08-15"}, "trialEnds is on 2025-08-15"),
    ],
)
def test_rule_reads_as_a_sentence(raw: object, sentence: str) -> None:
    assert str(parse_rule(raw)) == sentence


def test_compiled_rules_ask_each_about_its_own_trait_and_all_must_match() -> None:
    moment = Moment.at(datetime(2025, 8, 15, tzinfo=UTC), ZoneInfo("UTC"))
    matches = compile_rules(parse([PRO, {"trait": "teamSize", "operator": "between", "value": [5, 10]}]))
    assert matches({"plan": "pro", "teamSize": 5}, moment)
    assert not matches({"plan": "free", "teamSize": 5}, moment)
    assert not matches({"plan": "pro", "teamSize": 11}, moment)
    assert not matches({"plan": 5, "teamSize": "pro"}, moment)
    assert compile_rules(())({}, moment)
