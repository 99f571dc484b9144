"""The import of a file of users: every row is an identify call from a server, and goes the way of one."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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
    # How many rows had a warning, by its code and field.
    warnings: Counter[tuple[str, str]] = field(default_factory=Counter)

    def warn(self, warning: CallWarning) -> None:
        kind = (warning.code, warning.field)
        if kind not in self.warnings and len(self.warnings) >= WARNINGS_KEPT:
            kind = (warning.code, "…")
        self.warnings[kind] += 1


def known_kinds(application: Application) -> dict[str, Kind]:
    """The kinds of the traits that the application knows, declared or first received."""
    return {trait.key: trait.kind for trait in application.traits.all() if trait.kind}


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
    while some := list(islice(coming, USERS_AT_ONCE)):
        calls: list[Identify] = []
        for row in some:
            try:
                if row.problem is not None:
                    raise Refused(400, "invalid_row", row.problem)
                call = parse_message(row.document, now=now)
            except Refused as refused:
                report.refused += 1
                refuse(row, refused.message)
                continue
            if call is None:
                report.ignored += 1
            else:
                calls.append(call)
        for warnings in ingest.identify_many(application.pk, calls, now=now):
            for warning in warnings:
                report.warn(warning)
        report.applied += len(calls)
        progress(report)
    return report
