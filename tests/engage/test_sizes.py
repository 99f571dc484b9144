"""What another list of rules changes: who comes in, who goes, and some of their names, exactly and in one query."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from engage.rules import Rules, parse
from engage.sizes import NAMES_SHOWN, Changes, changes
from identity import ingest
from identity.models import Application
from identity.payloads import Identify

pytestmark = pytest.mark.django_db

NOON = datetime(2025, 8, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def application() -> Application:
    return Application.objects.create(name="Acme", slug="acme")


def arrive(application: Application, *users: Mapping[str, object]) -> None:
    calls = [Identify(str(number), {}, traits, NOON) for number, traits in enumerate(users)]
    ingest.identify_many(application.pk, calls, now=NOON)


def rules(*raw: tuple[str, str, object]) -> Rules:
    return parse([{"trait": trait, "operator": operator, "value": value} for trait, operator, value in raw])


def ids(found: Changes) -> tuple[set[str], set[str]]:
    return {person.external_id for person in found.some_added}, {person.external_id for person in found.some_removed}


PRO, FREE = rules(("plan", "equals", "pro")), rules(("plan", "equals", "free"))
NOT_FREE, NOT_SET = rules(("plan", "not_equals", "free")), rules(("plan", "is_not_set", None))


@pytest.mark.parametrize(
    ("before", "after", "added", "removed"),
    [
        (PRO, FREE, {"2"}, {"0", "1"}),
        (PRO, PRO, set(), set()),
        (PRO, NOT_FREE, {"3", "4"}, set()),
        (NOT_FREE, NOT_SET, set(), {"0", "1", "4"}),
        # Conditions are NULL of users without the trait: they neither were in it nor will be.
        (rules(("plan", "contains", "pro")), rules(("plan", "contains", "fre")), {"2"}, {"0", "1"}),
        ((), PRO, set(), {"2", "3", "4"}),
        (PRO, (), {"2", "3", "4"}, set()),
    ],
)
def test_who_comes_and_who_goes(
    application: Application, before: Rules, after: Rules, added: set[str], removed: set[str]
) -> None:
    other = Application.objects.create(name="Other", slug="other")
    for one in (application, other):
        arrive(one, {"plan": "pro"}, {"plan": "pro"}, {"plan": "free"}, {}, {"plan": 5})
    found = changes(application, before, after, now=NOON)
    assert ids(found) == (added, removed)
    assert (found.added, found.removed) == (len(added), len(removed))
    assert all(person.application == application for person in [*found.some_added, *found.some_removed])


def test_of_many_only_some_are_named(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    arrive(application, *[{"plan": "pro"}] * 30, *[{"plan": "free"}] * 25)
    with django_assert_num_queries(1):
        found = changes(application, PRO, FREE, now=NOON)
        assert (found.added, found.removed) == (25, 30)
        named = [[str(person) for person in some] for some in (found.some_added, found.some_removed)]
    assert [len(names) for names in named] == [NAMES_SHOWN, NAMES_SHOWN]


def test_dates_are_those_of_the_moment(application: Application) -> None:
    arrive(application, {"joined": "2025-08-14T12:00:00Z"}, {"joined": "2025-08-10T12:00:00Z"})
    day, week = (rules(("joined", "within_last_days", days)) for days in (1, 7))
    assert ids(changes(application, day, week, now=NOON)) == ({"1"}, set())
    assert ids(changes(application, day, week, now=NOON + timedelta(seconds=1))) == ({"0", "1"}, set())
    assert ids(changes(application, day, week, now=NOON + timedelta(days=30))) == (set(), set())
