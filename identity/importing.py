"""The import of a file of users: every row is an identify call from a server, and goes the way of one."""

import gc
import sys
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from queue import SimpleQueue
from threading import Thread

from django.db import connection

from identity import caches, ingest
from identity.import_files import Row
from identity.models import Application
from identity.payloads import CallWarning, Identify, Refused, parse_message
from identity.values import Kind

# One slice more than these is in memory: the next, which is made ready meanwhile.
SAVED_AT_ONCE = 2
# A slice ends with the row that passes either.
USERS_AT_ONCE = 2_000
BYTES_AT_ONCE = 4 * 1024 * 1024
# To tell the kinds of traits.
USERS_LOOKED_AT = 5_000
SWITCH_SECONDS = 0.0005
# New objects after which Python looks for cycles: more than some slices have, since there are none in them.
OBJECTS_BETWEEN_COLLECTIONS = 100_000
# Of more kinds of warnings than this, made of keys that a file may invent, only the sum is kept.
WARNINGS_KEPT = 200


@dataclass(slots=True)
class Report:
    """What became of the rows so far."""

    applied: int = 0
    # Of another type than identify, or anonymous.
    ignored: int = 0
    refused: int = 0
    # How many rows had each.
    warnings: Counter[CallWarning] = field(default_factory=Counter)

    def warn(self, warning: CallWarning) -> None:
        if warning not in self.warnings and len(self.warnings) >= WARNINGS_KEPT:
            warning = replace(warning, field="…")
        self.warnings[warning] += 1


def known_kinds(application: Application) -> dict[str, Kind]:
    """The kinds of the traits that the application knows: declared, or else those that most users have."""
    first = {trait.key: trait.kind for trait in application.traits.all() if trait.kind}
    declared = {trait.key: trait.kind for trait in application.traits.exclude(declared_kind="") if trait.kind}
    return first | _usual_kinds(application) | declared


def _usual_kinds(application: Application) -> dict[str, Kind]:
    """The JSON types that most of some thousand users have, whose keys are as good as drawn by lot. Dates are texts."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT ON (key) key, kind
            FROM (
                SELECT key, jsonb_typeof(value) AS kind, count(*) AS users
                FROM (
                    SELECT traits FROM identity_person WHERE application_id = %s ORDER BY id LIMIT %s
                ) AS looked_at, LATERAL jsonb_each(traits)
                GROUP BY key, kind
            ) AS counted
            ORDER BY key, users DESC, kind
            """,
            [application.pk, USERS_LOOKED_AT],
        )
        return {key: Kind(kind) for key, kind in cursor.fetchall()}


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some rows, with all done for them that needs no database."""

    prepared: ingest.Prepared
    # The row of each of its calls.
    rows: list[Row]
    ignored: int
    refused: list[tuple[Row, str]]
    saved: Future[ingest.Saved] = field(default_factory=Future)

    def shares_users_with(self, other: "_Slice") -> bool:
        return not set(self.prepared.ids).isdisjoint(other.prepared.ids)


def _next_slice(
    application_id: uuid.UUID, rows: Iterator[Row], known: ingest.KnownTraits, now: datetime
) -> _Slice | None:
    calls: list[Identify] = []
    called: list[Row] = []
    refused: list[tuple[Row, str]] = []
    count = size = 0
    for row in islice(rows, USERS_AT_ONCE):
        count += 1
        size += len(row.source)
        try:
            call = None if row.problem else parse_message(row.document, now=now)
        except Refused as refusal:
            # Its document may take many times as much as its source.
            refused.append((row._replace(document=None), refusal.message))
        else:
            if row.problem:
                refused.append((row, row.problem))
            elif call:
                calls.append(call)
                called.append(row)
        if size >= BYTES_AT_ONCE:
            break
    if not count:
        return None
    prepared = ingest.prepare(application_id, calls, known)
    return _Slice(prepared, called, count - len(calls) - len(refused), refused)


def import_users(
    application: Application,
    rows: Iterable[Row],
    *,
    now: datetime,
    refuse: Callable[[Row, str], None],
    progress: Callable[[Report], None],
) -> Report:
    """Identify the users of all rows. `refuse` is told each row that can't be, and why; `progress` the report after
    each slice. What was imported stays, whatever comes later; to import it once more changes nothing."""
    report = Report()
    coming = iter(rows)
    # Whoever waits for PostgreSQL goes on soon after its answer, not after 5 ms of another thread's work. It stays so:
    # the process may have other imports under way.
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    # In the order of the file, in which they are reported.
    under_way: deque[_Slice] = deque()

    def finish_first() -> None:
        some = under_way.popleft()
        _note(report, some, some.saved.result(), refuse)
        progress(report)

    with _saving(application.pk, now) as save:
        while some := _next_slice(application.pk, coming, caches.traits(application.pk), now):
            # A user of two slices is read for the second when the first is written.
            while len(under_way) == SAVED_AT_ONCE or any(some.shares_users_with(other) for other in under_way):
                finish_first()
            under_way.append(some)
            save(some)
        while under_way:
            finish_first()
    return report


def _note(report: Report, some: _Slice, saved: ingest.Saved, refuse: Callable[[Row, str], None]) -> None:
    """Add what became of a slice."""
    erased = [(some.rows[place], ingest.USER_ERASED.message) for place in saved.erased]
    refused = sorted([*some.refused, *erased], key=lambda entry: entry[0].line)
    for row, reason in refused:
        refuse(row, reason)
    for warnings in saved.warnings:
        for warning in warnings:
            report.warn(warning)
    report.applied += len(some.rows) - len(erased)
    report.ignored += some.ignored
    report.refused += len(refused)


@contextmanager
def _saving(application_id: uuid.UUID, now: datetime) -> Iterator[Callable[[_Slice], None]]:
    """Threads that save slices, each through a connection of its own: PostgreSQL works on some while Python makes the
    next one ready. All that were handed over are saved, or have failed, when the context ends."""
    handed_over: SimpleQueue[_Slice | None] = SimpleQueue()

    def save_until_none() -> None:
        with closing(connection):
            while some := handed_over.get():
                try:
                    saved = ingest.save(application_id, some.prepared, now=now, arrival_is_a_visit=False)
                except Exception as error:  # raised again by whoever asks for the result
                    some.saved.set_exception(error)
                else:
                    some.saved.set_result(saved)

    threads = [Thread(target=save_until_none) for _ in range(SAVED_AT_ONCE)]
    for thread in threads:
        thread.start()
    try:
        yield handed_over.put
    finally:
        for _ in threads:
            handed_over.put(None)
        for thread in threads:
            thread.join()
