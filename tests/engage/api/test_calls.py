"""What all calls have in common: keys, methods, paths, bodies, limits, errors."""

import functools
import json
from base64 import b64encode
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from pytest_django import DjangoAssertNumQueries, Settings

from engage.management_api import segments as segments_calls
from engage.management_api.api import document
from identity import caches, configuration, tally
from identity.models import Key
from identity.payloads import BATCH_LIMIT, BODY_LIMIT
from tests import factories
from tests.engage.api.calls import NOT_PRO, PRO, SECRET, Api, assert_refused, make_api

NAMED = {"name": "Free users", "rules": NOT_PRO}
# Every call with a body that it takes, where there are a user 42, a trait plan and a segment pro-users.
CALLS: dict[tuple[str, str], object] = {
    ("GET", "/segments"): None,
    ("POST", "/segments"): NAMED,
    ("POST", "/segments/preview"): {"rules": PRO},
    ("GET", "/segments/export"): None,
    ("POST", "/segments/import"): {"version": 1, "segments": [{"slug": "pro-users", **NAMED}]},
    ("GET", "/segments/pro-users"): None,
    ("PUT", "/segments/pro-users"): NAMED,
    ("DELETE", "/segments/pro-users"): None,
    ("GET", "/segments/pro-users/members"): None,
    ("POST", "/segments/pro-users/explain"): {"user": "42"},
    ("GET", "/traits"): None,
    ("PATCH", "/traits/plan"): {"label": "Plan"},
    ("GET", "/users/42"): None,
    ("DELETE", "/users/42"): None,
}
WITH_BODY = [call for call, body in CALLS.items() if body is not None]
PATHS = sorted({path for _, path in CALLS})
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


@pytest.fixture
def filled(api: Api) -> Api:
    api.segment()
    factories.person(api.application, {"plan": "pro"}, id="42")
    return api


def test_every_call_of_the_document_is_tested_here() -> None:
    named = {"{slug}": "pro-users", "{key}": "plan", "{id}": "42"}
    documented = set()
    for path, calls in document()["paths"].items():
        called = functools.reduce(lambda text, name: text.replace(*name), named.items(), path)
        documented |= {(method.upper(), called.removeprefix("/api/v1")) for method in calls}
    assert documented == CALLS.keys()


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_works(filled: Api, method: str, path: str) -> None:
    answer = filled.call(method, path, CALLS[method, path])
    assert answer.status in (200, 201, 204)
    assert "Set-Cookie" not in answer.headers
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


# Keys


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_strangers_are_rejected(filled: Api, method: str, path: str) -> None:
    revoked, text = Key.objects.create_secret(filled.application)
    configuration.revoke_key(revoked)
    basic = b64encode(f"{filled.secret_key}:".encode()).decode()
    for header in (
        "",
        f"Bearer {filled.public_key}",
        f"Bearer co_sec_{SECRET}",
        f"Bearer {text}",
        f"Basic {basic}",
        filled.secret_key,
        "Bearer",
        "Bearer co_sec_\0é",
    ):
        answer = filled.call(method, path, CALLS[method, path], Authorization=header)
        assert_refused(answer, 401, "invalid_key")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert filled.application.people.count() == 1
    assert filled.application.segments.filter(name="Pro users").count() == 1


def test_a_key_is_taken_from_nowhere_else(filled: Api) -> None:
    assert filled.get(f"/segments?key={filled.secret_key}", Authorization="").status == 401
    body = NAMED | {"writeKey": filled.secret_key}
    assert filled.post("/segments", body, Authorization="").status == 401


def test_a_signed_in_teammate_is_nobody_here(filled: Api) -> None:
    filled.client.force_login(factories.teammate(filled.application).user)
    assert filled.get("/segments", Authorization="").status == 401


def test_one_who_must_choose_a_password_is_not_led_away(filled: Api) -> None:
    user = factories.teammate(filled.application).user
    user.must_choose_password = True
    user.save()
    filled.client.force_login(user)
    assert filled.get("/segments").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [call for call in CALLS if "pro-users" in call[1] or "42" in call[1]],
)
def test_another_applications_objects_are_not_there(filled: Api, stranger: Api, method: str, path: str) -> None:
    assert_refused(stranger.call(method, path, CALLS[method, path]), 404, "not_found")
    assert filled.get("/segments/pro-users").json["name"] == "Pro users"
    assert filled.get("/users/42").status == 200


def test_an_application_that_is_gone_has_no_key(filled: Api) -> None:
    assert filled.get("/segments").status == 200
    filled.application.delete()
    assert_refused(filled.get("/segments"), 401, "invalid_key")


def test_a_call_is_noted_as_the_keys_last_use(filled: Api) -> None:
    filled.get("/segments")
    tally.flush()
    assert Key.objects.secret().get(application=filled.application).last_used_at


def test_each_key_has_its_rate(filled: Api, stranger: Api, settings: Settings) -> None:
    settings.SECRET_CALLS_PER_10_SECONDS = 2
    assert [filled.get("/segments").status for _ in range(2)] == [200, 200]
    answer = filled.get("/segments")
    assert_refused(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert stranger.get("/segments").status == 200


def test_guesses_have_a_rate(api: Api, settings: Settings) -> None:
    settings.PUBLIC_CALLS_PER_10_SECONDS = 2
    statuses = [api.get("/segments", Authorization=f"Bearer co_sec_{n}").status for n in range(3)]
    assert statuses == [401, 401, 429]
    assert api.get("/segments").status == 200


# Methods and paths


@pytest.mark.parametrize("path", PATHS)
def test_the_wrong_method_is_rejected(filled: Api, path: str) -> None:
    allowed = sorted(method for method, called in CALLS if called == path)
    for method in set(METHODS) - set(allowed):
        answer = filled.call(method, path, NAMED)
        assert (answer.status, answer.headers["Content-Type"]) == (405, "application/json")
        assert answer.headers["Allow"] == ", ".join(allowed)
        if method != "HEAD":
            assert_refused(answer, 405, "method_not_allowed")
    assert filled.get("/segments/pro-users").json["name"] == "Pro users"


@pytest.mark.parametrize("path", [path for path in PATHS if not path.startswith(("/users/", "/traits/"))])
def test_a_slash_at_the_end_is_another_path(filled: Api, path: str) -> None:
    for method, called in CALLS:
        if called == path:
            assert_refused(filled.call(method, f"{path}/", CALLS[method, path]), 404, "not_found")


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/segments/no%20slug", "/segments/%00", "/segments/a/b", "/users", "/users/", "/traits/"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_any_other_path_is_json_too(api: Api, method: str, path: str) -> None:
    assert_refused(api.call(method, path), 404, "not_found")


def test_too_many_parameters_are_refused(api: Api) -> None:
    assert_refused(
        api.get("/segments?" + "&".join(f"a{n}=1" for n in range(settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1))),
        400,
        "invalid_request",
    )


def test_a_strange_host_is_told_in_json(api: Api) -> None:
    assert_refused(api.get("/segments", Host="evil.example"), 400, "invalid_request")


# Bodies

BROKEN = {
    "empty": b"",
    "white space": b" \n",
    "truncated": b'{"name": "never repeat this"',
    "trailing comma": b'{"rules": [],}',
    "two documents": b"{} {}",
    "control character": b'{"name": "\n"}',
    "bad UTF-8": b'{"name": "\xff"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "surrogate bytes": b'{"name": "\xed\xa0\x80"}',
    "NaN": b'{"rules": [{"trait": "a", "operator": "equals", "value": NaN}]}',
    "infinity": b'{"rules": [{"trait": "a", "operator": "equals", "value": -Infinity}]}',
    "deep": b"[" * 60_000,
    "a number of 5,000 digits": b'{"name": ' + b"1" * 5_000 + b"}",
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_what_is_not_json_is_refused(filled: Api, method: str, path: str, body: bytes) -> None:
    assert_refused(filled.call(method, path, body), 400, "invalid_json")


@pytest.mark.parametrize("body", [[], "text", 1, True])
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_what_is_no_object_is_refused(filled: Api, method: str, path: str, body: object) -> None:
    assert_refused(filled.call(method, path, body), 400, "invalid_body")


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_body_has_a_limit(filled: Api, method: str, path: str) -> None:
    limit = BATCH_LIMIT if path == "/segments/import" else BODY_LIMIT
    body = json.dumps(CALLS[method, path]).encode()
    assert filled.call(method, path, body.ljust(limit)).status in (200, 201)
    assert_refused(filled.call(method, path, body.ljust(limit + 1)), 413, "too_large")


def test_a_body_that_nobody_may_send_is_not_read(filled: Api) -> None:
    answer = filled.post("/segments", b" " * (BODY_LIMIT + 1), Authorization="")
    assert_refused(answer, 401, "invalid_key")


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_what_is_not_sent_as_json_is_refused(filled: Api, method: str, path: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert_refused(filled.call(method, path, b"--x--", **headers), 415, "unsupported_media_type")
    assert_refused(filled.call(method, path, b"{}", **{"Content-Encoding": "br"}), 415, "unsupported_encoding")


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_a_field_that_is_not_known_is_refused(filled: Api, method: str, path: str) -> None:
    body = CALLS[method, path]
    assert isinstance(body, dict)
    answer = filled.call(method, path, {**body, "nmae": SECRET})
    assert answer.status == 422
    assert SECRET not in answer.text


HOSTILE = ["\0", "\ud800", "a" * 60_000, 10**400, -(2**63), 1e308, [[[[]]]], {"a": {"b": {}}}, None, True, "", "\n"]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_nothing_that_is_sent_breaks_a_call(filled: Api, method: str, path: str, value: object) -> None:
    """Every value of a body in turn is something that nobody expects there; so are the names of its fields."""

    def variants(document: object) -> list[object]:
        if isinstance(document, dict):
            inner = [{**document, key: other} for key in document for other in variants(document[key])]
            return [value, *inner, {**document, str(value): value}]
        if isinstance(document, list):
            return [value, [value], *([other] for one in document for other in variants(one))]
        return [value]

    for body in variants(CALLS[method, path]):
        assert filled.call(method, path, body).status < 500


# A database that is away


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_asks_to_try_again(
    filled: Api, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    for place, name in ((segments_calls, "sizes"), (caches, "caller")):
        monkeypatch.setattr(place, name, Mock(side_effect=error(SECRET)))
        answer = filled.get("/segments")
        assert_refused(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == "5"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_really_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api()
    assert api.get("/segments").status == 200  # from here on the key is known
    connection.close()
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "HOST", str(tmp_path))
        answers = [api.get("/segments"), api.get("/segments", Authorization="Bearer co_sec_unknown")]
    for answer in answers:
        assert_refused(answer, 503, "unavailable")


def test_a_mistake_of_ours_is_json_too(filled: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments_calls, "sizes", Mock(side_effect=ZeroDivisionError(SECRET)))
    filled.client.raise_request_exception = False
    assert_refused(filled.get("/segments"), 500, "internal_error")


# What a call costs

QUERIES = {
    ("GET", "/segments"): 3,  # the application, the segments, one pass over the users
    ("POST", "/segments"): 11,  # the lock of the application, slugs taken, insert, version; in two savepoints
    ("POST", "/segments/preview"): 3,  # the application, the counts, the sample
    ("GET", "/segments/export"): 2,
    ("GET", "/segments/pro-users"): 3,
    ("PUT", "/segments/pro-users"): 11,  # the segment and its lock, update, version; in two savepoints
    ("GET", "/segments/pro-users/members"): 4,  # the application, the segment, how far to walk, the users
    ("POST", "/segments/pro-users/explain"): 3,
    ("GET", "/traits"): 3,  # the application, the traits, all users and the kinds of their values in one pass
    ("PATCH", "/traits/plan"): 11,  # savepoints, locks, trait, event, update; the kinds of values in one pass
    ("GET", "/users/42"): 4,  # the application, the user, the segments twice: which changed, and those
}


@pytest.mark.parametrize(("method", "path"), QUERIES)
def test_queries_are_few(
    filled: Api, method: str, path: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert caches.caller(filled.secret_key)
    with django_assert_num_queries(QUERIES[method, path]):
        filled.call(method, path, CALLS[method, path])
