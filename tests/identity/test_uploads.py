"""Uploaded files of users: kept, imported by the worker, stopped and begun again, forgotten."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from identity import caches, importing, uploads
from identity.importing import Report
from identity.models import Application, ImportPart, Person, User, UserImport
from identity.models.user_import import State
from identity.tasks import forget_old_uploads, start_import
from tests import factories

pytestmark = pytest.mark.django_db

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
    assert done.columns == [{"name": "plan", "kind": ""}, {"name": "seats", "kind": "number"}]
    assert [(warning["field"], warning["rows"]) for warning in done.warnings] == [("email", 1)]
    assert done.state is State.DONE
    assert done.position == done.size == len(CSV)
    assert not done.parts.of_file().exists()
    refused = b"".join(uploads.refused_rows(done)).decode()
    assert refused.splitlines()[0] == "id,email,plan,seats,$refused"
    assert refused.splitlines()[1].startswith("null,,pro,1,line 4: ")


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
    noted: list[int] = []
    real = uploads._note

    def note(user_import: UserImport, report: Report, position: int) -> None:
        real(user_import, report, position)
        noted.append(position)

    monkeypatch.setattr(uploads, "_note", note)
    run(keep(acme, "id\n" + "".join(f"u{n}\n" for n in range(500))))
    assert noted == sorted(noted)
    assert len(noted) < 50


def test_a_job_is_made_together_with_what_it_is_for(acme: Application) -> None:
    file = SimpleUploadedFile("users.csv", CSV.encode())
    with transaction.atomic():
        start_import(acme, file, created_by=User.objects.earliest("pk"))
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()
    assert not UserImport.objects.exists()
    started = start_import(acme, file, created_by=User.objects.earliest("pk"))
    job = ProcrastinateJob.objects.get()
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
    ("signed_in", "length", "is_read"),
    [
        (True, uploads.UPLOAD_BYTES, True),
        (True, uploads.UPLOAD_BYTES + 3_000_000, False),
        (False, 1_000, True),
        (False, 3_000_000, False),
    ],
)
def test_what_is_too_large_is_refused_unread(signed_in: bool, length: int, is_read: bool) -> None:
    request = HttpRequest()
    request.user = User() if signed_in else AnonymousUser()
    handler = uploads.BoundedUpload(request)
    if is_read:
        handler.handle_raw_input(None, {}, length, "x")
    else:
        with pytest.raises(RequestDataTooBig):
            handler.handle_raw_input(None, {}, length, "x")
