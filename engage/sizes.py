"""How many users segments have, and what another list of rules would change about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from engage.audience import condition, count_each, share
from engage.expressions import ExactlyOne, IsTrue
from engage.models import Segment
from engage.operators import Moment
from engage.rules import Rules
from engage.sampling import Sample
from identity.models import Application, Person

NAMES_SHOWN = 10
# PostgreSQL gives back at most 1,664 columns.
LISTS_AT_ONCE = 1_000
_COLUMNS = ("id", "application_id", "external_id", "email", "name", "first_seen", "last_seen")


@dataclass(frozen=True, slots=True)
class SegmentSize:
    segment: Segment
    count: int
    share: float
    # By how much an estimated count may be wrong, in users; None of one that is exact.
    error: int | None = None


def sizes(
    application: Application, segments: Sequence[Segment], *, now: datetime | None = None, of: Sample | None = None
) -> list[SegmentSize]:
    """The size of each segment, exact or estimated from a sample: up to a thousand in one pass over the users."""
    moment = Moment.at(now or timezone.now(), application.zone)
    people = of.people if of else Person.objects.filter(application=application)
    rule_lists = [segment.parsed_rules for segment in segments]
    total, counts = count_each(people, rule_lists[:LISTS_AT_ONCE], moment)
    for start in range(LISTS_AT_ONCE, len(rule_lists), LISTS_AT_ONCE):
        counts += count_each(people, rule_lists[start : start + LISTS_AT_ONCE], moment)[1]
    if of:
        total, counts = of.scaled(total), [of.scaled(count) for count in counts]
    return [
        SegmentSize(segment, count, share(count, total), of.error(count) if of else None)
        for segment, count in zip(segments, counts, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class Changes:
    """Whom other rules bring in, and whom they leave out: how many, and some of them."""

    added: int
    removed: int
    some_added: Sequence[Person]
    some_removed: Sequence[Person]


def changes(application: Application, before: Rules, after: Rules, *, now: datetime | None = None) -> Changes:
    """What it changes to put the rules `after` in the place of those `before`: exact, with up to ten users of each, in
    one query."""
    moment = Moment.at(now or timezone.now(), application.zone)
    was, will_be = IsTrue(condition(before, moment)), IsTrue(condition(after, moment))
    moved = Person.objects.filter(ExactlyOne(was, will_be), application=application)
    sql, parameters = moved.values("id", is_added=will_be).query.sql_with_params()
    with connection.cursor() as cursor:
        # The keys of all who move are kept, so that they are sought once; of window functions each would take its time.
        cursor.execute(
            f"""
            WITH moved AS MATERIALIZED ({sql}),
            counted AS (
                SELECT count(*) FILTER (WHERE is_added) AS added, count(*) FILTER (WHERE NOT is_added) AS removed
                FROM moved
            ),
            named AS (
                (SELECT * FROM moved WHERE is_added ORDER BY id LIMIT {NAMES_SHOWN})
                UNION ALL (SELECT * FROM moved WHERE NOT is_added ORDER BY id LIMIT {NAMES_SHOWN})
            )
            SELECT added, removed, is_added, {", ".join(_COLUMNS)}
            FROM counted, named JOIN identity_person USING (id)
            ORDER BY id
            """,  # noqa: S608 - made by the query set, and constants
            parameters,
        )
        rows = cursor.fetchall()
    some: dict[bool, list[Person]] = {True: [], False: []}
    for _, _, is_added, *values in rows:
        some[is_added].append(Person.from_db(connection.alias, _COLUMNS, values))
    added, removed = rows[0][:2] if rows else (0, 0)
    return Changes(added=added, removed=removed, some_added=some[True], some_removed=some[False])
