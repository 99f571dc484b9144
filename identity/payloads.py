"""From the bytes of a call to a checked, frozen `Identify`, or a refusal that names the field. Pure: no database, and
the clock is handed in."""

import contextlib
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, NoReturn

import orjson
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from identity.values import (
    CHARACTERS_REPLACED,
    INVISIBLE_CONTROLS,
    NUMBER_LIMIT,
    UNSTORABLE,
    Problem,
    check_key,
    parse_instant,
)

BODY_LIMIT = 64 * 1024
MESSAGE_LIMIT = 32 * 1024
BATCH_LIMIT = 4 * 1024 * 1024
MESSAGES_LIMIT = 1_000
TRAITS_LIMIT = 100
WARNINGS_LIMIT = 100

ID_LENGTH = 200
NAME_LENGTH = 200
EMAIL_LENGTH = 254

# Clocks differ; only what lies further ahead is worth a warning.
CLOCK_SLACK = timedelta(minutes=5)


class Refused(Exception):
    """A call that can't be accepted, as the answer it gets. The message never repeats what was sent."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, *, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field
        # Seconds after which the same call may go well.
        self.retry_after = retry_after

    def as_json(self) -> dict[str, str]:
        found = {"code": self.code, "message": self.message}
        return found if self.field is None else found | {"field": self.field}


@dataclass(frozen=True, slots=True)
class CallWarning:
    """Something in an accepted call that was dropped or changed."""

    code: str
    field: str
    message: str

    @classmethod
    def of(cls, problem: Problem, field: str) -> "CallWarning":
        # A field may be a name that a client made up, of any length.
        return cls(problem.code, field[:NAME_LENGTH], problem.message)

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "field": self.field, "message": self.message}


ProfilePart = Literal["email", "name"]
Profile = Mapping[ProfilePart, str]

# What a call may say beside the traits. The second half only comes along with Segment's clients, and says nothing here.
KNOWN_FIELDS = frozenset(
    "id email name traits timestamp messageId signature type"
    " anonymousId channel context integrations originalTimestamp previousId receivedAt sentAt userId version"
    " writeKey".split()
)

_UNKNOWN_FIELD = Problem("unknown_field", "This is not a field of the call. A trait goes into traits.")


class Identify(NamedTuple):
    """What one call says of one user."""

    external_id: str
    # What it says of e-mail and name: an empty text removes, and what has no key stays.
    profile: Profile
    # Raw values by key, objects already flattened; None removes.
    traits: Mapping[str, object]
    seen_at: datetime
    # As it came, of whatever type: checked by who knows the secrets.
    signature: object = None
    warnings: tuple[CallWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """The identify calls of a batch with their places in it, those refused, and how many say nothing of a user: of
    another type, or anonymous."""

    calls: list[tuple[int, Identify]]
    refused: list[tuple[int, Refused]]
    ignored: int


def unpack(packed: bytes, limit: int) -> bytes:
    """What gzip packed, never more than `limit` bytes of it in memory. Raises Refused."""
    try:
        body = gzip.GzipFile(fileobj=io.BytesIO(packed)).read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Refused(400, "invalid_encoding", "The body is not whole gzip, as its Content-Encoding says.") from error
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> Refused:
    return Refused(413, "too_large", f"The body has at most {limit // 1024:,} KiB.")


def read_json(body: bytes) -> object:
    """The JSON document in `body`, which is UTF-8 with or without a BOM. Integers past 64 bits, which nobody can send
    exactly, may come as floats. Raises Refused."""
    with contextlib.suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    # Only to the quicker one are a BOM, lone surrogates and infinite numbers no JSON.
    try:
        return _decoder.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError, and integers of thousands of digits
        raise Refused(400, "invalid_json", "The body is not valid JSON in UTF-8.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_message(document: object, *, now: datetime) -> Identify | None:
    """The identify call in a JSON document; None for a message of Segment's that says nothing of a user: it is of
    another type, or nobody has signed in yet. Raises Refused."""
    if isinstance(document, dict) and (_is_of_another_type(document) or _is_anonymous(document)):
        return None
    return parse_identify(document, now=now)


def parse_identify(document: object, *, now: datetime) -> Identify:
    """The identify call in a JSON document, `{id, email?, name?, traits?, timestamp?, signature?}` or Segment's
    `{type: "identify", userId, traits, context, …}`. Raises Refused when it does not say who the user is; all else that
    is wrong becomes a warning, and the rest of the call stands."""
    if not isinstance(document, dict):
        raise Refused(400, "invalid_body", "The body must be a JSON object.")
    warnings: list[CallWarning] = []
    id_field = "id"
    if _is_segments(document):
        document = _from_segment(document)
        id_field = "userId"
    elif not KNOWN_FIELDS.issuperset(document):
        warnings.extend(CallWarning.of(_UNKNOWN_FIELD, name) for name in sorted(document.keys() - KNOWN_FIELDS))
    external_id = _external_id(document.get("id"), id_field)
    sent = document.get("traits")
    if sent is not None and not isinstance(sent, dict):
        warnings.append(CallWarning("invalid_traits", "traits", "The traits must be an object; they were left out."))
    traits = dict(sent) if isinstance(sent, dict) else {}
    profile = _profile(document, traits, warnings)
    flat = _flat(traits, warnings)
    seen_at = _seen_at(document.get("timestamp"), now, warnings)
    signature = document.get("signature", _object(document, "context").get("signature"))
    return Identify(external_id, profile, flat, seen_at, signature, tuple(warnings[:WARNINGS_LIMIT]))


def parse_batch(document: object, *, now: datetime) -> Batch:
    """The messages of `{batch: [...]}`; each stands alone. Raises Refused for the batch as a whole."""
    messages = document.get("batch") if isinstance(document, dict) else None
    if not isinstance(messages, list):
        raise Refused(400, "invalid_body", 'The body must be an object with a list "batch".', "batch")
    if len(messages) > MESSAGES_LIMIT:
        raise Refused(413, "too_large", f"A batch has at most {MESSAGES_LIMIT:,} messages.", "batch")
    calls: list[tuple[int, Identify]] = []
    refused: list[tuple[int, Refused]] = []
    ignored = 0
    for index, message in enumerate(messages):
        try:
            call = _parse_message(message, now)
        except Refused as error:
            refused.append((index, error))
            continue
        if call is None:
            ignored += 1
        else:
            calls.append((index, call))
    return Batch(calls, refused, ignored)


def _is_of_another_type(message: Mapping[str, Any]) -> bool:
    return message.get("type") not in (None, "identify")


def _is_segments(message: Mapping[str, Any]) -> bool:
    return "id" not in message and not message.keys().isdisjoint(("userId", "anonymousId", "type"))


def _is_anonymous(message: Mapping[str, Any]) -> bool:
    return "id" not in message and message.get("userId") in (None, "") and bool(message.get("anonymousId"))


def _from_segment(message: Mapping[str, Any]) -> dict[str, Any]:
    """Segment's message as a call of ours. E-mail and name are among its traits, which some clients put into the
    context; `originalTimestamp` is what some of them call the time."""
    traits = message.get("traits")
    in_context = _object(message, "context").get("traits")
    if isinstance(in_context, dict) and (traits is None or isinstance(traits, dict)):
        traits = {**in_context, **(traits or {})}
    call = {
        "id": message.get("userId"),
        "traits": traits,
        "timestamp": message.get("timestamp", message.get("originalTimestamp")),
        "context": message.get("context"),
    }
    return call | {"signature": message["signature"]} if "signature" in message else call


def _object(document: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _parse_message(message: object, now: datetime) -> Identify | None:
    call = parse_message(message, now=now)
    if call and _size(message) > MESSAGE_LIMIT:
        raise Refused(413, "too_large", f"A message has at most {MESSAGE_LIMIT // 1024} KiB.")
    return call


def _size(message: object) -> int:
    """The bytes of a message as it would be sent again: those that it came in are gone by now. Raises Refused."""
    try:
        return len(orjson.dumps(message))
    except orjson.JSONEncodeError:  # also for lone surrogates, integers past 64 bits, and 255 levels of lists
        pass
    try:
        return len(json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"))
    except RecursionError as error:
        raise Refused(400, "invalid_json", "The message has lists within lists without end.") from error


# Ids that a caller sends by mistake, and which would make one user out of many.
_MISTAKEN_IDS = frozenset("null undefined none nan true false 0 anonymous guest user id email distinct_id".split())
_MISTAKEN_IDS |= {"", "[object object]", "00000000-0000-0000-0000-000000000000"}


def _external_id(raw: object, field: str) -> str:
    def refuse(message: str) -> Refused:
        return Refused(400, "invalid_user_id", message, field)

    if raw is None:
        raise refuse("The id is missing.")
    if isinstance(raw, float) and raw.is_integer():
        raw = int(raw)
    if isinstance(raw, int) and not isinstance(raw, bool):
        if abs(raw) > NUMBER_LIMIT:
            raise refuse("This number is too large to be exact everywhere: send the id as a string.")
        raw = str(raw)
    if not isinstance(raw, str):
        raise refuse("The id must be a string or a whole number.")
    external_id = raw.strip()
    if not external_id:
        raise refuse("The id must not be empty.")
    if len(external_id) > ID_LENGTH:
        raise refuse(f"The id must have at most {ID_LENGTH} characters.")
    if INVISIBLE_CONTROLS.search(external_id):
        raise refuse("The id must not contain control characters, line breaks or marks of direction.")
    if external_id.strip("\"'` ").lower() in _MISTAKEN_IDS:
        raise refuse("This id looks like a mistake in the code that sends it.")
    return external_id


def _profile(document: Mapping[str, Any], traits: dict[str, object], warnings: list[CallWarning]) -> Profile:
    """E-mail and name, from beside the traits or else out of them; either way they are not traits."""
    profile: dict[ProfilePart, str] = {}
    for part, read in _PROFILE_READERS:
        inner = traits.pop(part, _NOTHING)
        raw = document.get(part)
        if raw is None and inner is not _NOTHING:
            raw = inner
        elif part not in document:
            continue
        text = read(raw, warnings)
        if text is not None:
            profile[part] = text
    return profile


_NOTHING = object()


# How nearly all addresses look: known to be good at a tenth of the cost. No label can pass its limit in so few letters.
_PLAIN_EMAIL = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@(?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+[A-Za-z]{2,}")
_PLAIN_EMAIL_LENGTH = 63


def _email(raw: object, warnings: list[CallWarning]) -> str | None:
    text = _text(raw, "email", warnings)
    if not text or (len(text) <= _PLAIN_EMAIL_LENGTH and _PLAIN_EMAIL.fullmatch(text)):
        return text
    try:
        # Django's check of the domain lets a lone surrogate pass.
        if len(text) > EMAIL_LENGTH or UNSTORABLE.search(text):
            raise ValidationError("too long, or not to be stored")
        validate_email(text)
    except ValidationError:
        warnings.append(CallWarning("invalid_email", "email", "This is not an e-mail address; it was left out."))
        return None
    return text


def _name(raw: object, warnings: list[CallWarning]) -> str | None:
    text = _text(raw, "name", warnings)
    if not text:
        return text
    text, replaced = UNSTORABLE.subn("\ufffd", text)
    if replaced:
        warnings.append(CallWarning.of(CHARACTERS_REPLACED, "name"))
    if len(text) > NAME_LENGTH:
        warnings.append(CallWarning("string_cut", "name", f"The name was cut to {NAME_LENGTH} characters."))
        text = text[:NAME_LENGTH].strip()
    return text


def _text(raw: object, field: ProfilePart, warnings: list[CallWarning]) -> str | None:
    """The text without white space around it, empty for one to remove; None, with a warning, for what is no text."""
    if raw is None:
        return ""
    if not isinstance(raw, str):
        warnings.append(CallWarning(f"invalid_{field}", field, f"The {field} must be a string; it was left out."))
        return None
    return raw.strip()


_PROFILE_READERS: tuple[tuple[ProfilePart, Callable[[object, list[CallWarning]], str | None]], ...] = (
    ("email", _email),
    ("name", _name),
)


def _flat(traits: Mapping[str, object], warnings: list[CallWarning]) -> dict[str, object]:
    """The traits with one-level objects as dotted keys. What can't be stored is left out with a warning."""
    flat: dict[str, object] = {}
    nested = dict in map(type, traits.values())  # what JSON makes is of no class of its own
    for key, raw in _members(traits) if nested else traits.items():
        if problem := check_key(key):
            warnings.append(CallWarning.of(problem, key))
        elif len(flat) == TRAITS_LIMIT and key not in flat:
            problem = Problem("too_many_traits", f"A call has at most {TRAITS_LIMIT} traits.")
            warnings.append(CallWarning.of(problem, key))
        else:
            flat[key] = raw
    return flat


def _members(traits: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, raw in traits.items():
        if not isinstance(raw, dict):
            yield key, raw
        elif check_key(key):
            yield key, None  # its own name is refused, so one warning is enough
        else:
            for inner, value in raw.items():
                yield f"{key}.{inner}", value


def _seen_at(raw: object, now: datetime, warnings: list[CallWarning]) -> datetime:
    if raw is None:
        return now
    moment = parse_instant(raw) if isinstance(raw, str) else None
    if moment is None or moment > now + CLOCK_SLACK:
        reason = "could not be read" if moment is None else "lies in the future"
        warnings.append(
            CallWarning("invalid_timestamp", "timestamp", f"The timestamp {reason}; the time of arrival counts.")
        )
        return now
    return min(moment, now)
