"""A copy of the project in a folder of its own, used as a reader of the README uses one: by commands and signals."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from django.conf import settings

from callout_site import embedded_postgres

SECONDS = 120  # a bound for what goes wrong; what goes right takes one or two, on a busy machine more
# A fresh shell has none of these, whatever the developer or pytest has set.
UNSET = {
    "DATABASE_URL",
    "SECRET_KEY",
    "DJANGO_SETTINGS_MODULE",
    "UV_RUN_RECURSION_DEPTH",
    "PYTHONDONTWRITEBYTECODE",
}


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


class Checkout:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = embedded_postgres.folder(path)

    def clone(self) -> None:
        """As from git, with no state; and without git, which the machine may lack."""
        shutil.copytree(settings.BASE_DIR, self.path, ignore=shutil.ignore_patterns(".*", "__pycache__", "tests"))

    def copy_to(self, path: Path) -> "Checkout":
        """With the database, whose files belong to another user when root made it."""
        subprocess.run(["cp", "-a", self.path, path], check=True)
        return Checkout(path)

    def run(self, *arguments: str, before: Sequence[str] = (), **env: str) -> subprocess.CompletedProcess[str]:
        """`manage.py` with these arguments."""
        command = [*before, sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=self.path,
            env=environment(env),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def demo(self, *arguments: str, before: Sequence[str] = (), **env: str) -> "Demo":
        """`manage.py demo` on a free port, in a session of its own as in a terminal. It may not be ready yet."""
        return Demo(self, [*before, sys.executable, "manage.py", "demo", "--port=0", *arguments], env)

    def query(self, sql: LiteralString) -> Any:
        """The first value that the embedded database answers; the server must be running."""
        with psycopg.connect(embedded_postgres.url(self.path)) as connection:
            row = connection.execute(sql).fetchone()
            return row and row[0]

    def processes(self) -> dict[int, str]:
        """All that live in this folder, Callout's and PostgreSQL's, by process id."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(self.path) in command or (process / "cwd").readlink().is_relative_to(self.path):
                    found[int(process.name)] = command
        return found

    def postmaster(self) -> int:
        return int((self.state / "data" / "postmaster.pid").read_text().splitlines()[0])

    def assert_nothing_runs(self) -> None:
        left = self.processes()
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        assert left == {}


class Demo:
    def __init__(self, checkout: Checkout, command: Sequence[str], env: dict[str, str]) -> None:
        self.checkout = checkout
        self._out, self._err = checkout.path / "out.txt", checkout.path / "err.txt"
        self.started = time.time()
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command, cwd=checkout.path, env=environment(env), stdout=out, stderr=err, start_new_session=True
            )

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def says(self, text: str) -> "Demo":
        """Wait for it."""
        wait_until(lambda: text in self.out or self.process.poll() is not None)
        assert text in self.out, self.err
        return self

    def ready(self) -> "Demo":
        return self.says("Ctrl-C stops")

    @property
    def origin(self) -> str:
        found = re.search(r"http://127\.0\.0\.1:\d+", self.out)
        assert found
        return found[0]

    @property
    def port(self) -> int:
        return int(self.origin.rpartition(":")[2])

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.origin}/v1/health", timeout=5) as response:  # noqa: S310
                return bool(response.status == 200)
        except OSError:
            return False

    def press(self, number: signal.Signals, times: int = 1) -> "Demo":
        """Send a signal to all processes of the terminal, as Ctrl-C and a closing window do."""
        for _ in range(times):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            time.sleep(0.03)  # or the kernel makes one signal of several
        return self

    def stops(self) -> int:
        """Wait for the end, and return the exit code."""
        return self.process.wait(SECONDS)


def environment(more: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in UNSET} | more
