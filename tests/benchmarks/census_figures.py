"""What census.py runs on its database."""

import contextlib
import threading
import time
from collections.abc import Iterator

from django.db import connections
from django.utils import timezone

from engage.census import Census, record_census
from engage.models import RecordedCensus
from identity import ingest
from identity.models import Application
from identity.payloads import Identify
from tests.benchmarks.segment_figures import ms, timed

# Between one user who arrives and the next.
PAUSE_SECONDS = 0.02


@contextlib.contextmanager
def arrivals(application: Application) -> Iterator[list[float]]:
    """How many seconds each of the users takes who arrive meanwhile, with another plan than before."""
    took: list[float] = []
    is_over = threading.Event()

    def arrive() -> None:
        while not is_over.wait(PAUSE_SECONDS):
            now = timezone.now()
            call = Identify(f"user_{len(took)}", {}, {"plan": f"plan {len(took)}"}, now)
            timed(lambda: ingest.identify(application.pk, call, now=now), took)  # noqa: B023 - called at once
        connections.close_all()

    thread = threading.Thread(target=arrive)
    thread.start()
    try:
        yield took
    finally:
        is_over.set()
        thread.join()


def main(slug: str, rounds: int) -> None:
    application = Application.objects.get(slug=slug)
    took: list[float] = []
    for _ in range(rounds):
        timed(lambda: record_census(application, now=timezone.now()), took)
    recorded = RecordedCensus.objects.get()
    print(f"{recorded.users:,} users, {len(recorded.traits)} traits: {ms(took)} ms")
    beside: list[float] = []
    with arrivals(application) as arrived_alone:
        time.sleep(max(took))
    with arrivals(application) as arrived:
        timed(lambda: record_census(application, now=timezone.now()), beside)
    print(f"while users arrive: {ms(beside)} ms")
    for name, each in (("without a census", arrived_alone), ("beside a census", arrived)):
        print(f"identify {name}: {ms(each)} ms, the slowest {max(each) * 1000:,.0f} ms")
    read: list[float] = []
    for _ in range(rounds):
        timed(lambda: Census(application, with_top=True).traits, read)
    print(f"to read what was recorded: {ms(read)} ms")
