"""The import of a file of users: every row is an identify call from a server, and goes the way of one."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from identity import ingest
from identity.import_files import Row
from identity.models import Application
from identity.payloads import CallWarning, Identify, Refused, parse_message
from identity.values import Kind

USERS_AT_ONCE = 1_000
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
    """The kinds of the traits that the application knows, declared or first received."""
    return {trait.key: trait.kind for trait in application.traits.all() if trait.kind}


@dataclass(frozen=True, slots=True)
class _Slice:
    """Some rows, read and looked at."""

    calls: list[Identify]
    ignored: int
    refused: list[tuple[Row, str]]


def _next_slice(rows: Iterator[Row], now: datetime) -> _Slice | None:
    calls: list[Identify] = []
    refused: list[tuple[Row, str]] = []
    count = 0
    for row in islice(rows, USERS_AT_ONCE):
        count += 1
        try:
            call = None if row.problem else parse_message(row.document, now=now)
        except Refused as refusal:
            refused.append((row, refusal.message))
            continue
        if row.problem:
            refused.append((row, row.problem))
        elif call:
            calls.append(call)
    return _Slice(calls, count - len(calls) - len(refused), refused) if count else None


def import_users(
    application: Application,
    rows: Iterable[Row],
    *,
    now: datetime,
    refuse: Callable[[Row, str], None],
    progress: Callable[[Report], None],
) -> Report:
    """Identify the users of all rows. `refuse` is told each row that can't be, and why; `progress` the report after
    every thousand. What was imported stays, whatever comes later; to import it once more changes nothing."""
    report = Report()
    coming = iter(rows)
    with ThreadPoolExecutor(1) as reader:  # reads on while PostgreSQL writes
        ahead = reader.submit(_next_slice, coming, now)
        while some := ahead.result():
            ahead = reader.submit(_next_slice, coming, now)
            for row, reason in some.refused:
                refuse(row, reason)
            for warnings in ingest.identify_many(application.pk, some.calls, now=now):
                for warning in warnings:
                    report.warn(warning)
            report.applied += len(some.calls)
            report.ignored += some.ignored
            report.refused += len(some.refused)
            progress(report)
    return report
