"""A running server, as in production, on the database of the test."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ACCESS_LINE = re.compile(r"(?P<path>\S+) (?P<status>\d+) (?P<retry_count>\S+)")


@dataclass(frozen=True)
class Request:
    path: str
    status: int
    # What the client says of it; "-" when it says nothing.
    retry_count: str


@dataclass(frozen=True)
class Server:
    address: tuple[str, int]
    access_log: Path

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    def requests(self) -> list[Request]:
        """All that were answered so far."""
        time.sleep(0.2)  # a line is written after its answer
        found = [ACCESS_LINE.fullmatch(line) for line in self.access_log.read_text().splitlines()]
        return [Request(line["path"], int(line["status"]), line["retry_count"]) for line in found if line]


@contextmanager
def serve(environment: dict[str, str], folder: Path) -> Iterator[Server]:
    """gunicorn as in the README's production line."""
    access_log = folder / "access.log"
    access_log.touch()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "gunicorn", "callout_site.wsgi", "--workers", "2", "--threads", "4"]
        command += ["--bind", f"fd://{listener.fileno()}", "--no-control-socket", "--log-level", "error"]
        command += ["--access-logfile", str(access_log), "--access-logformat", "%(U)s %(s)s %({x-retry-count}i)s"]
        with subprocess.Popen(command, env=environment, pass_fds=[listener.fileno()]) as process:
            try:
                yield Server(listener.getsockname(), access_log)
            finally:
                process.terminate()
