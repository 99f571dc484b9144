"""Segment's HTTP API, as its clients and those of other customer-data platforms speak it."""

import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from django.test import Client

from identity.models import Person
from identity.payloads import BATCH_LIMIT, BODY_LIMIT
from tests.identity.calls import VALUE, Api, assert_refused, make_api, nothing_is_stored

PATHS = ["/v1/identify", "/v1/i", "/v1/batch", "/v1/b"]
TYPES = ["track", "page", "screen", "group", "alias"]
OTHER_PATHS = ["/v1/t", "/v1/p", "/v1/g", "/v1/a", "/v1/s"]


def message(**fields: object) -> dict[str, object]:
    """An identify as Segment's clients send it."""
    return {
        "type": "identify",
        "userId": "u1",
        "anonymousId": "5f6c1a3e",
        "messageId": "ajs-next-1",
        "timestamp": "2025-08-15T09:30:00.000Z",
        "sentAt": "2025-08-15T09:30:00.100Z",
        "integrations": {},
        "_metadata": {"bundled": []},
        "context": {"library": {"name": "analytics.js", "version": "next-1.0"}},
    } | fields


def body_for(path: str, sent: dict[str, object]) -> dict[str, object]:
    """The message alone, or in a batch where the path is one's."""
    return {"batch": [sent], "sentAt": "2025-08-15T09:30:00.100Z"} if path in ("/v1/batch", "/v1/b") else sent


# What is said of the user in Segment's shape, and who is stored then.
SHAPES: dict[str, tuple[dict[str, object], dict[str, Any]]] = {
    "e-mail and name come out of the traits": (
        {"traits": {"email": "ann@example.com", "name": "Ann", "plan": "pro"}},
        {"email": "ann@example.com", "name": "Ann", "traits": {"plan": "pro"}},
    ),
    "traits only in the context": (
        {"context": {"traits": {"email": "ann@example.com", "plan": "pro"}}},
        {"email": "ann@example.com", "name": "", "traits": {"plan": "pro"}},
    ),
    "of traits in both places those of the call count": (
        {"traits": {"plan": "pro"}, "context": {"traits": {"plan": "free", "seats": 3}}},
        {"email": "", "name": "", "traits": {"plan": "pro", "seats": 3}},
    ),
    "null for traits, with some in the context": (
        {"traits": None, "context": {"traits": {"plan": "pro"}}},
        {"email": "", "name": "", "traits": {"plan": "pro"}},
    ),
    "objects of one level": (
        {"traits": {"company": {"name": "Acme", "seats": 3, "address": {"city": "Ulm"}}}},
        {"email": "", "name": "", "traits": {"company.name": "Acme", "company.seats": 3}},
    ),
    "explicit nulls": (
        {"traits": {"plan": None, "email": None}, "context": None, "integrations": None, "messageId": None},
        {"email": "", "name": "", "traits": {}},
    ),
    "a whole number for userId": ({"userId": 1, "traits": {"a": 1}}, {"email": "", "name": "", "traits": {"a": 1}}),
    "context that is no object": ({"context": "x", "traits": {"a": 1}}, {"email": "", "name": "", "traits": {"a": 1}}),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("sent", "stored"), SHAPES.values(), ids=SHAPES)
def test_segments_shape_is_understood(api: Api, path: str, sent: dict[str, object], stored: dict[str, Any]) -> None:
    answer = api.call(path, body_for(path, message(**sent)))
    assert (answer.status, answer.json["success"]) == (200, True)
    assert answer.json["applied"] == 1  # or True
    assert Person.objects.values("email", "name", "traits").get() == stored


def test_nulls_remove_what_was_stored(api: Api) -> None:
    api.call("/v1/i", message(traits={"email": "ann@example.com", "plan": "pro", "seats": 3}))
    api.call("/v1/i", message(traits={"email": None, "plan": None}))
    assert Person.objects.values("email", "traits").get() == {"email": "", "traits": {"seats": 3}}


def test_what_comes_along_with_segments_clients_is_no_mistake(api: Api) -> None:
    assert api.call("/v1/i", message(category="x", name="y")).json["warnings"] == []


@pytest.mark.parametrize("field", ["timestamp", "originalTimestamp"])
def test_the_time_of_the_message_says_when_the_user_was_first_seen(api: Api, field: str) -> None:
    sent = message()
    api.call("/v1/i", {**{key: value for key, value in sent.items() if key != "timestamp"}, field: "2020-02-02T02:02Z"})
    assert Person.objects.get().first_seen.year == 2020


ANONYMOUS: dict[str, dict[str, object]] = {
    "no userId": {},
    "null": {"userId": None},
    "empty": {"userId": ""},
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("named", ANONYMOUS.values(), ids=ANONYMOUS)
def test_an_anonymous_identify_is_accepted_and_ignored(api: Api, path: str, named: dict[str, object]) -> None:
    sent = {key: value for key, value in message(traits={"plan": "pro"}).items() if key != "userId"} | named
    answer = api.call(path, body_for(path, sent))
    assert (answer.status, answer.json["success"], answer.json["applied"]) == (200, True, 0)
    assert answer.json.get("ignored", 1) == 1
    assert nothing_is_stored()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [*TYPES, "delete", "", 5, True, ["identify"], {"a": 1}])
def test_a_message_of_another_type_is_accepted_and_ignored(api: Api, path: str, kind: object) -> None:
    answer = api.call(path, body_for(path, message(type=kind, userId="null", traits={"plan": "pro"})))
    assert (answer.status, answer.json["success"], answer.json["applied"]) == (200, True, 0)
    assert answer.json.get("ignored", 1) == 1
    assert nothing_is_stored()


@pytest.mark.parametrize("path", OTHER_PATHS)
def test_other_events_are_accepted_and_ignored_each_on_its_path(api: Api, path: str) -> None:
    for kind in ("track", "identify"):
        answer = api.call(path, message(type=kind, event="Signed up", properties={"a": 1}))
        assert (answer.status, answer.json) == (200, {"success": True, "applied": False, "warnings": []})
    assert nothing_is_stored()
    assert_refused(api.call(path, [message()]), 400, "invalid_body")
    assert_refused(api.call(path, b"{"), 400, "invalid_json")
    assert_refused(api.call(path, message(), Authorization=""), 401, "invalid_key")
    assert_refused(api.call(path, message(), method="GET"), 405, "method_not_allowed")


@pytest.mark.parametrize("external_id", [None, "", " ", "null", True, 1.5, {"a": VALUE}, "x" * 201])
def test_a_bad_user_id_is_refused_by_its_own_name(api: Api, external_id: object) -> None:
    sent = {"type": "identify", "userId": external_id, "traits": {"a": VALUE}}
    assert_refused(api.call("/v1/i", sent), 400, "invalid_user_id", "userId")
    answer = api.batch(sent, message())
    assert [(entry["index"], entry["code"]) for entry in answer.json["rejected"]] == [(0, "invalid_user_id")]
    assert api.stored() == {"u1": {}}


def test_types_mix(api: Api) -> None:
    mixed = [message(type=kind) for kind in TYPES]
    answer = api.batch(*mixed, message(traits={"plan": "pro"}), {"type": "identify"}, message(userId=None))
    assert (answer.json["applied"], answer.json["ignored"]) == (1, len(TYPES) + 1)
    assert [entry["index"] for entry in answer.json["rejected"]] == [len(TYPES) + 1]
    assert api.stored() == {"u1": {"plan": "pro"}}


# gzip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", ["gzip", "GZIP", " gzip "])
def test_gzip_is_unpacked(api: Api, path: str, encoding: str) -> None:
    packed = gzip.compress(json.dumps(body_for(path, message(traits={"plan": "pro"}))).encode())
    assert api.call(path, packed, **{"Content-Encoding": encoding}).status == 200
    assert api.stored() == {"u1": {"plan": "pro"}}


def test_gzip_may_come_in_several_members(api: Api) -> None:
    body = json.dumps(message()).encode()
    packed = gzip.compress(body[:20]) + gzip.compress(b"") + gzip.compress(body[20:])
    assert api.call("/v1/i", packed, **{"Content-Encoding": "gzip"}).status == 200


PACKED = gzip.compress(json.dumps(message()).encode())
BROKEN_GZIP = {
    "no gzip": b'{"userId": "u1"}',
    "cut off": PACKED[:-9],
    "without its end": PACKED[:-1],
    "a bad checksum": PACKED[:-8] + b"\0" * 8,
    "zlib": zlib.compress(b'{"userId": "u1"}'),
    "something after it": PACKED + b"x",
    "a broken second member": PACKED + PACKED[:12],
    "only a header": PACKED[:10],
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BROKEN_GZIP.values(), ids=BROKEN_GZIP)
def test_broken_gzip_is_refused(api: Api, path: str, body: bytes) -> None:
    assert_refused(api.call(path, body, **{"Content-Encoding": "gzip"}), 400, "invalid_encoding")


def test_empty_gzip_is_no_json(api: Api) -> None:
    for body in (b"", gzip.compress(b"")):
        assert_refused(api.call("/v1/b", body, **{"Content-Encoding": "gzip"}), 400, "invalid_json")


@pytest.mark.parametrize(("path", "limit"), [("/v1/i", BODY_LIMIT), ("/v1/b", BATCH_LIMIT)])
def test_what_unpacks_to_more_than_the_limit_is_refused(api: Api, path: str, limit: int) -> None:
    body = json.dumps(body_for(path, message())).encode()
    fits, bomb = gzip.compress(body + b" " * (limit - len(body))), gzip.compress(b" " * (limit + 1))
    many = b"".join(gzip.compress(b" " * 50_000) for _ in range(limit // 50_000 + 1))
    assert api.call(path, fits, **{"Content-Encoding": "gzip"}).status == 200
    api.application.people.all().delete()
    for too_much in (bomb, many, gzip.compress(b" " * 200_000_000, 9)):
        assert_refused(api.call(path, too_much, **{"Content-Encoding": "gzip"}), 413, "too_large")


# Keys


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("path", [*PATHS, *OTHER_PATHS])
def test_a_key_may_be_the_user_name_of_basic(api: Api, path: str) -> None:
    for header in (basic(api.public_key), basic(api.secret_key), basic(api.public_key).replace("Basic", "basic")):
        assert api.call(path, body_for(path, message()), Authorization=header).status == 200
    assert api.call(path, body_for(path, message()), Authorization=basic(api.public_key, "x")).status == 200


@pytest.mark.parametrize("path", [*PATHS, *OTHER_PATHS])
def test_a_public_key_may_stand_in_the_body(api: Api, path: str) -> None:
    body = body_for(path, message(traits={"plan": "pro"})) | {"writeKey": api.public_key}
    assert api.call(path, body, Authorization="").status == 200
    assert api.stored() == ({} if path in OTHER_PATHS else {"u1": {"plan": "pro"}})


@pytest.mark.parametrize("path", PATHS)
def test_a_secret_key_is_not_taken_from_the_body(api: Api, path: str) -> None:
    for key in (api.secret_key, f" {api.secret_key}"):
        answer = api.call(path, body_for(path, message()) | {"writeKey": key}, Authorization="")
        assert_refused(answer, 401, "invalid_key")
        assert api.secret_key not in answer.text


def test_the_header_decides_where_the_body_says_another_key(api: Api, client: Client) -> None:
    other = make_api(client)
    assert api.call("/v1/i", message() | {"writeKey": other.public_key}).status == 200
    assert api.call("/v1/i", message() | {"writeKey": api.secret_key}).status == 200
    assert api.call("/v1/i", message() | {"writeKey": api.public_key}, Authorization="Bearer x").status == 401
    assert (api.stored(), other.stored()) == ({"u1": {}}, {})


NO_KEY: dict[str, tuple[dict[str, str], object]] = {
    "Basic of an unknown key": ({"Authorization": basic("co_pub_x")}, None),
    "Basic with the key as password": ({"Authorization": basic("", "co_pub_x")}, None),
    "Basic that is no base64": ({"Authorization": "Basic co_pub_x"}, None),
    "Basic that is no UTF-8": ({"Authorization": "Basic /////w=="}, None),
    "Basic with NUL": ({"Authorization": basic("\0")}, None),
    "Basic without anything": ({"Authorization": "Basic"}, None),
    "an unknown key": ({"Authorization": ""}, "co_pub_x"),
    "NUL": ({"Authorization": ""}, "co_pub_\0"),
    "a lone surrogate": ({"Authorization": ""}, "co_pub_\ud800"),
    "empty": ({"Authorization": ""}, ""),
    "a number": ({"Authorization": ""}, 1),
    "a list": ({"Authorization": ""}, ["co_pub_x"]),
    "null": ({"Authorization": ""}, None),
}


@pytest.mark.parametrize("path", [*PATHS, *OTHER_PATHS])
@pytest.mark.parametrize(("headers", "written"), NO_KEY.values(), ids=NO_KEY)
def test_without_a_valid_key_nothing_happens(api: Api, path: str, headers: dict[str, str], written: object) -> None:
    assert_refused(api.call(path, body_for(path, message()) | {"writeKey": written}, **headers), 401, "invalid_key")
