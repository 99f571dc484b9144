import json
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity.values import (
    CHARACTERS_REPLACED,
    DAY_SHAPE,
    INSTANT_SHAPE,
    KEY_LENGTH,
    NUMBER_LIMIT,
    STRING_LENGTH,
    Kind,
    NotAValue,
    Value,
    canonical,
    check_key,
    convert,
    format_instant,
    is_day,
    is_instant,
    kind_of,
    parse_instant,
    same,
)

# Every row of the table of canonical values: what arrives, and what it becomes.

DATES = [
    ("2025-08-15T09:30:00Z", "2025-08-15T09:30:00.000Z"),
    ("2025-08-15T09:30Z", "2025-08-15T09:30:00.000Z"),
    ("2025-08-15T09:30:00.5Z", "2025-08-15T09:30:00.500Z"),
    ("2025-08-15T09:30:00.123456789Z", "2025-08-15T09:30:00.123Z"),
    ("2025-08-15T09:30:00.9999Z", "2025-08-15T09:30:00.999Z"),
    ("2025-08-15T09:30:00+02:00", "2025-08-15T07:30:00.000Z"),
    ("2025-08-15T01:30-05:30", "2025-08-15T07:00:00.000Z"),
    ("2025-01-01T00:30:00+01:00", "2024-12-31T23:30:00.000Z"),
    ("2025-08-15T09:30:00-00:00", "2025-08-15T09:30:00.000Z"),
    ("2024-02-29T23:59:59+23:59", "2024-02-29T00:00:59.000Z"),
    ("1000-01-01T00:00:00Z", "1000-01-01T00:00:00.000Z"),
    ("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    ("2025-08-15", "2025-08-15"),
    ("2025-02-30", "2025-02-30"),  # told by shape alone, so an impossible day is a date too
    ("0000-00-00", "0000-00-00"),
]

# What looks like a date-time and is none: kept as the string that it is.
NOT_QUITE_DATES = [
    "2025-08-15T09:30:00",  # no zone
    "2025-08-15 09:30:00Z",
    "2025-08-15t09:30:00Z",
    "2025-08-15T09:30:00z",
    "2025-08-15T09Z",
    "2025-08-15T09:30:00.Z",
    "2025-08-15T09:30:00,5Z",
    "2025-08-15T09:30:00+0200",
    "2025-08-15T09:30:00+02",
    "2025-08-15T09:30:00+24:00",
    "2025-08-15T09:30:00+02:60",
    "2025-08-15T24:00:00Z",
    "2025-08-15T23:59:60Z",
    "2025-02-30T09:30:00Z",
    "2025-13-01T09:30:00Z",
    "0999-12-31T23:59:59Z",
    "1000-01-01T00:00:00+00:01",  # the year 999 in UTC
    "0999-12-31T23:59:00-00:01",  # the year 1000 in UTC, but not as written
    "9999-12-31T23:59:00-00:01",  # the year 10000 in UTC
    "12025-08-15T09:30:00Z",
    " 2025-08-15",
    "2025-08-15\n",
    "2025-08-15T09:30:00Z\n",
    "2025-8-5",
    "20250815",
    "２０２５-08-15",  # digits, but not these
    "٢٠٢٥-08-15T09:30:00Z",
]

STRINGS = [
    "pro",
    "  pro ",
    "Grüße 👋🏽",
    "null",
    "12",
    "true",
    "<script>alert(1)</script>",
    "'; DROP TABLE x; --",
    "\\ % _",
]

NUMBERS: list[tuple[int | float, int | float]] = [
    (10, 10),
    (10.0, 10),
    (-0.0, 0),
    (-3.5, -3.5),
    (0.1, 0.1),
    (1e5, 100_000),
    (5e-324, 5e-324),
    (2**53, 2**53),
    (-(2**53), -(2**53)),
    (float(2**53), 2**53),
]


def exactly(value: object, expected: object) -> bool:
    """Whether they are one value of one type: to Python 1 == True == 1.0."""
    return type(value) is type(expected) and value == expected


@pytest.mark.parametrize(("raw", "expected"), DATES)
def test_a_date_becomes_one_width_in_utc(raw: str, expected: str) -> None:
    made = canonical(raw)
    assert made.value == expected
    assert made.problems == ()
    assert kind_of(expected) is Kind.DATE


@pytest.mark.parametrize("raw", NOT_QUITE_DATES)
def test_what_is_not_quite_a_date_stays_the_string_that_it_is(raw: str) -> None:
    made = canonical(raw)
    assert made.value == raw
    assert made.problems == ()
    assert kind_of(raw) is Kind.STRING


@pytest.mark.parametrize("raw", STRINGS)
def test_any_other_string_stays_as_sent(raw: str) -> None:
    assert canonical(raw).value == raw
    assert canonical(raw).problems == ()
    assert kind_of(raw) is Kind.STRING


@pytest.mark.parametrize(("raw", "expected"), NUMBERS)
def test_whole_numbers_become_integers_and_others_stay(raw: int | float, expected: int | float) -> None:
    made = canonical(raw)
    assert exactly(made.value, expected)
    assert str(made.value) == str(expected)  # no -0
    assert kind_of(expected) is Kind.NUMBER


@pytest.mark.parametrize("raw", [True, False])
def test_booleans_stay_booleans(raw: bool) -> None:
    assert canonical(raw).value is raw
    assert kind_of(raw) is Kind.BOOLEAN


@pytest.mark.parametrize("raw", [None, "", " ", "\t\r\n", "\u00a0\u2003"])
def test_blank_and_null_remove(raw: str | None) -> None:
    made = canonical(raw)
    assert made.value is None
    assert made.problems == ()


@pytest.mark.parametrize(
    "raw", [2**53 + 1, -(2**53) - 1, 1e16, 1e308, float("inf"), float("-inf"), float("nan"), 10**400]
)
def test_a_number_that_is_not_exact_everywhere_is_no_value(raw: int | float) -> None:
    with pytest.raises(NotAValue) as raised:
        canonical(raw)
    assert raised.value.problem.code == "number_out_of_range"
    assert "send it as a string" in raised.value.problem.message


@pytest.mark.parametrize("raw", [[], ["a"], {}, {"a": 1}, (1,), b"a", Decimal(1), object()])
def test_lists_and_objects_are_no_values(raw: object) -> None:
    with pytest.raises(NotAValue) as raised:
        canonical(raw)
    assert raised.value.problem.code == "unsupported_value"


def test_a_string_of_the_full_length_stays_whole() -> None:
    assert canonical("x" * STRING_LENGTH).value == "x" * STRING_LENGTH
    assert canonical("x" * STRING_LENGTH).problems == ()


def test_a_longer_string_is_cut_with_a_warning() -> None:
    made = canonical("👋" * (STRING_LENGTH + 1))
    assert made.value == "👋" * 1024
    assert [problem.code for problem in made.problems] == ["string_cut"]


@pytest.mark.parametrize("character", [*map(chr, (0, 0xD800, 0xDBFF, 0xDC00, 0xDFFF))])
def test_what_postgresql_can_not_hold_is_replaced_with_a_warning(character: str) -> None:
    made = canonical(f"a{character}b{character}")
    assert made.value == "a\ufffdb\ufffd"
    assert made.problems == (CHARACTERS_REPLACED,)


def test_the_characters_beside_them_stay() -> None:
    assert canonical("\x01\x1f\x7f\ud7ff\ue000\ufffe\uffff").value == "\x01\x1f\x7f\ud7ff\ue000\ufffe\uffff"


def test_a_string_can_be_both_repaired_and_cut() -> None:
    made = canonical("\0" * 2000)
    assert made.value == "\ufffd" * 1024
    assert [problem.code for problem in made.problems] == ["characters_replaced", "string_cut"]


# Kinds

kinds = st.sampled_from(Kind)
hostile_text = st.text(st.characters(exclude_categories=()), max_size=30)
raw_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-20, 20),
    st.floats(),
    hostile_text,
    st.text(max_size=2000),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    st.from_regex(DAY_SHAPE, fullmatch=True),
    st.from_regex(INSTANT_SHAPE, fullmatch=True),
    st.from_regex(r"-?[0-9]{1,18}(\.[0-9]{1,4})?", fullmatch=True),
    st.sampled_from(["true", "FALSE", "1755250200", "1755250200000", 1755250200, 1755250200000]),
)


def canonical_or_none(raw: object, declared: Kind | None = None) -> Value | None:
    try:
        return canonical(raw, declared).value
    except NotAValue:
        return None


@given(raw_values)
def test_canonical_values_are_canonical(raw: object) -> None:
    value = canonical_or_none(raw)
    again = canonical(value)
    assert same(again.value, value)
    assert again.problems == ()


@given(raw_values, kinds)
def test_converted_values_are_canonical_and_converted(raw: object, declared: Kind) -> None:
    value = canonical_or_none(raw, declared)
    assert same(canonical(value, declared).value, value)
    assert same(canonical(value).value, value)


@given(raw_values)
def test_a_canonical_value_comes_back_from_json_as_it_is(raw: object) -> None:
    value = canonical_or_none(raw)
    assert same(json.loads(json.dumps(value)), value)


@given(hostile_text | st.from_regex(DAY_SHAPE) | st.from_regex(INSTANT_SHAPE))
def test_a_string_is_a_date_by_its_shape_alone(text: str) -> None:
    shaped = re.fullmatch(f"{DAY_SHAPE}|{INSTANT_SHAPE}", text) is not None
    assert kind_of(text) is (Kind.DATE if shaped else Kind.STRING)


@given(st.datetimes(timezones=st.timezones()).filter(lambda moment: 1001 <= moment.year <= 9998))
def test_an_instant_is_written_and_read_without_loss(moment: datetime) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    # In UTC, because local times that a clock leaps over equal nothing.
    assert parse_instant(format_instant(moment)) == whole.astimezone(UTC)


def test_sameness_counts_types() -> None:
    assert same(1, 1)
    assert same(None, None)
    assert not same(1, True)
    assert not same(0, False)
    assert not same(1, "1")
    assert not same(0, None)
    assert not same("", None)


# Conversion by a declared kind: both ways, and nothing lost.

CONVERTED: list[tuple[Kind, object, Value]] = [
    (Kind.NUMBER, "12", 12),
    (Kind.NUMBER, "-3.5", -3.5),
    (Kind.NUMBER, "0", 0),
    (Kind.NUMBER, "12.0", 12),
    (Kind.NUMBER, "0.1", 0.1),
    (Kind.NUMBER, "9007199254740992", 2**53),
    (Kind.BOOLEAN, "true", True),
    (Kind.BOOLEAN, "FALSE", False),
    (Kind.BOOLEAN, "True", True),
    (Kind.STRING, 12, "12"),
    (Kind.STRING, 12.0, "12"),
    (Kind.STRING, -3.5, "-3.5"),
    (Kind.STRING, True, "true"),
    (Kind.STRING, False, "false"),
    (Kind.DATE, 1755250200, "2025-08-15T09:30:00.000Z"),
    (Kind.DATE, 1755250200123, "2025-08-15T09:30:00.123Z"),
    (Kind.DATE, "1755250200", "2025-08-15T09:30:00.000Z"),
    (Kind.DATE, "1755250200123", "2025-08-15T09:30:00.123Z"),
    (Kind.DATE, "2025-08-15T11:30+02:00", "2025-08-15T09:30:00.000Z"),
    (Kind.DATE, "2025-08-15", "2025-08-15"),
]

KEPT: list[tuple[Kind, Value]] = [
    *((Kind.NUMBER, text) for text in ["007", "1,000", "n/a", "1e3", "+1", ".5", "5.", "0x10", " 12", "12\n", "1_000"]),
    *((Kind.NUMBER, text) for text in ["１２", "-", "--1", "Infinity", "NaN", "00", "-01", "true"]),
    (Kind.NUMBER, "9007199254740993"),  # a number would be another one
    (Kind.NUMBER, "0.12345678901234567890"),
    (Kind.NUMBER, True),
    (Kind.NUMBER, "2025-08-15"),
    (Kind.BOOLEAN, "yes"),
    (Kind.BOOLEAN, " true"),
    (Kind.BOOLEAN, "1"),
    (Kind.BOOLEAN, 1),
    (Kind.BOOLEAN, 0),
    (Kind.STRING, "2025-08-15"),  # its shape says what it is
    (Kind.DATE, "tomorrow"),
    (Kind.DATE, True),
    (Kind.DATE, 175525020),  # nine digits
    (Kind.DATE, 17552502001),
    (Kind.DATE, 17552502001234),
    (Kind.DATE, -1755250200),
    (Kind.DATE, 1755250200.5),
    (Kind.DATE, "0755250200"),
    (Kind.DATE, "１７５５２５０２００"),
]


@pytest.mark.parametrize(("declared", "raw", "expected"), CONVERTED)
def test_a_declared_kind_converts_when_nothing_is_lost(declared: Kind, raw: object, expected: Value) -> None:
    made = canonical(raw, declared)
    assert exactly(made.value, expected)
    assert made.problems == ()
    assert kind_of(expected) is declared


@pytest.mark.parametrize(("declared", "value"), KEPT)
def test_what_does_not_convert_is_kept_as_sent(declared: Kind, value: Value) -> None:
    assert exactly(canonical(value, declared).value, value)


@pytest.mark.parametrize("value", ["12", "true", "1755250200", 12, True, 1755250200])
def test_without_a_declared_kind_nothing_converts(value: Value) -> None:
    assert exactly(canonical(value).value, value)


@pytest.mark.parametrize("declared", [*Kind])
def test_what_removes_a_trait_removes_it_whatever_its_kind(declared: Kind) -> None:
    assert canonical(None, declared).value is None
    assert canonical("  ", declared).value is None


@given(st.integers(-NUMBER_LIMIT, NUMBER_LIMIT) | st.floats(-1e6, 1e6).filter(lambda number: abs(number) > 1e-3))
def test_numbers_go_to_text_and_back_without_loss(number: int | float) -> None:
    value = canonical(number).value
    assert value is not None
    assert same(convert(convert(value, Kind.STRING), Kind.NUMBER), value)


@given(st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", fullmatch=True))
def test_text_becomes_only_the_number_that_it_names(text: str) -> None:
    number = convert(text, Kind.NUMBER)
    assert number is text or Decimal(repr(number)) == Decimal(text)


# Names of traits


@pytest.mark.parametrize(
    "key", ["plan", "a.b", "with space", "👋", "2024", "-1", "a$", "__proto", "x" * KEY_LENGTH, "é"]
)
def test_a_key_may_be_nearly_anything(key: str) -> None:
    assert check_key(key) is None


@pytest.mark.parametrize(
    "key",
    ["", " ", "\n", "x" * 101, "a\0", "a\ud800", "$email", "$", "__proto__", "constructor", "prototype"],
)
def test_some_keys_are_refused(key: str) -> None:
    problem = check_key(key)
    assert problem is not None
    assert problem.code == "invalid_key_name"


@given(
    text=st.sampled_from(["2025-08-15", "2025-08-15T09:30:00.000Z"]),
    place=st.integers(0, 24),
    other=st.sampled_from(["", "0", "9", "/", ":", "-", "x", " ", "\n", "٥", "５"]),
    length=st.integers(0, 1),
)
def test_shapes_are_told_as_their_regular_expressions_tell_them(text: str, place: int, other: str, length: int) -> None:
    near = text[:place] + other + text[place + length :]
    assert is_day(near) is (re.fullmatch(DAY_SHAPE, near) is not None)
    assert is_instant(near) is (re.fullmatch(INSTANT_SHAPE, near) is not None)
