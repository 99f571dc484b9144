"""Browsers on the sites of others: which may call, and what their pages may read."""

import json

import pytest
from django.core.exceptions import ValidationError

from identity import caches
from identity.models import Application
from identity.origins import canonical_origin
from tests.identity.calls import Api, assert_refused

CALLS = ["identify", "i", "batch", "b", "t", "p", "g", "a", "s"]
APP = "https://app.example.com"


def allow(application: Application, *origins: str) -> None:
    Application.objects.filter(pk=application.pk).update(origins=list(origins))
    caches.forget()


@pytest.mark.parametrize("call", CALLS)
def test_a_preflight_carries_no_key_and_is_answered_for_all(api: Api, call: str) -> None:
    allow(api.application, APP)
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST", "Authorization": ""}
    answer = api.call(f"/v1/{call}", b"", method="OPTIONS", **asked)
    assert (answer.status, answer.text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "authorization, content-type, x-retry-count"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_the_page_that_asked_may_read_every_answer(api: Api) -> None:
    for answer, status in (
        (api.identify({"id": "u1"}, Origin=APP), 200),
        (api.batch({"id": "u1"}, Origin=APP), 200),
        (api.identify(b"{", Origin=APP), 400),
        (api.identify({"id": "u1"}, Origin=APP, Authorization="Bearer x"), 401),
        (api.call("/v1/nothing", {}, Origin=APP), 404),
        (api.call("/v1/identify", {}, method="PUT", Origin=APP), 405),
        (api.call("/v1/health", b"", method="GET", Origin=APP), 200),
    ):
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, APP)
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_an_answer_to_nobodys_page_names_no_origin(api: Api) -> None:
    answer = api.identify({"id": "u1"})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]  # a cache must not hand it to a page


@pytest.mark.parametrize("origin", [APP, "http://localhost:3000", "https://xn--bcher-kva.example"])
def test_a_listed_origin_may_call(api: Api, origin: str) -> None:
    allow(api.application, APP, "http://localhost:3000", "https://xn--bcher-kva.example")
    answer = api.identify({"id": "u1"}, Origin=origin)
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, origin)


UNLISTED = [
    "https://elsewhere.example",
    "null",
    "https://app.example.com.evil.io",
    "https://evil-app.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com/",
    "https://APP.example.com",
    "https://example.com",
    "app.example.com",
    "\xe9",
]


@pytest.mark.parametrize("origin", UNLISTED)
def test_an_unlisted_origin_may_not_call_nor_read(api: Api, origin: str) -> None:
    allow(api.application, APP)
    for path, body in (("/v1/identify", {"id": "u1"}), ("/v1/batch", {"batch": [{"id": "u1"}]}), ("/v1/t", {})):
        for answer in (
            api.call(path, body, Origin=origin),
            api.call(f"{path}?key={api.public_key}", body, Origin=origin, Authorization=""),
            api.call(path, {**body, "writeKey": api.public_key}, Origin=origin, Authorization=""),
        ):
            assert_refused(answer, 403, "origin_not_allowed")
            assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_list_is_for_pages_alone(api: Api) -> None:
    allow(api.application, APP)
    assert api.identify({"id": "u1"}).status == 200  # no browser sends a call to another site without an origin
    secret = {"Authorization": f"Bearer {api.secret_key}"}
    assert api.identify({"id": "u2"}, Origin="https://elsewhere.example", **secret).status == 200


def test_without_a_list_every_page_may_call(api: Api) -> None:
    assert [api.identify({"id": "u1"}, Origin=origin).status for origin in UNLISTED] == [200] * len(UNLISTED)


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        (APP, APP),
        (" https://app.example.com/ ", APP),
        ("https://App.Example.com", APP),
        ("HTTPS://app.example.com", APP),
        ("https://app.example.com:443", APP),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
    ],
)
def test_an_origin_becomes_what_browsers_send(typed: str, origin: str) -> None:
    assert canonical_origin(typed) == origin
    assert canonical_origin(origin) == origin


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "*",
        "null",
        "app.example.com",
        "//app.example.com",
        "ftp://app.example.com",
        "https://",
        "https://*.example.com",
        "https://app.example.com/app",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://ann@app.example.com",
        "https://app.example.com:x",
        "https://app.example.com:99999",
        "https://app example.com",
        "https://app.example.com, https://b.example.com",
        "https://a..b",
        "https://" + "x" * 300,
        "https://" + "x." * 150 + "example",
        "https://\0",
        "https://\ud800",
        "javascript:alert(1)",
        "[",
        "https://[::1",
    ],
)
def test_what_is_no_origin_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        canonical_origin(typed)


def test_a_call_in_text_plain_needs_no_preflight(api: Api) -> None:
    body = json.dumps({"id": "u1"}).encode()
    path = f"/v1/identify?key={api.public_key}"
    plain = {"Content-Type": "text/plain;charset=UTF-8", "Authorization": ""}
    assert api.call(path, body, Origin=APP, **plain).status == 200
