"""Counts, shares, steps and samples of audiences: consistent with each other, of one application, of this moment."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from pytest_django import DjangoAssertNumQueries

from engage.audience import (
    SAMPLE_SIZE,
    Member,
    Step,
    audience,
    common_strings,
    kinds_received,
    matches,
    matching,
    properties,
    share,
    strings_among,
)
from engage.models import Segment
from engage.operators import Moment
from engage.rules import Rules, parse
from engage.sampling import Sample
from engage.sizes import sizes
from identity import ingest
from identity.models import Application, Person
from identity.payloads import Identify
from identity.values import Kind, Value
from tests.engage.strategies import Case, cases
from tests.engage.test_evaluators import forgotten
from tests.factories import new_application, person

pytestmark = pytest.mark.django_db

NOON = datetime(2025, 8, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def application() -> Application:
    return Application.objects.create(name="Acme", slug="acme")


@pytest.fixture
def other_application() -> Application:
    return Application.objects.create(name="Other", slug="other")


def arrive(application: Application, *users: Mapping[str, object]) -> None:
    """Users with these traits, by name 0, 1, 2, …"""
    calls = [Identify(str(number), {}, traits, NOON) for number, traits in enumerate(users)]
    ingest.identify_many(application.pk, calls, now=NOON)


def rules(*raw: tuple[str, str, object]) -> Rules:
    return parse([{"trait": trait, "operator": operator, "value": value} for trait, operator, value in raw])


def names(application: Application, asked: Rules, now: datetime = NOON) -> set[str]:
    return set(matching(application, asked, now=now).values_list("external_id", flat=True))


PRO = rules(("plan", "equals", "pro"))


# One audience


def test_audience_counts_everyone_and_those_who_match_every_rule(application: Application) -> None:
    arrive(
        application,
        {"plan": "pro", "role": "admin", "teamSize": 12},
        {"plan": "pro", "role": "admin", "teamSize": 10},
        {"plan": "pro", "role": "member", "teamSize": 99},
        {"plan": "free", "role": "admin", "teamSize": 99},
        {},
    )
    asked = rules(("plan", "equals", "pro"), ("role", "equals", "admin"), ("teamSize", "greater_than", 10))
    found = audience(application, asked, now=NOON)
    assert (found.total, found.count, found.share) == (5, 1, 0.2)
    assert found.steps == [Step(asked[0], 3, 0.6), Step(asked[1], 2, 0.4), Step(asked[2], 1, 0.2)]
    [member] = found.sample
    assert member.person.external_id == "0"
    assert member.values == [("plan", "pro"), ("role", "admin"), ("teamSize", 12)]


def test_audience_without_rules_is_everyone(application: Application) -> None:
    arrive(application, {"plan": "pro"}, {})
    found = audience(application, (), now=NOON)
    assert (found.total, found.count, found.share, found.steps) == (2, 2, 1.0, [])
    assert [member.values for member in found.sample] == [[], []]


@pytest.mark.parametrize("asked", [(), PRO])
def test_audience_of_an_application_without_users_is_empty(application: Application, asked: Rules) -> None:
    found = audience(application, asked, now=NOON)
    assert (found.total, found.count, found.share, found.sample) == (0, 0, 0.0, [])
    assert found.steps == [Step(rule, 0, 0.0) for rule in asked]


def test_step_that_leaves_nobody_is_followed_by_empty_ones(application: Application) -> None:
    arrive(application, {"plan": "pro"}, {"plan": "free"})
    asked = rules(("plan", "is_set", None), ("plan", "equals", "gold"), ("plan", "is_set", None))
    assert [step.count for step in audience(application, asked, now=NOON).steps] == [2, 0, 0]


def test_two_rules_about_one_trait_both_count(application: Application) -> None:
    arrive(application, {"size": 5}, {"size": 15}, {"size": 25})
    asked = rules(("size", "greater_than", 10), ("size", "less_than", 20))
    found = audience(application, asked, now=NOON)
    assert [step.count for step in found.steps] == [2, 1]
    assert [member.values for member in found.sample] == [[("size", 15)]]


def test_sample_is_some_of_those_who_match_and_always_the_same(application: Application) -> None:
    arrive(application, *({"plan": "pro" if number % 2 else "free"} for number in range(40)))
    sample = audience(application, PRO, now=NOON).sample
    assert len(sample) == SAMPLE_SIZE
    assert {member.person.external_id for member in sample} <= names(application, PRO)
    assert sample == audience(application, PRO, now=NOON).sample


def test_member_shows_the_values_that_the_rules_read(application: Application) -> None:
    call = Identify("ada", {"email": "ada@ourcompany.com"}, {"plan": "pro", "beta": False, "role": "admin"}, NOON)
    ingest.identify(application.pk, call, now=NOON)
    asked = rules(
        ("beta", "equals", False),
        ("$email", "contains", "@ourcompany.com"),
        ("trial", "is_not_set", None),
        ("$first_seen", "within_last_days", 7),
        ("beta", "is_set", None),
    )
    values: list[tuple[str, Value | None]] = [
        ("beta", False),
        ("E-mail", "ada@ourcompany.com"),
        ("trial", None),
        ("First seen", "2025-08-15T12:00:00.000Z"),
    ]
    assert audience(application, asked, now=NOON).sample == [Member(Person.objects.get(), values)]


def test_kinds_are_counted_of_all_users_for_the_traits_that_the_rules_read(application: Application) -> None:
    values = ["free", "2025-08-15", "2025-08-15T12:00:00.000Z", 10, 10.5, True, None]
    arrive(application, *({"plan": value, "joined": value, "other": 1} for value in values))
    asked = rules(
        ("plan", "equals", "nobody"),
        ("joined", "on", "2025-08-15"),
        ("$name", "is_set", None),
        ("gone", "is_set", None),
    )
    found = audience(application, asked, now=NOON, with_kinds=True)
    assert found.received == {
        "plan": {Kind.STRING: 3, Kind.NUMBER: 2, Kind.BOOLEAN: 1},
        "joined": {Kind.STRING: 1, Kind.DATE: 2, Kind.NUMBER: 2, Kind.BOOLEAN: 1},
        "gone": {},
    }
    assert audience(application, asked, now=NOON).received == {}


@given(case=cases())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_audience_agrees_with_the_users_it_is_about(application: Application, case: Case) -> None:
    application.time_zone = case.zone
    moment = Moment.at(case.now, application.zone)
    with forgotten(application):
        ingest.identify_many(application.pk, case.calls, now=case.now)
        people = list(Person.objects.filter(application=application))
        # All of the case's rules as one list, so that each step has something to narrow.
        asked = tuple(rule for some in case.rules for rule in some)
        found = audience(application, asked, now=case.now)
        expected = [
            sum(matches(person, asked[:end], moment=moment) for person in people) for end in range(len(asked) + 1)
        ]
        assert [found.total, *(step.count for step in found.steps)] == expected
        assert [step.rule for step in found.steps] == list(asked)
        assert [step.share for step in found.steps] == [count / len(people) for count in expected[1:]]
        assert found.count == expected[-1] == matching(application, asked, now=case.now).count()
        assert all(matches(member.person, asked, moment=moment) for member in found.sample)
        assert len(found.sample) == min(SAMPLE_SIZE, found.count)


@pytest.mark.parametrize("number", [0, 1, 20])
def test_audience_takes_two_queries_however_many_rules(
    application: Application, number: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    arrive(application, *({"plan": "pro"} for _ in range(10)))
    with django_assert_num_queries(2):
        audience(application, PRO * number, now=NOON)


def test_share_of_nothing_is_nothing() -> None:
    assert share(0, 0) == 0.0
    assert share(1, 3) == pytest.approx(1 / 3)


# All segments


def test_sizes_are_those_of_each_segment_in_their_order(application: Application) -> None:
    arrive(application, {"plan": "pro", "size": 5}, {"plan": "pro"}, {"plan": "free"}, {})
    everyone = Segment.objects.create_everyone(application)
    pro = Segment.objects.create_with_rules(application, name="Pro", rules=PRO)
    large = Segment.objects.create_with_rules(application, name="Large", rules=rules(("size", "greater_than", 10)))
    both = Segment.objects.create_with_rules(application, name="Both", rules=(*PRO, *rules(("size", "less_than", 10))))
    found = sizes(application, [both, everyone, large, pro], now=NOON)
    assert [(size.segment, size.count, size.share) for size in found] == [
        (both, 1, 0.25),
        (everyone, 4, 1.0),
        (large, 0, 0.0),
        (pro, 2, 0.5),
    ]
    for size in found:
        assert size.count == audience(application, size.segment.parsed_rules, now=NOON).count


def test_sizes_take_one_query_however_many_segments(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Segment.objects.create_everyone(application)
    for number in range(20):
        Segment.objects.create_with_rules(application, name=f"Pro {number}", rules=PRO)
    segments = list(Segment.objects.filter(application=application))
    with django_assert_num_queries(1):
        assert len(sizes(application, segments, now=NOON)) == 21


def test_sizes_in_an_application_without_users_or_segments(application: Application) -> None:
    everyone = Segment.objects.create_everyone(application)
    [size] = sizes(application, [everyone], now=NOON)
    assert (size.count, size.share) == (0, 0.0)
    assert sizes(application, [], now=NOON) == []


# Scope


def test_users_of_another_application_never_count(application: Application, other_application: Application) -> None:
    arrive(application, {"plan": "pro"}, {"plan": "free"})
    arrive(other_application, {"plan": "pro"}, {"plan": "pro"}, {"plan": "gold"}, {"city": "Bern"})
    for asked in (PRO, (), rules(("plan", "not_equals", "free")), rules(("$id", "is_set", None))):
        expected = {"0", "1"} if not asked or asked[0].trait == "$id" else {"0"}
        found = audience(application, asked, now=NOON)
        assert names(application, asked) == expected
        assert (found.total, found.count) == (2, len(expected))
        assert {member.person.application for member in found.sample} == {application}
    pro = Segment.objects.create_with_rules(application, name="Pro", rules=PRO)
    assert [(size.count, size.share) for size in sizes(application, [pro], now=NOON)] == [(1, 0.5)]
    assert kinds_received(Person.objects.filter(application=application), ["plan"]).kinds == {"plan": {Kind.STRING: 2}}
    assert common_strings(application, "plan") == [("free", 1), ("pro", 1)]


def test_user_known_to_two_applications_counts_in_each_by_their_own_traits(
    application: Application, other_application: Application
) -> None:
    arrive(application, {"plan": "pro"})
    arrive(other_application, {"plan": "free"})
    assert names(application, PRO) == {"0"}
    assert names(other_application, PRO) == set()


# Time


def test_membership_follows_the_traits_at_once(application: Application) -> None:
    arrive(application, {"plan": "free"})
    assert names(application, PRO) == set()
    arrive(application, {"plan": "pro"})
    assert names(application, PRO) == {"0"}
    arrive(application, {"plan": None})
    assert names(application, PRO) == set()


def test_window_of_dates_moves_with_the_clock(application: Application) -> None:
    arrive(application, {"signupDate": "2025-08-15"}, {"signupDate": "2025-08-15T12:00Z"})
    asked = rules(("signupDate", "within_last_days", 7))
    segment = Segment.objects.create_with_rules(application, name="New", rules=asked)
    for now, expected in (
        (datetime(2025, 8, 13, 12, tzinfo=UTC), set()),
        (datetime(2025, 8, 14, 0, tzinfo=UTC), {"0"}),
        (datetime(2025, 8, 14, 12, tzinfo=UTC), {"0", "1"}),
        (datetime(2025, 8, 22, 12, tzinfo=UTC), {"0", "1"}),
        (datetime(2025, 8, 22, 12, 0, 1, tzinfo=UTC), {"0"}),
        (datetime(2025, 8, 23, 0, tzinfo=UTC), set()),
    ):
        with time_machine.travel(now, tick=False):
            assert {person.external_id for person in matching(application, asked)} == expected
            assert audience(application, asked).count == len(expected)
            assert [size.count for size in sizes(application, [segment])] == [len(expected)]
            moment = Moment.at(timezone.now(), application.zone)
            assert {p.external_id for p in Person.objects.all() if matches(p, asked, moment=moment)} == expected


def test_plain_dates_follow_the_zone_of_the_application(application: Application) -> None:
    arrive(application, {"signupDate": "2025-08-13"})
    asked = rules(("signupDate", "within_last_days", 2))
    assert names(application, asked) == {"0"}
    application.time_zone = "Pacific/Kiritimati"  # where it is the 16th already
    assert names(application, asked) == set()


# What one user is known by


def test_properties_are_traits_and_what_is_known_of_everyone(application: Application) -> None:
    call = Identify("ada", {"email": "ada@example.com"}, {"plan": "pro"}, NOON - timedelta(microseconds=1))
    ingest.identify(application.pk, call, now=NOON)
    assert properties(Person.objects.get()) == {
        "plan": "pro",
        "$id": "ada",
        "$email": "ada@example.com",
        "$first_seen": "2025-08-15T11:59:59.999Z",
        "$last_seen": "2025-08-15T11:59:59.999Z",
    }


# Every segment of every application


def test_everyone_matches_every_user(application: Application) -> None:
    made = new_application(name="Beta").application
    arrive(made, {"plan": "pro"}, {})
    everyone = Segment.objects.get(application=made, is_everyone=True)
    assert names(made, everyone.parsed_rules) == {"0", "1"}
    moment = Moment.at(NOON, made.zone)
    assert all(
        matches(person, everyone.parsed_rules, moment=moment) for person in Person.objects.filter(application=made)
    )


# What users really have


def test_kinds_are_counted_by_shape_and_type(application: Application) -> None:
    arrive(
        application,
        {"a": "pro", "b": 10, "c": True, "d": "2025-08-15"},
        {"a": 10, "b": 10.5, "c": False, "d": "2025-02-30"},
        {"a": "2025-08-15", "b": "10", "c": "true", "d": "2025-08-15T09:30Z"},
        {"a": "2025-08-15\n", "d": "2025-8-15"},
        {},
    )
    assert kinds_received(Person.objects.filter(application=application), ["a", "b", "c", "d"]).kinds == {
        "a": {Kind.STRING: 2, Kind.NUMBER: 1, Kind.DATE: 1},
        "b": {Kind.NUMBER: 2, Kind.STRING: 1},
        "c": {Kind.BOOLEAN: 2, Kind.STRING: 1},
        "d": {Kind.DATE: 3, Kind.STRING: 1},
    }


def test_common_strings_are_texts_alone_the_most_frequent_first(application: Application) -> None:
    plans = ["free", "pro", "free", "Zed", "gold", 10, True, "10", None]
    arrive(application, *({"plan": plan} for plan in plans))
    assert common_strings(application, "plan") == [("free", 2), ("10", 1), ("Zed", 1), ("gold", 1), ("pro", 1)]
    assert common_strings(application, "plan", limit=1) == [("free", 2)]
    assert common_strings(application, "plan' --") == []


def test_common_strings_are_searched_in_any_case_of_ascii(application: Application) -> None:
    for plan in ("Pro", "pro plus", "improved", "free", "ÄRA", 10, "100 %"):
        person(application, {"plan": plan}, email="Ada@example.com")
    assert common_strings(application, "plan", containing="PRO") == [("Pro", 1), ("improved", 1), ("pro plus", 1)]
    assert common_strings(application, "plan", containing="%") == [("100 %", 1)]
    assert common_strings(application, "plan", containing="ära") == []
    assert common_strings(application, "$email", containing="ada@") == [("Ada@example.com", 7)]
    assert common_strings(application, "$email", containing="nobody") == []


def test_common_strings_of_a_sample_are_scaled(application: Application) -> None:
    for plan in ("pro", "pro", "free"):
        person(application, {"plan": plan})
    sample = Sample(Person.objects.filter(application=application), 0.01)
    assert common_strings(application, "plan", of=sample) == [("pro", 200), ("free", 100)]


def test_strings_among_some_are_those_that_anybody_has(application: Application) -> None:
    arrive(application, *({"plan": plan} for plan in ["free", "free", "gold", "pro", 10]))
    assert sorted(strings_among(application, "plan", ["pro", "free", "10", "nobody"])) == [("free", 2), ("pro", 1)]
