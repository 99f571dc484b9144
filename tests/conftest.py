"""What all tests share: the database they run on, and the promise that none is left out where none may be."""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as site
from django.db import connection
from pytest_django import Settings

from callout_site import embedded_postgres
from identity import rate_limits


@pytest.fixture(autouse=True)
def cheap_passwords(settings: Settings) -> None:
    """The real hash takes a third of a second by design, and nearly every test has an account."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def no_calls_yet() -> None:
    """All tests call from one address, and faster than any visitor."""
    rate_limits.by_address.clear()
    rate_limits.by_secret_key.clear()


@pytest.fixture(autouse=True)
def kept_secret_key(settings: Settings) -> None:
    """As in production, where SECRET_KEY is set: what is encrypted can be decrypted later."""
    settings.SECRET_KEY_IS_KEPT = True


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Without DATABASE_URL, start the embedded PostgreSQL when the first test needs it. It stops with this process."""
    if os.environ.get("DATABASE_URL"):
        return
    try:
        embedded_postgres.start(site.BASE_DIR)
    except embedded_postgres.Unavailable as error:
        pytest.exit(str(error), returncode=1)
    # What tests commit need not outlive the server, so they don't wait for the disk.
    site.DATABASES["default"].setdefault("OPTIONS", {})["options"] = "-c synchronous_commit=off"
    number = first_free_number(embedded_postgres.folder(site.BASE_DIR))
    site.DATABASES["default"].setdefault("TEST", {})["NAME"] = f"test_callout_{number}"


@pytest.fixture
def no_jobs_left(transactional_db: None) -> Iterator[None]:
    """After tests that commit: what they left for the worker is not theirs to clear away with their tables."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def fail_jobs() -> None:
    """As if a mistake of ours had ended them all."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'failed'")


def first_free_number(folder: Path) -> int:
    """A number for this process alone, so that two runs in one checkout don't take each other's database away."""
    number = 1
    while True:
        lock = os.open(folder / f"tests-{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            number += 1
        else:
            return number  # the lock ends with the process


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Where CALLOUT_BROWSER is “required”, as in .ci/run, no test may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CALLOUT_BROWSER") == "required" and reporter and reporter.stats.get("skipped"):
        reporter.write_line("\nTests were skipped, but CALLOUT_BROWSER is “required”.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
