"""Uploaded files of users: kept, imported by the worker, stopped and begun again, forgotten."""

import itertools
from datetime import timedelta
from typing import cast

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django.models import ProcrastinateJob

from identity import caches, importing, uploads
from identity.models import Application, ImportPart, Person, User, UserImport
from identity.models.user_import import State
from identity.tasks import forget_old_uploads, run_import, start_import
from tests import factories

# The import has connections of its own.
pytestmark = pytest.mark.django_db(transaction=True)

CSV = """id,email,plan,seats
u1,ann@example.com,pro,3
u2,no address,free,12
null,,pro,1
"""


@pytest.fixture
def acme() -> Application:
    caches.forget()
    return factories.new_application().application


def keep(application: Application, body: str | bytes = CSV, name: str = "users.csv") -> UserImport:
    content = body.encode() if isinstance(body, str) else body
    return uploads.keep(application, SimpleUploadedFile(name, content), created_by=User.objects.earliest("pk"))


def run(user_import: UserImport, stops_after: int = 1_000_000) -> UserImport:
    """Import it, told to stop after so many slices."""
    slices = iter(range(stops_after))
    uploads.run(user_import, must_stop=lambda: next(slices, None) is None)
    return UserImport.objects.get(pk=user_import.pk)


def test_a_file_is_imported_and_then_forgotten(acme: Application) -> None:
    done = run(keep(acme))
    assert dict(acme.people.values_list("external_id", "traits")) == {
        "u1": {"plan": "pro", "seats": 3},
        "u2": {"plan": "free", "seats": 12},
    }
    assert (done.applied, done.ignored, done.refused) == (2, 0, 1)
    assert done.columns == [
        {"name": "plan", "kind": "", "odd_line": None},
        {"name": "seats", "kind": "number", "odd_line": None},
    ]
    assert [(warning["field"], warning["rows"]) for warning in done.warnings] == [("email", 1)]
    assert done.state is State.DONE
    assert done.position == done.size == len(CSV)
    assert not done.parts.of_file().exists()
    refused = b"".join(uploads.refused_rows(done)).decode()
    assert refused.splitlines()[0] == '"$refused",id,email,plan,seats'
    assert refused.splitlines()[1].startswith('"line 4: ')
    assert refused.splitlines()[1].endswith('",null,,pro,1')


def test_columns_are_read_as_most_users_have_them(acme: Application) -> None:
    """Not as the first value came, which may have been a slip."""
    for number, seats in enumerate(["n/a", 1, 2, 3]):
        factories.person(acme, {"seats": seats, "zip": "12345" if number else 1}, id=f"old{number}")
    assert acme.traits.get(key="seats").first_kind == "string"
    done = run(keep(acme, "id,seats,zip\nu1,7,10115\nu2,n/a,10117\n"))
    assert [column["kind"] for column in done.columns] == ["number", ""]
    assert acme.people.get(external_id="u1").traits == {"seats": 7, "zip": "10115"}
    assert acme.people.get(external_id="u2").traits == {"seats": "n/a", "zip": "10117"}


def test_rows_in_another_encoding_come_back_as_they_were(acme: Application) -> None:
    """Imported unmended, they are refused again, and nobody is called J�rg."""
    body = "id,name\nu1,Ann\nu2,Jörg\n".encode("cp1252")
    for _ in range(2):
        done = run(keep(acme, body))
        body = b"".join(uploads.refused_rows(done))
        assert done.refused == 1
        assert "Jörg".encode("cp1252") in body
    assert list(acme.people.values_list("name", flat=True)) == ["Ann"]


def test_a_column_says_why_it_is_no_number(acme: Application) -> None:
    done = run(keep(acme, "id,seats,note\nu1,7,x\nu2,,y\nu3,n/a,z\nu4,8,5\n"))
    assert done.columns == [
        {"name": "seats", "kind": "", "odd_line": 4},
        {"name": "note", "kind": "", "odd_line": None},
    ]


@pytest.mark.parametrize(("body", "problem"), [("id,plan\n", "no rows"), (b"PK\x03\x04...", "Excel workbook")])
def test_files_that_bring_nobody_say_why(acme: Application, body: str | bytes, problem: str) -> None:
    done = run(keep(acme, body))
    assert (done.state, problem in done.problem) == (State.FAILED, True)


def test_json_lines_are_told_by_their_name(acme: Application) -> None:
    done = run(keep(acme, '{"id": "u1", "traits": {"beta": true}}\n[]\n', "users.jsonl"))
    assert (done.applied, done.refused, done.columns) == (1, 1, [])
    assert Person.objects.get().traits == {"beta": True}


def test_what_can_not_be_read_says_why(acme: Application) -> None:
    done = run(keep(acme, "e-mail\nann@example.com\n"))
    assert done.state is State.FAILED
    assert done.problem == "The header has no column “id”."
    assert not ImportPart.objects.exists()


def test_files_larger_than_a_part_come_back_whole(acme: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PART_BYTES", 50)
    body = ("id,plan\n" + "".join(f"u{n},é{n}\n" for n in range(100)) + "null,x\n" * 20).encode()
    with TemporaryUploadedFile("users.csv", "text/csv", len(body), None) as file:
        file.write(body)
        kept = uploads.keep(acme, file, created_by=User.objects.earliest("pk"))
    assert kept.parts.of_file().count() == -(-len(body) // 50)
    done = run(kept)
    assert (done.applied, done.refused) == (100, 20)
    assert done.parts.of_refused_rows().count() > 5
    assert len(b"".join(uploads.refused_rows(done)).decode().splitlines()) == 21


def test_an_import_that_was_stopped_begins_again(acme: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "USERS_AT_ONCE", 10)
    monkeypatch.setattr(uploads, "NOTE_SECONDS", 0)
    kept = keep(acme, "id\n" + "null\n" + "".join(f"u{n}\n" for n in range(40)))
    with pytest.raises(uploads.Stopped):
        run(kept, stops_after=2)
    stopped = UserImport.objects.get()
    assert stopped.state is State.RUNNING
    assert 0 < stopped.position < stopped.size
    assert 0 < acme.people.count() < 40
    done = run(stopped)
    assert (done.state, done.applied, done.refused, acme.people.count()) == (State.DONE, 40, 1, 40)
    assert b"".join(uploads.refused_rows(done)).count(b"null") == 1


def test_progress_is_noted_now_and_then(acme: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "USERS_AT_ONCE", 10)
    kept = keep(acme, "id\n" + "".join(f"u{n}\n" for n in range(500)))
    clock = itertools.count(0, 0.1)
    monkeypatch.setattr("identity.uploads.time.monotonic", lambda: next(clock))
    noted = []

    def look() -> bool:
        noted.append(UserImport.objects.values_list("position", "applied").get(pk=kept.pk))
        return False

    uploads.run(kept, must_stop=look)
    assert noted == sorted(noted)
    assert 5 < len(set(noted)) < 30


# Runs that overlap


def test_a_paused_worker_does_not_undo_what_another_finished(
    acme: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "USERS_AT_ONCE", 10)
    monkeypatch.setattr(uploads, "NOTE_SECONDS", 0)
    kept = keep(acme, "id\nnull\n" + "".join(f"u{n}\n" for n in range(40)))
    others = iter([kept])

    def pause() -> bool:
        for other in others:
            uploads.run(other, must_stop=lambda: False)
        return False

    with pytest.raises(uploads.TakenOver):
        uploads.run(UserImport.objects.get(pk=kept.pk), must_stop=pause)
    done = UserImport.objects.get(pk=kept.pk)
    assert (done.state, done.applied, done.refused) == (State.DONE, 40, 1)
    assert b"".join(uploads.refused_rows(done)).count(b"null") == 1


def test_only_one_of_two_runs_that_begin_at_once_goes_on(acme: Application) -> None:
    kept = keep(acme)
    run(kept)
    with pytest.raises(uploads.TakenOver):
        uploads.run(kept, must_stop=lambda: False)
    assert UserImport.objects.get().runs == 1


def test_a_deleted_import_stays_deleted(acme: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "NOTE_SECONDS", 0)
    kept = keep(acme)

    def delete() -> bool:
        UserImport.objects.filter(pk=kept.pk).delete()
        return False

    with pytest.raises(uploads.TakenOver):
        uploads.run(kept, must_stop=delete)
    assert not UserImport.objects.exists()


def test_an_application_that_goes_takes_its_import_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next users of the file have no application any more, which is nobody's mistake."""
    caches.forget()
    acme = factories.new_application().application
    monkeypatch.setattr(importing, "USERS_AT_ONCE", 10)
    kept = keep(acme, "id\n" + "".join(f"u{n}\n" for n in range(40)))

    class Context:
        def should_abort(self) -> bool:
            Application.objects.filter(pk=acme.pk).delete()
            return False

    run_import(cast(JobContext, Context()), kept.pk)
    assert not UserImport.objects.exists()
    assert not Person.objects.exists()


def test_an_import_is_no_visit(acme: Application) -> None:
    body = "id,timestamp\nold,2025-01-02T00:00:00Z\nknown,\n"
    early = timezone.now() - timedelta(days=10)
    with time_machine.travel(early, tick=False):
        run(keep(acme, body))
    before = dict(acme.people.values_list("external_id", "last_seen"))
    assert before["known"] == early
    run(keep(acme, body))
    assert dict(acme.people.values_list("external_id", "last_seen")) == before
    run(keep(acme, "id,timestamp\nold,2025-02-02T00:00:00Z\n"))
    assert acme.people.get(external_id="old").last_seen.month == 2


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"id": "a", "traits": {"\\u0000": 1}}\n', "u.jsonl"),
        ('{"id": "a", "traits": {"\\ud800": 1}}\n', "u.jsonl"),
        ('{"id": "a", "\\u0000": 1}\n', "u.jsonl"),
    ],
)
def test_what_can_not_be_stored_is_only_a_warning(acme: Application, body: str, name: str) -> None:
    done = run(keep(acme, '{"id": "ok"}\n' + body if name == "u.jsonl" else body, name))
    assert done.finished_at
    assert acme.people.filter(external_id="a").exists()
    assert "\ufffd" in str(done.warnings)


def test_a_job_is_made_together_with_what_it_is_for(acme: Application) -> None:
    file = SimpleUploadedFile("users.csv", CSV.encode())
    with transaction.atomic():
        start_import(acme, file, created_by=User.objects.earliest("pk"))
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()
    assert not UserImport.objects.exists()
    started = start_import(acme, file, created_by=User.objects.earliest("pk"))
    job = ProcrastinateJob.objects.get()
    assert job.lock == f"import:{acme.pk}"
    assert (job.pk, job.task_name, job.args) == (started.job_id, "identity.run_import", {"import_id": started.pk})
    assert started.state is State.WAITING


def test_refused_rows_are_kept_for_a_month(acme: Application) -> None:
    old, new = run(keep(acme)), run(keep(acme))
    never_run = keep(acme)
    UserImport.objects.filter(pk__in=[old.pk, never_run.pk]).update(created_at=timezone.now() - timedelta(days=31))
    forget_old_uploads(0)
    assert set(ImportPart.objects.values_list("user_import", flat=True)) == {new.pk}


@pytest.mark.parametrize("fields", [{"position": 11}, {"finished_at": timezone.now()}])
def test_the_database_refuses_what_can_not_be(acme: Application, fields: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        UserImport.objects.create(application=acme, file_name="users.csv", size=10, **fields)


@pytest.mark.parametrize(
    ("path", "signed_in", "length", "is_read"),
    [
        ("/acme/settings/import/", True, uploads.UPLOAD_BYTES, True),
        ("/acme/settings/import/", True, uploads.UPLOAD_BYTES + 3_000_000, False),
        ("/acme/settings/import/", False, 1_000, True),
        ("/acme/settings/import/", False, 3_000_000, False),
        ("/acme/settings/keys/", True, 3_000_000, False),
    ],
)
def test_what_is_too_large_is_refused_unread(path: str, signed_in: bool, length: int, is_read: bool) -> None:
    request = HttpRequest()
    request.path_info = path
    request.user = User() if signed_in else AnonymousUser()
    handler = uploads.BoundedUpload(request)
    if is_read:
        handler.handle_raw_input(None, {}, length, "x")
    else:
        with pytest.raises(RequestDataTooBig):
            handler.handle_raw_input(None, {}, length, "x")
