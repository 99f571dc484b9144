"""PostgreSQL dies in the middle of batches and comes back: what was answered 200 is there, and Callout goes on."""

import http.client
import itertools
import json
import os
import signal
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from callout_site import embedded_postgres
from tests.callout_site.checkout import Checkout, wait_until

CLIENTS = 4
USERS = 50


@dataclass
class Clients:
    """Send batches of new users, one after another, until they are told to stop."""

    port: int
    key: str
    # The users of all batches that were answered 200.
    answered: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    stopped: threading.Event = field(default_factory=threading.Event)

    def run(self, client: int) -> None:
        for batch in itertools.count():
            if self.stopped.is_set():
                return
            users = [f"{client}-{batch}-{n}" for n in range(USERS)]
            body = json.dumps({"batch": [{"id": user, "traits": {"sent": user}} for user in users]})
            headers = {"Authorization": f"Bearer {self.key}"}
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            with suppress(OSError, http.client.HTTPException):
                connection.request("POST", "/v1/batch", body, headers)
                answer = connection.getresponse()
                answer.read()
                self.statuses[answer.status] += 1
                if answer.status == 200:
                    self.answered.update(users)
            connection.close()


def test_what_was_answered_outlives_a_killed_database(filled: Checkout) -> None:
    demo = filled.demo(PUBLIC_CALLS_PER_10_SECONDS="1000000").ready()
    key = demo.out.partition("Bearer ")[2].partition("'")[0]
    clients = Clients(demo.port, key)
    threads = [threading.Thread(target=clients.run, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: clients.statuses[200] >= 20)
        for process, command in filled.processes().items():
            if "postgres" in command.partition(" ")[0]:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        wait_until(lambda: clients.statuses[503] >= 10)
        assert filled.run("showmigrations").returncode == 0  # starts it again
        before = clients.statuses[200]
        wait_until(lambda: clients.statuses[200] >= before + 20)
    finally:
        clients.stopped.set()
        for thread in threads:
            thread.join()
    assert clients.statuses.keys() == {200, 503}
    with psycopg.connect(embedded_postgres.url(filled.path)) as connection:
        rows = connection.execute("SELECT external_id FROM identity_person WHERE traits ->> 'sent' = external_id")
        stored = {external_id for (external_id,) in rows}
    assert clients.answered <= stored
    demo.press(signal.SIGINT).stops()
