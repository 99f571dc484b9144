"""The census: exact of a small application, recorded in the background of a large one, and estimated until then."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import DjangoAssertNumQueries

from engage import sampling, tasks
from engage.audience import KEYS_READ_ONCE
from engage.census import Census, CountedTrait, Figures, count_now, record_census
from engage.models import RecordedCensus
from identity.models import Application, Person, Trait
from identity.values import Kind
from tests import factories
from tests.engage.test_audience import arrive

pytestmark = pytest.mark.django_db

NOON = datetime(2025, 8, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def application() -> Application:
    return factories.new_application().application


@pytest.fixture
def large(application: Application, monkeypatch: pytest.MonkeyPatch) -> Application:
    """300 users are many; of two in three the plan is free, one has a number for it. Samples have some 100."""
    monkeypatch.setattr(sampling, "LARGE", 100)
    monkeypatch.setattr(sampling, "SAMPLE_USERS", 100)
    monkeypatch.setattr(sampling, "_PROBE", 0.5)
    arrive(application, *({"plan": "free" if number % 3 else "pro"} for number in range(299)), {"plan": 7})
    return application


def counted(application: Application) -> dict[str, CountedTrait]:
    return {one.trait.key: one for one in Census(application, with_top=True).traits}


def test_all_traits_are_counted_in_one_pass(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    arrive(
        application,
        {"plan": "pro", "size": 10, "since": "2025-08-15", "beta": True},
        {"plan": "pro", "size": 10, "since": "2025-08-15", "beta": False},
        {"plan": "2025-08-15", "size": "10", "since": "2025-8-15"},
        {"plan": True, "size": 10.5, "since": "2025-08-15T09:30Z"},
        {},
    )
    people = Person.objects.filter(application=application)
    keys = ["plan", "size", "since", "beta", "nothing", "1", "%s"]
    with django_assert_num_queries(2):  # the most common values, and the pass
        users, figures = count_now(people, keys, with_top=True)
    assert users == 5
    assert figures == {
        "plan": Figures({Kind.STRING: 2, Kind.BOOLEAN: 1, Kind.DATE: 1}, "pro", 2),
        "size": Figures({Kind.STRING: 1, Kind.NUMBER: 3}, 10, 2),
        "since": Figures({Kind.STRING: 1, Kind.DATE: 3}, "2025-08-15", 2),
        "beta": Figures({Kind.BOOLEAN: 2}, False, 1),
        "nothing": Figures(),
        "1": Figures(),
        "%s": Figures(),
    }


def test_more_traits_than_fit_into_one_pass(application: Application) -> None:
    keys = [f"trait{number}" for number in range(KEYS_READ_ONCE + 1)]
    arrive(application, dict.fromkeys(keys, 1), {keys[-1]: "x"})
    users, figures = count_now(Person.objects.filter(application=application), keys)
    assert (users, len(figures)) == (2, len(keys))
    assert figures[keys[0]].received == {Kind.NUMBER: 1}
    assert figures[keys[-1]].received == {Kind.NUMBER: 1, Kind.STRING: 1}


def test_nobody_else_is_counted(application: Application) -> None:
    other = factories.new_application("Other").application
    arrive(application, {"plan": "pro"})
    arrive(other, {"plan": "free"}, {"plan": "free"}, {"theirs": 1})
    [plan] = Census(application, with_top=True).traits
    assert (plan.users, plan.total, plan.figures) == (1, 1, Figures({Kind.STRING: 1}, "pro", 1))


def test_a_small_application_is_counted_each_time(application: Application) -> None:
    arrive(application, {"plan": "pro"})
    record_census(application, now=NOON)
    assert not RecordedCensus.objects.exists()
    factories.person(application, {"plan": "free"})
    census = Census(application)
    assert (census.total, census.sample, census.recorded) == (2, None, None)
    assert census.kind("plan") is Kind.STRING
    assert census.kind("$email") is Kind.STRING
    assert census.kind("nothing") is None


def test_a_large_application_is_estimated_until_it_is_recorded(large: Application) -> None:
    census = Census(large)
    assert census.sample
    assert census.recorded is None
    assert census.total == pytest.approx(300, rel=0.3)
    assert counted(large)["plan"].figures != Figures({Kind.STRING: 299, Kind.NUMBER: 1}, "free", 200)
    record_census(large, now=NOON)
    census = Census(large)
    assert census.recorded
    assert (census.total, census.recorded.counted_at) == (300, NOON)
    assert counted(large)["plan"].figures == Figures({Kind.STRING: 299, Kind.NUMBER: 1}, "free", 199)
    assert census.kind("plan") is Kind.STRING


def test_a_recorded_census_takes_few_queries(
    large: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    record_census(large, now=NOON)
    with django_assert_num_queries(3):  # traits; whether it is large; what was recorded
        census = Census(large, with_top=True)
        assert (census.total, len(census.traits), census.kind("plan")) == (300, 1, Kind.STRING)


def test_what_arrived_after_the_census_is_not_counted_yet(large: Application) -> None:
    record_census(large, now=NOON)
    factories.person(large, {"new": 1})
    new = counted(large)["new"]
    assert (new.figures, new.users, new.kind) == (None, 0, Kind.NUMBER)
    record_census(large, now=NOON + timedelta(hours=1))
    assert counted(large)["new"].figures == Figures({Kind.NUMBER: 1}, 1, 1)


def test_exact_means_now(large: Application) -> None:
    record_census(large, now=NOON)
    factories.person(large, {"plan": "pro"})
    assert Census(large).total == 300
    assert Census(large, is_exact=True).total == 301


def test_the_record_goes_when_the_application_is_small_again(
    large: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_census(large, now=NOON)
    monkeypatch.setattr(sampling, "LARGE", 1_000)
    assert Census(large).recorded is None
    record_census(large, now=NOON)
    assert not RecordedCensus.objects.exists()


def test_what_is_mismatched_and_what_is_quiet(application: Application) -> None:
    arrive(application, {"size": 1}, {"size": 2}, {"size": "n/a"})
    size = counted(application)["size"]
    assert (size.kind, size.users, size.mismatched) == (Kind.NUMBER, 3, 1)
    size.trait.declared_kind = "string"
    assert (size.kind, size.mismatched) == (Kind.STRING, 2)
    size.trait.last_seen = NOON
    assert not size.is_quiet(NOON + timedelta(days=30))
    assert size.is_quiet(NOON + timedelta(days=31))
    size.trait.last_seen = None
    assert not size.is_quiet(NOON)


def test_a_defined_trait_that_nobody_has(application: Application) -> None:
    Trait.objects.create(application=application, key="later", declared_kind="number")
    later = counted(application)["later"]
    assert (later.figures, later.users, later.kind, later.share) == (Figures(), 0, Kind.NUMBER, 0)


def test_recounts_wait_in_one_queue(large: Application) -> None:
    other = factories.new_application("Other").application
    assert not tasks.is_counting(large)
    tasks.start_census(large)
    tasks.start_census(large)
    assert (tasks.is_counting(large), tasks.is_counting(other)) == (True, False)
    [job] = ProcrastinateJob.objects.filter(task_name="engage.record_census")
    tasks.record_census(**job.args)
    assert RecordedCensus.objects.get().users == 300
    tasks.record_census(str(uuid.uuid4()))  # of an application that is gone


async def as_a_worker_does() -> None:
    await tasks.record_all_censuses.func(0)
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db(transaction=True)
def test_each_application_is_a_task_of_its_own(application: Application) -> None:
    other = factories.new_application("Other").application
    for _ in range(2):  # while the tasks of the hour before still wait
        # In a thread, since browser tests leave a loop in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, as_a_worker_does()).result()
    waiting = [job.args["application_id"] for job in ProcrastinateJob.objects.filter(task_name="engage.record_census")]
    assert sorted(waiting) == sorted([str(application.pk), str(other.pk)])
