"""What the worker does in the background for engage. Each task can be begun again from its start."""

import uuid
from contextlib import suppress

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import JobDeferrer

from engage import census, history
from identity.models import Application

# The database may be away for a while.
RETRY = RetryStrategy(max_attempts=10, wait=30, retry_exceptions=[OperationalError, InterfaceError])


@app.periodic(cron="0 * * * *")
@app.task(name="engage.record_all_sizes")
async def record_all_sizes(timestamp: int) -> None:
    """One task for each application, so that a large one does not hold up the others."""
    async for pk in Application.objects.values_list("pk", flat=True):
        with suppress(AlreadyEnqueued):  # the worker is an hour behind
            await record_sizes.configure(queueing_lock=f"record_sizes:{pk}").defer_async(application_id=str(pk))


@app.task(name="engage.record_sizes", retry=RETRY)
def record_sizes(application_id: str) -> None:
    application = Application.objects.filter(pk=uuid.UUID(application_id)).first()
    if application:
        history.record_sizes(application, now=timezone.now())


@app.periodic(cron="20 * * * *")
@app.task(name="engage.record_all_censuses")
async def record_all_censuses(timestamp: int) -> None:
    async for pk in Application.objects.values_list("pk", flat=True):
        with suppress(AlreadyEnqueued):
            await _census_of(pk).defer_async(application_id=str(pk))


@app.task(name="engage.record_census", retry=RETRY)
def record_census(application_id: str) -> None:
    application = Application.objects.filter(pk=uuid.UUID(application_id)).first()
    if application:
        census.record_census(application, now=timezone.now())


def start_census(application: Application) -> None:
    """Let the worker count the users of a large application, unless it is about to."""
    with suppress(AlreadyEnqueued), transaction.atomic():
        _census_of(application.pk).defer(application_id=str(application.pk))


def is_counting(application: Application) -> bool:
    """Whether a census is waiting for the worker, or being taken."""
    waiting = ProcrastinateJob.objects.filter(queueing_lock=_census_lock(application.pk))
    return waiting.filter(status__in=("todo", "doing")).exists()


def _census_of(pk: uuid.UUID) -> JobDeferrer:
    # One after another for each application.
    return record_census.configure(lock=_census_lock(pk), queueing_lock=_census_lock(pk))


def _census_lock(pk: uuid.UUID) -> str:
    return f"census:{pk}"
