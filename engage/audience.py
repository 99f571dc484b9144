"""Who matches a list of rules. This is the one file that knows how traits are stored: operators get an expression."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import BooleanField, Case, Count, F, IntegerField, JSONField, QuerySet, TextField, When
from django.db.models import Value as SqlValue
from django.db.models.expressions import Expression
from django.db.models.functions import NullIf
from django.utils import timezone

from engage.expressions import (
    All,
    AnyText,
    Column,
    Comparison,
    ContainsText,
    FoldAscii,
    IsNotTrue,
    IsType,
    Json,
    JsonType,
    Text,
)
from engage.fields import Field, RowField, instant_field, is_kind, place_of_kind, text_field, trait_field
from engage.key_order import first_by_key
from engage.operators import Moment, Takes
from engage.rules import Rule, Rules, compile_rules
from engage.sampling import Sample
from identity.models import Application, Person
from identity.values import Kind, Value, format_instant

SAMPLE_SIZE = 5
# A subquery has at most 1,664 columns, and at most eight are for each key.
KEYS_READ_ONCE = 200


_BUILT_IN_FIELDS = {
    "$id": text_field(F("external_id")),
    "$email": text_field(NullIf(F("email"), SqlValue(""))),
    "$name": text_field(NullIf(F("name"), SqlValue(""))),
    "$first_seen": instant_field(F("first_seen")),
    "$last_seen": instant_field(F("last_seen")),
}


def _field(key: str) -> RowField:
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


def condition(rules: Rules, moment: Moment, field: Callable[[str], Field] = _field) -> Expression:
    """True for the users who match every rule, false or NULL for all others."""
    if not rules:
        return SqlValue(True, output_field=BooleanField())
    return All(*(rule.operator.condition(field(rule.trait), rule.value, moment) for rule in rules))


def count_each(people: QuerySet[Person], lists: Sequence[Rules], moment: Moment) -> tuple[int, list[int]]:
    """How many people there are, and how many of them match each list of rules. One pass over them, in which what many
    lists ask for is read once: to find a key in a document takes longer than to compare what is found."""
    asked = Counter(rule.trait for rules in lists for rule in rules).most_common(KEYS_READ_ONCE)
    document = Column("document", JSONField())
    read: dict[str, Expression | F] = {document.name: F("traits")}
    found: dict[str, Expression] = {}
    fields: dict[str, Field] = {}
    for number, key in enumerate([*_BUILT_IN_FIELDS, *(key for key, _ in asked)]):
        once = _field(key).read_once(str(number))
        read |= once.read
        found |= once.found
        fields[key] = once.field

    def field(key: str) -> Field:
        return fields.get(key) or trait_field(document, key)

    conditions = {str(number): condition(rules, moment, field) for number, rules in enumerate(lists)}
    counts = _count(people, read, conditions, found=found)
    return counts["total"], [counts[str(number)] for number in range(len(lists))]


def _count(
    people: QuerySet[Person],
    read: Mapping[str, Expression | F],
    conditions: Mapping[str, Expression],
    *,
    found: Mapping[str, Expression] | None = None,
) -> dict[str, int]:
    """How many people there are, as `total`, and for how many each condition is true, by its name. Conditions are about
    the columns that are read from the table, if there are any, and those that are found out about these."""
    if not read:
        each = {name: Count("pk", filter=condition) for name, condition in conditions.items()}
        return people.aggregate(total=Count("pk"), **each)
    compiler = people.query.get_compiler(connection=connection)
    counted = [compiler.compile(condition) for condition in conditions.values()]
    selects = [[("count(*)", ()), *((f"count(*) FILTER (WHERE {sql})", given) for sql, given in counted)]]
    # A column takes its time even when it is always NULL, so only those are made that are named.
    named = _named(conditions.values())
    if found:
        made = {name: found.get(name, column) for name, column in named.items()}
        named = _named(made.values())
        compiled = {name: compiler.compile(expression) for name, expression in made.items()}
        selects.append([(f'{sql} AS "{name}"', given) for name, (sql, given) in compiled.items()])
    sql, parameters = people.values("pk", **{name: read[name] for name in named}).query.sql_with_params()
    # An OFFSET keeps PostgreSQL from putting what columns are made of in the place of their names, each time. Without
    # its quotes, the 0 would be cast to the type of an OFFSET, and look like one that needs counting, which parallel
    # workers can't do.
    for select in reversed(selects):
        sql = f"SELECT {', '.join(column for column, _ in select)} FROM ({sql} OFFSET '0') AS known"  # noqa: S608
        parameters = (*(parameter for _, given in select for parameter in given), *parameters)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return dict(zip(["total", *conditions], cursor.fetchone(), strict=True))


def _named(expressions: Iterable[Expression]) -> dict[str, Column]:
    """The columns in some expressions."""
    return {part.name: part for made in expressions for part in made.flatten() if isinstance(part, Column)}


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
    """A user in the sample, with what the rules read of them by name, in the order of the rules; None is missing."""

    person: Person
    values: list[tuple[str, Value | None]]


@dataclass(frozen=True, slots=True)
class Audience:
    """Who matches a list of rules: how many of all users, how each rule narrows them, and some of them."""

    total: int
    count: int
    steps: list[Step]
    sample: list[Member]
    # For each trait that the rules read how many users, of all, have a value of which kind; empty if nobody asked.
    # Dates are told from other texts only where a rule looks for dates.
    received: dict[str, dict[Kind, int]]
    # By how much an estimated count may be wrong, in users; None of one that is exact.
    error: int | None = None

    @property
    def share(self) -> float:
        return share(self.count, self.total)


def share(part: int, whole: int) -> float:
    """`part` of `whole` between 0 and 1; 0 of nothing."""
    return part / whole if whole else 0.0


def audience(
    application: Application,
    rules: Rules,
    *,
    now: datetime | None = None,
    of: Sample | None = None,
    with_kinds: bool = False,
) -> Audience:
    """The audience of a list of rules at one moment, in two queries: a pass for all counts, and some of the users.
    Exact, or estimated from a sample. Kinds are counted when asked for: they take a third of the pass."""
    moment = Moment.at(now or timezone.now(), application.zone)
    people = of.people if of else Person.objects.filter(application=application)
    names = {rule.trait: rule.name for rule in rules}
    traits = [key for key in names if key not in _BUILT_IN_FIELDS] if with_kinds else []
    columns, counted = _narrowing(rules, moment, are_alone=not traits)
    for number, key in enumerate(traits):
        dated = any(rule.trait == key and rule.operator.reads(rule.value) is Kind.DATE for rule in rules)
        more_columns, more_counted = _kinds(_field(key), str(number), with_dates=dated)
        columns, counted = columns | more_columns, counted | more_counted
    counts = _count(people, columns, counted)
    if of:
        counts = {name: of.scaled(found) for name, found in counts.items()}
    total = counts["total"]
    steps = [
        Step(rule, count := counts[f"step{number}"], share(count, total), counts.get(f"lacking{number}"))
        for number, rule in enumerate(rules)
    ]
    received = {key: _by_kind(counts, str(number)) for number, key in enumerate(traits)}
    count = steps[-1].count if steps else total
    some = first_by_key(people, condition(rules, moment), SAMPLE_SIZE, share=share(count, total)) if count else ()
    sample = [
        Member(person, [(name, known.get(key)) for key, name in names.items()])
        for person in some
        for known in [properties(person)]
    ]
    return Audience(total, count, steps, sample, received, of.error(count) if of else None)


# What is read of each user by the name of its column, and what is counted over these columns.
_Counting = tuple[dict[str, Expression], dict[str, Expression]]


def _narrowing(rules: Rules, moment: Moment, *, are_alone: bool) -> _Counting:
    """For each rule who passes it and those before, and who of them lacks its trait."""
    columns: dict[str, Expression] = {}

    def read(name: str, made: Expression) -> Expression:
        if are_alone and len(rules) == 1:  # nothing is asked for twice
            return made
        columns[name] = made
        return Column(name, made.output_field)

    passed = read("passed", _rules_passed(rules, moment))
    counted: dict[str, Expression] = {}
    for number, rule in enumerate(rules):
        counted[f"step{number}"] = passes = Comparison(passed, ">", SqlValue(number))
        if rule.operator.matches_missing and rule.operator.takes is not Takes.NONE:
            lacks = read(f"lacks{number}", IsNotTrue(_field(rule.trait).is_present))
            counted[f"lacking{number}"] = All(passes, lacks)
    return columns, counted


def _kinds(field: RowField, suffix: str, *, with_dates: bool) -> _Counting:
    """For each kind who has a value of it."""
    json_type = Column(f"type{suffix}", TextField())
    columns: dict[str, Expression] = {json_type.name: JsonType(field.json)}
    counted: dict[str, Expression] = {
        f"{kind}{suffix}": Comparison(json_type, "=", Text(kind)) for kind in Kind if kind is not Kind.DATE
    }
    if with_dates:
        columns[f"dated{suffix}"] = field.is_any_date
        counted[f"{Kind.DATE}{suffix}"] = Column(f"dated{suffix}", BooleanField())
    return columns, counted


def _by_kind(counts: Mapping[str, int], suffix: str) -> dict[Kind, int]:
    """How many users have a value of each kind that there is. To JSON a date is a string."""
    received = {kind: counts.get(f"{kind}{suffix}", 0) for kind in Kind}
    received[Kind.STRING] -= received[Kind.DATE]
    return {kind: users for kind, users in received.items() if users}


def _rules_passed(rules: Rules, moment: Moment) -> Case:
    """How many rules a user passes before the first that does not match; so each rule is tried once for each user."""
    return Case(
        *(When(IsNotTrue(condition((rule,), moment)), then=number) for number, rule in enumerate(rules)),
        default=len(rules),
        output_field=IntegerField(),
    )


@dataclass(frozen=True, slots=True)
class Received:
    """What some people have: how many there are, by key how many of them have a trait as which kind, and how many have
    the value that was asked about."""

    total: int
    kinds: dict[str, dict[Kind, int]]
    having: dict[str, int]


def kinds_received(
    people: QuerySet[Person], keys: Sequence[str], values: Mapping[str, Value] | None = None
) -> Received:
    """How many people have each trait as which kind; of `values` also how many have just that. Up to 200 traits are
    counted in one pass."""
    received = Received(0, {}, {})
    for start in range(0, max(len(keys), 1), KEYS_READ_ONCE):
        part = _kinds_received(people, keys[start : start + KEYS_READ_ONCE], values or {})
        received = Received(part.total, received.kinds | part.kinds, received.having | part.having)
    return received


def _kinds_received(people: QuerySet[Person], keys: Sequence[str], values: Mapping[str, Value]) -> Received:
    read: dict[str, Expression | F] = {}
    found: dict[str, Expression] = {}
    counted: dict[str, Expression] = {}
    for number, key in enumerate(keys):
        value, place = Column(f"value{number}", JSONField()), Column(f"place{number}", IntegerField())
        read[value.name] = _field(key).json
        found[place.name] = place_of_kind(value)
        for kind in Kind:
            counted[f"{kind}{number}"] = is_kind(place, kind)
        if key in values:
            counted[f"having{number}"] = Comparison(value, "=", Json(values[key]))
    counts = _count(people, read, counted, found=found)
    kinds = {
        key: {kind: users for kind in Kind if (users := counts[f"{kind}{number}"])} for number, key in enumerate(keys)
    }
    having = {key: counts[f"having{number}"] for number, key in enumerate(keys) if key in values}
    return Received(counts["total"], kinds, having)


def most_common(people: QuerySet[Person], limit: int) -> dict[str, Value]:
    """For each trait that some of the first people by key have, the value that most of them have."""
    some = people.order_by("id").values("traits")[:limit]
    sql, parameters = some.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT DISTINCT ON (key) key, value::text
            FROM ({sql}) AS looked_at, LATERAL jsonb_each(traits)
            GROUP BY key, value
            ORDER BY key, count(*) DESC, value
            """,  # noqa: S608 - made by the query set
            parameters,
        )
        return {key: json.loads(value) for key, value in cursor.fetchall()}


def common_strings(
    application: Application, key: str, limit: int = 20, *, containing: str = "", of: Sample | None = None
) -> list[tuple[str, int]]:
    """The texts that most users have as a trait, with how many have each: all, or those that contain a text in whatever
    case of A-Z. Exact, or estimated from a sample, in which what only few users have is not found."""
    field = _field(key)
    people = of.people if of else Person.objects.filter(application=application)
    if containing:
        people = people.filter(ContainsText(field.folded, FoldAscii(Text(containing))))
    found = _strings(people, field).order_by("-users", field.text)
    return [(text, of.scaled(users) if of else users) for text, users in found[:limit]]


def strings_among(application: Application, key: str, sought: Sequence[str]) -> list[tuple[str, int]]:
    """Those of some texts that anybody has as a trait, with how many have each."""
    field = _field(key)
    people = Person.objects.filter(Comparison(field.text, "=", AnyText(sought)), application=application)
    return list(_strings(people, field))


def _strings(people: QuerySet[Person], field: Field) -> QuerySet[Person, tuple[str, int]]:
    texts = people.filter(IsType(field.json, "string")).values_list(field.text)
    return texts.annotate(users=Count("*")).order_by()
