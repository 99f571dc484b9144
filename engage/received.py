"""What users really have as one trait: which values, how they spread, and those that do not fit. All of it is counted
when it is asked for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count, F, QuerySet

from engage.expressions import All, ContainsText, FoldAscii, IsNotTrue, Text, ToNumeric
from engage.fields import RowField, is_kind, place_of_kind, trait_field
from engage.key_order import first_by_key
from engage.spread import AFTER, BEFORE, Bucket, date_scale, number_scale, number_text, span_text
from identity.models import Person
from identity.values import Kind, Value

# Between these two parts of the values nine in ten lie, which are shown for sure.
_LOW, _HIGH = 0.05, 0.95
# How many letters of a date say its day.
_DAY = 10


@dataclass(frozen=True, slots=True)
class Values:
    """The values that most users have, each with how many have it; and how many different values there are."""

    shown: list[tuple[Value, int]]
    different: int


def common_values(people: QuerySet[Person], key: str, limit: int, *, containing: str = "") -> Values:
    """The values of a trait, of whatever kind: all, or those whose text contains another in whatever case of A-Z."""
    field = _field(key)
    people = people.filter(field.is_present)
    if containing:
        people = people.filter(ContainsText(field.folded, FoldAscii(Text(containing))))
    counted = people.values(value=field.json).annotate(users=Count("*")).order_by()
    rows = _select("value::text, users, count(*) OVER ()", counted, f"ORDER BY users DESC, value LIMIT {limit:d}")
    return Values([(json.loads(value), users) for value, users, _ in rows], rows[0][2] if rows else 0)


def mismatched(
    people: QuerySet[Person], key: str, kind: Kind, limit: int, *, share: float
) -> list[tuple[Person, Value]]:
    """Some people whose value is of another kind, when so large a share has such a one; each with that value."""
    field = _field(key)
    is_odd = All(field.is_present, IsNotTrue(is_kind(place_of_kind(field.json), kind)))
    return [(person, person.traits[key]) for person in first_by_key(people, is_odd, limit, share=share)]


@dataclass(frozen=True, slots=True)
class Spread:
    """How many people have values in each of some ranges; and figures that say most of them, each after its name."""

    buckets: list[Bucket]
    facts: list[tuple[str, str]]


def spread(people: QuerySet[Person], key: str, kind: Kind | None) -> Spread | None:
    """Of a trait's numbers or dates; None of other kinds, and if there are none."""
    if kind is Kind.NUMBER:
        return _spread_of_numbers(people, _field(key))
    return _spread_of_dates(people, _field(key)) if kind is Kind.DATE else None


def _spread_of_numbers(people: QuerySet[Person], field: RowField) -> Spread | None:
    numbers = _of_kind(people, field, Kind.NUMBER).values(value=ToNumeric(field.json))
    points = f"percentile_disc(ARRAY[0, {_LOW}, 0.25, 0.5, 0.75, {_HIGH}, 1]) WITHIN GROUP (ORDER BY value)"
    [(found, is_whole)] = _select(f"{points}, bool_and(value = floor(value))", numbers)
    if found is None:
        return None
    lowest, low, quarter, median, three_quarters, high, highest = found
    scale = number_scale(lowest, low, high, highest, is_whole=is_whole)
    place = "LEAST(GREATEST(floor((value - %s) / %s), -1), %s)::int"
    rows = _select(f"{place}, count(*)", numbers, "GROUP BY 1", [scale.start, scale.step, scale.count])
    facts = [
        ("Lowest", number_text(lowest)),
        ("Median", number_text(median)),
        ("Middle half", f"{number_text(quarter)} to {number_text(three_quarters)}"),
        ("Highest", number_text(highest)),
    ]
    return Spread(scale.buckets(dict(rows)), facts)


def _spread_of_dates(people: QuerySet[Person], field: RowField) -> Spread | None:
    dates = _of_kind(people, field, Kind.DATE).values(value=field.text)
    [(found,)] = _select(f"percentile_disc(ARRAY[0, {_LOW}, 0.5, {_HIGH}, 1]) WITHIN GROUP (ORDER BY value)", dates)
    if found is None:
        return None
    lowest, low, median, high, highest = found
    scale = date_scale(lowest, low, high, highest)
    span = f"left(value, {scale.length:d})"
    rows = _select(
        f"CASE WHEN {span} < %s THEN %s WHEN {span} > %s THEN %s ELSE {span} END, count(*)",
        dates,
        "GROUP BY 1",
        [scale.first, BEFORE, scale.last, AFTER],
    )
    facts = [("First", lowest), ("Median", median), ("Last", highest)]
    return Spread(scale.buckets(dict(rows)), [(name, span_text(value[:_DAY])) for name, value in facts])


def _field(key: str) -> RowField:
    return trait_field(F("traits"), key)


def _of_kind(people: QuerySet[Person], field: RowField, kind: Kind) -> QuerySet[Person]:
    return people.filter(is_kind(place_of_kind(field.json), kind))


def _select(
    what: str, values: QuerySet[Any, Any], rest: str = "", parameters: Sequence[Decimal | int | str] = ()
) -> list[tuple[Any, ...]]:
    """What is asked of the rows of a query set, in SQL with its parameters."""
    sql, given = values.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {what} FROM ({sql}) AS received {rest}", [*parameters, *given])  # noqa: S608
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found
