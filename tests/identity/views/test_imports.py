"""Settings > Import, by each who may and may not."""

import html
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateWorker
from procrastinate.contrib.django.procrastinate_app import app

from identity import uploads
from identity.models import Application, Role, UserImport
from tests import factories

CSV = b"id,plan\nu1,pro\nnull,<b>x</b>\n"
PAGES = ["", "{}/", "{}/progress/", "{}/refused/"]


@pytest.fixture
def acme(transactional_db: None) -> Application:
    return factories.new_application().application


@pytest.fixture
def done(acme: Application) -> UserImport:
    kept = uploads.keep(acme, upload("<b>users.csv"), created_by=factories.teammate(acme).user)
    uploads.run(kept, must_stop=lambda: False)
    return kept


def upload(name: str = "users.csv", body: bytes = CSV) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, body)


def sign_in(client: Client, application: Application, role: Role = Role.EDITOR) -> None:
    client.force_login(factories.teammate(application, role).user)


def text(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_an_upload_is_kept_for_the_worker(acme: Application, client: Client) -> None:
    sign_in(client, acme)
    answer = client.post("/acme/settings/import/", {"file": upload()}, follow=True)
    kept = UserImport.objects.get(application=acme)
    assert answer.redirect_chain == [(f"/acme/settings/import/{kept.pk}/", 302)]
    assert b"".join(bytes(part.content) for part in kept.parts.of_file()) == CSV
    assert kept.created_by is not None
    assert not acme.people.exists()
    assert "No worker is running." in answer.content.decode()
    assert 'hx-trigger="every 1s"' in answer.content.decode()
    with app.open():
        # What other tests left of theirs goes, and what this one makes.
        app.job_manager.connector.execute_query("DELETE FROM procrastinate_workers")
        app.job_manager.connector.execute_query("INSERT INTO procrastinate_workers DEFAULT VALUES")
    assert ProcrastinateWorker.objects.count() == 1
    assert "It begins in a moment." in text(client, f"/acme/settings/import/{kept.pk}/progress/")


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (None, "Choose a file."),
        (upload(body=b""), "The file is empty."),
    ],
)
def test_errors_stand_at_the_field(
    acme: Application, client: Client, file: SimpleUploadedFile | None, problem: str
) -> None:
    sign_in(client, acme)
    answer = client.post("/acme/settings/import/", {"file": file} if file else {})
    assert answer.status_code == 422
    assert problem in html.unescape(answer.content.decode())
    assert not UserImport.objects.exists()


def test_a_file_over_the_limit_is_refused(acme: Application, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("identity.forms.UPLOAD_BYTES", len(CSV) - 1)
    sign_in(client, acme)
    answer = client.post("/acme/settings/import/", {"file": upload()})
    assert (answer.status_code, UserImport.objects.count()) == (422, 0)
    assert "larger than 200 MB" in answer.content.decode()


def test_only_some_files_wait(acme: Application, client: Client, django_assert_max_num_queries: Any) -> None:
    sign_in(client, acme)
    for _ in range(uploads.IMPORTS_WAITING):
        assert client.post("/acme/settings/import/", {"file": upload()}).status_code == 302
    answer = client.post("/acme/settings/import/", {"file": upload()})
    assert (answer.status_code, UserImport.objects.count()) == (422, uploads.IMPORTS_WAITING)
    assert "5 files are waiting already" in answer.content.decode()
    with django_assert_max_num_queries(5):
        client.get("/acme/settings/import/")
    other = factories.new_application("Other").application
    sign_in(client, other)
    assert client.post(f"/{other.slug}/settings/import/", {"file": upload()}).status_code == 302


def test_what_is_far_too_large_is_not_even_read(db: None) -> None:
    stranger = Client(enforce_csrf_checks=True)  # which reads the form before any view is asked
    stranger.get("/sign-in/")  # gives the cookie, without which it would not
    answer = stranger.post("/acme/settings/import/", {"file": upload(body=b"x" * 3_000_000)})
    assert answer.status_code == 413
    assert "That is too large" in answer.content.decode()


def test_what_became_of_it_is_shown(acme: Application, done: UserImport, client: Client) -> None:
    sign_in(client, acme, Role.VIEWER)
    page = client.get(f"/acme/settings/import/{done.pk}/").content.decode()
    assert "&lt;b&gt;users.csv" in page
    assert "every 1s" not in page
    assert "Download refused rows" in page
    assert "<b>users" not in page + client.get("/acme/settings/import/").content.decode()


def test_refused_rows_are_a_file(acme: Application, done: UserImport, client: Client) -> None:
    sign_in(client, acme, Role.VIEWER)
    answer = client.get(f"/acme/settings/import/{done.pk}/refused/")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="<b>users.refused.csv"'
    assert b"".join(answer.streaming_content).splitlines()[1].endswith(b'.",null,<b>x</b>')  # type: ignore[attr-defined]
    done.parts.all().delete()
    assert client.get(f"/acme/settings/import/{done.pk}/refused/").status_code == 404
    assert "are gone" in text(client, f"/acme/settings/import/{done.pk}/")


def test_a_job_that_failed_says_so(acme: Application, client: Client) -> None:
    sign_in(client, acme)
    client.post("/acme/settings/import/", {"file": upload()})
    kept = UserImport.objects.get()
    app.job_manager.connector.execute_query(
        "UPDATE procrastinate_jobs SET status = 'failed' WHERE id = %(id)s", id=kept.job_id
    )
    page = text(client, f"/acme/settings/import/{kept.pk}/")
    assert "Something went wrong on our side" in page
    assert "every 1s" not in page


def test_who_only_reads_uploads_nothing(acme: Application, client: Client) -> None:
    sign_in(client, acme, Role.VIEWER)
    assert 'type="file"' not in text(client, "/acme/settings/import/")
    assert client.post("/acme/settings/import/", {"file": upload()}).status_code == 403
    assert not UserImport.objects.exists()


@pytest.mark.parametrize("page", PAGES)
def test_strangers_find_nothing(acme: Application, done: UserImport, client: Client, page: str) -> None:
    path = f"/acme/settings/import/{page.format(done.pk)}"
    assert client.get(path).url.startswith("/sign-in/")  # type: ignore[attr-defined]
    other = factories.new_application("Other").application
    sign_in(client, other, Role.OWNER)
    assert client.get(path).status_code == 404
    if page:
        assert client.get(path.replace("/acme/", f"/{other.slug}/")).status_code == 404


@pytest.mark.parametrize("page", PAGES[1:])
def test_pages_only_read(acme: Application, done: UserImport, client: Client, page: str) -> None:
    sign_in(client, acme, Role.OWNER)
    assert client.post(f"/acme/settings/import/{page.format(done.pk)}").status_code == 405
