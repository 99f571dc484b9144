"""`manage.py demo`: all of Callout on this machine, with data to look at."""

import argparse
import errno
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.core.servers.basehttp import get_internal_wsgi_application
from django.db import connection
from django.utils.crypto import get_random_string
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.arbiter import Arbiter  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from callout_site import background, demo_data, embedded_postgres

READY = """
  Callout    {origin}{path}
  Sign in    {email}
  Password   {password}

  Send a user, then look at Engage > Segments > Traits:

curl {origin}/v1/identify \\
  -H 'Authorization: Bearer {public_key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"id":"ada","name":"Ada Lovelace","email":"ada@example.com","traits":{{"favouriteColour":"green"}}}}'

  Ctrl-C stops Callout and keeps the data; --fresh begins anew.
"""
PARENT = os.getppid()
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
# The workers of a demo that was killed end within a second.
FREE_PORT_SECONDS = 1.5
# Longer than the two seconds for which gunicorn's workers keep idle connections.
GRACEFUL_SECONDS = 3


class Command(BaseCommand):
    help = "Serve Callout on 127.0.0.1 with demo data, which stays for the next time."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the port to serve on (default: 8000)")
        parser.add_argument("--fresh", action="store_true", help="drop the demo's database and fill a new one")

    def handle(self, *args: Any, port: int, fresh: bool, **options: Any) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, interrupt_once)
        try:
            listener = listen(port)
            origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
            settings.CALLOUT_URL = origin  # where links in e-mails lead
            check_database(fresh)
            self.say("Starting Callout. The first time takes a few seconds more.")
            access = prepare(fresh)
            ready = READY.format(origin=origin, **asdict(access))
            Server(listener, when_ready=lambda _: self.say(ready), on_exit=lambda _: self.say("Stopped.")).run()
        except KeyboardInterrupt:
            self.say("Stopped.")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def interrupt_once(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal like Ctrl-C, and let no second one break into the tidying up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def listen(port: int) -> socket.socket:
    """Take the port before anything else is done. Raises CommandError when that can't be."""
    deadline = time.monotonic() + FREE_PORT_SECONDS
    while True:
        try:
            return socket.create_server(("127.0.0.1", port))
        except OverflowError as error:
            raise CommandError(f"There is no port {port}. Choose one up to 65535 with --port.") from error
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                reason = os.strerror(error.errno or 0)
                raise CommandError(f"Port {port} is not free ({reason}). Choose another one with --port.") from error
        time.sleep(0.1)


def check_database(fresh: bool) -> None:
    """Raise OperationalError when the database can't be reached, CommandError when it must not be emptied."""
    if fresh and os.environ.get("DATABASE_URL") != embedded_postgres.url(settings.BASE_DIR):
        raise CommandError("--fresh drops the embedded database only, not the one in DATABASE_URL.")
    connection.ensure_connection()
    connection.close()


def prepare(fresh: bool) -> demo_data.DemoAccess:
    """Bring the database to where it can be shown."""
    if fresh:
        embedded_postgres.recreate_database(settings.BASE_DIR)
    call_command("migrate", interactive=False, verbosity=0)
    try:
        if os.environ.get("DATABASE_URL") == embedded_postgres.url(settings.BASE_DIR):
            access = demo_data.fill()
        else:  # whoever else serves this database must not find an account with a password that everyone knows
            access = demo_data.fill(get_random_string(16))
    except demo_data.NotTheDemo as error:
        raise CommandError(str(error)) from error
    connection.close()  # or the workers would share it
    # Somebody's own DATABASE_URL may come without a key. The settings have made one up, which the workers share.
    os.environ["SECRET_KEY"] = settings.SECRET_KEY
    return access


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn in this very process, so that nothing can end the one and leave the other."""

    def __init__(self, listener: socket.socket, **hooks: Callable[[Arbiter], None]) -> None:
        self.options = hooks | {
            "bind": f"fd://{listener.detach()}",
            "worker_class": Worker,
            "workers": 2,
            "threads": 4,
            "graceful_timeout": GRACEFUL_SECONDS,
            "loglevel": "error",
            "control_socket_disable": True,
        }
        super().__init__()

    def load_config(self) -> None:
        for name, setting in self.options.items():
            self.cfg.set(name, setting)

    def load(self) -> WSGIHandler:
        return get_internal_wsgi_application()

    def run(self) -> None:
        Master(self).run()


class Master(Arbiter):  # type: ignore[misc]
    """gunicorn's own runs on, out of sight, when its terminal closes or the `uv run` above it is killed. Beside the
    workers that answer pages, it keeps the one that works in the background."""

    def __init__(self, app: BaseApplication) -> None:
        super().__init__(app)
        self.background = background.ForkedWorker()

    def init_signals(self) -> None:
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().init_signals()
        if ignored:  # by nohup, which asks for just that
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def handle_hup(self) -> None:
        raise StopIteration  # gunicorn's word for the end

    def spawn_worker(self) -> int:
        # A new worker still has the master's handlers, which would only note a signal down. So signals wait for it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            return super().spawn_worker()  # type: ignore[no-any-return]
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def manage_workers(self) -> None:
        if "UV_RUN_RECURSION_DEPTH" in os.environ and os.getppid() != PARENT:
            raise StopIteration
        super().manage_workers()
        if not self.background.is_alive():
            self.background.start()

    def stop(self, graceful: bool = True) -> None:
        super().stop(graceful)
        self.background.stop()


class Worker(ThreadWorker):  # type: ignore[misc]
    def init_signals(self) -> None:
        super().init_signals()
        # Ctrl-C reaches every process of the terminal, but it is the master who ends the workers. A second signal while
        # one ends would leave a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def is_parent_alive(self) -> bool:
        if not super().is_parent_alive():
            os._exit(1)  # not in good order, which takes seconds: the next demo wants the port
        return True
