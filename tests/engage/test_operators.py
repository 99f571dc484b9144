"""What an operator asks for, takes and says. That both its evaluators mean the same is test_evaluators' affair."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engage.operators import OPERATORS, InvalidValue, Moment, offered_for
from engage.operators.moments import day_bounds, day_start
from identity.values import Kind, Value, canonical, format_instant
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


def test_opposites_are_in_the_words_of_the_label() -> None:
    for operator in OPERATORS.values():
        plain = operator.label.replace("contains", "contain").replace("starts", "start").replace("ends", "end")
        negated = {plain.replace("is", "is not", 1), f"does not {plain}"}
        positive = {operator.label.replace(word, by) for word, by in [(" not", ""), ("none", "any")]}
        assert operator.opposite in (positive | {"contains"} if operator.matches_missing else negated)
        assert operator.opposite != operator.label


def test_every_explanation_is_one_sentence_of_its_own() -> None:
    explanations = [operator.explanation for operator in OPERATORS.values()]
    assert len(set(explanations)) == len(explanations)
    assert all(text.count(".") == 1 and text.endswith(".") for text in explanations)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        (Kind.STRING, "equals not_equals any_of none_of contains not_contains starts_with ends_with is_set is_not_set"),
        (
            Kind.NUMBER,
            "equals not_equals any_of none_of greater_than less_than at_least at_most between is_set is_not_set",
        ),
        (Kind.BOOLEAN, "equals not_equals is_set is_not_set"),
        (
            Kind.DATE,
            "within_last_days more_than_days_ago within_next_days before after on is_set is_not_set",
        ),
    ],
)
def test_operators_are_offered_for_the_kinds_that_they_make_sense_for(kind: Kind, keys: str) -> None:
    assert [operator.key for operator in offered_for(kind)] == keys.split()


@pytest.mark.parametrize("kind", Kind)
def test_value_to_ask_for_follows_operator_and_kind(kind: Kind) -> None:
    asked = {key: OPERATORS[key].value_kind(kind) for key in OPERATORS}
    assert asked == {
        **dict.fromkeys(["equals", "not_equals", "any_of", "none_of"], kind),
        **dict.fromkeys(["contains", "not_contains", "starts_with", "ends_with"], Kind.STRING),
        **dict.fromkeys(["greater_than", "less_than", "at_least", "at_most", "between"], Kind.NUMBER),
        **dict.fromkeys(["within_last_days", "more_than_days_ago", "within_next_days"], Kind.NUMBER),
        **dict.fromkeys(["before", "after", "on"], Kind.DATE),
        **dict.fromkeys(["is_set", "is_not_set"], None),
    }


@pytest.mark.parametrize(
    ("operator", "value", "kind"),
    [
        ("equals", "pro", Kind.STRING),
        ("equals", "2025-08-15", Kind.STRING),
        ("equals", 10, Kind.NUMBER),
        ("not_equals", 10.5, Kind.NUMBER),
        ("not_equals", True, Kind.BOOLEAN),
        ("any_of", ("pro", "free"), Kind.STRING),
        ("any_of", ("2025-08-15",), Kind.STRING),
        ("none_of", (10, 10.5), Kind.NUMBER),
        ("contains", "pro", Kind.STRING),
        ("ends_with", "pro", Kind.STRING),
        ("between", (5, 10), Kind.NUMBER),
        ("before", "2025-08-15", Kind.DATE),
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
        ("any_of", ["pro", "free", "pro"], ("pro", "free")),
        ("any_of", ["2025-08-15T11:30+02:00", "pro"], ("2025-08-15T09:30:00.000Z", "pro")),
        ("none_of", [10.0, 10, -0.0, 10.5], (10, 0, 10.5)),
        ("any_of", [f"plan {number}" for number in range(250)], tuple(f"plan {number}" for number in range(250))),
        ("any_of", ["pro"] * 300, ("pro",)),
        ("between", [5, 10.0], (5, 10)),
        ("between", [5, 5], (5, 5)),
        ("on", "2024-02-29", "2024-02-29"),
        ("before", "1000-01-01", "1000-01-01"),
        ("after", "9998-12-31", "9998-12-31"),
        ("is_set", None, None),
        ("is_not_set", None, None),
    ],
)
def test_value_is_made_canonical(operator: str, raw: object, value: object) -> None:
    checked = check(operator, raw)
    assert repr(checked) == repr(value)


@pytest.mark.parametrize(
    "operator", sorted(OPERATORS.keys() - {"any_of", "none_of", "between", "is_set", "is_not_set"})
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


@pytest.mark.parametrize("operator", ["contains", "not_contains", "starts_with", "ends_with"])
@pytest.mark.parametrize("raw", [10, 10.5, True, False])
def test_search_takes_texts_alone(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "Enter a text."


@pytest.mark.parametrize("operator", ["greater_than", "less_than", "at_least", "at_most"])
@pytest.mark.parametrize("raw", ["10", "ten", True, False])
def test_number_comparisons_take_numbers_alone(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "Enter a number."


@pytest.mark.parametrize("operator", ["within_last_days", "more_than_days_ago", "within_next_days"])
@pytest.mark.parametrize("raw", [0, -1, 36_501, 1.5, True, "7", "seven"])
def test_number_of_days_is_whole_and_within_a_century(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "Enter a whole number of days from 1 to 36,500."


@pytest.mark.parametrize("operator", ["any_of", "none_of"])
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "Enter a list of values."),
        ("pro", "Enter a list of values."),
        (("pro",), "Enter a list of values."),
        ({"pro": 1}, "Enter a list of values."),
        ([], "Enter 1 to 250 values."),
        ([f"plan {number}" for number in range(251)], "Enter 1 to 250 values."),
        ([""], "Enter a value."),
        (["pro", None], "Enter a value."),
        (["pro", 10], "A list has either texts or numbers, not both."),
        ([True], "A list has texts or numbers."),
        ([1, True], "A list has texts or numbers."),
        ([["pro"]], "A value is text, a number, true, false, a date or null."),
        (["x" * 1025], "Enter a text of at most 1,024 ordinary characters."),
        ([2**53 + 1], "Enter a number of at most 9,007,199,254,740,992."),
    ],
)
def test_list_that_is_none_is_refused(operator: str, raw: object, message: str) -> None:
    assert refusal(operator, raw) == message


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "Enter two numbers."),
        (5, "Enter two numbers."),
        ([], "Enter two numbers."),
        ([5], "Enter two numbers."),
        ([5, 6, 7], "Enter two numbers."),
        ((5, 6), "Enter two numbers."),
        (["5", 6], "Enter a number."),
        ([5, True], "Enter a number."),
        ([5, None], "Enter a value."),
        ([6, 5], "Enter the smaller number first."),
        ([0, 2**53 + 1], "Enter a number of at most 9,007,199,254,740,992."),
    ],
)
def test_range_that_is_none_is_refused(raw: object, message: str) -> None:
    assert refusal("between", raw) == message


@pytest.mark.parametrize("operator", ["before", "after", "on"])
@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (None, "Enter a value."),
        ("", "Enter a value."),
        (20250815, "Enter a text."),
        ("yesterday", "Enter a date, such as 2026-08-15."),
        ("2025-8-15", "Enter a date, such as 2026-08-15."),
        ("2025-08-15T09:30Z", "Enter a date, such as 2026-08-15."),
        (" 2025-08-15", "Enter a date, such as 2026-08-15."),
        ("２０２５-08-15", "Enter a date, such as 2026-08-15."),
        ("2025-02-29", "There is no such day in the calendar."),
        ("2025-13-01", "There is no such day in the calendar."),
        ("0000-01-01", "There is no such day in the calendar."),
        ("9999-01-01", "Enter a date in the years 1000 to 9998."),
        ("9999-12-31", "Enter a date in the years 1000 to 9998."),
        ("0999-12-31", "Enter a date in the years 1000 to 9998."),
    ],
)
def test_day_that_is_none_is_refused(operator: str, raw: object, message: str) -> None:
    assert refusal(operator, raw) == message


@pytest.mark.parametrize("operator", ["is_set", "is_not_set"])
@pytest.mark.parametrize("raw", ["pro", "", 0, False, []])
def test_presence_takes_no_value(operator: str, raw: object) -> None:
    assert refusal(operator, raw) == "This comparison takes no value."


# Answers

# Values that each operator takes, of every kind.
VALUES: dict[str, list[object]] = {
    "equals": ["pro", 10, 10.5, True, False],
    "not_equals": ["pro", 10, 10.5, True, False],
    "any_of": [["pro", "free"], [10, 10.5]],
    "none_of": [["pro", "free"], [10, 10.5]],
    "contains": ["pro"],
    "not_contains": ["pro"],
    "starts_with": ["pro"],
    "ends_with": ["pro"],
    "greater_than": [10],
    "less_than": [10],
    "at_least": [10],
    "at_most": [10],
    "between": [[5, 10]],
    "within_last_days": [7],
    "more_than_days_ago": [7],
    "within_next_days": [7],
    "before": ["2025-08-15"],
    "after": ["2025-08-15"],
    "on": ["2025-08-15"],
    "is_set": [None],
    "is_not_set": [None],
}
NEGATIVE = {"not_equals", "none_of", "not_contains", "is_not_set"}


def asked(operator: str, raw: object, actual: Value | None) -> bool:
    return OPERATORS[operator].test(check(operator, raw))(actual, NOON)


@given(value=texts() | numbers() | st.booleans() | st.sampled_from(HOSTILE_DATES))
def test_every_operator_answers_yes_or_no_for_every_value(value: Value) -> None:
    actual = canonical(value).value
    for key, operator in OPERATORS.items():
        for raw in VALUES[key]:
            test = operator.test(operator.check(raw))
            assert test(actual, NOON) in (True, False)
            assert test(None, NOON) is operator.matches_missing is (key in NEGATIVE)


@given(
    actual=st.none() | texts() | numbers() | st.booleans(),
    value=st.sampled_from(["pro", "10", "true", 10, 10.5, 1, 0, True, False]),
)
def test_negative_operators_are_exact_complements(actual: Value | None, value: Value) -> None:
    assert asked("not_equals", value, actual) is not asked("equals", value, actual)
    assert asked("is_not_set", None, actual) is not asked("is_set", None, actual)
    if isinstance(value, str):
        assert asked("not_contains", value, actual) is not asked("contains", value, actual)
    if not isinstance(value, bool):
        assert asked("none_of", [value], actual) is asked("not_equals", value, actual)
        assert asked("any_of", [value], actual) is asked("equals", value, actual)


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
        ("more_than_days_ago", 1, "1 day"),
        ("more_than_days_ago", 1_000, "1,000 days"),
        ("within_next_days", 7, "7 days"),
        ("any_of", ("pro",), "pro"),
        ("any_of", ("pro", "free"), "pro or free"),
        ("none_of", ("pro", "free", "team"), "pro, free or team"),
        ("any_of", ("Bern, CH", " Zug", "Basel"), "“Bern, CH”, “ Zug” or Basel"),
        ("any_of", (10, 10.5), "10 or 10.5"),
        ("between", (5, 10.5), "5 and 10.5"),
        ("before", "2025-08-15", "2025-08-15"),
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


@given(
    zone=st.sampled_from(sorted(available_timezones() - {"localtime"})).map(ZoneInfo),
    day=st.dates(date(1850, 1, 1), date(2100, 1, 1)),
)
def test_day_begins_when_the_clocks_first_show_it(zone: ZoneInfo, day: date) -> None:
    start = day_start(day, zone)
    assert start.astimezone(zone).date() >= day
    before = (start - timedelta(milliseconds=1)).astimezone(zone)
    assert before.date() < day
    start_text, end_text = day_bounds(day.isoformat(), zone)
    assert start_text == format_instant(start)
    assert end_text == format_instant(day_start(day + timedelta(days=1), zone))


def test_windows_are_made_once_for_each_moment_and_number_of_days() -> None:
    moment = Moment.at(datetime(2025, 8, 15, 12, 0, 0, 1_999, tzinfo=UTC), ZoneInfo("Pacific/Kiritimati"))
    assert moment.windows[7] == ("2025-08-08T12:00:00.001Z", "2025-08-16T12:00:00.001Z", "2025-08-09", "2025-08-17")
    assert moment.windows[-7] == ("2025-08-14T12:00:00.001Z", "2025-08-22T12:00:00.001Z", "2025-08-15", "2025-08-23")
    assert moment.windows[7] is moment.windows[7]
