"""The ingestion API, through the whole site on a real database. The tables read like those of the design."""

import gzip
import http.client
import io
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from django import conf
from django.db import connection
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from identity import rate_limits
from identity.models import Application, Key, Person, Trait, Verification
from identity.payloads import BATCH_LIMIT, BODY_LIMIT, MESSAGE_LIMIT
from identity.values import Value
from tests import factories
from tests.identity.calls import VALUE, Answer, Api, assert_refused, make_api, nothing_is_stored
from tests.identity.server import Server

# What is right


def test_identify_answers_200_and_stores_the_user(api: Api) -> None:
    answer = api.identify(
        {"id": "u1", "email": "ann@example.com", "name": "Ann", "traits": {"plan": "pro", "seats": 3}}
    )
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"success": True, "applied": True, "warnings": []}
    person = Person.objects.get()
    assert (person.external_id, person.email, person.name) == ("u1", "ann@example.com", "Ann")
    assert person.traits == {"plan": "pro", "seats": 3}
    assert person.application == api.application
    assert set(Trait.objects.values_list("key", "first_kind")) == {("plan", "string"), ("seats", "number")}


def test_batch_answers_200_and_counts(api: Api) -> None:
    answer = api.batch(
        {"type": "identify", "id": "u1", "traits": {"plan": "pro"}},
        {"type": "track", "event": "Signed up"},
        {"type": "identify", "id": "null"},
        {"type": "identify", "id": "u2"},
    )
    assert answer.status == 200
    rejected = answer.json.pop("rejected")
    assert answer.json == {"success": True, "applied": 2, "ignored": 1}
    assert [(entry.pop("index"), entry.pop("code")) for entry in rejected] == [(2, "invalid_user_id")]
    assert [entry.keys() for entry in rejected] == [{"message"}]
    assert api.stored() == {"u1": {"plan": "pro"}, "u2": {}}


def test_an_empty_batch_is_no_mistake(api: Api) -> None:
    assert api.batch().json == {"success": True, "applied": 0, "ignored": 0, "rejected": []}


# What is sent as a whole, and the user who is stored then.
EXACT_CALLS: dict[str, tuple[object, str, dict[str, Value]]] = {
    "a BOM": (b'\xef\xbb\xbf{"id": "u1", "traits": {"plan": "pro"}}', "u1", {"plan": "pro"}),
    "white space around": (b' \r\n\t{"id": "u1"}\n ', "u1", {}),
    "of duplicate keys the last wins": (b'{"id": "u0", "id": "u1", "traits": {"a": 1, "a": 2}}', "u1", {"a": 2}),
    "a whole number becomes its text": ({"id": 42}, "42", {}),
    "an id is trimmed": ({"id": " u1\n"}, "u1", {}),
    "HTML in an id is text": ({"id": "<script>"}, "<script>", {}),
    "SQL in an id is text": ({"id": "'); DROP TABLE identity_person; --"}, "'); DROP TABLE identity_person; --", {}),
    "null for traits": ({"id": "u1", "traits": None}, "u1", {}),
    "an escaped pair of surrogates": (b'{"id": "u1", "traits": {"a": "\\ud83d\\udc4b"}}', "u1", {"a": "👋"}),
    "whole numbers": (b'{"id": "u1", "traits": {"a": 10.0, "b": -0.0, "c": 1e2}}', "u1", {"a": 10, "b": 0, "c": 100}),
}

# Traits that are stored as they are sent.
EXACT_TRAITS: dict[str, dict[str, Value]] = {
    "keys with dots, spaces, emoji": {"a.b": 1, "a b": 2, "👋": 3, " a": 4},
    "keys that look like numbers": {"2024": 1, "1_000": 2, "１２": 3, "-1": 4},
    "HTML is text": {"<b>": "<script>alert(1)</script>"},
    "SQL is text": {"'); --": "'); DROP TABLE identity_person; --", "%s": "%(a)s {} \\ \" ' $1"},
    "one of each kind": {"a": "pro", "b": 10, "c": -3.5, "d": True, "e": False, "f": "2025-08-15"},
    "the largest numbers": {"a": 2**53, "b": -(2**53), "c": 5e-324, "d": 0.1},
}


@pytest.mark.parametrize(("sent", "external_id", "traits"), EXACT_CALLS.values(), ids=EXACT_CALLS)
def test_what_is_unusual_and_right_is_stored_exactly(
    api: Api, sent: object, external_id: str, traits: dict[str, Value]
) -> None:
    answer = api.identify(sent)
    assert (answer.status, answer.json["warnings"]) == (200, [])
    assert json.dumps(api.stored()) == json.dumps({external_id: traits})


@pytest.mark.parametrize("traits", EXACT_TRAITS.values(), ids=EXACT_TRAITS)
def test_traits_are_stored_exactly(api: Api, traits: dict[str, Value]) -> None:
    answer = api.identify({"id": "u1", "traits": traits})
    assert (answer.status, answer.json["warnings"]) == (200, [])
    # As JSON, since to Python 1 == True == 1.0.
    assert json.dumps(api.stored()["u1"], sort_keys=True) == json.dumps(traits, sort_keys=True)


def test_null_and_blank_remove_traits(api: Api) -> None:
    api.identify({"id": "u1", "traits": {"a": 1, "b": 1, "c": 1, "d": 1}})
    answer = api.identify({"id": "u1", "traits": {"a": None, "b": "", "c": " "}})
    assert answer.json["warnings"] == []
    assert api.stored() == {"u1": {"d": 1}}


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded", ""],
)
def test_the_body_is_json_whatever_type_it_says(api: Api, content_type: str) -> None:
    assert api.identify({"id": "u1", "traits": {"plan": "a=b&c"}}, **{"Content-Type": content_type}).status == 200
    assert api.stored() == {"u1": {"plan": "a=b&c"}}


# What is refused

NOT_JSON = {
    "empty": b"",
    "white space": b" \n",
    "truncated": b'{"id": "u1", "name": "never repeat this',
    "trailing comma": b'{"id": "u1", "name": "never repeat this",}',
    "single quotes": b"{'id': 'never repeat this'}",
    "two documents": b'{"id": "u1"} {"id": "u2"}',
    "raw control character": b'{"id": "u1", "name": "never repeat this\n"}',
    "bad UTF-8": b'{"id": "u1", "name": "never repeat this\xff"}',
    "surrogate bytes": b'{"id": "u1", "name": "\xed\xa0\x80"}',
    "UTF-16": '{"id": "u1"}'.encode("utf-16"),
    "UTF-16 without a BOM": '{"id": "u1"}'.encode("utf-16-le"),
    "UTF-32": '{"id": "u1"}'.encode("utf-32"),
    "NaN": b'{"id": "u1", "traits": {"a": NaN}}',
    "Infinity": b'{"id": "u1", "traits": {"a": Infinity}}',
    "-Infinity": b'{"id": "u1", "traits": {"a": -Infinity}}',
    "60,000 brackets": b"[" * 60_000,
    "60,000 pairs of braces": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "an integer of 5,000 digits": b'{"id": "u1", "traits": {"a": ' + b"9" * 5_000 + b"}}",
    "a form": b"id=u1&name=never+repeat+this",
    "HTML": b"<html>never repeat this</html>",
    "gzip without saying so": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
}


@pytest.mark.parametrize("path", ["/v1/identify", "/v1/batch"])
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_a_body_that_is_not_json_is_refused(api: Api, path: str, body: bytes) -> None:
    assert_refused(api.call(path, body), 400, "invalid_json")


NO_OBJECT: dict[str, object] = {"array": [{"id": "u1"}], "string": VALUE, "number": 1, "true": True, "null": None}


@pytest.mark.parametrize("body", NO_OBJECT.values(), ids=NO_OBJECT)
def test_a_body_that_is_no_object_is_refused(api: Api, body: object) -> None:
    assert_refused(api.identify(body), 400, "invalid_body")


NO_BATCH = NO_OBJECT | {
    "no list": {"id": "u1"},
    "an object": {"batch": {"id": VALUE}},
    "a string": {"batch": VALUE},
    "a null": {"batch": None},
}


@pytest.mark.parametrize("body", NO_BATCH.values(), ids=NO_BATCH)
def test_a_batch_without_a_list_is_refused(api: Api, body: object) -> None:
    assert_refused(api.call("/v1/batch", body), 400, "invalid_body", "batch")


NO_USER_ID: dict[str, object] = {
    "null": None,
    "empty": "",
    "spaces": " \t ",
    "boolean": True,
    "object": {"id": VALUE},
    "array": [VALUE],
    "fraction": 1.5,
    "number over 2^53": 2**53 + 1,
    "huge number": 10**400,
    "over 200 characters": VALUE * 12,
    "NUL": f"{VALUE}\0",
    "lone surrogate": f"{VALUE}\ud800",
    "line break": f"{VALUE}\n{VALUE}",
    "bidi control": f"{VALUE}\u202e{VALUE}",
    "zero": 0,
    **{
        f"mistake {text}": text
        for text in "null undefined none nan true false 0 anonymous guest user id email distinct_id".split()
    },
    "mistake [object Object]": "[object Object]",
    "mistake nil UUID": "00000000-0000-0000-0000-000000000000",
    "mistake in another case": "UnDefined",
    "mistake in double quotes": '"null"',
    "mistake in single quotes": "'None'",
    "mistake with space": " null ",
    "nothing in quotes": '""',
}


@pytest.mark.parametrize("external_id", NO_USER_ID.values(), ids=NO_USER_ID)
def test_a_bad_user_id_is_refused(api: Api, external_id: object) -> None:
    call = {"id": external_id, "email": "never-repeat-this@example.com", "name": VALUE, "traits": {"a": VALUE}}
    answer = api.identify(call)
    assert_refused(answer, 400, "invalid_user_id", "id")
    assert "never-repeat-this" not in answer.text


def test_a_missing_user_id_is_refused(api: Api) -> None:
    assert_refused(api.identify({"name": VALUE, "traits": {"a": VALUE}}), 400, "invalid_user_id", "id")


@pytest.mark.parametrize("external_id", NO_USER_ID.values(), ids=NO_USER_ID)
def test_in_a_batch_a_bad_user_id_is_rejected_alone(api: Api, external_id: object) -> None:
    answer = api.batch({"id": external_id, "name": VALUE, "traits": {"a": VALUE}}, {"id": "u1", "traits": {"b": 1}})
    assert answer.status == 200
    assert (answer.json["applied"], answer.json["ignored"]) == (1, 0)
    assert [(entry["index"], entry["code"]) for entry in answer.json["rejected"]] == [(0, "invalid_user_id")]
    assert VALUE not in answer.text
    assert api.stored() == {"u1": {"b": 1}}
    assert list(Trait.objects.values_list("key", flat=True)) == ["b"]


# Dropped or changed, with a warning, and the rest is saved

PLAN: dict[str, object] = {"plan": "pro"}
REST = {"email": "ann@example.com", "name": "Ann", "traits": PLAN}

WARNED: list[tuple[str, dict[str, Any], list[tuple[str, str]], dict[str, Any]]] = [
    # what, what is sent beside or instead of the rest, code and field of each warning, what is stored then
    ("bad email", {"email": "ann"}, [("invalid_email", "email")], {"email": ""}),
    ("email with NUL", {"email": "ann\0@example.com"}, [("invalid_email", "email")], {"email": ""}),
    ("email with a surrogate", {"email": "ann@exa\ud800mple.com"}, [("invalid_email", "email")], {"email": ""}),
    ("email not a string", {"email": ["ann@example.com"]}, [("invalid_email", "email")], {"email": ""}),
    ("name an object", {"name": {"first": "Ann"}}, [("invalid_name", "name")], {"name": ""}),
    ("name over 200", {"name": "x" * 201}, [("string_cut", "name")], {"name": "x" * 200}),
    ("name with NUL", {"name": "A\0nn"}, [("characters_replaced", "name")], {"name": "A\ufffdnn"}),
    ("name with a surrogate", {"name": "A\udfffnn"}, [("characters_replaced", "name")], {"name": "A\ufffdnn"}),
    ("traits not an object", {"traits": ["plan"]}, [("invalid_traits", "traits")], {"traits": {}}),
    ("timestamp in the future", {"timestamp": "2999-01-01T00:00Z"}, [("invalid_timestamp", "timestamp")], {}),
    ("timestamp unreadable", {"timestamp": "\ud800"}, [("invalid_timestamp", "timestamp")], {}),
]

WARNED_TRAITS: list[tuple[str, dict[str, object], list[tuple[str, str]], dict[str, Value]]] = [
    # what, the traits sent with plan, code and field of each warning, what is stored beside plan
    ("empty key", {"": 1}, [("invalid_key_name", "")], {}),
    ("blank key", {"  ": 1}, [("invalid_key_name", "  ")], {}),
    ("key over 100", {"k" * 101: 1}, [("invalid_key_name", "k" * 101)], {}),
    ("NUL in a key", {"k\0": 1}, [("invalid_key_name", "k\0")], {}),
    ("surrogate in a key", {"k\ud800": 1}, [("invalid_key_name", "k\ud800")], {}),
    ("NUL in the key of a member", {"k": {"\0": 1, "b": 2}}, [("invalid_key_name", "k.\0")], {"k.b": 2}),
    ("__proto__", {"__proto__": {"admin": True}}, [("invalid_key_name", "__proto__")], {}),
    ("constructor", {"constructor": 1}, [("invalid_key_name", "constructor")], {}),
    ("prototype", {"prototype": 1}, [("invalid_key_name", "prototype")], {}),
    ("key beginning with $", {"$email": "x"}, [("invalid_key_name", "$email")], {}),
    ("object below the first level", {"k": {"deep": {"a": 1}, "b": 2}}, [("unsupported_value", "k.deep")], {"k.b": 2}),
    ("list", {"k": ["a"], "b": 2}, [("unsupported_value", "k")], {"b": 2}),
    ("number over 2^53", {"k": 2**53 + 1}, [("number_out_of_range", "k")], {}),
    ("number below -2^53", {"k": -(2**53) - 1}, [("number_out_of_range", "k")], {}),
    ("string over 1,024", {"k": "x" * 1025}, [("string_cut", "k")], {"k": "x" * 1024}),
    ("NUL in a value", {"k": "a\0"}, [("characters_replaced", "k")], {"k": "a\ufffd"}),
    ("surrogate in a value", {"k": "a\udc00"}, [("characters_replaced", "k")], {"k": "a\ufffd"}),
]


@pytest.mark.parametrize(
    ("sent", "warnings", "changed"),
    [row[1:] for row in WARNED]
    + [
        ({"traits": PLAN | traits}, warnings, {"traits": PLAN | stored})
        for _, traits, warnings, stored in WARNED_TRAITS
    ],
    ids=[row[0] for row in WARNED] + [row[0] for row in WARNED_TRAITS],
)
def test_what_is_bad_is_dropped_or_mended_and_the_rest_is_saved(
    api: Api, sent: dict[str, Any], warnings: list[tuple[str, str]], changed: dict[str, Any]
) -> None:
    answer = api.identify({"id": "u1"} | REST | sent)
    assert (answer.status, answer.json["success"], answer.json["applied"]) == (200, True, True)
    assert [(warning["code"], warning["field"]) for warning in answer.json["warnings"]] == warnings
    assert all(warning.keys() == {"code", "field", "message"} for warning in answer.json["warnings"])
    batch = api.batch({"id": "u2"} | REST | sent)
    assert batch.json == {"success": True, "applied": 1, "ignored": 0, "rejected": []}
    for external_id in ("u1", "u2"):
        stored = Person.objects.values("email", "name", "traits").get(external_id=external_id)
        assert stored == REST | changed
    assert set(Trait.objects.values_list("key", flat=True)) == set(stored["traits"])


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9007199254740994", "9" * 4000])
def test_a_number_that_is_too_large_is_dropped(api: Api, number: str) -> None:
    answer = api.identify(f'{{"id": "u1", "traits": {{"k": {number}, "plan": "pro"}}}}'.encode())
    assert [(warning["code"], warning["field"]) for warning in answer.json["warnings"]] == [
        ("number_out_of_range", "k")
    ]
    assert "send it as a string" in answer.json["warnings"][0]["message"]
    assert api.stored() == {"u1": {"plan": "pro"}}


def test_the_hundred_and_first_trait_is_dropped(api: Api) -> None:
    secret = {"Authorization": f"Bearer {api.secret_key}"}
    answer = api.identify({"id": "u1", "traits": {f"t{n}": n for n in range(101)}}, **secret)
    assert [(warning["code"], warning["field"]) for warning in answer.json["warnings"]] == [("too_many_traits", "t100")]
    assert api.stored() == {"u1": {f"t{n}": n for n in range(100)}}


def test_warnings_repeat_no_values(api: Api) -> None:
    bad = {"a": [VALUE], "b": VALUE * 100, "c": f"{VALUE}\0"}
    answer = api.identify({"id": "u1", "email": VALUE, "name": [VALUE], "timestamp": VALUE, "traits": bad})
    assert len(answer.json["warnings"]) == 6
    assert VALUE not in answer.text


# Keys

NO_KEY: dict[str, dict[str, str]] = {
    "none": {"Authorization": ""},
    "blank": {"Authorization": "Bearer "},
    "no key": {"Authorization": "Bearer"},
    "unknown public key": {"Authorization": "Bearer co_pub_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "unknown secret key": {"Authorization": "Bearer co_sec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"},
    "NUL": {"Authorization": "Bearer co_pub_\0"},
    "Latin-1": {"Authorization": "Bearer co_pub_\xe9"},
    "another scheme": {"Authorization": "Digest username=co_pub_"},
    "very long": {"Authorization": "Bearer " + "x" * 5_000},
}


@pytest.mark.parametrize("path", ["/v1/identify", "/v1/batch"])
@pytest.mark.parametrize("headers", NO_KEY.values(), ids=NO_KEY)
def test_without_a_valid_key_nothing_happens(api: Api, path: str, headers: dict[str, str]) -> None:
    answer = api.call(path, {"id": "u1", "batch": [{"id": "u1"}]}, **headers)
    assert_refused(answer, 401, "invalid_key")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("query", ["", "?key=", "?key=%00", "?key=%ED%A0%80", "?key=co_pub_x", "?key", "?writeKey=x"])
def test_without_a_valid_key_in_the_address_nothing_happens(api: Api, query: str) -> None:
    assert_refused(api.call(f"/v1/identify{query}", {"id": "u1"}, Authorization=""), 401, "invalid_key")


def test_an_address_that_django_will_not_read_is_refused_as_json(api: Api) -> None:
    answer = api.call(
        "/v1/identify?" + "&" * (conf.settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + 1), {"id": "u1"}, Authorization=""
    )
    assert_refused(answer, 400, "invalid_request")


def test_a_stored_digest_is_no_key(api: Api) -> None:
    for digest in Key.objects.values_list("digest", flat=True):
        assert_refused(api.identify({"id": "u1"}, Authorization=f"Bearer {digest}"), 401, "invalid_key")


def test_a_revoked_key_is_refused(api: Api) -> None:
    key = Key.objects.get(public_text=api.public_key)
    key.revoked_at = key.created_at
    key.save()
    assert_refused(api.identify({"id": "u1"}), 401, "invalid_key")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_both_kinds_of_key_are_taken_from_the_header(api: Api, scheme: str) -> None:
    assert api.identify({"id": "u1"}, Authorization=f"{scheme} {api.public_key}").status == 200
    assert api.identify({"id": "u2"}, Authorization=f"{scheme}  {api.secret_key} ").status == 200
    assert api.stored() == {"u1": {}, "u2": {}}


def test_a_public_key_is_taken_from_the_address(api: Api) -> None:
    assert api.call(f"/v1/identify?key={api.public_key}", {"id": "u1"}, Authorization="").status == 200
    assert api.stored() == {"u1": {}}


@pytest.mark.parametrize("before", ["", "%20", "%09", "+"])
def test_a_secret_key_is_not_taken_from_the_address(api: Api, before: str) -> None:
    answer = api.call(f"/v1/identify?key={before}{api.secret_key}", {"id": "u1"}, Authorization="")
    assert_refused(answer, 401, "invalid_key")
    assert api.secret_key not in answer.text


def test_the_header_counts_where_the_address_says_another_key(api: Api, client: Client) -> None:
    other = make_api(client)
    assert api.call(f"/v1/identify?key={other.public_key}", {"id": "u1"}).status == 200
    assert api.call(f"/v1/identify?key={api.public_key}", {"id": "u2"}, Authorization="Bearer x").status == 401
    assert (api.stored(), other.stored()) == ({"u1": {}}, {})


def test_a_key_reaches_only_its_own_application(api: Api, client: Client) -> None:
    other = make_api(client)
    api.identify({"id": "u1", "name": "Ann", "traits": {"plan": "pro"}})
    other.identify({"id": "u1", "name": "Bob", "traits": {"seats": 3}})
    other.batch({"id": "u1", "traits": {"plan": None}}, Authorization=f"Bearer {other.secret_key}")
    assert (api.stored(), other.stored()) == ({"u1": {"plan": "pro"}}, {"u1": {"seats": 3}})
    assert Person.objects.get(application=api.application).name == "Ann"
    assert list(api.application.traits.values_list("key", flat=True)) == ["plan"]
    assert list(other.application.traits.values_list("key", flat=True)) == ["seats"]


def test_the_session_is_not_read(api: Api, client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    api.identify({"id": "u1"})
    client.force_login(factories.teammate(api.application).user)
    with django_assert_num_queries(1) as captured:
        answer = api.identify({"id": "u1"})
    assert "identity_person" in captured.captured_queries[0]["sql"]
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert api.identify({"id": "u2"}, Authorization="").status == 401


def test_calls_need_no_csrf_token(api: Api) -> None:
    strict = make_api(Client(enforce_csrf_checks=True))
    assert strict.identify({"id": "u1"}).status == 200
    assert strict.batch({"id": "u1"}).status == 200
    assert strict.call("/v1/nothing", {}).status == 404


# Methods and paths


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "ODD"])
@pytest.mark.parametrize(("path", "allowed"), [("/v1/identify", "POST"), ("/v1/batch", "POST"), ("/v1/health", "GET")])
def test_another_method_is_refused(api: Api, method: str, path: str, allowed: str) -> None:
    if method == allowed or (method, allowed) == ("HEAD", "GET"):
        return
    answer = api.call(path, {"id": "u1", "batch": [{"id": "u1"}]}, method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, f"{allowed}, OPTIONS")
    if method != "HEAD":
        assert_refused(answer, 405, "method_not_allowed")


def test_health_is_not_posted(api: Api) -> None:
    assert_refused(api.call("/v1/health", {}), 405, "method_not_allowed")


NO_PATH = [
    "/v1",
    "/v1/",
    "/v1//",
    "/v1/identify/",
    "/v1/identify/x",
    "/v1/identify%20",
    "/v1/identify%0A",
    "/v1/a%0Ab",
    "/v1/%00",
    "/v1/%ff",
    "/v1/Identify",
    "/v1/batch/",
    "/v1/health/",
    "/v1/track",
    "/v1/never%20repeat%20this",
    "/v1/../v1",
]


@pytest.mark.parametrize("path", NO_PATH)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_any_other_path_is_not_found_and_never_a_redirect(api: Api, path: str, method: str) -> None:
    assert_refused(api.call(path, {"id": "u1"}, method=method), 404, "not_found")


# Size and encoding


class Stream(io.BytesIO):
    """A body on its way; counts what is read of it."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.bytes_read += len(found)
        return found


def send(api: Api, path: str, stream: Stream, **environ: object) -> Answer:
    """The call as a server hands it over, with the body still on its way."""
    given = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "wsgi.input": stream, "CONTENT_TYPE": "application/json"}
    response = api.client.request(**given, HTTP_AUTHORIZATION=f"Bearer {api.public_key}", **environ)
    return Answer(response.status_code, response.headers, response.content.decode(), response.json())


def padded(document: dict[str, object], length: int) -> bytes:
    body = json.dumps(document).encode()
    return body + b" " * (length - len(body))


LIMITS = [("/v1/identify", BODY_LIMIT), ("/v1/batch", BATCH_LIMIT)]


@pytest.mark.parametrize(("path", "limit"), LIMITS)
def test_a_body_of_just_the_limit_is_taken(api: Api, path: str, limit: int) -> None:
    assert api.call(path, padded({"id": "u1", "batch": [{"id": "u1"}]}, limit)).status == 200
    assert api.stored() == {"u1": {}}


@pytest.mark.parametrize(("path", "limit"), LIMITS)
def test_a_body_over_the_limit_is_refused_before_it_is_read(api: Api, path: str, limit: int) -> None:
    stream = Stream(padded({"id": "u1", "batch": [{"id": "u1"}]}, limit + 1))
    assert_refused(send(api, path, stream, CONTENT_LENGTH=str(limit + 1)), 413, "too_large")
    assert stream.bytes_read == 0


@pytest.mark.parametrize(("path", "limit"), LIMITS)
def test_a_chunked_body_is_read_to_its_end(api: Api, path: str, limit: int) -> None:
    stream = Stream(padded({"id": "u1", "batch": [{"id": "u1"}]}, limit))
    answer = send(api, path, stream, **{"wsgi.input_terminated": True})
    assert answer.status == 200
    assert api.stored() == {"u1": {}}


@pytest.mark.parametrize(("path", "limit"), LIMITS)
def test_a_chunked_body_is_not_read_beyond_the_limit(api: Api, path: str, limit: int) -> None:
    stream = Stream(padded({"id": "u1", "batch": [{"id": "u1"}]}, limit * 2))
    assert_refused(send(api, path, stream, **{"wsgi.input_terminated": True}), 413, "too_large")
    assert stream.bytes_read == limit + 1


@pytest.mark.parametrize("length", ["", "-1", "x", "1e3", "\xb2", "\xbc", "9" * 5_000, "99999999999999999999"])
def test_an_odd_content_length_is_no_failure(api: Api, length: str) -> None:
    answer = send(api, "/v1/identify", Stream(b'{"id": "u1"}'), CONTENT_LENGTH=length)
    assert answer.status in (400, 413)
    assert nothing_is_stored()


@pytest.mark.parametrize("content_type", ["multipart/form-data; boundary=x", "Multipart/Mixed"])
def test_multipart_is_refused(api: Api, content_type: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="id"\r\n\r\nu1\r\n--x--\r\n'
    assert_refused(api.identify(body, **{"Content-Type": content_type}), 415, "unsupported_media_type")


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "x", "gzip, gzip"])
def test_an_unknown_content_encoding_is_refused(api: Api, encoding: str) -> None:
    assert_refused(api.identify({"id": "u1"}, **{"Content-Encoding": encoding}), 415, "unsupported_encoding")


def test_a_thousand_messages_are_taken_and_one_more_is_too_many(api: Api) -> None:
    messages = [{"id": f"u{n}"} for n in range(1_001)]
    assert_refused(api.batch(*messages), 413, "too_large", "batch")
    assert api.batch(*messages[1:]).json["applied"] == 1_000
    assert api.application.people.count() == 1_000


def test_a_message_that_is_too_large_is_rejected_alone(api: Api) -> None:
    answer = api.batch({"id": "u1"}, {"id": "u2", "traits": {"a": VALUE * MESSAGE_LIMIT}}, {"id": "u3"})
    assert (answer.status, answer.json["applied"]) == (200, 2)
    assert [(entry["index"], entry["code"]) for entry in answer.json["rejected"]] == [(1, "too_large")]
    assert VALUE not in answer.text
    assert api.stored() == {"u1": {}, "u3": {}}


@pytest.mark.parametrize("depth", [1, 2, 500, 5_000])
def test_nesting_is_no_failure(api: Api, depth: int) -> None:
    deep = '{"id": "u1", "traits": {"k": ' + '[{"a":' * depth + "1" + "}]" * depth + ', "b": 1}}'
    expected = 200 if depth <= 500 else 400  # beyond what the parser reads
    assert api.identify(deep.encode()).status == expected
    assert api.call("/v1/batch", f'{{"batch": [{deep}]}}'.encode()).status == expected


# Health


def test_health_answers_without_a_key(api: Api) -> None:
    answer = api.call("/v1/health", b"", method="GET", Authorization="")
    assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_503_and_try_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    api = make_api(client)
    assert api.identify({"id": "u1"}).status == 200  # from here on the key is known
    connection.close()
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "HOST", str(tmp_path))
        answers = [
            api.call("/v1/health", b"", method="GET"),
            api.identify({"id": "u1"}),
            api.batch({"id": "u1"}),
            api.identify({"id": "u1"}, Authorization="Bearer co_pub_unknown"),
        ]
    for answer in answers:
        assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
        assert answer.json.keys() == {"code", "message"}
        assert str(tmp_path) not in answer.text
    assert api.identify({"id": "u2"}).status == 200


# Whatever is sent

texts = st.text(st.characters(exclude_categories=()), max_size=8) | st.sampled_from(["\0", "\ud800", "a\udfffb"])
names = texts | st.sampled_from(
    ["id", "email", "name", "traits", "timestamp", "type", "batch", "plan", "__proto__", "$x"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | texts
    | st.sampled_from(["identify", "u1", "ann@example.com", "2025-08-15T09:30Z", "2025-02-30", "0001-01-01T00:00Z"])
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=5), max_leaves=20
)
calls = st.fixed_dictionaries(
    {"id": st.sampled_from(["u1", "u2", 3]) | scalars},
    optional={
        "email": documents,
        "name": documents,
        "traits": st.dictionaries(names, documents, max_size=8) | documents,
        "timestamp": documents,
        "type": st.just("identify") | documents,
    },
)
bodies = st.one_of(
    st.binary(max_size=200),
    (documents | calls).map(lambda document: json.dumps(document).encode()),
    calls.map(lambda document: json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")),
    st.lists(calls | documents, max_size=5).map(lambda messages: json.dumps({"batch": messages}).encode()),
    calls.flatmap(lambda document: st.integers(0, 200).map(lambda end: json.dumps(document).encode()[:end])),
)


messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["identify", "track"]) | documents},
    optional={
        "userId": st.sampled_from(["u1", "u2", 3]) | scalars,
        "anonymousId": documents,
        "traits": st.dictionaries(names, documents, max_size=8) | documents,
        "context": st.dictionaries(st.sampled_from(["traits", "signature"]), documents) | documents,
        "signature": documents,
        "originalTimestamp": documents,
        "writeKey": documents,
    },
)
segment_bodies = st.one_of(
    messages.map(lambda message: json.dumps(message).encode()),
    st.lists(messages | calls, max_size=5).map(lambda sent: json.dumps({"batch": sent}).encode()),
)
paths = ["identify", "batch", "b", *"itpgas", "health", "", "nothing", "identify/"]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(paths),
    method=st.sampled_from(["POST"] * 12 + ["GET", "OPTIONS", "PUT"]),
    body=bodies | segment_bodies,
    packed=st.sampled_from([False] * 4 + [True]),
    headers=st.dictionaries(
        st.sampled_from(["Authorization", "Content-Encoding", "Content-Type", "Origin", "X-Forwarded-For"]),
        st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=8)
        | st.sampled_from(["gzip", "Basic Og==", "Bearer x", "text/plain", "null", "127.0.0.1, ::1"]),
        max_size=2,
    ),
    query=st.sampled_from(["", "?key=x", "?key=%ED%A0%80", "?key&key"]),
)
def test_nothing_that_is_sent_is_a_failure(
    api: Api, path: str, method: str, body: bytes, packed: bool, headers: dict[str, str], query: str
) -> None:
    rate_limits.by_address.clear()
    Application.objects.update(verification=Verification.REPORT)
    if packed:
        body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    answer = api.call(f"/v1/{path}{query}", body, method=method, **headers)
    assert answer.status in (200, 204, 400, 401, 404, 405, 413, 415)
    if answer.status == 200:
        assert answer.json.get("success", answer.json.get("status")) in (True, "ok")
    elif answer.status != 204:
        assert answer.json.keys() <= {"code", "message", "field"}


# Through gunicorn, since what a server makes of chunks is its own


def exchange(server: Server, *sent: bytes) -> tuple[int, Any]:
    """Send bytes as they are, and read the answer."""
    with socket.create_connection(server.address, timeout=20) as connected:
        for part in sent:
            connected.sendall(part)
        connected.shutdown(socket.SHUT_WR)
        response = http.client.HTTPResponse(connected)
        response.begin()
        return response.status, json.loads(response.read())


def test_gunicorn_hands_over_chunks(server: Server, client: Client) -> None:
    api = make_api(client)
    head = (
        "POST /v1/identify HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Authorization: Bearer {api.public_key}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    assert exchange(server, head, b'6\r\n{"id":\r\n', b'6\r\n "u1"}\r\n', b"0\r\n\r\n") == (
        200,
        {"success": True, "applied": True, "warnings": []},
    )
    assert api.stored() == {"u1": {}}
    for broken in (
        b"xyz\r\n",
        b'6\r\n{"id":',
        b'c\r\n{"id": "u2"}\r\n',
        b'c\r\n{"id": "u2"}\r\n0\r\nbad trailer\r\n\r\n',
    ):
        status, answer = exchange(server, head, broken)
        assert (status, answer["code"]) == (400, "invalid_body"), broken
    status, answer = exchange(server, head, b"10001\r\n" + b" " * 0x10001 + b"\r\n0\r\n\r\n")
    assert (status, answer["code"]) == (413, "too_large")
    assert api.stored() == {"u1": {}}


def test_an_unknown_host_gets_json_from_the_api(client: Client) -> None:
    response = client.get("/v1/health", headers={"Host": "10.0.0.5"})
    assert response.status_code == 400
    assert response.json()["code"] == "invalid_request"


def test_health_answers_head_too(client: Client, db: None) -> None:
    assert client.head("/v1/health").status_code == 200
