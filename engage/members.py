"""The users in a segment, page by page and as a file: the queries that list them stand here and nowhere else."""

import csv
import json
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from engage.audience import condition, matching
from engage.key_order import TextOfKey, find_first_by_key
from engage.operators import Moment
from engage.rules import Rules
from identity.models import Application, Person, Trait
from identity.models.person import begins_with, has_email, person_id
from identity.values import Value, format_instant

# So many users are walked at once for a file.
FILE_WALK = 2_000
# After so many, of whom not one in a hundred matched, it is quicker to look for all the others at once.
FEW_SHOW = 10_000

_BEFORE_ALL_KEYS = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Page:
    people: Sequence[Person]
    # The key after which the next page begins; None on the last one.
    next: uuid.UUID | None


def members(
    application: Application,
    rules: Rules,
    *,
    after: uuid.UUID | None,
    limit: int,
    search: str = "",
    either: Sequence[Rules] = (),
    now: datetime | None = None,
) -> list[Person]:
    """The users who match every rule, in the order of their keys, which is no order that people would see: the first of
    those with a key above `after`. Whoever comes in meanwhile is on a later page if their key is above. A search leaves
    those whose id, e-mail or name begins with it, in upper or lower case; `either`, if there are any, those who match
    one of these lists of rules as well."""
    moment = Moment.at(now or timezone.now(), application.zone)
    people = Person.objects.filter(application=application)
    if after is not None:
        people = people.filter(id__gt=after)
    asked = Q(condition(rules, moment)) & Q(*(condition(one, moment) for one in either), _connector=Q.OR)
    return find_first_by_key(people, begins_with(search) & asked if search else asked, limit)


def page(
    application: Application,
    rules: Rules,
    *,
    after: uuid.UUID | None = None,
    limit: int,
    search: str = "",
    either: Sequence[Rules] = (),
) -> Page:
    """Up to `limit` of the `members`, and where the next page begins."""
    found = members(application, rules, after=after, limit=limit + 1, search=search, either=either)
    return Page(found[:limit], found[limit - 1].pk if len(found) > limit else None)


def called(application: Application, text: str, *, limit: int) -> list[Person]:
    """The one user with this id; or else those with this e-mail address, in upper or lower case."""
    people = Person.objects.filter(application=application)
    by_id = people.filter(pk=person_id(application.pk, text)).first()
    return [by_id] if by_id else list(people.filter(has_email(text)).order_by("external_id")[:limit])


def everyone_matching(application: Application, rules: Rules, *, now: datetime) -> Iterator[Sequence[Person]]:
    """All users who match, in pieces of at most FILE_WALK, so that no query takes long and memory does not grow: by
    walking all keys; or, where the first FEW_SHOW of them show that few match, by the keys of those, read at once."""
    members = matching(application, rules, now=now)
    start: uuid.UUID | None = _BEFORE_ALL_KEYS
    walked = found = 0
    while start is not None:
        end = _key_after(application, start, FILE_WALK)
        people = list(_between(members, start, end).order_by("id"))
        yield people
        walked, found, start = walked + FILE_WALK, found + len(people), end
        if start is not None and walked >= FEW_SHOW > found * 100:
            keys = list(_read_at_once(members, start).values_list("id", flat=True))
            for place in range(0, len(keys), FILE_WALK):
                yield list(members.filter(id__in=keys[place : place + FILE_WALK]).order_by("id"))
            return


def _read_at_once(members: QuerySet[Person], start: uuid.UUID) -> QuerySet[Person]:
    """Those behind `start`, all read in one scan."""
    return members.filter(id__gt=start).order_by(TextOfKey(F("id")))


def _key_after(application: Application, start: uuid.UUID, users: int) -> uuid.UUID | None:
    """The key of the user so many places behind `start`; None when there are fewer."""
    keys = Person.objects.filter(application=application, id__gt=start).order_by("id").values_list("id", flat=True)
    return next(iter(keys[users - 1 : users]), None)


def _between(members: QuerySet[Person], start: uuid.UUID, end: uuid.UUID | None) -> QuerySet[Person]:
    """Those behind `start`, up to `end`."""
    found = members.filter(id__gt=start)
    return found if end is None else found.filter(id__lte=end)


# CSV

COLUMNS = ("id", "email", "name", "first_seen", "last_seen")
# Where a spreadsheet would take a cell for a formula (OWASP, CSV Injection): with these at its beginning, the wide ones
# too, in some languages; and after what separates cells in the spreadsheets of some countries.
_FORMULA_STARTS = re.compile("^(?=[\t\r\n])|(?:^|(?<=[;\r\n]))(?=\\s*[-=+@＝＋－＠])")


class _Line:
    """What csv writes to: keeps the line."""

    text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


def as_csv(application: Application, rules: Rules) -> Iterator[str]:
    """All users who match, as a CSV file with a column for each trait of the application; in pieces."""
    keys = list(Trait.objects.filter(application=application).values_list("key", flat=True))
    line = _Line()
    writer = csv.writer(line)
    writer.writerow([*COLUMNS, *(_cell(f"traits.{key}" if key in COLUMNS else key) for key in keys)])
    piece = line.text
    for people in everyone_matching(application, rules, now=timezone.now()):
        lines = []
        for person in people:
            moments = format_instant(person.first_seen), format_instant(person.last_seen)
            cells = (person.external_id, person.email, person.name, *moments, *map(person.traits.get, keys))
            writer.writerow(map(_cell, cells))
            lines.append(line.text)
        yield piece + "".join(lines)
        piece = ""


def _cell(value: Value | None) -> str:
    """A value as no spreadsheet runs it. A negative number is one, and stays."""
    if isinstance(value, str):
        return _FORMULA_STARTS.sub("'", value)
    return "" if value is None else json.dumps(value)
