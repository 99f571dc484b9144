"""How many users segments have, and what another list of rules would change about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from engage.audience import condition, count_each, share
from engage.expressions import Comparison, IsTrue
from engage.models import Segment
from engage.operators import Moment
from engage.rules import Rules
from engage.sampling import Sample
from identity.models import Application, Person

NAMES_SHOWN = 10


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
    """The size of each segment, all of them in one pass over the users: exact, or estimated from a sample."""
    moment = Moment.at(now or timezone.now(), application.zone)
    people = of.people if of else Person.objects.filter(application=application)
    total, counts = count_each(people, [segment.parsed_rules for segment in segments], moment)
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
    moved = (
        Person.objects.filter(Comparison(was, "<>", will_be), application=application)
        .annotate(is_added=will_be)
        .annotate(
            users=Window(Count("*"), partition_by=F("is_added")),
            place=Window(RowNumber(), partition_by=F("is_added"), order_by="id"),
        )
        .filter(place__lte=NAMES_SHOWN)
        .order_by("id")
        .defer("traits")
    )
    added = [person for person in moved if person.is_added]
    removed = [person for person in moved if not person.is_added]
    return Changes(
        added=added[0].users if added else 0,
        removed=removed[0].users if removed else 0,
        some_added=added,
        some_removed=removed,
    )
