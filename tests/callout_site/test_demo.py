"""The demo's life, from its first run to any of its ends. After each test no process may be left."""

import http.cookiejar
import json
import os
import re
import shlex
import signal
import socket
import urllib.parse
import urllib.request
from contextlib import suppress

import psycopg
import pytest

from tests.callout_site.checkout import Checkout, Demo, wait_until
from tests.callout_site.conftest import FirstRun


def printed(out: str, name: str) -> str:
    """What stands beside `name` in the block that the demo prints."""
    found = re.search(rf"^ *{name} +(\S+)$", out, re.MULTILINE)
    assert found, out
    return found[1]


def run_curl(out: str) -> object:
    """Do what the printed curl would do."""
    _, url, *options = shlex.split(out[out.index("curl ") : out.index("Ctrl-C")])
    headers = dict(options[i + 1].split(": ", 1) for i, option in enumerate(options) if option == "-H")
    request = urllib.request.Request(url, options[options.index("-d") + 1].encode(), headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)


def sign_in(browser: urllib.request.OpenerDirector, demo: Demo) -> None:
    page = f"{demo.origin}/sign-in/"
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.open(page).read().decode())
    assert token
    user = {"username": printed(demo.out, "Sign in"), "password": printed(demo.out, "Password")}
    form = urllib.parse.urlencode(user | {"csrfmiddlewaretoken": token[1]}).encode()
    browser.open(urllib.request.Request(page, form, {"Origin": demo.origin}))  # noqa: S310


def test_first_run_says_all_one_needs(first_run: FirstRun) -> None:
    assert printed(first_run.out, "Callout").startswith("http://127.0.0.1:")
    assert "@" in printed(first_run.out, "Sign in")
    assert printed(first_run.out, "Password")
    assert first_run.out.endswith("Stopped.\n")
    assert first_run.err == ""


def test_data_and_sessions_stay_until_fresh(filled: Checkout) -> None:
    ada = "SELECT count(*) FROM identity_person WHERE external_id = 'ada'"
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    first = filled.demo().ready()
    assert run_curl(first.out) == {"success": True, "applied": True, "warnings": []}
    sign_in(browser, first)
    assert first.press(signal.SIGINT).stops() == 0

    second = filled.demo().ready()
    assert filled.query(ada) == 1
    page = printed(second.out, "Callout")
    assert browser.open(page).url == page
    assert (filled.state / "secret_key").stat().st_mode & 0o777 == 0o600
    assert second.press(signal.SIGINT).stops() == 0

    third = filled.demo("--fresh").ready()
    assert filled.query(ada) == 0
    assert run_curl(third.out) == {"success": True, "applied": True, "warnings": []}
    assert third.press(signal.SIGINT).stops() == 0


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 3), (signal.SIGTERM, 1), (signal.SIGHUP, 1)], ids=str)
def test_signals_stop_everything(filled: Checkout, number: signal.Signals, times: int) -> None:
    demo = filled.demo().ready().press(number, times)
    assert demo.stops() == 0
    assert demo.out.endswith("Stopped.\n")
    assert demo.err == ""


def test_interrupted_filling_leaves_nothing_half_done(filled: Checkout) -> None:
    def is_filling() -> bool:
        with suppress(psycopg.Error):  # while the old database goes and the new one has no tables
            return bool(filled.query("SELECT count(*) FROM django_migrations WHERE app = 'sessions'"))
        return False

    demo = filled.demo("--fresh").says("Starting")
    wait_until(is_filling)
    assert demo.press(signal.SIGINT, 3).stops() == 0
    assert demo.out.endswith("Stopped.\n")
    assert demo.err == ""

    demo = filled.demo().ready()
    assert filled.query("SELECT count(*) FROM identity_person") == 5_000
    assert demo.press(signal.SIGINT).stops() == 0


def test_busy_port(filled: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = filled.run("demo", f"--port={port}")
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert re.fullmatch(rf"CommandError: Port {port} is not free .*--port.*\n", ran.stderr)


def test_fresh_is_not_for_other_databases(filled: Checkout) -> None:
    ran = filled.run("demo", "--port=0", "--fresh", DATABASE_URL="postgresql://localhost/production")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert "--fresh drops the embedded database only" in ran.stderr


def test_outlives_others_and_recovers_from_killed_processes(filled: Checkout) -> None:
    demo = filled.demo().ready()
    wait_until(demo.is_healthy)
    worker = next(process for process in filled.processes() if os.getpgid(process) == demo.process.pid != process)
    os.kill(worker, signal.SIGTERM)
    wait_until(lambda: worker not in filled.processes())
    assert filled.run("showmigrations").returncode == 0
    assert demo.is_healthy(), "neither a worker that ends nor another command stops the server"

    os.kill(filled.postmaster(), signal.SIGKILL)  # it stays as a zombie, for its parent is the demo
    wait_until(lambda: not demo.is_healthy())
    assert filled.run("showmigrations").returncode == 0
    wait_until(demo.is_healthy)

    os.kill(demo.process.pid, signal.SIGKILL)
    demo.stops()
    again = filled.demo(f"--port={demo.port}").ready()
    assert again.port == demo.port
    wait_until(again.is_healthy)
    assert again.press(signal.SIGINT).stops() == 0


def test_ends_with_the_uv_that_runs_it(filled: Checkout) -> None:
    shell = ("sh", "-c", '"$0" "$@"; exit')  # stays above its command, as uv does
    demo = filled.demo(before=shell, UV_RUN_RECURSION_DEPTH="1").ready()
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.stops()
    wait_until(lambda: "Stopped." in demo.out)
    wait_until(lambda: not filled.processes())
