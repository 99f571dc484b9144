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
    before = {segment.id: segment for segment in known}
    found = Segment.objects.filter(application_id=application_id)
    versions = dict(found.values_list("pk", "changed_at"))
    same = {pk: before[pk] for pk, at in versions.items() if pk in before and before[pk].changed_at == at}
    # Whatever changes between the two queries is compiled as the second finds it.
    new = {segment.pk: _compile(segment) for segment in found.filter(pk__in=versions.keys() - same.keys())}
    compiled = same | new
    return tuple(compiled[pk] for pk in versions if pk in compiled)


def _compile(segment: Segment) -> CompiledSegment:
    matches = compile_rules(segment.parsed_rules)
    return CompiledSegment(segment.pk, segment.slug, segment.name, segment.changed_at, matches)


def forget() -> None:
    """Ask the database again. This worker sees a change at once; the others within SECONDS."""
    with _lock:
        _remembered.clear()
