"""The two evaluators of a rule, Python and SQL, are of one meaning: they agree for every user over generated users,
rules and moments, and both agree with examples worked out by hand."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.db.models import Value
from hypothesis import HealthCheck, given, settings

from engage.audience import matches, matching
from engage.operators import OPERATORS, Moment
from engage.rules import parse
from identity import caches, ingest
from identity.models import Application, Person
from identity.models.person import person_id
from identity.payloads import Identify
from identity.values import format_instant
from tests.engage.strategies import HOSTILE_KEYS, HOSTILE_TEXTS, Case, cases

pytestmark = pytest.mark.django_db

NOON = datetime(2025, 8, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def application() -> Application:
    return Application.objects.create(name="Acme", slug="acme")


# Generated


@given(case=cases())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_evaluators_agree(application: Application, case: Case) -> None:
    """Each example asks a rule of every operator, and a list of several, about some 50 users who came in by a call."""
    application.time_zone = case.zone
    moment = Moment.at(case.now, application.zone)
    with forgotten(application):
        ingest.identify_many(application.pk, case.calls, now=case.now)
        people = list(Person.objects.filter(application=application))
        in_python = {
            (number, person.external_id)
            for number, rules in enumerate(case.rules)
            for person in people
            if matches(person, rules, moment=moment)
        }
        first, *others = (
            matching(application, rules, now=case.now).values_list(Value(number), "external_id")
            for number, rules in enumerate(case.rules)
        )
        assert in_python == set(first.union(*others, all=True))


@contextmanager
def forgotten(application: Application) -> Iterator[None]:
    """Whatever is written is rolled back at the end, so that each example begins without users."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    caches.reload_traits(application.pk)


# By hand

Who = Callable[..., set[str]]


@pytest.fixture
def who(application: Application) -> Who:
    """Asks both evaluators which of the users who have these values, and no others, match a rule about that trait."""

    def ask(
        values: Mapping[str, object],
        operator: str,
        value: object = None,
        *,
        trait: str = "trait",
        now: datetime = NOON,
        zone: str = "UTC",
    ) -> set[str]:
        application.time_zone = zone
        Person.objects.filter(application=application).delete()
        calls = [Identify(name, {}, {trait: stored}, now) for name, stored in values.items()]
        ingest.identify_many(application.pk, calls, now=now)
        return ask_both(application, operator, value, trait=trait, now=now)

    return ask


def ask_both(
    application: Application, operator: str, value: object = None, *, trait: str = "trait", now: datetime = NOON
) -> set[str]:
    rules = parse([{"trait": trait, "operator": operator, "value": value}])
    moment = Moment.at(now, application.zone)
    people = Person.objects.filter(application=application)
    in_python = {person.external_id for person in people if matches(person, rules, moment=moment)}
    assert in_python == set(matching(application, rules, now=now).values_list("external_id", flat=True))
    return in_python


MIXED = {
    "number": 10,
    "decimal": 10.5,
    "text": "10",
    "yes": True,
    "no": False,
    "zero": 0,
    "one": 1,
    "text yes": "true",
    "text null": "null",
    "quoted": '"10"',
    "object": "{}",
    "missing": None,
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (10, {"number"}),
        (10.0, {"number"}),
        (10.5, {"decimal"}),
        ("10", {"text"}),
        ('"10"', {"quoted"}),
        (1, {"one"}),
        (True, {"yes"}),
        (0, {"zero"}),
        (False, {"no"}),
        ("true", {"text yes"}),
        ("null", {"text null"}),
        ("{}", {"object"}),
        ("10.0", set()),
    ],
)
def test_equals_looks_at_values_of_its_own_type_alone(who: Who, value: object, expected: set[str]) -> None:
    assert who(MIXED, "equals", value) == expected


@pytest.mark.parametrize("value", [10, 10.5, "10", True, False, "true", "nobody has this"])
def test_not_equals_is_the_exact_complement_of_equals(who: Who, value: object) -> None:
    assert who(MIXED, "not_equals", value) == MIXED.keys() - who(MIXED, "equals", value)


def test_not_equals_includes_users_without_the_trait_and_with_values_of_another_type(who: Who) -> None:
    assert who({"pro": "pro", "free": "free", "number": 1, "missing": None}, "not_equals", "pro") == {
        "free",
        "number",
        "missing",
    }


def test_equals_counts_case_spaces_and_composition(who: Who) -> None:
    near = {"same": "é", "decomposed": "e\u0301", "upper": "É", "space": "é ", "line": "é\n", "plain": "e"}
    assert who(near, "equals", "é") == {"same"}


def test_equals_takes_one_moment_written_in_another_zone_for_the_same(who: Who) -> None:
    moments = {
        "utc": "2025-08-15T09:30Z",
        "summer": "2025-08-15T11:30:00.000+02:00",
        "later": "2025-08-15T09:30:00.001Z",
    }
    assert who(moments, "equals", "2025-08-15T05:30:00-04:00") == {"utc", "summer"}


def test_contains_ignores_the_case_of_ascii_and_nothing_else(who: Who) -> None:
    texts = {
        "same": "the pro plan",
        "upper": "PRO",
        "start": "Professional",
        "end": "not Pro",
        "spaced": "p ro",
        "number": 10,
        "missing": None,
    }
    assert who(texts, "contains", "pRO") == {"same", "upper", "start", "end"}
    foreign = {
        "İ": "İ",
        "i": "i",
        "I": "I",
        "ı": "ı",
        "ß": "ß",
        "ss": "SS",
        "É": "É",
        "é": "é",
        "kelvin": "\u212a",
        "k": "K",
    }
    assert who(foreign, "contains", "i") == {"i", "I"}
    assert who(foreign, "contains", "É") == {"É"}
    assert who(foreign, "contains", "ß") == {"ß"}
    assert who(foreign, "contains", "k") == {"k"}


def test_contains_has_no_wildcards(who: Who) -> None:
    texts = {
        "percent": "50% off",
        "fifty": "500 off",
        "underscore": "a_b",
        "plain": "axb",
        "backslash": "a\\b",
        "%": "%",
    }
    assert who(texts, "contains", "0%") == {"percent"}
    assert who(texts, "contains", "a_b") == {"underscore"}
    assert who(texts, "contains", "\\") == {"backslash"}
    assert who(texts, "contains", "%") == {"percent", "%"}


def test_contains_looks_at_texts_alone_dates_among_them(who: Who) -> None:
    values = {"number": 2025, "yes": True, "day": "2025-08-15", "moment": "2025-08-15T09:30Z", "text": "in 2025"}
    assert who(values, "contains", "2025") == {"day", "moment", "text"}
    assert who(values, "contains", "ru") == set()


def test_contains_finds_text_at_the_end_of_the_longest_value(who: Who) -> None:
    assert who({"long": "🦊" * 1022 + "ab", "cut": "🦊" * 1024 + "ab"}, "contains", "AB") == {"long"}


NUMBERS = {
    "nine": 9,
    "ten": 10,
    "ten and a bit": 10.000000000000002,
    "eleven": 11,
    "text": "11",
    "yes": True,
    "tiny": 5e-324,
    "minus": -1e-7,
    "zero": 0,
    "largest": 2**53,
    "least": -(2**53),
    "date": "2025-08-15",
    "missing": None,
}


def test_greater_than_leaves_out_the_number_itself_and_all_that_is_no_number(who: Who) -> None:
    assert who(NUMBERS, "greater_than", 10) == {"ten and a bit", "eleven", "largest"}
    assert who(NUMBERS, "greater_than", 2**53 - 1) == {"largest"}
    assert who(NUMBERS, "greater_than", 2**53) == set()
    assert who(NUMBERS, "greater_than", 0) == {"tiny", "nine", "ten", "ten and a bit", "eleven", "largest"}


def test_less_than_leaves_out_the_number_itself_and_all_that_is_no_number(who: Who) -> None:
    assert who(NUMBERS, "less_than", 10) == {"nine", "tiny", "minus", "zero", "least"}
    assert who(NUMBERS, "less_than", 5e-324) == {"minus", "zero", "least"}
    assert who(NUMBERS, "less_than", -(2**53)) == set()


def test_window_of_instants_includes_both_its_ends_and_a_day_ahead(who: Who) -> None:
    values = {
        "before": "2025-08-08T11:59:59.999Z",
        "start": "2025-08-08T12:00:00.000Z",
        "start elsewhere": "2025-08-08T14:00:00.000999+02:00",
        "now": "2025-08-15T12:00Z",
        "end": "2025-08-16T12:00:00.000Z",
        "after": "2025-08-16T12:00:00.001Z",
        "missing": None,
    }
    assert who(values, "within_last_days", 7) == {"start", "start elsewhere", "now", "end"}


def test_window_of_plain_dates_includes_both_its_ends_and_a_day_ahead(who: Who) -> None:
    days = [f"2025-08-{day:02}" for day in range(1, 32)]
    values = dict(zip(days, days, strict=True))
    assert who(values, "within_last_days", 7) == set(days[7:16])
    assert who(values, "within_last_days", 1) == set(days[13:16])


@pytest.mark.parametrize(
    ("zone", "hour", "today"),
    [
        ("UTC", 12, 15),
        ("Pacific/Kiritimati", 9, 15),
        ("Pacific/Kiritimati", 10, 16),  # UTC+14
        ("Pacific/Pago_Pago", 10, 14),  # UTC-11
        ("Pacific/Pago_Pago", 11, 15),
    ],
)
def test_window_of_plain_dates_follows_the_zone_of_the_application(who: Who, zone: str, hour: int, today: int) -> None:
    days = [f"2025-08-{day:02}" for day in range(1, 32)]
    values = dict(zip(days, days, strict=True))
    now = NOON.replace(hour=hour)
    assert who(values, "within_last_days", 2, now=now, zone=zone) == set(days[today - 3 : today + 1])


def test_window_of_instants_knows_no_daylight_saving(who: Who) -> None:
    """In Berlin the day of 30 March 2025 had 23 hours; a day of a window has always 24."""
    now = datetime(2025, 3, 30, 22, 30, tzinfo=UTC)  # half past midnight on the 31st
    values = {
        "before": "2025-03-29T22:29:59.999Z",
        "start": "2025-03-29T22:30:00.000Z",
        "29th": "2025-03-29",
        "30th": "2025-03-30",
        "1st": "2025-04-01",
        "2nd": "2025-04-02",
    }
    assert who(values, "within_last_days", 1, now=now, zone="Europe/Berlin") == {"start", "30th", "1st"}


def test_window_takes_dates_by_their_shape_and_parses_none(who: Who) -> None:
    values = {
        "no such day": "2025-08-99",
        "no such day before": "2025-07-99",
        "no such moment": "2025-08-10T99:99:99.999Z",
        "no such month": "2025-99-99",
        "line": "2025-08-15\n",
        "text": "since 2025-08-15",
        "two days": "2025-08-10/2025-08-11",
        "two moments": "2025-08-10 2025-08-10T09:30:00.000Z",
        "short": "2025-8-15",
        "without zone": "2025-08-15T09:30:00",
        "number": 20250815,
        "fullwidth": "２０２５-08-15",
        "arabic": "2025-08-1٥",
        "spaced": "2025-08-15 09:30",
        "seconds": 1755250200,
        "year": "2025",
        "yes": True,
    }
    assert who(values, "within_last_days", 30) == {"no such day before", "no such moment"}
    assert who(values, "within_last_days", 30, now=datetime(2025, 8, 31, tzinfo=UTC)) == {
        "no such day",
        "no such moment",
    }


def test_longest_window_ends_where_it_should(who: Who) -> None:
    assert who({"start": "1925-09-09", "before": "1925-09-08"}, "within_last_days", 36_500) == {"start"}


def test_moment_is_cut_to_milliseconds_as_values_are(who: Who) -> None:
    now = NOON + timedelta(microseconds=999)
    values = {"start": "2025-08-14T12:00:00.000999Z", "before": "2025-08-14T11:59:59.999999Z"}
    assert who(values, "within_last_days", 1, now=now) == {"start"}


# Lists


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["10", "true"], {"text", "text yes"}),
        ([10, 1], {"number", "one"}),
        ([10.5, 0], {"decimal", "zero"}),
        (["10"], {"text"}),
        (["null", "{}", '"10"'], {"text null", "object", "quoted"}),
        (["nobody", "has these"], set()),
        # Nine and more are looked up in a hash table.
        ([f"plan {number}" for number in range(200)] + ["10"], {"text"}),
        ([*range(100, 300), 10], {"number"}),
    ],
)
def test_any_of_looks_for_each_value_by_its_own_type(who: Who, value: object, expected: set[str]) -> None:
    assert who(MIXED, "any_of", value) == expected
    assert who(MIXED, "none_of", value) == MIXED.keys() - expected


def test_any_of_counts_case_spaces_and_composition(who: Who) -> None:
    near = {
        "same": "é",
        "decomposed": "e\u0301",
        "upper": "É",
        "space": "é ",
        "quote": "'",
        "comma": "a,b",
        "brace": "{",
    }
    assert who(near, "any_of", ["é", "'", "a,b", "{", "\\"]) == {"same", "quote", "comma", "brace"}


def test_any_of_knows_dates_as_texts(who: Who) -> None:
    dates = {"day": "2025-08-15", "utc": "2025-08-15T09:30Z", "there": "2025-08-15T11:30+02:00"}
    assert who(dates, "any_of", ["2025-08-15", "2025-08-15T09:30:00.000Z"]) == dates.keys()


# Texts


TEXTS = {
    "same": "Pro plan",
    "upper": "PRO PLAN",
    "longer": "pro plans",
    "later": "the pro plan",
    "half": "pro pla",
    "number": 10,
    "yes": True,
    "date": "2025-08-15",
    "missing": None,
}


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("contains", "PRO plan", {"same", "upper", "longer", "later"}),
        ("not_contains", "PRO plan", {"half", "number", "yes", "date", "missing"}),
        (
            "not_contains",
            "1",
            {"same", "upper", "longer", "later", "half", "number", "yes", "date", "missing"} - {"date"},
        ),
        ("starts_with", "PRO plan", {"same", "upper", "longer"}),
        ("starts_with", "2025-", {"date"}),
        ("starts_with", "1", set()),
        ("starts_with", "t", {"later"}),
        ("ends_with", "PRO plan", {"same", "upper", "later"}),
        ("ends_with", "-15", {"date"}),
        ("ends_with", "0", set()),
        ("ends_with", "e", set()),
    ],
)
def test_texts_are_searched_without_case_and_nothing_else_is(
    who: Who, operator: str, value: str, expected: set[str]
) -> None:
    assert who(TEXTS, operator, value) == expected


@pytest.mark.parametrize("operator", ["starts_with", "ends_with"])
def test_only_the_case_of_ascii_is_ignored_at_the_ends_too(who: Who, operator: str) -> None:
    foreign = {
        letter: letter for letter in ("İ", "i", "I", "ı", "ß", "SS", "É", "é", "\u212a", "K", "k", "ſ", "S", "🦊")
    }
    for letter, expected in (
        ("i", {"i", "I"}),
        ("k", {"K", "k"}),
        ("é", {"é"}),
        ("ß", {"ß"}),
        ("İ", {"İ"}),
        ("🦊", {"🦊"}),
        ("\u212a", {"\u212a"}),
    ):
        assert who(foreign, operator, letter) == expected
    assert who(foreign, operator, "s") == {"SS", "S"}


def test_ends_of_texts_have_no_wildcards(who: Who) -> None:
    texts = {"percent": "50%", "fifty": "500", "underscore": "a_b", "plain": "axb", "backslash": "a\\", "a": "a"}
    assert who(texts, "starts_with", "50%") == {"percent"}
    assert who(texts, "ends_with", "_b") == {"underscore"}
    assert who(texts, "ends_with", "\\") == {"backslash"}
    assert who(texts, "starts_with", "%") == set()


def test_longest_texts_are_searched_to_their_ends(who: Who) -> None:
    texts = {"long": "🦊" * 1022 + "ab", "whole": "b" * 1024}
    assert who(texts, "ends_with", "🦊AB") == {"long"}
    assert who(texts, "starts_with", "🦊" * 1022 + "A") == {"long"}
    assert who(texts, "ends_with", "B" * 1024) == who(texts, "starts_with", "B" * 1024) == {"whole"}


# More numbers


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("at_least", 10, {"ten", "ten and a bit", "eleven", "largest"}),
        ("at_least", 2**53, {"largest"}),
        ("at_most", 10, {"nine", "ten", "tiny", "minus", "zero", "least"}),
        ("at_most", -(2**53), {"least"}),
        ("at_most", 0, {"zero", "minus", "least"}),
        ("between", [9, 10], {"nine", "ten"}),
        ("between", [10, 10], {"ten"}),
        ("between", [10.000000000000002, 11], {"ten and a bit", "eleven"}),
        ("between", [0, 5e-324], {"zero", "tiny"}),
        ("between", [-(2**53), 2**53], NUMBERS.keys() - {"text", "yes", "date", "missing"}),
        ("between", [12, 13], set()),
    ],
)
def test_bounds_of_numbers_are_in_and_all_that_is_no_number_is_out(
    who: Who, operator: str, value: object, expected: set[str]
) -> None:
    assert who(NUMBERS, operator, value) == expected


# More dates


def test_more_than_days_ago_begins_where_the_window_ends(who: Who) -> None:
    values = {
        "before": "2025-08-08T11:59:59.999Z",
        "start": "2025-08-08T12:00:00.000Z",
        "day before": "2025-08-07",
        "day": "2025-08-08",
        "ahead": "2999-01-01",
        "long ago": "1000-01-01",
        "no such day": "2025-02-30",
        "text": "1999",
        "spaced": "2025-01-01 ",
        "number": 5,
        "missing": None,
    }
    assert who(values, "more_than_days_ago", 7) == {"before", "day before", "long ago", "no such day"}


def test_next_days_begin_a_day_ago_and_end_where_they_should(who: Who) -> None:
    values = {
        "before": "2025-08-14T11:59:59.999Z",
        "start": "2025-08-14T12:00:00.000Z",
        "now": "2025-08-15T12:00Z",
        "end": "2025-08-22T12:00:00.000Z",
        "after": "2025-08-22T12:00:00.001Z",
        "missing": None,
    }
    assert who(values, "within_next_days", 7) == {"start", "now", "end"}
    days = [f"2025-08-{day:02}" for day in range(1, 32)]
    assert who(dict(zip(days, days, strict=True)), "within_next_days", 7) == set(days[13:22])
    assert who(dict(zip(days, days, strict=True)), "within_next_days", 1) == set(days[13:16])


# Each day with the instants at which it begins and ends: the last that is before, those that are on, the first after.
DAYS = [
    ("UTC", "2025-08-15", "2025-08-15T00:00:00.000Z", "2025-08-16T00:00:00.000Z"),
    ("Asia/Kathmandu", "2025-08-15", "2025-08-14T18:15:00.000Z", "2025-08-15T18:15:00.000Z"),
    ("Asia/Tokyo", "1000-01-01", "0999-12-31T14:41:01.000Z", "1000-01-01T14:41:01.000Z"),  # by the sun, before zones
    # Clocks forward and back by night: days of 23 and 25 hours.
    ("Europe/Berlin", "2025-03-30", "2025-03-29T23:00:00.000Z", "2025-03-30T22:00:00.000Z"),
    ("Europe/Berlin", "2025-10-26", "2025-10-25T22:00:00.000Z", "2025-10-26T23:00:00.000Z"),
    # Forward at midnight: the day begins at one o'clock.
    ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z", "2018-11-05T02:00:00.000Z"),
    ("Africa/Cairo", "2023-04-28", "2023-04-27T22:00:00.000Z", "2023-04-28T21:00:00.000Z"),
    ("Asia/Beirut", "2022-03-27", "2022-03-26T22:00:00.000Z", "2022-03-27T21:00:00.000Z"),
    # Back at midnight: the day before has an hour more.
    ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00.000Z", "2018-02-18T03:00:00.000Z"),
    ("Asia/Beirut", "2022-10-29", "2022-10-28T21:00:00.000Z", "2022-10-29T22:00:00.000Z"),
    # Back at one: midnight strikes twice, and the day begins with the first.
    ("Atlantic/Azores", "2025-10-26", "2025-10-26T00:00:00.000Z", "2025-10-27T01:00:00.000Z"),
    # Back at a minute past midnight, to the day before; the day begins when its midnight strikes first.
    ("America/St_Johns", "2010-11-07", "2010-11-07T02:30:00.000Z", "2010-11-08T03:30:00.000Z"),
    # Forward from half past eleven to half past midnight: nobody saw this midnight.
    ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00.000Z", "1919-04-01T04:00:00.000Z"),
    # Apia went from the 29th to the 31st: its 29th ends where its 31st begins, and its 30th is nothing.
    ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00.000Z", "2011-12-30T10:00:00.000Z"),
    ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00.000Z", "2011-12-31T10:00:00.000Z"),
    ("Pacific/Pago_Pago", "9998-12-31", "9998-12-31T11:00:00.000Z", "9999-01-01T11:00:00.000Z"),
]


@pytest.mark.parametrize(("zone", "day", "start", "end"), DAYS)
def test_day_of_an_instant_runs_from_local_midnight_to_the_next(
    application: Application, zone: str, day: str, start: str, end: str
) -> None:
    application.time_zone = zone
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end) - timedelta(milliseconds=1)
    moments = {
        "before": first - timedelta(milliseconds=1),
        "first": first,
        "last": last,
        "after": last + timedelta(milliseconds=1),
    }
    store(application, {name: format_instant(moment) for name, moment in moments.items()})
    assert ask_both(application, "before", day) == {"before"}
    assert ask_both(application, "on", day) == {"first", "last"}
    assert ask_both(application, "after", day) == {"after"}


def test_day_that_a_zone_left_out_has_no_instants(application: Application) -> None:
    application.time_zone = "Pacific/Apia"
    store(application, {"before": "2011-12-30T09:59:59.999Z", "after": "2011-12-30T10:00:00.000Z", "day": "2011-12-30"})
    assert ask_both(application, "before", "2011-12-30") == {"before"}
    assert ask_both(application, "on", "2011-12-30") == {"day"}
    assert ask_both(application, "after", "2011-12-30") == {"after"}


def test_plain_dates_are_compared_as_they_stand_and_by_shape_alone(who: Who) -> None:
    values = {
        "before": "2025-03-01",
        "same": "2025-03-02",
        "after": "2025-03-03",
        "no such day": "2025-02-30",
        "no such month": "2025-99-99",
        "no such moment": "2025-02-30T99:99:99.999Z",
        "comma": "2025-03-02T12:00:00,000Z",
        "comma before": "2025-03-01T12:00:00,000Z",
        "comma after": "2025-03-03T12:00:00,000Z",
        "line": "2025-03-02\n",
        "short": "2025-3-2",
        "fullwidth": "２０２５-03-02",
        "text": "zzz",
        "digits": "1",
        "number": 20250302,
        "yes": True,
        "missing": None,
    }
    assert who(values, "before", "2025-03-02") == {"before", "no such day", "no such moment"}
    assert who(values, "on", "2025-03-02") == {"same"}
    assert who(values, "after", "2025-03-02") == {"after", "no such month"}


def store(application: Application, values: Mapping[str, str]) -> None:
    """Users with these traits as they are, whether or not a call could bring them."""
    Person.objects.bulk_create(
        Person(
            id=person_id(application.pk, name),
            application=application,
            external_id=name,
            traits={"trait": value},
            first_seen=NOON,
            last_seen=NOON,
        )
        for name, value in values.items()
    )


def test_is_set_asks_for_the_trait_alone(who: Who) -> None:
    assert who(MIXED, "is_set") == MIXED.keys() - {"missing"}
    assert who(MIXED, "is_not_set") == {"missing"}


def test_removed_trait_is_missing(application: Application) -> None:
    for traits in ({"trait": "pro"}, {"trait": None}):
        ingest.identify(application.pk, Identify("had", {}, traits, NOON), now=NOON)
    assert ask_both(application, "is_set") == set()
    assert ask_both(application, "is_not_set") == {"had"}


# Keys, built-in properties, and what was stored before


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_key_is_always_text(who: Who, key: str) -> None:
    values = {"pro": "pro", "ten": 10, "date": "2025-08-15", "missing": None}
    assert who(values, "equals", "pro", trait=key) == {"pro"}
    assert who(values, "contains", "PR", trait=key) == {"pro"}
    assert who(values, "greater_than", 9, trait=key) == {"ten"}
    assert who(values, "within_last_days", 1, trait=key) == {"date"}
    assert who(values, "is_not_set", trait=key) == {"missing"}


def test_keys_that_look_alike_are_different_keys(application: Application) -> None:
    alike = ["1000", "1_000", "１０００", "plan", "Plan", "plan ", "é", "e\u0301", "a.b", "a__b", "a b"]
    calls = [Identify(key, {}, {key: "pro"}, NOON) for key in alike]
    ingest.identify_many(application.pk, calls, now=NOON)
    for key in alike:
        assert ask_both(application, "equals", "pro", trait=key) == {key}


def test_built_in_properties_stand_beside_traits(application: Application) -> None:
    calls = [
        Identify("Ada's", {"email": "Ada@ourcompany.com", "name": "Ada"}, {"$plan": "", "email": "trait"}, NOON),
        Identify("bare", {}, {}, NOON - timedelta(days=9)),
    ]
    ingest.identify_many(application.pk, calls, now=NOON)
    assert ask_both(application, "equals", "Ada's", trait="$id") == {"Ada's"}
    assert ask_both(application, "contains", "@OURCOMPANY.com", trait="$email") == {"Ada's"}
    assert ask_both(application, "equals", "trait", trait="$email") == set()
    assert ask_both(application, "not_equals", "Ada", trait="$name") == {"bare"}
    assert ask_both(application, "greater_than", 0, trait="$id") == set()
    assert ask_both(application, "within_last_days", 7, trait="$first_seen") == {"Ada's"}
    assert ask_both(application, "within_last_days", 9, trait="$last_seen") == {"Ada's", "bare"}


@pytest.mark.parametrize("key", ["$email", "$name"])
def test_blank_built_in_property_is_missing(application: Application, key: str) -> None:
    part = key.removeprefix("$")
    calls = [Identify("blank", {}, {}, NOON), Identify("filled", {part: "ada@example.com"}, {}, NOON)]  # type: ignore[dict-item]
    ingest.identify_many(application.pk, calls, now=NOON)
    assert ask_both(application, "is_set", trait=key) == {"filled"}
    assert ask_both(application, "is_not_set", trait=key) == {"blank"}
    assert ask_both(application, "not_equals", "ada@example.com", trait=key) == {"blank"}


def test_first_and_last_seen_are_cut_to_milliseconds(application: Application) -> None:
    low = NOON - timedelta(days=7)
    moments = {
        "before": low - timedelta(microseconds=1),
        "start": low,
        "just after": low + timedelta(microseconds=999),
        "end": NOON + timedelta(days=1, microseconds=999),
        "after": NOON + timedelta(days=1, microseconds=1000),
    }
    calls = [Identify(name, {}, {}, moment) for name, moment in moments.items()]
    ingest.identify_many(application.pk, calls, now=NOON)
    inside = {"start", "just after", "end"}
    for key in ("$first_seen", "$last_seen"):
        assert ask_both(application, "within_last_days", 7, trait=key) == inside
        assert ask_both(application, "equals", "2025-08-08T12:00:00.000Z", trait=key) == {"start", "just after"}
        assert ask_both(application, "is_set", trait=key) == moments.keys()


def test_values_that_no_call_can_store_today_are_judged_alike(application: Application) -> None:
    odd = {
        "blank": "",
        "spaces": "  ",
        "too long": "x" * 2000,
        "too large": 2**60,
        "far too large": 1e300,
        "list": [10],
        "empty list": [],
        "object": {"a": 10},
        "text": "x",
    }
    Person.objects.bulk_create(
        Person(
            id=person_id(application.pk, name),
            application=application,
            external_id=name,
            traits={"trait": value},
            first_seen=NOON,
            last_seen=NOON,
        )
        for name, value in odd.items()
    )
    assert ask_both(application, "is_set") == odd.keys()
    assert ask_both(application, "contains", "x") == {"too long", "text"}
    assert ask_both(application, "greater_than", 10) == {"too large", "far too large"}
    assert ask_both(application, "less_than", 10) == set()
    assert ask_both(application, "not_equals", 10) == odd.keys()
    assert ask_both(application, "contains", "10") == set()
    assert ask_both(application, "within_last_days", 1) == set()


# What reaches the database


@pytest.mark.parametrize("operator", OPERATORS)
def test_neither_key_nor_value_is_part_of_the_statement(application: Application, operator: str) -> None:
    key = "k'); DROP TABLE identity_person; -- %s %(x)s"
    values = ["v'\\\"; %s", 7.25, 36_499, "2091-07-25", ["v'\\\"; %s"], [7.25, 8.5], None]
    value = next(value for value in values if _takes(operator, value))
    rules = parse([{"trait": key, "operator": operator, "value": value}])
    statement, parameters = matching(application, rules, now=NOON).query.sql_with_params()
    assert "DROP" not in statement
    for part in value if isinstance(value, list) else [value]:
        assert str(part) not in statement
    assert statement.replace("%s", "").count("%") == 0
    assert key in parameters
    assert list(matching(application, rules, now=NOON)) == []


def test_hostile_text_is_found_as_it_is(who: Who, application: Application) -> None:
    texts = {str(number): text for number, text in enumerate(dict.fromkeys(HOSTILE_TEXTS)) if text.strip()}
    assert who(texts, "is_set") == texts.keys()
    for number, text in texts.items():
        assert ask_both(application, "equals", text) == {number}
        assert number in ask_both(application, "contains", text)


def _takes(operator: str, value: object) -> bool:
    try:
        OPERATORS[operator].check(value)
    except ValueError:
        return False
    return True
