"""How many calls a client may make, and whose address counts."""

import ipaddress

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from identity.client_address import client_address
from identity.payloads import Refused
from identity.rate_limits import CLIENTS_REMEMBERED, RateLimit
from tests import factories
from tests.identity.calls import Api, assert_refused


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(settings: Settings) -> Clock:
    settings.PUBLIC_CALLS_PER_10_SECONDS = 3
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> RateLimit:
    return RateLimit("PUBLIC_CALLS_PER_10_SECONDS", clock)


def spend(limit: RateLimit, client: str) -> int | None:
    """None for a call that may be made, or else the seconds to wait."""
    try:
        limit.spend(client)
    except Refused as refused:
        return refused.retry_after
    return None


def test_ten_seconds_from_the_first_call_the_count_begins_anew(limit: RateLimit, clock: Clock) -> None:
    assert [spend(limit, "a") for _ in range(5)] == [None, None, None, 10, 10]
    clock.now += 6.5
    assert spend(limit, "a") == 4
    clock.now += 3.5
    assert [spend(limit, "a") for _ in range(4)] == [None, None, None, 10]


def test_clients_are_counted_each_for_itself(limit: RateLimit) -> None:
    assert [spend(limit, "a") for _ in range(4)] == [None, None, None, 10]
    assert spend(limit, "b") is None


def test_memory_is_bounded(limit: RateLimit) -> None:
    for number in range(CLIENTS_REMEMBERED + 100):
        spend(limit, str(number))
    assert limit.clients == CLIENTS_REMEMBERED


def test_past_the_limit_of_its_address_a_public_call_is_429(api: Api, settings: Settings) -> None:
    settings.PUBLIC_CALLS_PER_10_SECONDS = 5
    called = [
        api.identify({"id": "u1"}),
        api.call(f"/v1/i?key={api.public_key}", {"id": "u1"}, Authorization=""),
        api.call("/v1/b", {"batch": [], "writeKey": api.public_key}, Authorization=""),
        api.call("/v1/t", {"type": "track"}),
        api.identify({"id": "u1"}, Authorization="Bearer unknown"),
    ]
    assert [answer.status for answer in called] == [200, 200, 200, 200, 401]
    api.application.people.all().delete()
    for authorization in (f"Bearer {api.public_key}", "Bearer unknown", ""):
        answer = api.identify({"id": "u2"}, Authorization=authorization, Origin="https://app.example.com")
        assert_refused(answer, 429, "rate_limited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 10
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example.com"
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
    assert api.identify({"id": "u3"}, Authorization=f"Bearer {api.secret_key}").status == 200
    assert api.call("/v1/identify", b"", method="OPTIONS").status == 204
    assert api.call("/v1/health", b"", method="GET").status == 200


def test_past_the_limit_of_its_key_a_secret_call_is_429(api: Api, settings: Settings) -> None:
    settings.SECRET_CALLS_PER_10_SECONDS = 2
    secret = {"Authorization": f"Bearer {api.secret_key}"}
    assert [api.identify({"id": "u1"}, **secret).status for _ in range(3)] == [200, 200, 429]
    other = factories.new_application("Other")
    assert api.identify({"id": "u1"}, Authorization=f"Bearer {other.secret_key}").status == 200
    assert api.identify({"id": "u1"}).status == 200


def test_guesses_at_secret_keys_are_limited_by_address(api: Api, settings: Settings) -> None:
    settings.PUBLIC_CALLS_PER_10_SECONDS = 3
    guesses = [api.identify({"id": "u1"}, Authorization=f"Bearer co_sec_{n}").status for n in range(5)]
    assert guesses == [401, 401, 401, 429, 429]
    assert api.identify({"id": "u1"}, Authorization=f"Bearer {api.secret_key}").status == 200


# Whose address counts

PROXIES = ["10.0.0.0/8", "fd00::/8"]

ADDRESSES: list[tuple[str, str, str | None, str]] = [
    # what, the peer, X-Forwarded-For, whose address counts
    ("no proxy", "203.0.113.7", None, "203.0.113.7"),
    ("a client that claims to be another", "203.0.113.7", "198.51.100.1", "203.0.113.7"),
    ("one proxy", "10.0.0.1", "203.0.113.7", "203.0.113.7"),
    ("a claim through a proxy", "10.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
    ("two proxies", "10.0.0.1", "198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7"),
    ("nothing but proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("a proxy that says nothing", "10.0.0.1", None, "10.0.0.1"),
    ("a proxy that says nonsense", "10.0.0.1", "203.0.113.7, unknown", "10.0.0.1"),
    ("nothing between commas", "10.0.0.1", "203.0.113.7,", "10.0.0.1"),
    ("a Unix socket", "", "203.0.113.7", "203.0.113.7"),
    ("a Unix socket without a word", "", None, ""),
    ("a household of IPv6", "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
    ("IPv6 through a proxy", "fd00::1", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
    ("IPv4 in IPv6", "::ffff:203.0.113.7", None, "203.0.113.7"),
    ("a proxy as IPv4 in IPv6", "::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"), [row[1:] for row in ADDRESSES], ids=[row[0] for row in ADDRESSES]
)
def test_only_a_trusted_proxy_says_whose_call_it_hands_on(
    settings: Settings, rf: RequestFactory, peer: str, forwarded: str | None, client: str
) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network(network) for network in PROXIES]
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert client_address(rf.post("/v1/identify", headers=headers, REMOTE_ADDR=peer)) == client


def test_without_trusted_proxies_only_the_peer_counts(rf: RequestFactory) -> None:
    for peer, client in (("10.0.0.1", "10.0.0.1"), ("", "")):
        request = rf.post("/v1/identify", headers={"X-Forwarded-For": "203.0.113.7"}, REMOTE_ADDR=peer)
        assert client_address(request) == client


def test_behind_a_proxy_each_client_has_its_own_limit(api: Api, settings: Settings) -> None:
    settings.PUBLIC_CALLS_PER_10_SECONDS = 1
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("127.0.0.1")]
    statuses = [
        api.identify({"id": "u1"}, **{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.{client}"}).status
        for n, client in enumerate([1, 1, 2, 1])
    ]
    assert statuses == [200, 429, 200, 429]
