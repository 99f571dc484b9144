"""Searches of users are answered by the indexes, however many users there are."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from engage import key_order
from engage.members import called, members
from engage.rules import Rules
from identity import ingest
from identity.models import Application, Person
from identity.payloads import Identify
from tests.engage.test_audience import NOON, PRO

pytestmark = pytest.mark.django_db

INDEXES = ("person_search_id", "person_search_email", "person_search_name")


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Application:
    """So many users that PostgreSQL would rather not read them all; one in a thousand begins with `rare`."""
    monkeypatch.setattr(key_order, "LOOKED_AT", 10)
    monkeypatch.setattr(key_order, "MOST_LOOKED_AT", 100)
    application = Application.objects.create(name="Acme", slug="acme")
    calls = [
        Identify(
            f"Rare-{number}" if number % 1_000 == 0 else f"{number:032x}",
            {"email": f"{number}@example.com", "name": f"Name {number}"},
            {"plan": "pro"},
            NOON,
        )
        for number in range(6_000)
    ]
    ingest.identify_many(application.pk, calls, now=NOON)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE identity_person")
    return application


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize("rules", [(), PRO], ids=["all users", "a segment"])
def test_what_few_begin_with_is_found_by_three_indexes(crowd: Application, rules: Rules) -> None:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        found = members(crowd, rules, after=None, limit=50, search="RARE-", now=NOON)
    assert len(found) == 6
    plan = plan_of(captured[-1]["sql"])
    assert all(index in plan for index in INDEXES), plan
    assert "Seq Scan" not in plan


def test_what_many_begin_with_is_found_along_the_keys(crowd: Application) -> None:
    with CaptureQueriesContext(connection) as captured:
        found = members(crowd, (), after=None, limit=5, search="name", now=NOON)
    assert len(found) == 5
    for query in captured:
        plan = plan_of(query["sql"])
        assert "Index Scan" in plan
        assert "Sort" not in plan  # as it has when all of them are read first


def test_whole_addresses_are_found_by_the_index(crowd: Application) -> None:
    with CaptureQueriesContext(connection) as captured:
        [person] = called(crowd, "17@EXAMPLE.com", limit=20)
    assert person.email == "17@example.com"
    assert "person_search_email" in plan_of(captured[-1]["sql"])
    assert called(crowd, "RARE-0", limit=20) == []  # an id is whole to the letter
    assert called(crowd, "Rare-0", limit=20) == [Person.objects.get(external_id="Rare-0")]
