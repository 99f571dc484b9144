"""Segment sizes over time: recorded each hour, kept for each hour of two days, then for each day of the application."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.db import connections
from procrastinate.contrib.django.models import ProcrastinateJob

from engage.history import record_sizes
from engage.models import RecordedSize, Segment
from engage.rules import parse
from engage.tasks import record_all_sizes
from engage.tasks import record_sizes as record_sizes_task
from identity.models import Application
from tests import factories

pytestmark = pytest.mark.django_db

NOON = datetime(2025, 8, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def application() -> Application:
    application = factories.new_application(time_zone="America/New_York").application
    factories.person(application, {"plan": "pro"})
    factories.person(application)
    rules = parse([{"trait": "plan", "operator": "equals", "value": "pro"}])
    Segment.objects.create_with_rules(application, name="Pro", rules=rules)
    return application


def recorded(application: Application) -> list[tuple[Any, ...]]:
    found = RecordedSize.objects.filter(segment__application=application)
    return list(found.order_by("recorded_at", "segment_id").values_list("segment__slug", "recorded_at", "users"))


def test_sizes_are_recorded_once_an_hour(application: Application) -> None:
    other = factories.new_application("Other").application
    record_sizes(application, now=NOON + timedelta(minutes=7))
    factories.person(application, {"plan": "pro"})
    record_sizes(application, now=NOON + timedelta(minutes=50))
    assert recorded(application) == [("everyone", NOON, 2), ("pro", NOON, 1)]
    record_sizes(application, now=NOON + timedelta(hours=1))
    assert recorded(application)[2:] == [
        ("everyone", NOON + timedelta(hours=1), 3),
        ("pro", NOON + timedelta(hours=1), 2),
    ]
    assert recorded(other) == []


def test_a_segment_made_meanwhile_is_recorded_too(application: Application) -> None:
    record_sizes(application, now=NOON)
    rules = parse([{"trait": "plan", "operator": "is_not_set"}])
    Segment.objects.create_with_rules(application, name="New", rules=rules)
    record_sizes(application, now=NOON + timedelta(minutes=1))
    assert [(slug, users) for slug, _, users in recorded(application)] == [("everyone", 2), ("pro", 1), ("new", 1)]


def test_hours_for_two_days_then_days(application: Application) -> None:
    other = factories.new_application("Other").application
    hours = [NOON - timedelta(hours=number) for number in range(24 * 5)]
    for one in (application, other):
        for segment in Segment.objects.filter(application=one):
            RecordedSize.objects.bulk_create(
                RecordedSize(segment=segment, recorded_at=hour, users=1) for hour in hours if hour != NOON
            )
    record_sizes(application, now=NOON)
    kept = [at for slug, at, _ in recorded(application) if slug == "pro"]
    old = [at for at in kept if at < NOON - timedelta(days=2)]
    assert [at for at in kept if at not in old] == sorted(hour for hour in hours if hour >= NOON - timedelta(days=2))
    # Midnight in New York is 4 o'clock here, and of the first day its hours begin later.
    assert [(at.day, at.hour) for at in old] == [(10, 13), (11, 4), (12, 4), (13, 4)]
    assert len(recorded(other)) == len(hours) - 1
    record_sizes(application, now=NOON)
    assert [at for slug, at, _ in recorded(application) if slug == "pro"] == kept


async def as_a_worker_does() -> None:
    await record_all_sizes.func(0)
    await sync_to_async(connections.close_all)()


@pytest.mark.django_db(transaction=True)
def test_each_application_is_a_task_of_its_own(application: Application) -> None:
    other = factories.new_application("Other").application
    for _ in range(2):  # while the tasks of the hour before still wait
        # In a thread, since browser tests leave a loop in this one.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, as_a_worker_does()).result()
    waiting = [job.args["application_id"] for job in ProcrastinateJob.objects.filter(task_name="engage.record_sizes")]
    assert sorted(waiting) == sorted([str(application.pk), str(other.pk)])
    with time_machine.travel(NOON, tick=False):
        record_sizes_task(waiting[0])
    assert RecordedSize.objects.filter(segment__application=waiting[0], recorded_at=NOON).exists()
    record_sizes_task(str(uuid.uuid4()))  # of an application that is gone
