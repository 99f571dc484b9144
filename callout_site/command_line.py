"""What `manage.py` does. Without DATABASE_URL, commands work on the embedded PostgreSQL."""

import os
import sys
from pathlib import Path

import psycopg
from django.core.management import execute_from_command_line
from django.core.management.utils import get_random_secret_key
from django.db import OperationalError

from callout_site import database_url, embedded_postgres

PROJECT = Path(__file__).resolve().parent.parent
NEEDS_NO_DATABASE = {"help", "--help", "-h", "version", "--version"}


def main() -> None:
    """Run the command in sys.argv. What is wrong with the database is said in one line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callout_site.settings")
    address = os.environ.get("DATABASE_URL")
    try:
        if address:
            database_url.check(address)
        elif sys.argv[1:] and not NEEDS_NO_DATABASE.intersection(sys.argv):
            use_embedded_postgres()
        execute_from_command_line(sys.argv)
    except (database_url.BadDatabaseURL, embedded_postgres.Unavailable) as error:
        sys.exit(str(error))
    except OperationalError as error:
        if not is_about_the_connection(error):
            raise
        reason = str(error).split("\n", 1)[0].removeprefix("connection failed: ")
        if not address:
            sys.exit(f"The embedded PostgreSQL is gone: {reason}. Run the command again to start it.")
        sys.exit(
            f"DATABASE_URL leads to no usable database: {reason}."
            " See that the server runs, that the database exists, and that user and password are right."
        )


def use_embedded_postgres() -> None:
    """Start it, and tell this process and its children of it as one tells a server: by the environment."""
    os.environ["DATABASE_URL"] = embedded_postgres.start(PROJECT)
    if not os.environ.get("SECRET_KEY"):
        os.environ["SECRET_KEY"] = kept_secret_key(embedded_postgres.folder(PROJECT) / "secret_key")


def kept_secret_key(path: Path) -> str:
    """The key in `path`, made on first use: who signed in stays so when the server starts again."""
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(get_random_secret_key())
        unfinished.rename(path)
    return path.read_text()


def is_about_the_connection(error: OperationalError) -> bool:
    """Whether there is no connection, as opposed to a server that says in its own code what went wrong."""
    cause = error.__cause__
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None
