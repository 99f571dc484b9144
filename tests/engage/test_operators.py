"""What an operator asks for, takes and says. That both its evaluators mean the same is test_evaluators' affair."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.operators import OPERATORS, InvalidValue, Moment, offered_for
from identity.values import Kind, Value, canonical
from tests.engage.strategies import HOSTILE_DATES, numbers, texts

NOON = Moment.at(datetime(2025, 8, 15, 12, 0, tzinfo=UTC), ZoneInfo("UTC"))


def check(operator: str, raw: object) -> object:
    return OPERATORS[operator].check(raw)


def refusal(operator: str, raw: object) -> str:
    with pytest.raises(InvalidValue) as refused:
        check(operator, raw)
    return str(refused.value)


# Offers


def test_each_operator_is_known_by_its_key() -> None:
    assert all(operator.key == key for key, operator in OPERATORS.items())


def test_labels_differ_so_that_people_can_choose() -> None:
    assert len({operator.label for operator in OPERATORS.values()}) == len(OPERATORS)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (Kind.STRING, ["equals", "not_equals", "contains", "is_set", "is_not_set"]),
        (Kind.NUMBER, ["equals", "not_equals", "greater_than", "less_than", "is_set", "is_not_set"]),
        (Kind.BOOLEAN, ["equals", "not_equals", "is_set", "is_not_set"]),
        (Kind.DATE, ["within_last_days", "is_set", "is_not_set"]),
    ],
)
def test_operators_are_offered_for_the_kinds_that_they_make_sense_for(kind: Kind, keys: list[str]) -> None:
    assert [operator.key for operator in offered_for(kind)] == keys


@pytest.mark.parametrize("kind", Kind)
def test_value_to_ask_for_follows_operator_and_kind(kind: Kind) -> None:
    asked = {key: OPERATORS[key].value_kind(kind) for key in OPERATORS}
    assert asked == {
        "equals": kind,
        "not_equals": kind,
        "contains": Kind.STRING,
        "greater_than": Kind.NUMBER,
        "less_than": Kind.NUMBER,
        "within_last_days": Kind.NUMBER,
        "is_set": None,
        "is_not_set": None,
    }


@pytest.mark.parametrize(
    ("operator", "value", "kind"),
    [
        ("equals", "pro", Kind.STRING),
        ("equals", "2025-08-15", Kind.STRING),
        ("equals", 10, Kind.NUMBER),
        ("not_equals", 10.5, Kind.NUMBER),
        ("not_equals", True, Kind.BOOLEAN),
        ("contains", "pro", Kind.STRING),
        ("greater_than", 10, Kind.NUMBER),
        ("less_than", 10, Kind.NUMBER),
        ("within_last_days", 7, Kind.DATE),
        ("is_set", None, None),
        ("is_not_set", None, None),
    ],
)
def test_rule_knows_the_kind_of_values_it_looks_at(operator: str, value: object, kind: Kind | None) -> None:
    assert OPERATORS[operator].reads(value) is kind


# Values


@pytest.mark.parametrize(
    ("operator", "raw", "value"),
    [
        ("equals", "pro", "pro"),
        ("equals", " Pro ", " Pro "),
        ("equals", 10, 10),
        ("equals", 10.0, 10),
        ("equals", -0.0, 0),
        ("equals", 10.5, 10.5),
        ("equals", 2**53, 2**53),
        ("equals", True, True),
        ("equals", False, False),
        ("equals", "2025-08-15", "2025-08-15"),
        ("equals", "2025-08-15T11:30+02:00", "2025-08-15T09:30:00.000Z"),
        ("equals", "2025-08-15T11:30", "2025-08-15T11:30"),
        ("not_equals", "x" * 1024, "x" * 1024),
        ("contains", "%_\\", "%_\\"),
        ("greater_than", -(2**53), -(2**53)),
        ("less_than", 1e15, 10**15),
        ("within_last_days", 1, 1),
        ("within_last_days", 36_500, 36_500),
        ("within_last_days", 7.0, 7),
        ("is_set", None, None),
        ("is_not_set", None, None),
    ],
)
def test_value_is_made_canonical(operator: str, raw: object, value: object) -> None:
    checked = check(operator, raw)
    assert (checked, type(checked)) == (value, type(value))


@pytest.mark.parametrize(
    "operator", ["equals", "not_equals", "contains", "greater_than", "less_than", "within_last_days"]
)
@pytest.mark.parametrize("raw", [None, "", " ", "\n\t", "\u2003"])
def test_blank_value_is_refused(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "Enter a value."


@pytest.mark.parametrize("operator", ["equals", "not_equals", "contains"])
@pytest.mark.parametrize("raw", ["x" * 1025, "pro\0", "\ud83e"])
def test_text_that_would_be_cut_or_replaced_is_refused(operator: str, raw: str) -> None:
    assert refusal(operator, raw) == "Enter a text of at most 1,024 ordinary characters."


@pytest.mark.parametrize("operator", ["equals", "not_equals", "greater_than", "less_than"])
@pytest.mark.parametrize("raw", [2**53 + 1, -(2**53) - 1, 10**400, 1e300, float("inf"), float("-inf"), float("nan")])
def test_number_that_is_not_exact_everywhere_is_refused(operator: str, raw: float) -> None:
    assert refusal(operator, raw) == "Enter a number of at most 9,007,199,254,740,992."


@pytest.mark.parametrize("operator", ["equals", "not_equals", "contains", "greater_than", "less_than"])
@pytest.mark.parametrize("raw", [[], ["pro"], {}, {"a": 1}, ("pro",), b"pro"])
def test_value_that_is_no_scalar_is_refused(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "A value is text, a number, true, false, a date or null."


@pytest.mark.parametrize("raw", [10, 10.5, True, False])
def test_contains_takes_texts_alone(raw: object) -> None:
    assert refusal("contains", raw) == "Enter a text."


@pytest.mark.parametrize("operator", ["greater_than", "less_than"])
@pytest.mark.parametrize("raw", ["10", "ten", True, False])
def test_number_comparisons_take_numbers_alone(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "Enter a number."


@pytest.mark.parametrize("raw", [0, -1, 36_501, 1.5, True, "7", "seven"])
def test_number_of_days_is_whole_and_within_a_century(raw: object) -> None:
    assert refusal("within_last_days", raw) == "Enter a whole number of days from 1 to 36,500."


@pytest.mark.parametrize("operator", ["is_set", "is_not_set"])
@pytest.mark.parametrize("raw", ["pro", "", 0, False, []])
def test_presence_takes_no_value(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "This comparison takes no value."


# Answers


@given(value=texts() | numbers() | st.booleans() | st.sampled_from(HOSTILE_DATES))
def test_every_operator_answers_yes_or_no_for_every_value(value: Value) -> None:
    actual = canonical(value).value
    taken = {
        "contains": "pro",
        "greater_than": 10,
        "less_than": 10,
        "within_last_days": 7,
        "is_set": None,
        "is_not_set": None,
    }
    for key, operator in OPERATORS.items():
        assert operator.matches(actual, taken.get(key, "pro"), NOON) in (True, False)
        assert operator.matches(None, taken.get(key, "pro"), NOON) is (key in ("not_equals", "is_not_set"))


@given(
    actual=st.none() | texts() | numbers() | st.booleans(),
    value=st.sampled_from(["pro", "10", "true", 10, 10.5, 1, 0, True, False]),
)
def test_negative_operators_are_exact_complements(actual: Value | None, value: Value) -> None:
    equal, unequal = OPERATORS["equals"], OPERATORS["not_equals"]
    assert unequal.matches(actual, value, NOON) is not equal.matches(actual, value, NOON)
    assert OPERATORS["is_not_set"].matches(actual, None, NOON) is not OPERATORS["is_set"].matches(actual, None, NOON)


# Words


@pytest.mark.parametrize(
    ("operator", "value", "text"),
    [
        ("equals", "pro", "pro"),
        ("equals", 10, "10"),
        ("equals", 10.5, "10.5"),
        ("equals", True, "true"),
        ("not_equals", False, "false"),
        ("contains", "@ourcompany.com", "@ourcompany.com"),
        ("greater_than", 10, "10"),
        ("within_last_days", 1, "day"),
        ("within_last_days", 7, "7 days"),
        ("within_last_days", 36_500, "36,500 days"),
        ("is_set", None, ""),
        ("is_not_set", None, ""),
    ],
)
def test_value_ends_the_sentence(operator: str, value: object, text: str) -> None:
    assert OPERATORS[operator].value_text(value) == text


# Moments


def test_moment_is_cut_to_milliseconds_in_utc() -> None:
    asked = datetime(2025, 8, 15, 14, 0, 0, 999_999, tzinfo=ZoneInfo("Europe/Berlin"))
    assert Moment.at(asked, ZoneInfo("UTC")).now == datetime(2025, 8, 15, 12, 0, 0, 999_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("asked", "zone", "today"),
    [
        ("2025-08-15T09:59:59.999999Z", "Pacific/Kiritimati", date(2025, 8, 15)),
        ("2025-08-15T10:00:00Z", "Pacific/Kiritimati", date(2025, 8, 16)),
        ("2025-08-15T10:59:59.999999Z", "Pacific/Pago_Pago", date(2025, 8, 14)),
        ("2025-08-15T11:00:00Z", "Pacific/Pago_Pago", date(2025, 8, 15)),
        # Berlin's midnight is an hour earlier in UTC from 30 March on, and again later from 26 October on.
        ("2025-03-29T22:59:59.999999Z", "Europe/Berlin", date(2025, 3, 29)),
        ("2025-03-29T23:00:00Z", "Europe/Berlin", date(2025, 3, 30)),
        ("2025-03-30T21:59:59.999999Z", "Europe/Berlin", date(2025, 3, 30)),
        ("2025-03-30T22:00:00Z", "Europe/Berlin", date(2025, 3, 31)),
        ("2025-10-26T22:59:59.999999Z", "Europe/Berlin", date(2025, 10, 26)),
        ("2025-10-26T23:00:00Z", "Europe/Berlin", date(2025, 10, 27)),
        # Santiago puts its clock forward at midnight: its 7 September began at one o'clock.
        ("2025-09-07T03:59:59.999999Z", "America/Santiago", date(2025, 9, 6)),
        ("2025-09-07T04:00:00Z", "America/Santiago", date(2025, 9, 7)),
        # Apia had no 30 December 2011.
        ("2011-12-30T09:59:59.999999Z", "Pacific/Apia", date(2011, 12, 29)),
        ("2011-12-30T10:00:00Z", "Pacific/Apia", date(2011, 12, 31)),
    ],
)
def test_today_is_the_day_in_the_zone_of_the_application(asked: str, zone: str, today: date) -> None:
    assert Moment.at(datetime.fromisoformat(asked), ZoneInfo(zone)).today == today
