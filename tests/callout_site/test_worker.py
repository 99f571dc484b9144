"""`manage.py worker`: it imports what was uploaded, ends when it is told to, and leaves nothing undone."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.contrib.django.procrastinate_app import app

from callout_site import background
from identity.models import Application, UserImport
from identity.models.user_import import State
from identity.tasks import start_import
from tests import factories
from tests.callout_site.checkout import wait_until

MANY = 120_000

Start = Callable[[], "subprocess.Popen[str]"]


@pytest.fixture
def acme(transactional_db: None) -> Application:
    return factories.new_application().application


@pytest.fixture
def start(transactional_db: None) -> Iterator[Start]:
    """Starts workers on the database of the test, which end with it."""
    user, password, host, port, name = (
        quote(str(connection.settings_dict[part]), safe="") for part in ("USER", "PASSWORD", "HOST", "PORT", "NAME")
    )
    address = f"postgresql://{user}:{password}@{host}:{port}/{name}"
    environment = os.environ | {"DATABASE_URL": address, "SECRET_KEY": "for this test"}
    workers: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        worker = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        workers.append(worker)
        return worker

    yield start
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
            worker.communicate()


def upload(application: Application, users: int) -> UserImport:
    body = "id,plan\n" + "".join(f"u{n},pro\n" for n in range(users))
    by = application.teammates.get().user
    return start_import(application, SimpleUploadedFile("users.csv", body.encode()), created_by=by)


def is_done(user_import: UserImport) -> bool:
    user_import.refresh_from_db()
    return user_import.finished_at is not None


def is_in_the_middle(user_import: UserImport) -> bool:
    user_import.refresh_from_db()
    assert user_import.finished_at is None, "it was too quick to be caught in the middle"
    return user_import.applied > 0


def test_what_never_started_ends_nobody_else() -> None:
    """To a signal 0 is no process, but all of the group."""
    stop = "from callout_site.background import ForkedWorker; ForkedWorker().stop(); print('still here')"
    script = f"import django; django.setup(); {stop}"
    command = [sys.executable, "-c", script]
    env = os.environ | {"DJANGO_SETTINGS_MODULE": "callout_site.settings"}
    ran = subprocess.run(
        command, cwd=settings.BASE_DIR, env=env, start_new_session=True, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "still here\n"), ran.stderr


def test_uploads_are_imported_as_they_come(acme: Application, start: Start) -> None:
    first = upload(acme, 10)
    worker = start()
    wait_until(lambda: is_done(first))
    second = upload(acme, 20)
    wait_until(lambda: is_done(second))
    assert acme.people.count() == 20
    wait_until(lambda: not ProcrastinateJob.objects.filter(task_name="identity.run_import").exists())
    worker.terminate()
    assert worker.communicate()[0] == "Worker started.\nWorker stopped.\n"
    assert worker.returncode == 0


def test_a_worker_that_is_told_to_end_leaves_its_import_to_the_next(acme: Application, start: Start) -> None:
    large = upload(acme, MANY)
    worker = start()
    wait_until(lambda: is_in_the_middle(large))
    worker.send_signal(signal.SIGINT)
    assert worker.communicate()[0] == "Worker started.\nWorker stopped.\n"
    assert worker.returncode == 0
    assert not is_done(large)
    assert ProcrastinateJob.objects.get(pk=large.job_id).status == "todo"
    start()
    wait_until(lambda: is_done(large))
    assert acme.people.count() == MANY


def test_what_a_killed_worker_left_is_taken_up(
    acme: Application, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = upload(acme, MANY)
    worker = start()
    wait_until(lambda: is_in_the_middle(large))
    worker.kill()
    worker.communicate()
    assert ProcrastinateJob.objects.get(pk=large.job_id).status == "doing"
    app.job_manager.connector.execute_query(
        "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'"
    )
    start()  # looks at once, and then each minute
    wait_until(lambda: is_done(large))
    assert acme.people.count() == MANY
    assert background.STALLED_SECONDS >= 20  # two signs of life must fail before a worker counts as dead


def test_what_takes_its_workers_with_it_is_given_up(acme: Application, start: Start) -> None:
    kept = upload(acme, 10)
    app.job_manager.connector.execute_query(
        "UPDATE procrastinate_jobs SET status = 'doing', attempts = %(attempts)s WHERE id = %(id)s",
        attempts=background.ATTEMPTS,
        id=kept.job_id,
    )
    start()
    wait_until(lambda: ProcrastinateJob.objects.get(pk=kept.job_id).status == "failed")
    assert UserImport.objects.get().state is State.FAILED
