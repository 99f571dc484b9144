"""Who matches a list of rules. This is the one file that knows how traits are stored: operators get an expression."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import BooleanField, Case, Count, F, Func, IntegerField, QuerySet, TextField, When
from django.db.models import Value as SqlValue
from django.db.models.expressions import Expression
from django.db.models.functions import NullIf
from django.utils import timezone

from engage.expressions import All, Field, IsNotTrue, IsType, text_field, trait_field
from engage.operators import OPERATORS, Moment, Takes
from engage.rules import Rule, Rules, compile_rules
from engage.sampling import Sample
from identity.models import Application, Person
from identity.values import DAY_SHAPE, INSTANT_SHAPE, Kind, Value, format_instant

SAMPLE_SIZE = 5


class _Instant(Func):
    """A timestamp as a canonical value; to_char cuts what is finer than milliseconds, as format_instant does."""

    output_field = TextField()
    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


_BUILT_IN_FIELDS = {
    "$id": text_field(F("external_id")),
    "$email": text_field(NullIf(F("email"), SqlValue(""))),
    "$name": text_field(NullIf(F("name"), SqlValue(""))),
    "$first_seen": text_field(_Instant(F("first_seen"))),
    "$last_seen": text_field(_Instant(F("last_seen"))),
}


def _field(key: str) -> Field:
    return _BUILT_IN_FIELDS.get(key) or trait_field(F("traits"), key)


def properties(person: Person) -> dict[str, Value]:
    """All that rules can ask about one user: traits and built-in properties, by key; what is missing has no key."""
    traits: dict[str, Value] = person.traits
    built_in = {
        "$id": person.external_id,
        "$email": person.email,
        "$name": person.name,
        "$first_seen": format_instant(person.first_seen),
        "$last_seen": format_instant(person.last_seen),
    }
    return traits | {key: value for key, value in built_in.items() if value}


def matches(person: Person, rules: Rules, *, moment: Moment) -> bool:
    """Whether a user matches every rule, decided in Python; for one user the same as `matching`."""
    return compile_rules(rules)(properties(person), moment)


def matching(application: Application, rules: Rules, *, now: datetime | None = None) -> QuerySet[Person]:
    """The users of an application who match every rule at `now`."""
    people = Person.objects.filter(application=application)
    moment = Moment.at(now or timezone.now(), application.zone)
    return people.filter(condition(rules, moment))


def condition(rules: Rules, moment: Moment) -> Expression:
    """True for the users who match every rule, false or NULL for all others."""
    if not rules:
        return SqlValue(True, output_field=BooleanField())
    return All(*(rule.operator.condition(_field(rule.trait), rule.value, moment) for rule in rules))


@dataclass(frozen=True, slots=True)
class Step:
    """How far the rules up to this one narrow the audience."""

    rule: Rule
    count: int
    share: float
    # How many of them match this rule only because they lack the trait; None of rules that don't match without.
    lacking: int | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A user in the sample, with the values of the traits that the rules read, in the order of the rules."""

    person: Person
    values: list[Value]


@dataclass(frozen=True, slots=True)
class Audience:
    """Who matches a list of rules: how many of all users, how each rule narrows them, and some of them."""

    total: int
    count: int
    steps: list[Step]
    sample: list[Member]
    # By how much an estimated count may be wrong, in users; None of one that is exact.
    error: int | None = None

    @property
    def share(self) -> float:
        return share(self.count, self.total)


def share(part: int, whole: int) -> float:
    """`part` of `whole` between 0 and 1; 0 of nothing."""
    return part / whole if whole else 0.0


def audience(
    application: Application, rules: Rules, *, now: datetime | None = None, of: Sample | None = None
) -> Audience:
    """The audience of a list of rules at one moment, in two queries: a pass for all counts, and some of the users.
    Exact, or estimated from a sample."""
    moment = Moment.at(now or timezone.now(), application.zone)
    people = of.people if of else Person.objects.filter(application=application)
    lacking = {
        f"lacking{number}": Count("pk", filter=OPERATORS["is_not_set"].condition(_field(rule.trait), None, moment))
        for number, rule in enumerate(rules)
        if rule.operator.matches_missing and rule.operator.takes is not Takes.NONE
    }
    passed = {
        row["passed"]: row
        for row in people.values(passed=_rules_passed(rules, moment)).annotate(users=Count("*"), **lacking)
    }

    def reaching(number: int, what: str) -> int:
        found = sum(row[what] for place, row in passed.items() if place >= number)
        return of.scaled(found) if of else found

    total = reaching(0, "users")
    steps = [
        Step(
            rule,
            count := reaching(number + 1, "users"),
            share(count, total),
            reaching(number + 1, name) if (name := f"lacking{number}") in lacking else None,
        )
        for number, rule in enumerate(rules)
    ]
    keys = list(dict.fromkeys(rule.trait for rule in rules))
    sample = [
        Member(person, [known[key] for key in keys if key in known])
        for person in people.filter(condition(rules, moment)).order_by("id")[:SAMPLE_SIZE]
        for known in [properties(person)]
    ]
    count = steps[-1].count if steps else total
    return Audience(total, count, steps, sample, of.error(count) if of else None)


def _rules_passed(rules: Rules, moment: Moment) -> Case:
    """How many rules a user passes before the first that does not match; so each rule is tried once for each user."""
    return Case(
        *(When(IsNotTrue(condition((rule,), moment)), then=number) for number, rule in enumerate(rules)),
        default=len(rules),
        output_field=IntegerField(),
    )


def kinds_received(application: Application, key: str | None = None) -> dict[str, dict[Kind, int]]:
    """How many users have a value of which kind, for every trait that some user has, or for one; counted now, in one
    pass."""
    members = (
        "jsonb_each(traits)" if key is None else "(VALUES (%(key)s::text, traits -> %(key)s::text)) AS one (key, value)"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT key, CASE WHEN jsonb_typeof(value) = 'string'
                              AND length(value #>> '{{}}') IN (10, 24)  -- most texts need no look at their shape
                              AND value #>> '{{}}' ~ %(date)s
                             THEN 'date' ELSE jsonb_typeof(value) END AS kind, count(*)
            FROM identity_person, LATERAL {members}
            WHERE application_id = %(application)s AND value IS NOT NULL
            GROUP BY key, kind
            """,  # noqa: S608 - one of the two texts above
            {"date": f"^({DAY_SHAPE}|{INSTANT_SHAPE})$", "application": application.pk, "key": key},
        )
        received: dict[str, dict[Kind, int]] = {}
        for found, kind, users in cursor.fetchall():
            received.setdefault(found, {})[Kind(kind)] = users
    return received


def common_strings(application: Application, key: str, limit: int = 20) -> list[tuple[str, int]]:
    """The texts that most users have as a trait, with how many have each."""
    field = _field(key)
    found = (
        Person.objects.filter(IsType(field.json, "string"), application=application)
        .values_list(field.text)
        .annotate(users=Count("*"))
        .order_by("-users", field.text)
    )
    return list(found[:limit])
