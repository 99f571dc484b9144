"""What the worker does in the background for engage. Each task can be begun again from its start."""

import uuid

from django.db import InterfaceError, OperationalError
from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from engage import history
from identity.models import Application


@app.periodic(cron="0 * * * *")
@app.task(name="engage.record_all_sizes")
async def record_all_sizes(timestamp: int) -> None:
    """One task for each application, so that a large one does not hold up the others."""
    async for pk in Application.objects.values_list("pk", flat=True):
        try:
            await record_sizes.configure(queueing_lock=f"record_sizes:{pk}").defer_async(application_id=str(pk))
        except AlreadyEnqueued:  # the worker is an hour behind
            continue


@app.task(
    name="engage.record_sizes",
    retry=RetryStrategy(max_attempts=10, wait=30, retry_exceptions=[OperationalError, InterfaceError]),
)
def record_sizes(application_id: str) -> None:
    application = Application.objects.filter(pk=uuid.UUID(application_id)).first()
    if application:
        history.record_sizes(application, now=timezone.now())
