"""The size of segments over time."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models.functions import TruncDate

from engage.models import RecordedSize, Segment
from engage.sizes import SegmentSize, sizes
from identity.models import Application

# So many conditions go into one pass over the users.
SEGMENTS_AT_ONCE = 100
# So far back pictures go.
DAYS_SHOWN = 30

# How many users a segment had on days, in their order: the first size that was recorded of each.
DailySizes = list[tuple[date, int]]


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


def daily_sizes(
    application: Application, segments: Sequence[Segment], *, now: datetime, days: int = DAYS_SHOWN
) -> dict[int, DailySizes]:
    """What was recorded of segments in the last days, as the application's time zone has them; by primary keys. Days of
    which nothing was recorded are left out."""
    found = (
        RecordedSize.objects.filter(segment__in=segments, recorded_at__gte=now - timedelta(days=days))
        .annotate(day=TruncDate("recorded_at", tzinfo=application.zone))
        .order_by("segment_id", "day", "recorded_at")
        .distinct("segment_id", "day")
        .values_list("segment_id", "day", "users")
    )
    sizes_of: dict[int, DailySizes] = {segment.pk: [] for segment in segments}
    for segment_id, day, users in found:
        sizes_of[segment_id].append((day, users))
    return sizes_of
