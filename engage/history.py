"""The size of segments over time."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from engage.models import RecordedSize, Segment
from engage.sizes import SegmentSize, sizes
from identity.models import Application

# So many conditions go into one pass over the users.
SEGMENTS_AT_ONCE = 100


@transaction.atomic
def _write(counted: Sequence[SegmentSize], hour: datetime) -> None:
    # To count takes its time, in which segments are deleted.
    ids = [size.segment.pk for size in counted]
    still_there = set(Segment.objects.filter(pk__in=ids).select_for_update(no_key=True).values_list("pk", flat=True))
    RecordedSize.objects.bulk_create(
        [
            RecordedSize(segment=size.segment, recorded_at=hour, users=size.count)
            for size in counted
            if size.segment.pk in still_there
        ],
        ignore_conflicts=True,  # another worker was first
    )


def record_sizes(application: Application, *, now: datetime) -> None:
    """Record how many users each segment has now, under the beginning of this hour, unless that is done already; and
    thin out what was recorded long ago."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    waiting = list(Segment.objects.filter(application=application).exclude(recorded_sizes__recorded_at=hour))
    for start in range(0, len(waiting), SEGMENTS_AT_ONCE):
        _write(sizes(application, waiting[start : start + SEGMENTS_AT_ONCE], now=now), hour)
    RecordedSize.objects.thin_out(application, now=now)
