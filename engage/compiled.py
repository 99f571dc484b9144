"""The segments of an application as a worker keeps them: compiled to Python once for each change, so that to ask which
of them a visitor is in takes neither a query nor a parse."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cachetools import LRUCache

from engage.models import Segment
from engage.operators import Moment
from engage.rules import compile_rules
from identity.values import Value

# For so long a change of segments may go unseen by a worker.
SECONDS = 1
APPLICATIONS_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class CompiledSegment:
    id: int
    slug: str
    name: str
    changed_at: datetime
    matches: Callable[[Mapping[str, Value], Moment], bool]


@dataclass(frozen=True, slots=True)
class _Remembered:
    segments: tuple[CompiledSegment, ...]
    asked_at: float


_lock = threading.Lock()
_remembered: LRUCache[uuid.UUID, _Remembered] = LRUCache(APPLICATIONS_REMEMBERED)


def compiled_segments(application_id: uuid.UUID) -> tuple[CompiledSegment, ...]:
    """The segments of an application in the order of the list, Everyone first; at most a second old. A query a second
    looks for changes, and what has changed is compiled anew."""
    with _lock:
        known = _remembered.get(application_id)
    now = time.monotonic()
    if known and now - known.asked_at < SECONDS:
        return known.segments
    segments = _refreshed(application_id, known.segments if known else ())
    with _lock:
        _remembered[application_id] = _Remembered(segments, now)
    return segments


def _refreshed(application_id: uuid.UUID, known: tuple[CompiledSegment, ...]) -> tuple[CompiledSegment, ...]:
    compiled = {(segment.id, segment.changed_at): segment for segment in known}
    found = Segment.objects.filter(application_id=application_id)
    versions = list(found.values_list("pk", "changed_at"))
    for segment in found.filter(pk__in=[version[0] for version in versions if version not in compiled]):
        compiled[segment.pk, segment.changed_at] = CompiledSegment(
            segment.pk, segment.slug, segment.name, segment.changed_at, compile_rules(segment.parsed_rules)
        )
    # What is gone by now, or changed once more since it was listed, is for the next second.
    return tuple(compiled[version] for version in versions if version in compiled)


def forget() -> None:
    """Ask the database again. This worker sees a change at once; the others within SECONDS."""
    with _lock:
        _remembered.clear()
