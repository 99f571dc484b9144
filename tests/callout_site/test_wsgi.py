"""A server must be told its database and its key. Anything else would pass for production, and lose its data."""

import subprocess
import sys

import pytest
from django.conf import settings

from tests.callout_site.checkout import environment


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "set DATABASE_URL and SECRET_KEY in"),
        ({"DATABASE_URL": "postgresql://localhost/callout", "SECRET_KEY": ""}, "set SECRET_KEY in"),
        ({"DATABASE_URL": "mysql://u:s3cret@localhost/callout", "SECRET_KEY": "x"}, "Callout needs PostgreSQL"),
    ],
)
def test_refuses_in_one_line(env: dict[str, str], says: str) -> None:
    command = [sys.executable, "-c", "import callout_site.wsgi"]
    ran = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment(env), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 3, "gunicorn would start its workers again and again"
    assert says in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert "s3cret" not in ran.stderr
