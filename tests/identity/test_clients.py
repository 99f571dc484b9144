"""Customer-data clients, as customers have them, against a running server: all arrives, once; what can't be accepted
is not sent for ever."""

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
import rudderstack.analytics.client as rudder_client
import rudderstack.analytics.consumer as rudder_consumer
import segment.analytics.client as segment_client
import segment.analytics.consumer as segment_consumer
from django.test import Client
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from identity.models import Person
from identity.payloads import MESSAGE_LIMIT
from tests.identity.calls import Api, make_api
from tests.identity.server import Server

USERS = 1_000
SIGNED_UP = datetime(2025, 8, 15, 9, 30, tzinfo=UTC)
CLIENTS_FOLDER = Path(__file__).resolve().parent.parent / "clients"


@pytest.fixture
def api(server: Server, client: Client) -> Api:
    return make_api(client)


def traits(number: int) -> dict[str, object]:
    return {
        "email": f"user{number}@example.com",
        "name": f"Zoë {number}",
        "plan": "pro" if number % 2 else "free",
        "seats": number,
        "beta": number % 3 == 0,
        "signupDate": SIGNED_UP,
        "company": {"name": "Acme", "size": 12},
        "nothing": None,
    }


def stored(number: int) -> tuple[str, str, dict[str, object]]:
    """E-mail, name and traits of a user who was sent with `traits(number)`."""
    kept: dict[str, object] = {
        "plan": "pro" if number % 2 else "free",
        "seats": number,
        "beta": number % 3 == 0,
        "signupDate": "2025-08-15T09:30:00.000Z",
        "company.name": "Acme",
        "company.size": 12,
    }
    return f"user{number}@example.com", f"Zoë {number}", kept


def assert_all_stored(api: Api, users: int) -> None:
    people = api.application.people.values_list("external_id", "email", "name", "traits")
    assert {row[0]: row[1:] for row in people} == {f"user{n}": stored(n) for n in range(users)}


class Send(Protocol):
    """Sends so many users through a client and returns the errors that the client tells of. With `characters`, the
    first user has a text of so many."""

    def __call__(self, server: Server, key: str, users: int, characters: int = 0) -> list[str]: ...


def through_python(
    client_class: Callable[..., Any], server: Server, key: str, users: int, characters: int
) -> list[str]:
    errors: list[str] = []
    client = client_class(
        write_key=key,
        host=server.url,
        max_retries=3,
        upload_interval=0.1,
        on_error=lambda error, _: errors.append(str(getattr(error, "status", error))),
    )
    for number in range(users):
        sent = traits(number) | ({"text": "x" * characters} if characters and number == 0 else {})
        client.identify(f"user{number}", sent)
        client.track(f"user{number}", "Signed up")
    client.flush()
    client.join()
    return errors


def through_segment(server: Server, key: str, users: int, characters: int = 0) -> list[str]:
    return through_python(SegmentClient, server, key, users, characters)


def through_rudder(server: Server, key: str, users: int, characters: int = 0) -> list[str]:
    return through_python(RudderClient, server, key, users, characters)


def through_node(server: Server, key: str, users: int, characters: int = 0) -> list[str]:
    command = ["node", "send.mjs", server.url, key, str(users), str(characters)]
    done = subprocess.run(command, cwd=CLIENTS_FOLDER, check=True, capture_output=True, text=True, timeout=90)
    errors: list[str] = json.loads(done.stdout)["errors"]
    return errors


@pytest.fixture(scope="session")
def node_modules() -> None:
    """Segment's client for Node, from the lock file, where there is Node."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("there is no Node here")
    installed, locked = CLIENTS_FOLDER / "node_modules" / ".package-lock.json", CLIENTS_FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=CLIENTS_FOLDER, check=True, capture_output=True)


@pytest.fixture(params=[through_segment, through_rudder, through_node])
def send(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Send:
    if request.param is through_node:
        request.getfixturevalue("node_modules")
    # The clients hold back what is too large for Segment. Here it is to reach the server.
    for module in (segment_client, segment_consumer, rudder_client, rudder_consumer):
        if hasattr(module, "MAX_MSG_SIZE"):
            monkeypatch.setattr(module, "MAX_MSG_SIZE", 10_000_000)
    sends: Send = request.param
    return sends


def test_all_arrives_and_nothing_twice(send: Send, server: Server, api: Api) -> None:
    assert send(server, api.public_key, USERS) == []
    assert_all_stored(api, USERS)
    requests = server.requests()
    assert {(request.path, request.status) for request in requests} == {("/v1/batch", 200)}
    assert {request.retry_count for request in requests} <= {"-", "0"}
    # Identify and track, at most 100 in a request of Python's clients and 50 in one of Node's; retries would be more.
    per_request = 50 if send is through_node else 100
    assert len(requests) <= USERS * 2 / per_request * 1.5


def test_a_bad_key_is_given_up(send: Send, server: Server, api: Api) -> None:
    errors = send(server, "co_pub_unknown", 20)
    assert errors
    requests = server.requests()
    assert Counter(request.status for request in requests).keys() == {401}
    assert len(requests) <= 4
    assert not Person.objects.exists()


def test_a_message_that_is_too_large_is_given_up_and_the_others_are_kept(send: Send, server: Server, api: Api) -> None:
    send(server, api.public_key, 20, characters=MESSAGE_LIMIT)
    assert {request.status for request in server.requests()} <= {200}
    assert len(server.requests()) <= 4
    kept = set(api.application.people.values_list("external_id", flat=True))
    assert kept == {f"user{number}" for number in range(1, 20)}


@pytest.mark.parametrize("send", [through_segment, through_rudder], indirect=True)  # Node's sends none so large
def test_a_batch_that_is_too_large_is_given_up(send: Send, server: Server, api: Api) -> None:
    errors = send(server, api.public_key, 1, characters=5_000_000)
    assert errors == ["413"]
    assert [request.status for request in server.requests()].count(413) == 1
