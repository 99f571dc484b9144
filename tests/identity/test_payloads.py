import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from hypothesis import given, settings
from hypothesis import strategies as st

from identity.payloads import (
    CLOCK_SLACK,
    ID_LENGTH,
    NAME_LENGTH,
    TRAITS_LIMIT,
    WARNINGS_LIMIT,
    Identify,
    Refused,
    parse_batch,
    parse_identify,
    read_json,
)
from identity.values import NotAValue, canonical

NOW = datetime(2025, 8, 15, 9, 30, 0, 123456, tzinfo=UTC)


def call(**document: Any) -> Identify:
    return parse_identify({"id": "u1", **document}, now=NOW)


def noted(identify: Identify) -> list[tuple[str, str]]:
    return [(warning.code, warning.field) for warning in identify.warnings]


def test_a_call_says_who_and_what() -> None:
    sent = call(email="ann@example.com", name="Ann", traits={"plan": "pro", "seats": 3}, timestamp="2025-08-14T09:30Z")
    assert sent.external_id == "u1"
    assert sent.profile == {"email": "ann@example.com", "name": "Ann"}
    assert sent.traits == {"plan": "pro", "seats": 3}
    assert sent.seen_at == datetime(2025, 8, 14, 9, 30, tzinfo=UTC)
    assert sent.warnings == ()


def test_only_the_id_is_needed() -> None:
    assert call() == Identify("u1", {}, {}, NOW)


def test_a_call_is_frozen() -> None:
    sent = call()
    with pytest.raises(AttributeError):
        sent.external_id = "u2"  # type: ignore[misc]


def test_fields_that_mean_nothing_here_are_ignored() -> None:
    assert call(messageId="m1", context={"ip": "127.0.0.1"}, anonymousId="a1") == call()


# Who


@pytest.mark.parametrize(
    ("raw", "external_id"),
    [
        ("u1", "u1"),
        ("  u1\t\n", "u1"),
        (42, "42"),
        (-7, "-7"),
        (42.0, "42"),
        (2**53, "9007199254740992"),
        ("007", "007"),
        ("a b", "a b"),
        ("Ann <ann@example.com>", "Ann <ann@example.com>"),
        ("Zoë 👋🏽", "Zoë 👋🏽"),
        ("user1", "user1"),
        ("x" * ID_LENGTH, "x" * ID_LENGTH),
        (" " + "x" * ID_LENGTH + " ", "x" * ID_LENGTH),
    ],
)
def test_an_id_is_text_or_a_whole_number(raw: object, external_id: str) -> None:
    assert call(id=raw).external_id == external_id


# Characters


@pytest.mark.parametrize("character", "\0\x01\n\r\x1f\x7f\x85\x9f\u061c\u200e\u200f\u2028\u2029\u202e\u2066\u2069")
def test_an_id_has_no_control_characters_or_marks_of_direction(character: str) -> None:
    with pytest.raises(Refused) as raised:
        call(id=f"a{character}b")
    assert (raised.value.status, raised.value.code, raised.value.field) == (400, "invalid_user_id", "id")


# E-mail and name


@pytest.mark.parametrize(
    ("document", "profile"),
    [
        ({}, {}),
        ({"email": " ann@example.com ", "name": " Ann "}, {"email": "ann@example.com", "name": "Ann"}),
        ({"email": "Ann.O'Neil+x@Example.COM"}, {"email": "Ann.O'Neil+x@Example.COM"}),
        ({"email": "ann@bücher.example"}, {"email": "ann@bücher.example"}),
        ({"email": None, "name": None}, {"email": "", "name": ""}),
        ({"email": "", "name": "  "}, {"email": "", "name": ""}),
        ({"traits": {"email": "ann@example.com", "name": "Ann"}}, {"email": "ann@example.com", "name": "Ann"}),
        ({"traits": {"email": None, "name": ""}}, {"email": "", "name": ""}),
        ({"email": "a@example.com", "traits": {"email": "b@example.com"}}, {"email": "a@example.com"}),
        ({"email": "", "traits": {"email": "b@example.com"}}, {"email": ""}),
        ({"email": None, "traits": {"email": "b@example.com"}}, {"email": "b@example.com"}),
        ({"name": "<b>'; DROP"}, {"name": "<b>'; DROP"}),
        ({"name": "x" * NAME_LENGTH}, {"name": "x" * NAME_LENGTH}),
    ],
)
def test_email_and_name_come_from_beside_the_traits_or_out_of_them(
    document: dict[str, Any], profile: dict[str, str]
) -> None:
    sent = call(**document)
    assert sent.profile == profile
    assert sent.traits == {}
    assert sent.warnings == ()


@pytest.mark.parametrize(
    "email",
    [
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "a b@example.com",
        "a@b@example.com",
        "ann@exa\nmple.com",
        "ann\0@example.com",
        "ann@exa\0mple.com",
        "ann@exa\ud800mple.com",
        "ann@example.com, bob@example.com",
        "x" * 243 + "@example.com",
    ],
)
def test_a_bad_email_is_left_out(email: str) -> None:
    sent = call(email=email, name="Ann")
    assert sent.profile == {"name": "Ann"}
    assert noted(sent) == [("invalid_email", "email")]


@pytest.mark.parametrize("part", ["email", "name"])
@pytest.mark.parametrize("raw", [1, True, 1.5, [], ["ann@example.com"], {}, {"first": "Ann"}])
@pytest.mark.parametrize("inside", [False, True])
def test_a_profile_is_text(part: str, raw: object, inside: bool) -> None:
    sent = call(traits={part: raw}) if inside else call(**{part: raw})
    assert sent.profile == {}
    assert sent.traits == {}
    assert noted(sent) == [(f"invalid_{part}", part)]


def test_a_long_name_is_cut() -> None:
    sent = call(name="x" * (NAME_LENGTH - 1) + " tail")
    assert sent.profile == {"name": "x" * (NAME_LENGTH - 1)}
    assert noted(sent) == [("string_cut", "name")]


def test_a_name_is_repaired() -> None:
    sent = call(name="A\0nn\ud800")
    assert sent.profile == {"name": "A\ufffdnn\ufffd"}
    assert noted(sent) == [("characters_replaced", "name")]


# Traits


@pytest.mark.parametrize("traits", [None, {}])
def test_no_traits_are_no_mistake(traits: object) -> None:
    assert call(traits=traits) == call()


@pytest.mark.parametrize("traits", [[], ["a"], "plan=pro", "", 0, False, True])
def test_traits_that_are_no_object_are_left_out(traits: object) -> None:
    sent = call(traits=traits, name="Ann")
    assert sent.traits == {}
    assert sent.profile == {"name": "Ann"}
    assert noted(sent) == [("invalid_traits", "traits")]


def test_an_object_becomes_dotted_traits() -> None:
    sent = call(traits={"company": {"name": "Acme", "size": 12, "plan": None}, "plan": "pro", "empty": {}})
    assert sent.traits == {"company.name": "Acme", "company.size": 12, "company.plan": None, "plan": "pro"}
    assert sent.warnings == ()


def test_of_two_values_for_one_trait_the_last_counts() -> None:
    assert call(traits={"company.name": "A", "company": {"name": "B"}}).traits == {"company.name": "B"}
    assert call(traits={"company": {"name": "B"}, "company.name": "A"}).traits == {"company.name": "A"}


@pytest.mark.parametrize(
    ("traits", "field"),
    [
        ({"": 1}, ""),
        ({"$plan": 1}, "$plan"),
        ({"__proto__": {"admin": True, "x": 1}}, "__proto__"),  # one warning, not one for each member
        ({"$set": {"plan": "pro"}}, "$set"),
        ({"constructor": 1}, "constructor"),
        ({"prototype": 1}, "prototype"),
        ({"a\0": 1}, "a\0"),
        ({"a\udfff": 1}, "a\udfff"),
        ({"x" * 101: 1}, "x" * 101),
        ({"x" * 60: {"y" * 60: 1}}, "x" * 60 + "." + "y" * 60),
        ({"x" * 5000: 1}, "x" * NAME_LENGTH),  # a warning does not repeat a name of any length
    ],
)
def test_a_trait_with_an_unfit_name_is_dropped(traits: dict[str, object], field: str) -> None:
    sent = call(traits=traits | {"plan": "pro"})
    assert sent.traits == {"plan": "pro"}
    assert noted(sent) == [("invalid_key_name", field)]


def test_the_first_hundred_traits_of_a_call_are_taken() -> None:
    sent = call(traits={f"t{n}": n for n in range(TRAITS_LIMIT)} | {"one more": 1, "t5": "again"})
    assert len(sent.traits) == TRAITS_LIMIT
    assert sent.traits["t5"] == "again"
    assert noted(sent) == [("too_many_traits", "one more")]


def test_members_of_objects_count_as_traits() -> None:
    sent = call(traits={"company": {f"t{n}": n for n in range(TRAITS_LIMIT)}, "plan": "pro"})
    assert "plan" not in sent.traits
    assert noted(sent) == [("too_many_traits", "plan")]


def test_warnings_are_bounded() -> None:
    assert len(call(traits={f"${n}": n for n in range(5000)}).warnings) == WARNINGS_LIMIT


# When


@pytest.mark.parametrize(
    ("raw", "seen_at"),
    [
        (None, NOW),
        ("2025-08-15T09:30:00.123Z", datetime(2025, 8, 15, 9, 30, 0, 123000, tzinfo=UTC)),
        ("2025-08-15T11:29:00+02:00", datetime(2025, 8, 15, 9, 29, tzinfo=UTC)),
        ("1000-01-01T00:00Z", datetime(1000, 1, 1, tzinfo=UTC)),
        ((NOW + CLOCK_SLACK - timedelta(seconds=1)).isoformat(), NOW),  # a clock that is a little ahead
    ],
)
def test_a_timestamp_says_when_the_user_was_seen(raw: object, seen_at: datetime) -> None:
    sent = call(timestamp=raw)
    assert sent.seen_at == seen_at
    assert sent.warnings == ()


@pytest.mark.parametrize(
    "raw",
    [
        (NOW + CLOCK_SLACK + timedelta(seconds=1)).isoformat(),
        "9999-12-31T23:59:59Z",
        "2025-08-15",
        "2025-08-15T09:30:00",
        "2025-02-30T00:00Z",
        "yesterday",
        "",
        "\0",
        "\ud800",
        1755250200,
        1.5,
        True,
        [],
        {},
    ],
)
def test_a_timestamp_in_the_future_or_unreadable_is_now(raw: object) -> None:
    sent = call(timestamp=raw)
    assert sent.seen_at == NOW
    assert noted(sent) == [("invalid_timestamp", "timestamp")]


# Batches


def test_messages_of_a_batch_stand_alone_and_keep_their_places() -> None:
    messages = [
        {"type": "track", "event": "Signed up"},
        {"type": "identify", "id": "u1"},
        {"type": "identify"},
        "no object",
        {"id": "u2"},  # the native shape needs no type
        {"type": None},
        {"type": ["identify"]},
        None,
    ]
    batch = parse_batch({"batch": messages}, now=NOW)
    assert [(index, sent.external_id) for index, sent in batch.calls] == [(1, "u1"), (4, "u2")]
    assert [(index, refused.code) for index, refused in batch.refused] == [
        (2, "invalid_user_id"),
        (3, "invalid_body"),
        (5, "invalid_user_id"),
        (7, "invalid_body"),
    ]
    assert batch.ignored == 2


def test_a_message_is_measured_in_utf8() -> None:
    frame = len(json.dumps({"id": "u1", "traits": {"a": ""}}, separators=(",", ":")))
    fits = "é" * ((32 * 1024 - frame) // 2)
    batch = parse_batch(
        {"batch": [{"id": "u1", "traits": {"a": fits}}, {"id": "u1", "traits": {"a": fits + "éé"}}]}, now=NOW
    )
    assert [index for index, _ in batch.calls] == [0]
    assert [(index, refused.status, refused.code) for index, refused in batch.refused] == [(1, 413, "too_large")]


def test_what_could_be_read_can_be_measured_however_deep() -> None:
    def nested(depth: int) -> object:
        return read_json(b'{"batch": [{"id": "u1", "traits": {"a": ' + b"[" * depth + b"]" * depth + b"}}]}")

    # Where Python stops to read depends on its version, and on how deep the caller stands.
    readable, unreadable = 1, 60_000
    while unreadable - readable > 1:
        depth = (readable + unreadable) // 2
        try:
            nested(depth)
        except Refused:
            unreadable = depth
        else:
            readable = depth
    for depth in range(max(1, readable - 20), readable + 1):
        batch = parse_batch(nested(depth), now=NOW)
        assert len(batch.calls) + len(batch.refused) == 1


@pytest.mark.parametrize("number", [2**64, -(2**64), 10**29])
def test_whole_numbers_past_64_bits_are_out_of_range(number: int) -> None:
    document = read_json(f'{{"id": {number}, "traits": {{"a": {number}}}}}'.encode())
    with pytest.raises(Refused, match="too large to be exact"):
        parse_identify(document, now=NOW)
    assert isinstance(document, dict)
    traits = parse_identify(document | {"id": "u1"}, now=NOW).traits
    with pytest.raises(NotAValue, match="too large to be exact"):
        canonical(traits["a"])


json_documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(document=json_documents)
def test_whatever_json_says_is_read_as_it_is(document: Any) -> None:
    try:
        text = json.dumps(document, allow_nan=False)
    except ValueError:  # NaN and the infinities are no JSON
        with pytest.raises(Refused):
            read_json(json.dumps(document).encode())
    else:
        assert read_json(text.encode()) == document
        assert read_json(b"\xef\xbb\xbf" + text.encode()) == document


plain_parts = st.text("abZ09_+-.@", max_size=12)


@settings(max_examples=500)
@given(st.builds("{}@{}.{}".format, plain_parts, plain_parts, st.sampled_from(["com", "a", "co-m", "example", "c0m"])))
def test_an_address_is_good_where_django_says_so(text: str) -> None:
    try:
        validate_email(text)
        expected = {"email": text}
    except ValidationError:
        expected = {}
    assert parse_identify({"id": "u1", "email": text}, now=NOW).profile == expected
