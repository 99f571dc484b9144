"""What is said of a list of rules, and what a click makes of it."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from engage.hints import Hint, TraitFacts, hints, nearest
from engage.operators import Moment
from engage.rules import RULES_LIMIT, Rules, dump, parse
from identity.values import Kind

MOMENT = Moment.at(datetime(2025, 8, 15, 12, tzinfo=UTC), ZoneInfo("Europe/Berlin"))
TEXTS = {"free": 3012, "pro": 1503, "Enterprise": 485}
ISOLATES = re.compile("[\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}]")


def asked(*rules: tuple[object, ...]) -> Rules:
    return parse([dict(zip(("trait", "operator", "value"), rule, strict=False)) for rule in rules])


def facts(texts: dict[str, int] | None = None, seen: timedelta = timedelta(), **received: int) -> dict[str, TraitFacts]:
    """Of the trait plan; without kinds, 5,000 users have it as text."""
    kinds = {Kind(kind): users for kind, users in (received or {"string": 5000}).items()}
    return {"plan": TraitFacts(kinds, MOMENT.now - seen, texts)}


def say(
    rules: Rules, facts: dict[str, TraitFacts] | None = None, lacking: list[int | None] | None = None
) -> list[Hint]:
    return list(hints(rules, lacking or [None] * len(rules), facts or {}, MOMENT))


def texts(said: list[Hint]) -> list[str]:
    return [ISOLATES.sub("", hint.text) for hint in said]


def after(rules: Rules, hint: Hint, fix: int = 0) -> list[str]:
    """The rules after a click."""
    instead = hint.fixes[fix].instead
    return [str(new) for index, rule in enumerate(rules) for new in instead.get(index, (rule,))]


def labels(hint: Hint) -> list[str]:
    return [ISOLATES.sub("", fix.label) for fix in hint.fixes]


def test_nothing_is_said_of_rules_that_are_well() -> None:
    rules = asked(("plan", "any_of", ["free", "pro"]), ("teamSize", "greater_than", 5))
    assert say(rules, facts(TEXTS)) == []
    assert say(()) == []


def test_a_value_that_nobody_has_comes_with_the_one_that_was_meant() -> None:
    rules = asked(("plan", "equals", "fre"))
    (hint,) = say(rules, facts(TEXTS))
    assert texts([hint]) == ["No user has “fre” as “plan”. Did you mean “free” (3,012 users)?"]
    assert labels(hint) == ["Use “free”"]
    assert after(rules, hint) == ["plan is free"]


def test_one_value_of_a_list_is_mended_and_the_others_stay() -> None:
    rules = asked(("role", "is_set"), ("plan", "any_of", ["fre", "pro"]))
    (hint,) = say(rules, facts(TEXTS))
    assert after(rules, hint) == ["role is set", "plan is any of free or pro"]


def test_a_value_of_a_list_that_resembles_nothing_is_removed() -> None:
    rules = asked(("plan", "none_of", ["pro", "xyz"]))
    (hint,) = say(rules, facts(TEXTS))
    assert texts([hint]) == ["No user has “xyz” as “plan”."]
    assert after(rules, hint) == ["plan is none of pro"]


def test_a_value_that_resembles_nothing_leads_to_the_trait() -> None:
    (hint,) = say(asked(("plan", "equals", "xyz")), facts(TEXTS))
    assert (hint.trait, hint.fixes) == ("plan", ())


def test_what_was_meant_is_none_of_the_values_that_the_rule_has() -> None:
    rules = asked(("plan", "any_of", ["free", "fre"]))
    (hint,) = say(rules, facts(TEXTS))
    assert labels(hint) == ["Remove “fre”"]


def test_of_many_values_that_nobody_has_three_are_named() -> None:
    rules = asked(("plan", "any_of", [f"value {number}" for number in range(9)]))
    assert len(say(rules, facts(TEXTS))) == 3


@pytest.mark.parametrize("operator", ["contains", "starts_with"])
def test_a_part_of_a_text_need_not_be_one(operator: str) -> None:
    assert say(asked(("plan", operator, "fre")), facts(TEXTS)) == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Free", "free"),
        ("FREE ", "free"),
        ("enterprise", "Enterprise"),
        ("enter-prise", "Enterprise"),
        ("enterprize", "Enterprise"),
        ("rpo", "pro"),
        ("xyz", None),
        ("e" * 1000, None),
    ],
)
def test_the_nearest_value(typed: str, meant: str | None) -> None:
    assert nearest(typed, [*TEXTS, "x" * 1000]) == meant


def test_of_two_values_that_differ_in_case_alone_the_more_frequent_was_meant() -> None:
    assert nearest("PRO", ["pro", "Pro"]) == "pro"


def test_two_values_at_once_become_either_of_them_or_one_goes() -> None:
    rules = asked(("plan", "equals", "free"), ("role", "is_set"), ("plan", "any_of", ["pro", "team"]))
    (hint,) = say(rules)
    assert texts([hint]) == [
        "“plan is free” and “plan is any of pro or team” contradict each other: no user matches both."
    ]
    assert after(rules, hint) == ["plan is any of free, pro or team", "role is set"]
    assert after(rules, hint, 1) == ["plan is free", "role is set"]
    assert after(rules, hint, 2) == ["role is set", "plan is any of pro or team"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("is_set",), ("is_not_set",)),
        (("greater_than", 10), ("less_than", 5)),
        (("before", "2025-01-01"), ("after", "2025-06-01")),
        (("equals", "free"), ("equals", 10)),
        (("equals", True), ("equals", False)),
    ],
)
def test_one_of_two_that_contradict_each_other_goes(one: tuple[object], other: tuple[object]) -> None:
    rules = asked(("plan", *one), ("plan", *other))
    (hint,) = say(rules)
    assert after(rules, hint, 0) == [str(rules[0])]
    assert after(rules, hint, 1) == [str(rules[1])]
    assert len(hint.fixes) == 2


def test_either_is_not_offered_where_a_list_would_be_too_long() -> None:
    many = [f"plan {number}" for number in range(250)]
    (hint,) = say(asked(("plan", "any_of", many), ("plan", "equals", "free")))
    assert [label.split()[0] for label in labels(hint)] == ["Remove", "Remove"]


def test_a_rule_that_stands_twice_goes_once() -> None:
    rules = asked(("plan", "equals", "free"), ("plan", "equals", "free"))
    (hint,) = say(rules)
    assert texts([hint]) == ["“plan is free” stands here more than once."]
    assert hint.fixes[0].instead == {1: ()}


def test_a_rule_that_another_implies_goes() -> None:
    rules = asked(("teamSize", "greater_than", 5), ("teamSize", "greater_than", 10))
    (hint,) = say(rules)
    assert texts([hint]) == [
        "“teamSize is greater than 5” changes nothing: “teamSize is greater than 10” says as much."
    ]
    assert after(rules, hint) == ["teamSize is greater than 10"]


def test_users_without_the_trait_are_left_out_by_another_rule() -> None:
    rules = asked(("plan", "not_equals", "pro"), ("role", "is_set"))
    (hint,) = say(rules, lacking=[41, None])
    assert texts([hint]) == ["“plan is not pro” includes 41 users without “plan”."]
    assert after(rules, hint) == ["plan is not pro", "plan is set", "role is set"]


def test_users_without_the_trait_are_named_once_for_a_trait() -> None:
    rules = asked(("plan", "not_equals", "pro"), ("plan", "not_contains", "free"))
    (hint,) = say(rules, lacking=[41, 1])
    assert texts([hint]) == ["“plan does not contain free” includes 1 user without “plan”."]


def test_users_without_the_trait_are_no_matter_where_another_rule_leaves_them_out() -> None:
    assert say(asked(("plan", "not_equals", "pro"), ("plan", "starts_with", "p")), lacking=[41, None]) == []


def test_no_rule_is_offered_beyond_the_limit() -> None:
    rules = asked(*[(f"t{number}", "is_set") for number in range(RULES_LIMIT - 1)], ("plan", "not_equals", "pro"))
    (hint,) = say(rules, lacking=[*[None] * (RULES_LIMIT - 1), 41])
    assert hint.fixes == ()


def test_a_comparison_with_numbers_does_not_see_texts() -> None:
    (hint,) = say(asked(("plan", "greater_than", 5)), facts(number=4000, string=112))
    assert texts([hint]) == [
        "112 users have “plan” as text, not as a number: “plan is greater than 5” does not see them."
    ]
    assert (hint.trait, hint.fixes) == ("plan", ())


def test_a_text_that_is_meant_as_a_number_becomes_one() -> None:
    rules = asked(("plan", "equals", "10"))
    (hint,) = say(rules, facts(number=4000, string=1))
    assert after(rules, hint) == ["plan is 10"]
    assert dump(hint.fixes[0].instead[0]) == [{"trait": "plan", "operator": "equals", "value": 10}]


def test_a_number_that_is_meant_as_a_text_becomes_one() -> None:
    rules = asked(("plan", "none_of", [10, 10.5]))
    (hint,) = say(rules, facts(string=1))
    assert texts([hint]) == [
        "1 user has “plan” as text, not as a number: “plan is none of 10 or 10.5” still matches them."
    ]
    assert dump(hint.fixes[0].instead[0]) == [{"trait": "plan", "operator": "none_of", "value": ["10", "10.5"]}]


@pytest.mark.parametrize(
    ("rule", "received"),
    [
        (("equals", "ten"), {"number": 4000}),  # no number
        (("equals", "10"), {"number": 10, "string": 4000}),  # few have it so
        (("contains", "10"), {"number": 4000}),  # texts alone are searched
        (("any_of", ["true"]), {"boolean": 4000}),  # no list takes it
    ],
)
def test_a_value_stays_where_the_other_kind_was_not_meant(rule: tuple[object], received: dict[str, int]) -> None:
    (hint,) = say(asked(("plan", *rule)), facts(None, timedelta(), **received))
    assert (hint.trait, hint.fixes) == ("plan", ())


def test_dates_are_texts_to_rules_that_look_for_texts() -> None:
    received = facts(string=10, date=4000)
    assert say(asked(("plan", "starts_with", "2025")), received) == []
    (hint,) = say(asked(("plan", "before", "2025-01-01")), received)
    assert texts([hint])[0].startswith("10 users have “plan” as text, not as a date:")


def test_several_other_kinds_are_one_hint() -> None:
    rules = asked(("plan", "greater_than", 5), ("plan", "less_than", 9))
    (hint,) = say(rules, facts(number=4000, string=2, boolean=1))
    assert texts([hint])[0].startswith("3 users have “plan” as another kind of value, not as a number:")


def test_a_trait_that_no_one_sends_yet() -> None:
    (hint,) = say(asked(("plan", "equals", "free")), {"plan": TraitFacts({}, None, None)})
    assert (texts([hint]), hint.trait) == (["No one sends “plan” yet."], "plan")


def test_a_trait_that_no_one_has_any_more() -> None:
    known = {"plan": TraitFacts({}, MOMENT.now - timedelta(days=3), None)}
    assert texts(say(asked(("plan", "is_set")), known)) == [
        "No user has “plan” any more. It was last seen 3 days ago.",
    ]


def test_a_trait_that_was_last_seen_long_ago() -> None:
    rules = asked(("plan", "not_equals", "free"), ("plan", "not_equals", "pro"))
    assert texts(say(rules, facts(seen=timedelta(days=34)))) == ["“plan” was last seen 34 days ago."]
    assert say(rules, facts(seen=timedelta(days=30))) == []


def test_what_is_long_is_cut_and_what_runs_the_other_way_stays_apart() -> None:
    (hint,) = say(asked(("plan", "equals", "x" * 300)), facts({"مرحبا": 1}))
    assert "x" * 60 not in hint.text
    (hint,) = say(asked(("plan", "equals", "مرحب")), facts({"مرحبا": 1}))
    assert "“\N{FIRST STRONG ISOLATE}مرحبا\N{POP DIRECTIONAL ISOLATE}”" in hint.text
