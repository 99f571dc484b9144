"""How fast segments are counted: `uv run python -m tests.benchmarks.segments`. README.md beside this file has figures,
and what they taught.

Makes two databases, on the server of DATABASE_URL or else the embedded one, and drops them afterwards: the users of one
have 10 traits, those of the other 40, and documents of over 2 KB, which PostgreSQL would by itself move out of the row.
They share no table, since a pass over the one would then read the pages of the other."""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from callout_site import embedded_postgres
from tests.benchmarks import closures
from tests.benchmarks.ingestion import ROOT, manage

APPLICATIONS = {"Ten": 10, "Forty": 40}
# Of another application in the same table, so that no question may forget whose users it asks for.
STRANGERS = 0.01
SENTENCE = (
    "kept by the team that looks after the largest accounts, read by nobody else, and longer than what most people"
    " send, so that the document passes the limit"
)


def user(n: int, users: int, traits: int) -> dict[str, object]:
    """The user of this number. Numbers that have no common divisor with those of the plans, roles, … spread values
    without a generator of random ones."""
    today = date.today()  # noqa: DTZ011 - a day more or less is all the same
    rare = n % math.ceil(users / 3) == 0  # three of all
    known: dict[str, object] = {
        "plan": ("free", "free", "pro", "team")[n * 7919 % 4 if n % 11 else 0],
        "role": "owner" if rare else ("admin", "member", "member", "guest")[n * 31 // 7 % 4],
        "company": "Three Sisters" if rare else f"Company {n * 7907 % 5003} {('Ltd', 'AG', 'Øre')[n % 3]}",
        "country": f"country {n * 104_729 % 199}",
        "teamSize": n * 15_485_863 % 1000,
        "score": n * 32_452_843 % 10_007 / 100,
        "signupDate": (today - timedelta(days=n * 7727 % 400)).isoformat(),
        "lastLogin": (datetime.now(UTC) - timedelta(minutes=n * 7717 % 100_000)).isoformat("T", "seconds"),
        "emailVerified": n % 5 != 0,
        "beta": n % 3 == 0,
    }
    if n % 13 == 0:
        del known["plan"]
    for number in range(len(known), traits):
        known[f"attribute{number}"] = (n * number, f"{SENTENCE} {n % 1009}", n % number == 0)[number % 8 % 3]
    return {
        "id": f"user_{n}",
        "email": f"user{n}@{('example.com', 'ourcompany.com')[n % 10 == 0]}",
        "name": f"User {n}",
        "timestamp": (datetime.now(UTC) - timedelta(minutes=n * 7703 % 50_000)).isoformat("T", "milliseconds"),
        "traits": known,
    }


@contextlib.contextmanager
def database(name: str, *, keep: bool) -> Iterator[tuple[dict[str, str], bool]]:
    """The environment of processes that work on a database, and whether it is new."""
    server = os.environ.get("DATABASE_URL") or embedded_postgres.start(ROOT)
    with psycopg.connect(server, autocommit=True) as connection:
        is_new = not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if is_new:
            connection.execute(f'CREATE DATABASE "{name}"')
        try:
            environment = {"DATABASE_URL": urlunsplit(urlsplit(server)._replace(path=f"/{name}"))}
            yield os.environ | environment, is_new
        finally:
            if not keep:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def build(environment: dict[str, str], application: str, users: int, traits: int) -> None:
    """The application with its users, and a small one beside it."""
    manage(environment, "migrate", "--verbosity", "0")
    for name, count in (("Strangers", int(users * STRANGERS)), (application, users)):
        manage(environment, "create_application", name, "--owner", "owner@example.com", "--json")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "users.jsonl"
            with file.open("w") as out:
                for n in range(count):
                    out.write(json.dumps(user(n, count, traits)) + "\n")
            manage(environment, "import_users", str(file), "--application", name.lower())
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE identity_person")  # as autovacuum does a little later


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", metavar="NAME", help="keep the databases under this name, or use them if they exist")
    parser.add_argument(
        "--cpu", action="store_true", help="count what one process of a local PostgreSQL works, on Linux"
    )
    options = parser.parse_args()
    for application, traits in APPLICATIONS.items():
        name = f"{options.keep or f'callout_benchmark_{os.getpid()}'}_{options.users}_{traits}"
        with database(name, keep=bool(options.keep)) as (environment, is_new):
            if is_new:
                build(environment, application, options.users, traits)
            measure = (
                "from tests.benchmarks import segment_figures as f;"
                f" f.main({application.lower()!r}, {options.rounds}, cpu={options.cpu})"
            )
            command = [sys.executable, str(ROOT / "manage.py"), "shell", "--no-imports", "--command", measure]
            subprocess.run(command, env=environment, check=True)
    print("\n### One user at a time\n", flush=True)
    closures.main()


if __name__ == "__main__":
    main()
