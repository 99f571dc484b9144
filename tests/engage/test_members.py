"""Members of a segment, page by page: each user once and in order, however many of them match."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from pytest_django import DjangoAssertNumQueries

from engage import key_order
from engage.audience import matching
from engage.members import members
from engage.rules import Rules
from identity.models import Application, Person
from tests.engage.test_audience import NOON, PRO, arrive, rules

pytestmark = pytest.mark.django_db

FREE = rules(("plan", "equals", "free"))
RARE = rules(("plan", "equals", "rare"))


@pytest.fixture
def application() -> Application:
    return Application.objects.create(name="Acme", slug="acme")


@pytest.fixture
def hundred(application: Application) -> Application:
    """Of its users three are rare, half of the others pro."""
    plans = ["rare" if number in (7, 50, 99) else "pro" if number % 2 else "free" for number in range(100)]
    arrive(application, *({"plan": plan} for plan in plans))
    return application


@pytest.fixture(params=[(1_000, 20_000), (10, 1_000), (10, 1)], ids=["looks at all", "walks on", "looks at each"])
def ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All the ways to find the first of them, as if there were more users than there are."""
    looked_at, most_looked_at = request.param
    monkeypatch.setattr(key_order, "LOOKED_AT", looked_at)
    monkeypatch.setattr(key_order, "MOST_LOOKED_AT", most_looked_at)


def pages(application: Application, asked: Rules, limit: int) -> list[list[UUID]]:
    """The keys on each page, until one is not full."""
    found: list[list[UUID]] = []
    after = None
    while not found or len(found[-1]) == limit:
        found.append([person.pk for person in members(application, asked, after=after, limit=limit, now=NOON)])
        after = found[-1][-1] if found[-1] else None
    return found


@pytest.mark.usefixtures("ways")
@pytest.mark.parametrize("asked", [(), PRO, FREE, RARE, rules(("plan", "equals", "gold"))])
@pytest.mark.parametrize("limit", [1, 7, 50, 200])
def test_pages_give_each_member_once_and_in_order(hundred: Application, asked: Rules, limit: int) -> None:
    expected = sorted(matching(hundred, asked, now=NOON).values_list("pk", flat=True))
    found = pages(hundred, asked, limit)
    assert [key for page in found for key in page] == expected
    assert all(len(page) == limit for page in found[:-1])


@pytest.mark.usefixtures("ways")
def test_users_who_come_in_between_pages_make_nobody_appear_twice_or_be_missed(hundred: Application) -> None:
    before = set(matching(hundred, PRO, now=NOON).values_list("pk", flat=True))
    seen: list[UUID] = []
    while page := members(hundred, PRO, after=seen[-1] if seen else None, limit=10, now=NOON):
        seen += [person.pk for person in page]
        arrive(hundred, *[{}] * (100 + len(seen)), *[{"plan": "pro"}] * 5)
    assert len(seen) == len(set(seen))
    assert seen == sorted(seen)
    assert before <= set(seen)


@pytest.mark.usefixtures("ways")
def test_users_of_another_application_are_never_members(hundred: Application) -> None:
    other = Application.objects.create(name="Other", slug="other")
    assert members(other, (), after=None, limit=10) == []
    arrive(other, *[{"plan": "rare"}] * 30)
    assert len(members(hundred, RARE, after=None, limit=10)) == 3
    assert {person.application_id for person in members(hundred, (), after=None, limit=200)} == {hundred.pk}


def test_members_are_whole_users_of_that_moment(application: Application) -> None:
    arrive(application, {"plan": "pro", "joined": "2025-08-15"})
    asked = rules(("joined", "within_last_days", 1))
    assert members(application, asked, after=None, limit=10, now=NOON) == [Person.objects.get()]
    [member] = members(application, asked, after=None, limit=10, now=NOON)
    assert member.traits == {"plan": "pro", "joined": "2025-08-15"}
    assert members(application, asked, after=None, limit=10, now=datetime(2025, 9, 1, tzinfo=UTC)) == []
    assert members(application, asked, after=member.pk, limit=10, now=NOON) == []


@pytest.mark.parametrize(("looked_at", "asked", "queries"), [(1_000, PRO, 2), (50, PRO, 2), (50, RARE, 3)])
def test_page_takes_two_queries_and_one_more_where_members_are_rare(
    hundred: Application,
    looked_at: int,
    asked: Rules,
    queries: int,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(key_order, "LOOKED_AT", looked_at)
    with django_assert_num_queries(queries):
        page = members(hundred, asked, after=None, limit=5, now=NOON)
    assert len(page) == (5 if asked is PRO else 3)
