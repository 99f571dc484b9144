"""The worker: it does in the background what would keep a page waiting. `manage.py worker` runs it, and the demo."""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time

import psycopg
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from procrastinate.psycopg_connector import PsycopgConnector

log = logging.getLogger(__name__)

# So long a task may go on after the worker was told to end; then it is told as well.
GRACEFUL_SECONDS = 1
# Without a sign of life for so long a worker counts as dead, and its tasks go to another one.
STALLED_SECONDS = 30
# What took so many workers with it, by eating all memory say, is not begun once more.
ATTEMPTS = 5
TASKS_AT_ONCE = 4
STOP_SECONDS = 3
# Between two attempts to find the database.
AGAIN_SECONDS = 2


def work() -> None:
    """Do the tasks that come until SIGINT or SIGTERM, some at once, so that a long one does not hold up the others.
    While the database is away, wait for it."""
    asyncio.run(_work_until_told())


async def _work_until_told() -> None:
    told_to_end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, told_to_end.set)
    while not told_to_end.is_set():
        worker = asyncio.create_task(_work())
        ended = asyncio.create_task(told_to_end.wait())
        await asyncio.wait([worker, ended], return_when=asyncio.FIRST_COMPLETED)
        worker.cancel()
        try:
            await worker
        except asyncio.CancelledError:
            return
        except (ConnectorException, psycopg.Error) as error:
            log.warning("the worker lost the database, and tries again: %s", error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended, AGAIN_SECONDS)


async def _work() -> None:
    # The app's own connector writes jobs down in the transaction of whoever starts them; it can't wait for jobs.
    with app.replace_connector(PsycopgConnector(kwargs=connector_params(), min_size=1, max_size=TASKS_AT_ONCE)):
        async with app.open_async():
            await take_up_stalled_tasks()
            await app.run_worker_async(
                concurrency=TASKS_AT_ONCE,
                shutdown_graceful_timeout=GRACEFUL_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                delete_jobs="successful",
                install_signal_handlers=False,
            )


class ForkedWorker:
    """The worker in a process of its own, which ends with the one that started it, however that ends."""

    def __init__(self) -> None:
        self._pid = 0

    def start(self) -> None:
        parent = os.getpid()
        self._pid = os.fork()
        if self._pid:
            return
        # The parent's handlers would only note signals down. Ctrl-C reaches every process of the terminal, but it is
        # the parent who ends this one.
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        threading.Thread(target=_end_with, args=[parent], daemon=True).start()
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            raise
        finally:
            os._exit(0)  # not by the parent's way out, which it would go a second time

    def is_alive(self) -> bool:
        """Whether it runs, once it was started and while its parent looks after those that ended."""
        if not self._pid:
            return False
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        return True

    def stop(self) -> None:
        """End it, and wait until it is gone. What it does then can be begun again, so it gets little time."""
        if not self._pid:  # which a signal would take for all processes of the group
            return
        deadline = time.monotonic() + STOP_SECONDS
        with contextlib.suppress(ProcessLookupError, ChildProcessError):  # gone already
            os.kill(self._pid, signal.SIGTERM)
            while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > deadline:
                    os.kill(self._pid, signal.SIGKILL)
                time.sleep(0.02)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


async def take_up_stalled_tasks() -> None:
    """Let what a dead worker left behind be begun again."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS):
        if job.attempts < ATTEMPTS:
            await app.job_manager.retry_job(job)
        else:
            log.error("task %s has lost its worker %d times, and is given up", job.call_string, job.attempts)
            await app.job_manager.finish_job(job, status=Status.FAILED, delete_job=False)


@app.periodic(cron="* * * * *")
@app.task(name="callout.take_up_stalled_tasks")
async def take_up_stalled_tasks_each_minute(timestamp: int) -> None:
    await take_up_stalled_tasks()
