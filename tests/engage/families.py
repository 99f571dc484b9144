"""Questions to both evaluators, for each family of operators: rules, and values made from the rules' own, on their
bounds and right beside them. Cheap enough for thousands: few things are drawn, and the rest follows from them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from engage.operators import DAYS_LIMIT, OPERATORS, InvalidValue
from engage.rules import Rule
from identity.values import STRING_LENGTH, Value, canonical, format_instant
from tests.engage.strategies import (
    HOSTILE_DATES,
    HOSTILE_KEYS,
    HOSTILE_NUMBERS,
    HOSTILE_TEXTS,
    ODD_DAYS,
    ZONES,
    moments,
    numbers,
    relatives_of_number,
    relatives_of_text,
    texts,
)

# What every rule is asked about besides: one of each kind, and what passes for another kind somewhere.
EVERY_KIND: list[Value | None] = [
    None, "pro", "10", "true", "null", "[]", 10, 10.5, 1, 0, True, False, "2025-08-15", "2025-08-15T09:30:00.000Z",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Question:
    """Rules about one trait, each of them asked for all of the values at one moment."""

    zone: str
    now: datetime
    trait: str
    rules: list[Rule]
    values: list[Value | None]


NOON = datetime(2025, 8, 15, 12, tzinfo=UTC)


def _question(
    rules: list[tuple[str, object]],
    values: Sequence[Value | None],
    trait: str = "plan",
    zone: str = "UTC",
    now: datetime = NOON,
) -> Question:
    asked = []
    for operator, raw in rules:
        with suppress(InvalidValue):  # a text that became too long, or a blank piece of one
            asked.append(Rule(trait, OPERATORS[operator], OPERATORS[operator].check(raw)))
    made = [None if value is None else canonical(value).value for value in [*values, *EVERY_KIND]]
    return Question(zone, now, trait, asked, list({(type(value), value): value for value in made}.values()))


def traits() -> SearchStrategy[str]:
    return st.sampled_from([*HOSTILE_KEYS, *["$id", "$email", "$name"] * 5])


@st.composite
def equality(draw: DrawFn) -> Question:
    value = draw(texts().filter(str.strip) | numbers() | st.booleans() | st.sampled_from(HOSTILE_DATES))
    relatives = relatives_of_text(value) if isinstance(value, str) else relatives_of_number(value)
    other = draw(st.sampled_from([value, *relatives, *EVERY_KIND[1:]]))
    rules: list[tuple[str, object]] = []
    for asked in (value, other):
        rules += [("equals", asked), ("not_equals", asked)]
    if not isinstance(value, bool):
        is_text = isinstance(value, str)
        near = [value, *(near for near in (other, *relatives) if isinstance(near, str) == is_text)]
        members = [near for near in near if not isinstance(near, bool) and 0 < len(str(near).strip()) <= STRING_LENGTH]
        # From nine on PostgreSQL looks in a hash table.
        more: list[Value] = [f"plan {number}" if is_text else 1000 + number for number in range(12)]
        listed = [*members[: draw(st.integers(1, 4))], *more[: draw(st.sampled_from([0, 2, 12]))]]
        rules += [("any_of", listed), ("none_of", listed)]
    return _question(rules, [value, other, *relatives], draw(traits()))


@st.composite
def text(draw: DrawFn) -> Question:
    whole = draw(texts().filter(str.strip))
    length = len(whole)
    start, end = sorted((draw(st.integers(0, length)), draw(st.integers(0, length))))
    pieces = [whole, whole[:end], whole[start:], whole[start:end]]
    sought = dict.fromkeys((draw(st.sampled_from(pieces)), whole[start:end], whole))
    operators = ("contains", "not_contains", "starts_with", "ends_with")
    rules: list[tuple[str, object]] = [(operator, piece) for piece in sought for operator in operators]
    other = draw(st.sampled_from(HOSTILE_TEXTS))
    around = [f"{other}{whole}", f"{whole}{other}", f"{other[:9]}{whole[:99]}{other[:9]}"]
    values = [*pieces, *around, *relatives_of_text(whole), *relatives_of_text(whole[start:end])]
    return _question(rules, values, draw(traits()))


@st.composite
def number(draw: DrawFn) -> Question:
    one, other = draw(numbers()), draw(numbers())
    low, high = sorted((one, other))
    operators = ("greater_than", "less_than", "at_least", "at_most")
    rules: list[tuple[str, object]] = [(operator, one) for operator in operators]
    rules += [("between", [low, high]), ("between", [one, one])]
    middle = low + (high - low) / 2
    values = [*relatives_of_number(one), *relatives_of_number(other), one, other, middle]
    return _question(rules, [*values, *HOSTILE_NUMBERS[:8], "%", str(low)], draw(traits()))


_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_BESIDE = [timedelta(), _MS, -_MS, _DAY, -_DAY]


@st.composite
def dates(draw: DrawFn) -> Question:
    zone = draw(st.sampled_from([*ZONES, "America/Sao_Paulo", "Asia/Beirut", "America/St_Johns", "Atlantic/Azores"]))
    local = ZoneInfo(zone)
    now = draw(moments(local)) + draw(st.sampled_from([0, 0, 3650, -3650])) * _DAY  # a clock that is years off
    days = draw(st.sampled_from([1, 2, 7, 30, DAYS_LIMIT]) | st.integers(1, DAYS_LIMIT))
    today = now.astimezone(local).date()
    day = draw(
        st.sampled_from([*ODD_DAYS, "2018-11-04", "2018-02-18", "2023-04-28", "2011-12-29", "1000-01-01", "9998-12-31"])
        | st.integers(-400, 400).map(lambda by: (today + by * _DAY).isoformat())
    )
    rules: list[tuple[str, object]] = [
        *((operator, days) for operator in ("within_last_days", "more_than_days_ago", "within_next_days")),
        *((operator, day) for operator in ("before", "after", "on")),
    ]
    bounds = [now + by * _DAY for by in (-days, days)] + [now]
    midnights = [*_midnights(day, local), *_midnights(today.isoformat(), local)]
    instants = [bound + by for bound in bounds for by in _BESIDE]
    instants += [midnight + by for midnight in midnights for by in (timedelta(), _MS, -_MS)]
    plain = [today + (by + slip) * _DAY for by in (-days, 0, days) for slip in (-1, 0, 1)]
    odd = draw(st.lists(st.sampled_from(HOSTILE_DATES), min_size=3, max_size=3))
    near = [f"{day[:8]}99", f"{day}\n", f" {day}", f"{day}T", f"{day}T99:99:99.999Z", f"{day}T12:00:00,000Z", day]
    values = [*map(format_instant, instants), *(day.isoformat() for day in plain), *odd, *near]
    return _question(rules, values, draw(st.sampled_from(["plan", *["$first_seen", "$id"], "2024"])), zone, now)


def _midnights(day: str, zone: ZoneInfo) -> list[datetime]:
    """Instants about the beginning and the end of a day, wherever its clocks are put back or forward."""
    first = datetime.combine(date.fromisoformat(day), time(), zone)
    found = [first.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    found += [(first + _DAY).replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
    return list(dict.fromkeys([*found, found[0] + timedelta(hours=1), found[-1] - timedelta(hours=1)]))


@st.composite
def presence(draw: DrawFn) -> Question:
    value = draw(texts() | numbers() | st.booleans() | st.sampled_from(HOSTILE_DATES))
    rules: list[tuple[str, object]] = [("is_set", None), ("is_not_set", None)]
    return _question(rules, [value], draw(traits()))


FAMILIES = {"equality": equality(), "text": text(), "number": number(), "dates": dates(), "presence": presence()}
