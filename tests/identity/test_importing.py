"""The import of rows, slice after slice: one is made ready while others are written."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

from identity import caches, importing
from identity.import_files import Row
from identity.importing import Report
from identity.models import Application
from identity.models.trait import TRAITS_PER_APPLICATION
from tests import factories

NOW = datetime(2025, 8, 15, 9, 30, tzinfo=UTC)


@pytest.fixture
def acme(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Application:
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


def test_few_slices_are_read_ahead(acme: Application) -> None:
    read = 0
    ahead: list[int] = []

    def rows() -> Iterator[Row]:
        nonlocal read
        for line in range(20):
            read += 1
            yield row(line, f"u{line}")

    run(acme, rows(), progress=lambda report: ahead.append(read - report.applied))
    assert len(ahead) == 10
    assert max(ahead) <= (importing.SAVED_AT_ONCE + 1) * 2


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


@pytest.fixture
def no_room_for_u4(acme: Application) -> Iterator[None]:
    """A database that fails with the third slice."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE identity_person ADD CONSTRAINT no_u4 CHECK (external_id <> 'u4')")
    yield
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE identity_person DROP CONSTRAINT no_u4")


def test_only_what_is_written_counts_when_the_database_fails(acme: Application, no_room_for_u4: None) -> None:
    reports: list[int] = []
    with pytest.raises(DatabaseError, match="no_u4"):
        run(
            acme,
            (row(line, f"u{line}") for line in range(20)),
            progress=lambda report: reports.append(report.applied),
        )
    assert reports == [2, 4]
    # What was under way at that moment may have been written as well, or not.
    stored = set(acme.people.values_list("external_id", flat=True))
    assert {"u0", "u1", "u2", "u3"} <= stored < {f"u{line}" for line in range(4 + 2 * (importing.SAVED_AT_ONCE + 1))}


def test_no_connection_is_left_open(acme: Application) -> None:
    with connection.cursor() as cursor:
        before = connected(cursor)
        run(acme, (row(line, f"u{line}") for line in range(20)))
        for _ in range(100):  # they end a moment after they are closed
            if connected(cursor) <= before:
                break
            time.sleep(0.05)
        else:
            pytest.fail("A thread left its connection open.")


def connected(cursor: CursorWrapper) -> set[int]:
    cursor.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    )
    return {pid for (pid,) in cursor.fetchall()}


def test_what_was_read_before_the_file_breaks_stays(acme: Application) -> None:
    def rows() -> Iterator[Row]:
        for line in range(5):
            yield row(line, f"u{line}")
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        run(acme, rows())
    assert acme.people.count() == 4


def test_slices_that_are_saved_at_once_keep_to_the_limit_of_traits(acme: Application) -> None:
    names = iter(range(10_000))
    run(acme, (row(line, f"u{line}", **{f"t{next(names)}": 1 for _ in range(100)}) for line in range(12)))
    assert acme.traits.count() == TRAITS_PER_APPLICATION
