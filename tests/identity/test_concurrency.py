"""Calls that meet: real connections, made to read before either of them writes."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from identity import ingest
from identity.models import Application, Person
from identity.models.person import person_id
from identity.payloads import parse_identify
from identity.values import Value
from tests import factories

NOW = datetime(2025, 8, 15, 9, 30, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def application(transactional_db: None) -> Application:
    return factories.new_application().application


def identify_many(application: Application, *calls: dict[str, Any]) -> None:
    ingest.identify_many(application.pk, [parse_identify(call, now=NOW) for call in calls], now=NOW)


def traits(application: Application) -> dict[str, dict[str, Value]]:
    return dict(application.people.values_list("external_id", "traits"))


@contextmanager
def held(sql: str, parameters: Sequence[Any]) -> Iterator[None]:
    """Hold the locks that a statement takes, in a connection of its own; in the end nothing of it has happened."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(sql, parameters)
        yield
    finally:
        other.rollback()
        other.close()


def meet(sql: str, parameters: Sequence[Any], *calls: Callable[[], None]) -> None:
    """Run calls at once, and let them go on only when each waits for a lock: all of them have read by then, and none
    has written what the statement holds. Raises what a call raises, such as a deadlock."""

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        finally:
            connection.close()  # this thread's

    with ThreadPoolExecutor(len(calls)) as pool:
        with held(sql, parameters):
            running = [pool.submit(run, call) for call in calls]
            deadline = time.monotonic() + 10
            while waiting() < len(calls):
                assert time.monotonic() < deadline, "the calls did not meet"
                time.sleep(0.01)
        for call in running:
            call.result(timeout=10)


def waiting() -> int:
    """How many connections to this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        number: int = cursor.fetchone()[0]
    return number


LOCK_USER = "SELECT 1 FROM identity_person WHERE id = %s FOR UPDATE"
NEW_USER = """
    INSERT INTO identity_person (id, application_id, external_id, email, name, traits, first_seen, last_seen)
    VALUES (%s, %s, 'in the way', '', '', '{}', now(), now())
"""
NEW_TRAIT = """
    INSERT INTO identity_trait (
        application_id, key, label, declared_kind, first_kind, description, server_only, came_publicly, created_at
    )
    VALUES (%s, %s, '', '', '', '', FALSE, FALSE, now())
"""


def test_two_calls_for_one_user_keep_the_traits_of_both(application: Application) -> None:
    identify_many(application, {"id": "u1", "traits": {"a": 0, "b": 0, "c": 0}})
    meet(
        LOCK_USER,
        [person_id(application.pk, "u1")],
        lambda: identify_many(application, {"id": "u1", "email": "ann@example.com", "traits": {"a": 1, "c": None}}),
        lambda: identify_many(application, {"id": "u1", "name": "Ann", "traits": {"b": 1}}),
    )
    person = Person.objects.get()
    assert (person.email, person.name, person.traits) == ("ann@example.com", "Ann", {"a": 1, "b": 1})


def test_two_first_calls_for_one_user_keep_the_traits_of_both(application: Application) -> None:
    identify_many(application, {"id": "another", "traits": {"a": 0, "b": 0}})
    meet(
        NEW_USER,
        [person_id(application.pk, "u1"), application.pk],
        lambda: identify_many(application, {"id": "u1", "email": "ann@example.com", "traits": {"a": 1}}),
        lambda: identify_many(application, {"id": "u1", "name": "Ann", "traits": {"b": 1}}),
    )
    person = application.people.get(external_id="u1")
    assert (person.email, person.name, person.traits) == ("ann@example.com", "Ann", {"a": 1, "b": 1})


def test_two_calls_that_bring_the_same_new_trait_both_keep_it(application: Application) -> None:
    meet(
        NEW_TRAIT,
        [application.pk, "plan"],
        lambda: identify_many(application, {"id": "u1", "traits": {"plan": "pro", "seats": 1}}),
        lambda: identify_many(application, {"id": "u2", "traits": {"plan": "free"}}),
    )
    assert traits(application) == {"u1": {"plan": "pro", "seats": 1}, "u2": {"plan": "free"}}
    assert set(application.traits.values_list("key", flat=True)) == {"plan", "seats"}


def test_batches_of_the_same_users_in_opposite_order_do_not_wait_in_a_circle(application: Application) -> None:
    ids = [f"u{n}" for n in range(9)]
    identify_many(application, *({"id": external_id, "traits": {"a": 0, "b": 0}} for external_id in ids))
    meet(
        LOCK_USER,
        [person_id(application.pk, ids[4])],
        lambda: identify_many(application, *({"id": external_id, "traits": {"a": 1}} for external_id in ids)),
        lambda: identify_many(application, *({"id": external_id, "traits": {"b": 1}} for external_id in ids[::-1])),
    )
    assert traits(application) == {external_id: {"a": 1, "b": 1} for external_id in ids}


def test_batches_of_the_same_new_users_in_opposite_order_do_not_wait_in_a_circle(application: Application) -> None:
    ids = [f"u{n}" for n in range(9)]
    identify_many(application, {"id": "another", "traits": {"a": 0, "b": 0}})
    meet(
        NEW_USER,
        [person_id(application.pk, ids[4]), application.pk],
        lambda: identify_many(application, *({"id": external_id, "traits": {"a": 1}} for external_id in ids)),
        lambda: identify_many(application, *({"id": external_id, "traits": {"b": 1}} for external_id in ids[::-1])),
    )
    assert traits(application) == {external_id: {"a": 1, "b": 1} for external_id in ids} | {"another": {"a": 0, "b": 0}}


def test_calls_with_the_same_new_traits_in_opposite_order_do_not_wait_in_a_circle(application: Application) -> None:
    keys = [f"t{n}" for n in range(9)]
    meet(
        NEW_TRAIT,
        [application.pk, keys[4]],
        lambda: identify_many(application, {"id": "u1", "traits": dict.fromkeys(keys, 1)}),
        lambda: identify_many(application, {"id": "u2", "traits": dict.fromkeys(keys[::-1], 2)}),
    )
    assert traits(application) == {"u1": dict.fromkeys(keys, 1), "u2": dict.fromkeys(keys, 2)}
    assert sorted(application.traits.values_list("key", flat=True)) == keys
