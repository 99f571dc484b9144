"""What the property tests of rules are made of: values that have misled one evaluator or another before, users who have
them, and rules that look for just those values or for their near relatives."""

import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from math import inf, nextafter
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from engage.operators import DAYS_LIMIT, OPERATORS, InvalidValue, Operator
from engage.rules import BUILT_IN_PROPERTIES, Rule, Rules
from identity.payloads import Identify, ProfilePart
from identity.values import NUMBER_LIMIT, Value, check_key, format_instant

# One value a line would make these lists very long.
# fmt: off

# Keys that look like a position in an array, a look-up, a placeholder, a path or a piece of SQL.
HOSTILE_KEYS = [
    "plan", "Plan", "2024", "1_000", "１２", "-1", "0", "00", "1.5", "true", "null", "NaN", "id", "email", "traits",
    "company.name", "company..name", ".", "first name", " plan ", "a__b", "plan__gt", "__", "_", "a,b", "{a}",
    "{a,b}", "it's", 'say "hi"', "back\\slash", "\\", "%", "%s", "%(x)s", "%%", "%(", "a$b", "?", ":x", "--", "'; --",
    "🦊", "👩‍👩‍👧", "é", "e\u0301", "İ", "ß", "line\nbreak", "tab\t", "\u200b", "\x7f", "k" * 100,
]

HOSTILE_TEXTS = [
    "pro", "Pro", "PRO", "p", "pro ", " pro", "pro\n", "\npro", "free", "PROFESSIONAL", "10", "10.0", "10.5", "1e1",
    "-0", "true", "false", "True", "null", '"null"', '"pro"', "{}", "[]", '{"a": 1}', "[10]", "NULL", "\\N", "None",
    "%", "_", "p%", "p_o", "%s", "%%", "%(x)s", "\\", "\\\\", "\\%", "'", "''", '"', "' OR true --", "$1", "?", ":x",
    "a\nb", "a\r\nb", "a\tb", "\x01", "\x7f", "\x85", "\u2028", "\u200b", "\ufeffpro", "\ufffd", "\U0010ffff",
    "\ue000", "İ", "i", "I", "ı", "ß", "ẞ", "SS", "ss", "É", "é", "e\u0301", "E\u0301", "K", "k", "ſ", "s", "S", "Σ",
    "σ", "ς", "café", "CAFÉ", "cafe\u0301", "ﬁ", "fi", "🦊", "🦊pro", "👩‍👩‍👧", "👩", "\u212a", "Ａ", "A", "a", "@",
    "[", "`", "{", "z", "Z", "x" * 1024, "x" * 1023 + "y", "X" * 1024, "é" * 1024, "🦊" * 1024,
]

HOSTILE_NUMBERS: list[int | float] = [
    0, 1, -1, 9, 10, 10.5, 11, -10, 100, 0.1, 0.2, 0.1 + 0.2, 0.3, 1 / 3, 1e-7, -1e-7, 1e-5, 123456.789,
    5e-324, -5e-324, 2.2250738585072014e-308, nextafter(10, inf), nextafter(10, -inf), nextafter(1, 0),
    2**31, 2**31 - 1, 10**15, 1e15 + 0.5, 2**52, 2**52 + 0.5, 2**52 + 1, 2**53, 2**53 - 1, -(2**53), 1 - 2**53,
]

# Dates by shape alone, and what is nearly one.
HOSTILE_DATES = [
    "2025-02-30", "2025-99-99", "0000-00-00", "9999-99-99", "2025-99-99T99:99:99.999Z", "0000-00-00T00:00:00.000Z",
    "2025-08-15T24:00:00.000Z", "2025-08-15T23:59:60.000Z", "2025-08-15T09:30:00.000z", "2025-08-15t09:30:00.000Z",
    "2025-08-15\n", "\n2025-08-15", "2025-08-15 ", "2025-8-15", "20250815", "２０２５-08-15", "2025-08-1٥",
    "2025-08-15T",
    "2025-08-15T09:30:00.000Z\n", "2025-08-15T09:30:00,000Z", "2025-08-15T09:30:00x000Z", "2025-08-15 09:30:00.000Z",
    "12025-08-15", "-2025-08-15", "2025-08-15T09:30:00.0000Z", "2025-W33-5", "x2025-08-15", "2025\u201008\u201015",
]

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Africa/Cairo", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Apia",
]

# Days on which a clock somewhere is put forward or back (in Santiago and Cairo at midnight), leap days, and the day
# that Apia left out.
ODD_DAYS = [
    "2025-03-30", "2025-10-26", "2025-03-09", "2025-11-02", "2025-04-06", "2025-10-05", "2025-09-07", "2025-04-05",
    "2025-04-25", "2025-10-31", "2024-02-29", "2025-03-01", "2025-12-31", "2026-01-01", "2011-12-30",
]

# fmt: on


def numbers() -> SearchStrategy[int | float]:
    limit = float(NUMBER_LIMIT)
    return st.sampled_from(HOSTILE_NUMBERS) | st.integers(-NUMBER_LIMIT, NUMBER_LIMIT) | st.floats(-limit, limit)


def storable_text(max_size: int) -> SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=max_size)


def texts() -> SearchStrategy[str]:
    # The second alphabet is small, so that texts contain each other.
    return st.sampled_from(HOSTILE_TEXTS) | st.text("aAbB%_\\'\"éÉİıK\u0301🦊\n ", max_size=6) | storable_text(8)


def keys() -> SearchStrategy[str]:
    return st.sampled_from(HOSTILE_KEYS) | storable_text(4).filter(lambda key: check_key(key) is None)


@st.composite
def moments(draw: DrawFn, zone: ZoneInfo) -> datetime:
    """A time to ask at: any, or one about local midnight or noon on a day that has its peculiarities."""
    if draw(st.booleans()):
        return draw(st.datetimes(datetime(2011, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
    day = datetime.fromisoformat(draw(st.sampled_from(ODD_DAYS))).date()
    hour = draw(st.sampled_from([time(0), time(1), time(2), time(3), time(12)]))
    slip = draw(st.sampled_from([timedelta(), *_BESIDE]))
    return datetime.combine(day, hour, zone).astimezone(UTC) + slip


_BESIDE = [sign * timedelta(microseconds=by) for sign in (1, -1) for by in (1, 999, 1_000, 86_400_000_000)]
_DAYS_BESIDE = [-1, 0, 1, 2]


def edges(days: int, now: datetime, zone: ZoneInfo) -> tuple[list[datetime], list[str]]:
    """Moments and plain dates on the bounds that a window of so many days has in one direction or another, and right
    beside them."""
    bounds = [now + by for by in (-timedelta(days=days), timedelta(), timedelta(days=1), timedelta(days=days))]
    instants = [bound + slip for bound in bounds for slip in (timedelta(), *_BESIDE)]
    today = now.astimezone(zone).date()
    plain = [(today + timedelta(days=by + slip)).isoformat() for by in (-days, 0, 1, days) for slip in _DAYS_BESIDE]
    plain += [f"{plain[0]}/{plain[-1]}", f"{plain[-1]} {plain[0]}", f"{plain[5]}\n"]
    return instants, plain


def relatives_of_text(text: str) -> list[Value]:
    """Texts that a careless comparison takes for this one, or finds in it."""
    half = len(text) // 2
    normal = [unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    return [text.swapcase(), text.lower(), *normal, text[:half], text[half:], f"%{text}", f"{text}\n"]


def relatives_of_number(number: int | float) -> list[Value]:
    """Numbers right beside this one, and values of other types that pass for it."""
    beside = [number - 1, number + 1, nextafter(number, inf), nextafter(number, -inf)]
    return [*(near for near in beside if abs(near) <= NUMBER_LIMIT), str(number), bool(number)]


@dataclass(frozen=True, slots=True)
class Case:
    """Users, and lists of rules to ask about all of them at one moment."""

    zone: str
    now: datetime
    calls: list[Identify]
    rules: list[Rules]


@st.composite
def cases(draw: DrawFn) -> Case:
    """One rule for each operator, and one list of many rules."""
    zone = draw(st.sampled_from(ZONES))
    now = draw(moments(ZoneInfo(zone)))
    days = draw(st.sampled_from([1, 2, 7, 30, 365, DAYS_LIMIT]) | st.integers(1, DAYS_LIMIT))
    instants, plain_dates = edges(days, now, ZoneInfo(zone))
    dates = [*map(format_instant, instants), *plain_dates, *HOSTILE_DATES]
    text, number = draw(texts()), draw(numbers())
    some_dates = draw(st.lists(st.sampled_from(dates), min_size=4, max_size=8))
    near = [*relatives_of_text(text), *relatives_of_number(number)]
    pool = [text, number, *near, *some_dates, 10, "10", True, False, 10.5]
    traits = draw(st.lists(keys(), min_size=1, max_size=2, unique=True))
    calls = _calls(traits, pool, instants, turn=draw(st.integers(0, 2**16)))
    values: list[object] = [None, days, max(1, days - 1), min(DAYS_LIMIT, days + 1), *pool, *plain_dates[:12]]
    values += [["pro", text], [10, number], [10.5, 10, number], sorted([number, 10]), [number, number]]
    rules = [_rules(traits, operator, values) for operator in OPERATORS.values()]
    many = draw(st.lists(st.sampled_from(rules).flatmap(lambda rule: rule), min_size=2, max_size=4))
    return Case(zone, now, calls, [*((draw(rule),) for rule in rules), tuple(many)])


def _calls(traits: Sequence[str], pool: Sequence[Value], instants: Sequence[datetime], turn: int) -> list[Identify]:
    """One user for each value and one without any; some were seen a second time."""
    found = [text[:100] for text in pool if isinstance(text, str)]
    calls = []
    for index, value in enumerate([None, *pool]):
        other = pool[(index + turn) % len(pool)] if index else None
        text = found[(index + turn) % len(found)]
        profile: dict[ProfilePart, str] = {"email": text, "name": ""} if index % 2 else {"email": "", "name": text}
        sent = dict(zip(traits, (value, other), strict=False))
        external_id = f"{index} Pro🦊'%"
        calls.append(Identify(external_id, profile, sent, instants[(index + turn) % len(instants)]))
        if index % 3 == 0:
            calls.append(Identify(external_id, {}, {}, instants[(index * 3 + turn) % len(instants)]))
    return calls


def _rules(traits: list[str], operator: Operator[Any], values: Sequence[object]) -> SearchStrategy[Rule]:
    """Rules with one operator and those of the values that it takes."""
    taken = []
    for value in values:
        with suppress(InvalidValue):
            taken.append(operator.check(value))
    # A trait more often than a built-in property.
    asked = st.sampled_from([*traits * 6, *BUILT_IN_PROPERTIES])
    return st.builds(Rule, asked, st.just(operator), st.sampled_from(taken))
