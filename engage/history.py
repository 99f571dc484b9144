"""The size of segments over time."""

from datetime import datetime

from engage.models import RecordedSize, Segment
from engage.sizes import sizes
from identity.models import Application

# So many conditions go into one pass over the users.
SEGMENTS_AT_ONCE = 100


def record_sizes(application: Application, *, now: datetime) -> None:
    """Record how many users each segment has now, under the beginning of this hour, unless that is done already; and
    thin out what was recorded long ago."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    waiting = list(Segment.objects.filter(application=application).exclude(recorded_sizes__recorded_at=hour))
    for start in range(0, len(waiting), SEGMENTS_AT_ONCE):
        counted = sizes(application, waiting[start : start + SEGMENTS_AT_ONCE], now=now)
        RecordedSize.objects.bulk_create(
            [RecordedSize(segment=size.segment, recorded_at=hour, users=size.count) for size in counted],
            ignore_conflicts=True,  # another worker was first
        )
    RecordedSize.objects.thin_out(application, now=now)
