"""What a trait value is. Values are made canonical once, when they arrive, from the value alone; whoever compares them
later can be strict and simple. Pure: no database, no clock."""

import functools
import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

Value = str | int | float | bool

STRING_LENGTH = 1024
KEY_LENGTH = 100
# The largest whole number that JavaScript, and so JSON in most hands, holds exactly.
NUMBER_LIMIT = 2**53

# The two shapes of a date, as PostgreSQL looks for them (between ^ and $); is_day and is_instant look for the same.
# Stored values are told apart by shape alone and never parsed, so 2025-02-30 is a date and sorts where it stands.
DAY_SHAPE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
INSTANT_SHAPE = DAY_SHAPE + "T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z"

# What neither PostgreSQL's text nor UTF-8 can hold.
UNSTORABLE = re.compile("[\0\ud800-\udfff]")

# Control characters with line breaks, and marks that turn the direction of text: never in a name or an id on purpose.
INVISIBLE_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

# The same shapes with 0 for each digit: three times as quick to compare with as regular expressions.
_ZERO_FOR_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_DAY_OF_ZEROS = b"0000-00-00"
_INSTANT_OF_ZEROS = b"0000-00-00T00:00:00.000Z"

_written_instant = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-9]{2}))"
)
_plain_number = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,20})?")
_epoch = re.compile("[1-9](?:[0-9]{9}|[0-9]{12})")
_epoch_start = datetime(1970, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Problem:
    """What was wrong with something sent, in words that name neither it nor its value."""

    code: str
    message: str


CHARACTERS_REPLACED = Problem("characters_replaced", "Characters that can't be stored were replaced by \ufffd.")


class NotAValue(ValueError):
    """Raised for what can't be stored at all; `problem` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(code, message)


class Canonical(NamedTuple):
    """A canonical value, or None for what removes the trait; and what was changed on the way."""

    value: Value | None
    problems: tuple[Problem, ...] = ()


def kind_of(value: Value) -> Kind:
    """The kind of a canonical value."""
    if isinstance(value, bool):  # before numbers: to Python a bool is an int
        return Kind.BOOLEAN
    if isinstance(value, (int, float)):
        return Kind.NUMBER
    return Kind.DATE if is_day(value) or is_instant(value) else Kind.STRING


def is_day(text: str) -> bool:
    """Whether `text` has the shape of a plain date, 2025-08-15."""
    return text.isascii() and text.encode().translate(_ZERO_FOR_DIGITS) == _DAY_OF_ZEROS


def is_instant(text: str) -> bool:
    """Whether `text` has the shape of a canonical date-time, 2025-08-15T09:30:00.000Z."""
    return text.isascii() and text.encode().translate(_ZERO_FOR_DIGITS) == _INSTANT_OF_ZEROS


def fits(value: Value, kind: Kind) -> bool:
    """Whether a canonical value is one of `kind`. Dates are texts too."""
    return isinstance(value, str) if kind is Kind.STRING else kind_of(value) is kind


def same(one: Value | None, other: Value | None) -> bool:
    """Whether two canonical values are one. Types count, since 1 == True."""
    return type(one) is type(other) and one == other


def canonical(raw: object, declared: Kind | None = None) -> Canonical:
    """The canonical form of a value as JSON gives it (str, int, float, bool or None), converted to the `declared` kind
    where nothing is lost. Raises NotAValue for lists, objects and numbers that are not exact everywhere."""
    if isinstance(raw, str):
        made = _canonical_short(raw) if len(raw) <= _SHORT else _canonical_string(raw)
    elif raw is None or isinstance(raw, bool):
        made = Canonical(raw)
    elif isinstance(raw, (int, float)):
        made = Canonical(_canonical_number(raw))
    else:
        raise NotAValue("unsupported_value", "A value is text, a number, true, false, a date or null.")
    if declared is None or made.value is None:
        return made
    return Canonical(convert(made.value, declared), made.problems)


def _canonical_string(raw: str) -> Canonical:
    problems = []
    text, replaced = UNSTORABLE.subn("\ufffd", raw)
    if replaced:
        problems.append(CHARACTERS_REPLACED)
    if len(text) > STRING_LENGTH:
        text = text[:STRING_LENGTH]
        problems.append(Problem("string_cut", f"The text was cut to {STRING_LENGTH:,} characters."))
    if not text.strip():
        return Canonical(None, tuple(problems))
    moment = parse_instant(text)
    return Canonical(text if moment is None else format_instant(moment), tuple(problems))


# Most texts are short and come again and again: plans, roles, countries.
_SHORT = 50
_canonical_short = functools.lru_cache(10_000)(_canonical_string)


def _canonical_number(raw: int | float) -> int | float:
    if not -NUMBER_LIMIT <= raw <= NUMBER_LIMIT:  # infinity and NaN are not within it either
        raise NotAValue("number_out_of_range", "The number is too large to be exact everywhere: send it as a string.")
    return int(raw) if math.floor(raw) == raw else raw


def parse_instant(text: str) -> datetime | None:
    """The moment, in UTC and whole milliseconds, that `text` names: exactly YYYY-MM-DDTHH:MM[:SS[.f…]] and Z or ±HH:MM,
    valid, in the years 1000 to 9999 both as written and in UTC. None for any other text."""
    found = _written_instant.fullmatch(text)
    if not found:
        return None
    hours, minutes = int(found["hours"] or 0), int(found["minutes"] or 0)
    if hours > 23 or minutes > 59:
        return None
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if found["sign"] == "-" else 1)
    milliseconds = int((found["fraction"] or "").ljust(3, "0")[:3])
    year, month, day, hour, minute = map(int, found.group("year", "month", "day", "hour", "minute"))
    try:
        written = datetime(year, month, day, hour, minute, int(found["second"] or 0), milliseconds * 1000, UTC)
        moment = written - offset
    except (ValueError, OverflowError):
        return None
    return moment if written.year >= 1000 and moment.year >= 1000 else None


def format_instant(moment: datetime) -> str:
    """A moment as a canonical value: UTC with milliseconds, 2025-08-15T09:30:00.000Z. What is finer is cut off."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def convert(value: Value, kind: Kind) -> Value:
    """A canonical value as one of `kind` if nothing is lost by it, or else as it is."""
    converted: Value | None = None
    if kind is Kind.STRING and not isinstance(value, str):
        converted = json.dumps(value)
    elif kind is Kind.NUMBER and isinstance(value, str):
        converted = _number_in(value)
    elif kind is Kind.BOOLEAN and isinstance(value, str):
        converted = {"true": True, "false": False}.get(value.lower())
    elif kind is Kind.DATE:
        converted = _date_in(value)
    return value if converted is None else converted


def _number_in(text: str) -> int | float | None:
    """12 and -3.5; not 007, which is a name, nor digits that a number would lose."""
    if not _plain_number.fullmatch(text):
        return None
    if "." not in text and len(text) <= 15:  # whole, and far from the limit
        return int(text)
    exact = Decimal(text)
    if abs(exact) > NUMBER_LIMIT or Decimal(repr(float(exact))) != exact:
        return None
    return _canonical_number(float(exact))


def _date_in(value: Value) -> str | None:
    """Seconds since 1970 if they have 10 digits, milliseconds if they have 13."""
    digits = str(value)
    if not _epoch.fullmatch(digits):
        return None
    return format_instant(_epoch_start + timedelta(milliseconds=int(digits) * (1000 if len(digits) == 10 else 1)))


def check_key(key: str) -> Problem | None:
    """What is wrong with `key` as the name of a trait; None if nothing is."""
    if len(key) > KEY_LENGTH:
        return Problem("invalid_key_name", f"A trait's name has at most {KEY_LENGTH} characters.")
    return _check_short_key(key)


@functools.lru_cache(10_000)  # the same few come with every user
def _check_short_key(key: str) -> Problem | None:
    if not key.strip():
        return Problem("invalid_key_name", "A trait needs a name.")
    if UNSTORABLE.search(key):
        return Problem("invalid_key_name", "A trait's name can't have NUL characters or lone surrogates.")
    if key.startswith("$"):
        return Problem("invalid_key_name", "Names that begin with $ are Callout's own.")
    if key in ("__proto__", "constructor", "prototype"):
        return Problem("invalid_key_name", "This name has a meaning of its own in JavaScript.")
    return None
