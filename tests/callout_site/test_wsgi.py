"""A server must be told its database and its key. Anything else would pass for production, and lose its data."""

import subprocess
import sys

import pytest
from django.conf import settings

from tests.callout_site.checkout import environment

SET = {"DATABASE_URL": "postgresql://localhost/callout", "SECRET_KEY": "x"}


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "set DATABASE_URL and SECRET_KEY in"),
        ({"DATABASE_URL": "postgresql://localhost/callout", "SECRET_KEY": ""}, "set SECRET_KEY in"),
        ({**SET, "CALLOUT_URL": "callout.example.com"}, "CALLOUT_URL must be the address"),
        ({**SET, "CALLOUT_URL": "http://["}, "CALLOUT_URL must be the address"),
        ({**SET, "CALLOUT_URL": "https://callout.example.com/path"}, "CALLOUT_URL must be the address"),
        (SET | {"TRUSTED_PROXIES": "10.0.0.0/8, proxy"}, "A setting can't be read: 'proxy' does not appear to be"),
        (SET | {"PUBLIC_CALLS_PER_10_SECONDS": "many"}, "A setting can't be read: invalid literal for int()"),
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


ASK = """
import sys
from wsgiref.util import setup_testing_defaults
from callout_site.wsgi import application

for content_type in sys.argv[1:]:
    environ = {"QUERY_STRING": "key=abc", "CONTENT_TYPE": content_type, "REQUEST_METHOD": "POST"}
    environ |= {"PATH_INFO": "/v1/health", "CONTENT_LENGTH": "0", "HTTP_HOST": "localhost"}
    setup_testing_defaults(environ)
    application(environ, lambda status, headers: print(status))
"""


def test_no_charset_that_a_client_names_is_used() -> None:
    """Django decodes the address by it before any view runs, and would fail there."""
    types = [
        "application/json; charset=hex",
        "application/json;charset=undefined ; x=y",
        "text/plain; CHARSET=unicode_escape",
        "application/json; charset*=utf-8''hex",
        "application/json; charset*0=he; charset*1=x",
        "multipart/form-data; charset=hex; boundary=x",
        "application/json",
    ]
    command = [sys.executable, "-c", ASK, *types]
    ran = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment(SET), capture_output=True, text=True, check=False
    )
    assert ran.stdout.splitlines() == ["405 Method Not Allowed"] * 7, ran.stderr


def test_https_makes_cookies_secure() -> None:
    names = "SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.ALLOWED_HOSTS[0]"
    show = f"from callout_site import settings; print(settings.{names})"
    command = [sys.executable, "-c", show]
    env = environment({**SET, "CALLOUT_URL": "https://callout.example.com"})
    ran = subprocess.run(command, cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["True", "True", "callout.example.com"], ran.stderr
