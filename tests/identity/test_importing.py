"""The import of rows, slice after slice: one is made ready while the one before is written."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DatabaseError, connection

from identity import caches, importing
from identity.import_files import Row
from identity.importing import Report
from identity.models import Application
from tests import factories

NOW = datetime(2025, 8, 15, 9, 30, tzinfo=UTC)


@pytest.fixture
def acme(db: None, monkeypatch: pytest.MonkeyPatch) -> Application:
    caches.forget()
    monkeypatch.setattr(importing, "USERS_AT_ONCE", 2)
    return factories.new_application().application


def row(line: int, external_id: str, **traits: object) -> Row:
    return Row(line, {"id": external_id, "traits": traits})


def run(
    application: Application,
    rows: Iterator[Row],
    refuse: Callable[[Row, str], None] = lambda row, reason: None,
    progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    return importing.import_users(application, rows, now=NOW, refuse=refuse, progress=progress)


def test_what_comes_later_of_a_user_in_many_slices_counts(acme: Application) -> None:
    plans = ["free", "pro", "pro", "team", "free", "pro", "free"]
    run(acme, (row(line, "u1", plan=plan, **{f"t{line}": line}) for line, plan in enumerate(plans)))
    assert acme.people.get().traits == {"plan": "free"} | {f"t{line}": line for line in range(len(plans))}


def test_rows_are_refused_in_their_order(acme: Application) -> None:
    refused: list[int] = []
    report = run(
        acme,
        (row(line, "null" if line % 3 else f"u{line}") for line in range(20)),
        refuse=lambda row, reason: refused.append(row.line),
    )
    assert refused == [line for line in range(20) if line % 3]
    assert (report.applied, report.refused) == (7, 13)


def test_one_slice_is_read_ahead_and_no_more(acme: Application) -> None:
    read = 0
    ahead: list[int] = []

    def rows() -> Iterator[Row]:
        nonlocal read
        for line in range(20):
            read += 1
            yield row(line, f"u{line}")

    run(acme, rows(), progress=lambda report: ahead.append(read - report.applied))
    assert len(ahead) == 10
    assert max(ahead) <= 2


def test_a_slice_ends_early_where_its_rows_are_long(acme: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "USERS_AT_ONCE", 2_000)
    monkeypatch.setattr(importing, "BYTES_AT_ONCE", 25_000)
    sizes: list[int] = []
    refused: list[Row] = []

    def rows() -> Iterator[Row]:
        for line in range(12):
            yield Row(line, {"id": f"u{line}" if line % 2 else "null"}, None, b"x" * 10_000)

    report = run(
        acme,
        rows(),
        refuse=lambda row, reason: refused.append(row),
        progress=lambda report: sizes.append(report.applied + report.refused),
    )
    assert sizes == [3, 6, 9, 12]
    assert (report.applied, report.refused) == (6, 6)
    assert [row.line for row in refused] == [0, 2, 4, 6, 8, 10]
    assert [row.document for row in refused] == [None] * 6


def test_only_what_is_written_counts_when_the_database_fails(acme: Application) -> None:
    reports: list[tuple[int, int]] = []
    inserts = 0

    def fail(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        nonlocal inserts
        inserts += "INSERT INTO identity_person" in sql
        if inserts == 3:
            raise DatabaseError("the disk is full")
        return execute(sql, *arguments)

    with connection.execute_wrapper(fail), pytest.raises(DatabaseError, match="the disk is full"):
        run(
            acme,
            (row(line, f"u{line}") for line in range(20)),
            progress=lambda report: reports.append((report.applied, acme.people.count())),
        )
    assert reports == [(2, 2), (4, 4)]
    assert set(acme.people.values_list("external_id", flat=True)) == {"u0", "u1", "u2", "u3"}


def test_what_was_read_before_the_file_breaks_stays(acme: Application) -> None:
    def rows() -> Iterator[Row]:
        for line in range(5):
            yield row(line, f"u{line}")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        run(acme, rows())
    assert acme.people.count() == 4
