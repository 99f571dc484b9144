import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from identity import ingest
from identity.ingest import LAST_SEEN_STEP, TRAITS_BYTES
from identity.models import Application, Person, Trait
from identity.models.trait import TRAITS_PER_APPLICATION
from identity.payloads import parse_identify
from identity.values import Kind, Value
from tests import factories

NOW = datetime(2025, 8, 15, 9, 30, tzinfo=UTC)


@pytest.fixture
def application(db: None) -> Application:
    return factories.new_application().application


def identify(application: Application, *, now: datetime = NOW, **call: Any) -> list[tuple[str, str]]:
    """One call for the user u1, and the warnings that it got."""
    return identify_many(application, [{"id": "u1"} | call], now=now)[0]


def identify_many(
    application: Application, calls: list[dict[str, Any]], *, now: datetime = NOW
) -> list[list[tuple[str, str]]]:
    parsed = [parse_identify(call, now=now) for call in calls]
    answers = ingest.identify_many(application.pk, parsed, now=now).warnings
    return [[(warning.code, warning.field) for warning in warnings] for warnings in answers]


def stored(application: Application, external_id: str = "u1") -> Person:
    return Person.objects.get(application=application, external_id=external_id)


def traits(application: Application, external_id: str = "u1") -> dict[str, Value]:
    found: dict[str, Value] = stored(application, external_id).traits
    return found


# Merging


def test_the_key_of_a_user_is_derived_from_application_and_id(application: Application) -> None:
    identify(application, id="Zoë 👋")
    assert stored(application, "Zoë 👋").pk == uuid.uuid5(application.id, "Zoë 👋")


def test_what_is_left_out_stays(application: Application) -> None:
    identify(application, email="ann@example.com", name="Ann", traits={"plan": "pro", "seats": 3})
    identify(application, traits={"seats": 4})
    identify(application, name="Ann B.")
    identify(application)
    person = stored(application)
    assert (person.email, person.name) == ("ann@example.com", "Ann B.")
    assert person.traits == {"plan": "pro", "seats": 4}


@pytest.mark.parametrize("nothing", [None, "", "  \n"])
def test_null_and_blank_remove(application: Application, nothing: str | None) -> None:
    identify(application, email="ann@example.com", name="Ann", traits={"plan": "pro", "seats": 3})
    identify(application, email=nothing, name=nothing, traits={"plan": nothing})
    person = stored(application)
    assert (person.email, person.name) == ("", "")
    assert person.traits == {"seats": 3}


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (True, 1), (0, False), (1, "1"), ("true", True), (10, "10"), (0.1, "0.1")]
)
def test_types_count(application: Application, before: Value, after: Value) -> None:
    identify(application, traits={"a": before})
    identify(application, traits={"a": after})
    assert json.dumps(traits(application)) == json.dumps({"a": after})


def test_a_removed_trait_can_come_back(application: Application) -> None:
    for value in ("pro", None, "free"):
        identify(application, traits={"plan": value})
    assert traits(application) == {"plan": "free"}


def test_keys_that_differ_in_case_are_two_traits(application: Application) -> None:
    identify(application, traits={"plan": 1, "Plan": 2})
    assert traits(application) == {"plan": 1, "Plan": 2}


def test_ids_that_differ_in_case_are_two_users(application: Application) -> None:
    identify_many(application, [{"id": "ann"}, {"id": "Ann"}])
    assert application.people.count() == 2


def test_email_and_name_inside_traits_are_no_traits(application: Application) -> None:
    identify(application, traits={"email": "ann@example.com", "name": "Ann", "plan": "pro"})
    person = stored(application)
    assert (person.email, person.name, person.traits) == ("ann@example.com", "Ann", {"plan": "pro"})
    assert [trait.key for trait in application.traits.all()] == ["plan"]


def test_a_declared_kind_converts_what_arrives(application: Application) -> None:
    application.traits.create(key="seats", declared_kind=Kind.NUMBER)
    application.traits.create(key="zip", declared_kind=Kind.STRING)
    assert identify(application, traits={"seats": "12", "zip": 10115, "free": "12"}) == []
    assert traits(application) == {"seats": 12, "zip": "10115", "free": "12"}
    identify(application, traits={"seats": "a dozen"})
    assert traits(application)["seats"] == "a dozen"


# When


def test_a_new_user_was_first_and_last_seen_now(application: Application) -> None:
    identify(application)
    assert (stored(application).first_seen, stored(application).last_seen) == (NOW, NOW)


def test_a_timestamp_informs_first_and_last_seen(application: Application) -> None:
    identify(application, timestamp="2025-08-10T00:00Z")
    assert stored(application).first_seen == stored(application).last_seen == datetime(2025, 8, 10, tzinfo=UTC)
    identify(application)
    assert stored(application).last_seen == NOW
    identify(application, timestamp="2025-08-01T00:00Z")
    assert (stored(application).first_seen, stored(application).last_seen) == (datetime(2025, 8, 1, tzinfo=UTC), NOW)


def test_an_old_timestamp_does_not_hold_back_traits(application: Application) -> None:
    identify(application, traits={"plan": "free"})
    identify(application, traits={"plan": "pro"}, timestamp="2025-08-01T00:00Z")
    assert traits(application) == {"plan": "pro"}


def test_last_seen_moves_in_steps(application: Application) -> None:
    identify(application)
    identify(application, now=NOW + LAST_SEEN_STEP - timedelta(seconds=1))
    assert stored(application).last_seen == NOW
    identify(application, now=NOW + LAST_SEEN_STEP)
    assert stored(application).last_seen == NOW + LAST_SEEN_STEP


def test_last_seen_moves_with_any_change_and_first_seen_stays(application: Application) -> None:
    identify(application)
    identify(application, now=NOW + timedelta(seconds=1), traits={"plan": "pro"})
    assert (stored(application).first_seen, stored(application).last_seen) == (NOW, NOW + timedelta(seconds=1))


# Batches


def test_the_messages_of_one_user_are_folded_in_their_order(application: Application) -> None:
    identify(application, email="old@example.com", traits={"a": 0, "b": 0, "c": 0, "d": 0})
    identify_many(
        application,
        [
            {"id": "u1", "name": "Ann", "traits": {"a": 1, "b": 1, "c": None}},
            {"id": "u2", "traits": {"a": 9}},
            {"id": "u1", "email": "", "traits": {"b": 2, "c": 2, "a": None}, "timestamp": "2025-08-01T00:00Z"},
            {"id": " u1 ", "name": "Ann B."},
        ],
    )
    person = stored(application)
    assert (person.email, person.name) == ("", "Ann B.")
    assert person.traits == {"b": 2, "c": 2, "d": 0}
    assert (person.first_seen, person.last_seen) == (datetime(2025, 8, 1, tzinfo=UTC), NOW)
    assert traits(application, "u2") == {"a": 9}


def test_a_batch_says_for_each_call_what_was_wrong_with_it(application: Application) -> None:
    assert identify_many(
        application,
        [
            {"id": "u1", "traits": {"a": [], "b": 1}},
            {"id": "u2", "email": "ann"},
            {"id": "u1", "traits": {"c": 2**60}},
            {"id": "u3"},
        ],
    ) == [
        [("unsupported_value", "a")],
        [("invalid_email", "email")],
        [("number_out_of_range", "c")],
        [],
    ]


def test_a_batch_removes_only_from_the_user_who_says_so(application: Application) -> None:
    everything = {"email": "ann@example.com", "name": "Ann", "traits": {"a": 1, "b": 1}}
    identify_many(application, [{"id": f"u{n}"} | everything for n in range(4)])
    identify_many(
        application,
        [{"id": "u0", "traits": {"a": None}}, {"id": "u1", "email": None}, {"id": "u2", "name": ""}, {"id": "u3"}],
    )
    people = {person.external_id: person for person in application.people.all()}
    assert [people[f"u{n}"].traits for n in range(4)] == [{"b": 1}] + [{"a": 1, "b": 1}] * 3
    assert [people[f"u{n}"].email for n in range(4)] == ["ann@example.com", "", "ann@example.com", "ann@example.com"]
    assert [people[f"u{n}"].name for n in range(4)] == ["Ann", "Ann", "", "Ann"]


def test_hostile_text_is_stored_as_it_is(application: Application) -> None:
    hostile = ["'", '"', "\\", "\\'", '{"a": 1}', "{a,b}", "NULL", "%s %(a)s %%", "$1", "--", "\\u0000", "\\x00", "👋"]
    identify_many(application, [{"id": f"x{text}", "name": text, "traits": {f"x{text}": text}} for text in hostile])
    for text in hostile:
        person = stored(application, f"x{text}")
        assert (person.name, person.traits) == (text, {f"x{text}": text})
    identify_many(application, [{"id": f"x{text}", "traits": {f"x{text}": None}} for text in hostile])
    assert application.people.filter(traits={}).count() == len(hostile)


# Names


def test_a_trait_is_observed_with_its_first_value(application: Application) -> None:
    identify(application, traits={"plan": "pro", "since": "2025-08-15", "beta": True, "seats": 3, "gone": None})
    observed = {trait.key: trait for trait in application.traits.all()}
    assert {key: trait.kind for key, trait in observed.items()} == {
        "plan": Kind.STRING,
        "since": Kind.DATE,
        "beta": Kind.BOOLEAN,
        "seats": Kind.NUMBER,
    }
    assert {(trait.first_seen, trait.last_seen) for trait in observed.values()} == {(NOW, NOW)}
    identify(application, traits={"plan": 12})
    assert application.traits.get(key="plan").first_kind == Kind.STRING


def test_an_application_has_five_hundred_names(application: Application) -> None:
    Trait.objects.bulk_create(Trait(application=application, key=f"t{n}") for n in range(TRAITS_PER_APPLICATION - 1))
    warnings = identify(application, traits={"t5": 1, "last": 1, "one more": 1, "two more": 1, "gone": None})
    assert warnings == [("too_many_trait_names", "one more"), ("too_many_trait_names", "two more")]
    assert traits(application) == {"t5": 1, "last": 1}
    assert application.traits.count() == TRAITS_PER_APPLICATION
    assert identify(application, traits={"t5": 2, "last": 2, "one more": 1}) == [("too_many_trait_names", "one more")]
    assert traits(application) == {"t5": 2, "last": 2}


def test_names_of_other_applications_take_no_room(application: Application) -> None:
    other = factories.new_application().application
    Trait.objects.bulk_create(Trait(application=other, key=f"t{n}") for n in range(TRAITS_PER_APPLICATION))
    assert identify(application, traits={"plan": "pro"}) == []


# Room


def size(person: Person) -> int:
    return len(json.dumps(person.traits, ensure_ascii=False, separators=(",", ":")).encode())


def test_new_values_are_dropped_when_there_is_no_room_for_them(application: Application) -> None:
    large: dict[str, object] = {f"large{n}": "é" * 1000 for n in range(16)}
    small: dict[str, object] = {f"small{n:02}": n for n in range(84)}
    warnings = identify(application, traits=large | small)
    person = stored(application)
    kept = [key for key in small if key in person.traits]
    assert 0 < len(kept) < len(small)
    assert kept == list(small)[: len(kept)]  # the last are dropped
    assert warnings == [("traits_too_large", key) for key in list(small)[len(kept) :]]
    one_more = len(json.dumps({"small99": 99}, separators=(",", ":"))) - 1
    assert TRAITS_BYTES - one_more < size(person) <= TRAITS_BYTES


def fill(application: Application) -> None:
    """Leave room for some ten bytes."""
    identify(application, traits={f"large{n:02}": "x" * 1000 for n in range(32)})
    identify(application, traits={"rest": "x" * (TRAITS_BYTES - size(stored(application)) - 20)})
    assert TRAITS_BYTES - 20 < size(stored(application)) < TRAITS_BYTES


def test_only_what_needs_more_room_is_dropped(application: Application) -> None:
    fill(application)
    before = traits(application)
    warnings = identify(
        application, traits={"large00": "é" * 1000, "large01": "y" * 1000, "large02": "z" * 999, "large03": "x" * 1000}
    )
    assert warnings == [("traits_too_large", "large00")]
    assert traits(application) == before | {"large01": "y" * 1000, "large02": "z" * 999}


def test_what_is_removed_makes_room(application: Application) -> None:
    fill(application)
    assert identify(application, traits={"large00": None, "new": "x" * 900}) == []
    assert traits(application)["new"] == "x" * 900


def test_a_call_of_which_nothing_fits_writes_nothing(application: Application) -> None:
    fill(application)
    identify(application, traits={"new": "x" * 100})
    before = version(application)
    assert identify(application, traits={"new": "x" * 100}) == [("traits_too_large", "new")]
    assert version(application) == before


# What it costs: pinned, since every user of every customer pays it


def version(application: Application) -> tuple[object, ...]:
    """Which version of the row is stored, and where: any write changes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT xmin::text, ctid::text FROM identity_person WHERE id = %s", [stored(application).pk])
        found: tuple[object, ...] = cursor.fetchone()
    return found


SENT: dict[str, Any] = {
    "email": "ann@example.com",
    "traits": {"plan": "pro", "seats": 10, "beta": True, "since": "2025-08-15T09:30:00.000Z"},
}

UNCHANGED: dict[str, dict[str, Any]] = {
    "the same again": SENT,
    "the id alone": {},
    "one trait": {"traits": {"plan": "pro"}},
    "another way to write them": {"traits": {"seats": 10.0, "since": "2025-08-15T11:30+02:00"}},
    "what is missing is removed": {"name": None, "traits": {"nothing": None, "blank": " "}},
    "a minute later": {"timestamp": "2025-08-15T09:31Z", "now": NOW + timedelta(minutes=1)},
    "a retry": SENT | {"timestamp": "2025-08-15T09:30:00Z", "now": NOW + timedelta(days=1)},
    "only what is dropped": {"email": "ann", "traits": {"plan": ["pro"], "$x": 1, "seats": 10}},
}

CHANGED: dict[str, dict[str, Any]] = {
    "another user": SENT | {"id": "u2"},
    "another value": {"traits": {"plan": "free"}},
    "a value of another type": {"traits": {"seats": "10"}},
    "one for true": {"traits": {"beta": 1}},
    "a trait removed": {"traits": {"plan": None}},
    "another e-mail": {"email": "bob@example.com"},
    "a name": {"name": "Ann"},
    "much later": {"now": NOW + timedelta(hours=1)},
    "seen before": {"timestamp": "2025-08-01T00:00Z"},
}


@pytest.mark.parametrize("call", UNCHANGED.values(), ids=UNCHANGED)
def test_what_changes_nothing_is_one_read_and_no_write(
    application: Application, call: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    identify(application, **SENT)
    before = version(application)
    with django_assert_num_queries(1) as captured:
        identify(application, **call)
    assert captured.captured_queries[0]["sql"].startswith("SELECT")
    assert version(application) == before


@pytest.mark.parametrize("call", CHANGED.values(), ids=CHANGED)
def test_what_is_new_or_changed_is_one_read_and_one_write(
    application: Application, call: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    identify(application, **SENT)
    before = version(application)
    with django_assert_num_queries(2) as captured:
        identify(application, **call)
    assert [query["sql"].split()[0] for query in captured.captured_queries] == ["SELECT", "INSERT"]
    assert call.get("id") == "u2" or version(application) != before


def test_the_first_sight_of_traits_waits_for_others_who_add_some(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    identify(application)
    with django_assert_num_queries(6):  # in a transaction of its own: who else adds names, and to add them
        identify(application, traits={"plan": "pro", "seats": 3})
    with django_assert_num_queries(2):
        identify(application, id="u2", traits={"plan": "free", "seats": 1})


@pytest.mark.parametrize("users", [1, 1_000])
def test_a_batch_costs_no_more_than_one_call(
    application: Application, users: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    calls = [{"id": f"u{n}", "traits": {"plan": "pro", "seats": n}} for n in range(users)]
    identify(application, id="another")
    with django_assert_num_queries(6):
        identify_many(application, calls)
    with django_assert_num_queries(1):
        identify_many(application, calls)
    with django_assert_num_queries(2):
        identify_many(application, [call | {"name": "Ann"} for call in calls])


def test_an_empty_batch_asks_nothing(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    identify(application)
    with django_assert_num_queries(0):
        identify_many(application, [])


def test_a_whole_call_costs_no_more(db: None, client: Client) -> None:
    made = factories.new_application()

    def queries(**call: object) -> int:
        with CaptureQueriesContext(connection) as captured:
            response = client.post(
                "/v1/identify",
                {"id": "u1"} | call,
                content_type="application/json",
                headers={"Authorization": f"Bearer {made.public_key}"},
            )
        assert response.status_code == 200
        return len(captured)

    assert (
        queries(traits={"plan": "pro"}) == 9
    )  # the key, its secrets and the names are read, and then known for a while
    assert queries(traits={"plan": "pro"}) == 1
    assert queries(traits={"plan": "free"}) == 2
    assert queries(id="u2", traits={"plan": "free"}) == 2
    assert queries(traits={"seats": 3}) == 6
