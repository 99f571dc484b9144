"""What segments.py runs on each of its databases: the engine's answer and the best SQL by hand for the same question,
one after the other, round by round, and the medians as tables in Markdown."""

import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from engage.audience import Audience, audience, matching, properties
from engage.explanation import explain
from engage.members import members
from engage.models import Segment
from engage.operators import Moment
from engage.rules import Rules, parse
from engage.sampling import draw_sample
from engage.sizes import changes, sizes
from identity.models import Application, Person
from identity.values import format_instant

Question = tuple[str, str, object]
PAGE = 50
SEGMENTS = 50


@dataclass
class Pair:
    """One question with both answers, and how many seconds each took in each round."""

    name: str
    engine: Callable[[], object]
    by_hand: Callable[[], object]
    engine_took: list[float] = field(default_factory=list)
    by_hand_took: list[float] = field(default_factory=list)

    def ask(self) -> None:
        """Both, and see that they say the same."""
        answers = [timed(self.engine, self.engine_took, Clock.now), timed(self.by_hand, self.by_hand_took, Clock.now)]
        assert answers[0] == answers[1], (self.name, answers)

    @property
    def cells(self) -> list[str]:
        ratios = [one / other for one, other in zip(self.engine_took, self.by_hand_took, strict=True)]
        return [self.name, ms(self.engine_took), ms(self.by_hand_took), f"{statistics.median(ratios):.2f}"]


class Clock:
    """Says how many seconds have passed; or how many PostgreSQL has worked for this connection, which alone repeats
    where others share the machine."""

    now: Callable[[], float] = staticmethod(time.perf_counter)

    @classmethod
    def count_cpu(cls) -> None:
        """From now on, and by one process for each question."""
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
        [(process,)] = select("SELECT pg_backend_pid()")
        worked = Path(f"/proc/{process}/schedstat")
        cls.now = staticmethod(lambda: int(worked.read_text().split()[0]) / 1e9)


def timed(answer: Callable[[], object], took: list[float], now: Callable[[], float] = time.perf_counter) -> object:
    began = now()
    found = answer()
    took.append(now() - began)
    return found


def ms(took: Sequence[float]) -> str:
    milliseconds = statistics.median(took) * 1000
    return f"{milliseconds:,.0f}" if milliseconds >= 10 else f"{milliseconds:.1f}"


def table(head: str, rows: Iterable[Sequence[str]]) -> None:
    print(f"\n| {head} |\n{'|---' * (head.count('|') + 1)}|")
    for row in rows:
        print(f"| {' | '.join(row)} |", flush=True)


def select(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def rules(*raw: Question) -> Rules:
    return parse([{"trait": trait, "operator": operator, "value": value} for trait, operator, value in raw])


def day(now: datetime, ago: int) -> str:
    return (now - timedelta(days=ago)).date().isoformat()


@dataclass(frozen=True)
class Asked:
    """A list of rules, and of each the same in SQL about the users that there are: an expert knows that plans are
    texts, that nobody has signed up at a time of day, and that there are no texts in the place of numbers."""

    name: str
    rules: Rules
    by_hand: list[str]

    @property
    def condition(self) -> str:
        return " AND ".join(self.by_hand)


def ask(name: str, *questions: tuple[Question, str]) -> Asked:
    return Asked(name, rules(*(rule for rule, _ in questions)), [condition for _, condition in questions])


def asked_alone(now: datetime) -> list[Asked]:
    week = f"last_seen BETWEEN '{now - timedelta(days=7)}' AND '{now + timedelta(days=1)}'"
    return [
        ask("equals", (("plan", "equals", "pro"), "traits ->> 'plan' = 'pro'")),
        ask("between", (("teamSize", "between", [100, 300]), "traits -> 'teamSize' BETWEEN '100' AND '300'")),
        ask("contains", (("company", "contains", "company 12"), "lower(traits ->> 'company') LIKE '%company 12%'")),
        ask("within last 30 days", (("signupDate", "within_last_days", 30), last_days(now, 30))),
        ask("not equals", (("plan", "not_equals", "pro"), "traits ->> 'plan' IS DISTINCT FROM 'pro'")),
        ask(
            "four rules",
            (("plan", "equals", "free"), "traits ->> 'plan' = 'free'"),
            (("role", "any_of", ["admin", "member"]), "traits ->> 'role' IN ('admin', 'member')"),
            (("teamSize", "greater_than", 200), "traits -> 'teamSize' > '200'"),
            (("signupDate", "within_last_days", 90), last_days(now, 90)),
        ),
        ask("matches nobody", (("country", "equals", "nowhere"), "traits ->> 'country' = 'nowhere'")),
        ask("matches all", (("teamSize", "at_least", 0), "traits -> 'teamSize' >= '0'")),
        ask("e-mail ends with", (("$email", "ends_with", "@ourcompany.com"), "lower(email) LIKE '%@ourcompany.com'")),
        ask("last seen within 7 days", (("$last_seen", "within_last_days", 7), week)),
    ]


def last_days(now: datetime, number: int) -> str:
    return f"traits ->> 'signupDate' BETWEEN '{day(now, number)}' AND '{day(now, -1)}'"


# What each key is in the subquery of the best single pass.
COLUMNS = """
    traits ->> 'plan' AS plan, traits ->> 'role' AS role, traits ->> 'company' AS company,
    traits ->> 'country' AS country, traits -> 'teamSize' AS team_size, traits -> 'score' AS score,
    traits ->> 'signupDate' AS signup_date, traits ->> 'lastLogin' AS last_login, traits -> 'beta' AS beta,
    traits ? 'cancelled' AS cancelled, lower(email) AS email, first_seen, last_seen
"""
# And in one about it, of the best that takes what is of another kind for missing, as rules do.
COLUMNS_OF_A_KIND = """
    plan, role, company, country, beta, cancelled, email, first_seen, last_seen,
    CASE WHEN jsonb_typeof(team_size) = 'number' THEN team_size::numeric END AS team_size,
    CASE WHEN jsonb_typeof(score) = 'number' THEN score::numeric END AS score,
    {signup_date} AS signup_date, {last_login} AS last_login
"""
DATE = """
    CASE WHEN CASE WHEN {0} LIKE '____-__-__' THEN {0} NOT LIKE '%-%-%-%' AND {0} !~ '[^0-9-]'
                   WHEN {0} LIKE '____-__-__T__:__:__.___Z'
                   THEN {0} NOT LIKE '%-%-%-%' AND {0} NOT LIKE '%T%T%' AND {0} NOT LIKE '%:%:%:%'
                    AND {0} NOT LIKE '%.%.%' AND {0} NOT LIKE '%Z%Z%' AND {0} !~ '[^0-9ZT:.-]' END
         THEN {0} END
"""


def asked_together(now: datetime, *, of_a_kind: bool = False) -> list[tuple[Question, str]]:
    """What segments ask, each as often as it stands here, and the same of the columns above."""
    countries = [f"country {number}" for number in range(0, 199, 2)]
    listed = ", ".join(f"'{country}'" for country in countries)

    def date(column: str, days: str, instants: str) -> str:
        of_days = f"{column} {days}"
        return f"CASE length({column}) WHEN 10 THEN {of_days} ELSE {column} {instants} END" if of_a_kind else of_days

    def last(number: int) -> tuple[str, str]:
        start, end = format_instant(now - timedelta(days=number)), format_instant(now + timedelta(days=1))
        return f"BETWEEN '{day(now, number)}' AND '{day(now, -1)}'", f"BETWEEN '{start}' AND '{end}'"

    after = f"> '{day(now, 100)}'", f">= '{day(now, 99)}T00:00:00.000Z'"
    before = f"< '{day(now, 5)}'", f"< '{day(now, 5)}T00:00:00.000Z'"
    return [
        (("plan", "equals", "pro"), "plan = 'pro'"),
        (("plan", "equals", "team"), "plan = 'team'"),
        (("plan", "not_equals", "free"), "plan IS DISTINCT FROM 'free'"),
        (("plan", "any_of", ["pro", "team", "enterprise"]), "plan IN ('pro', 'team', 'enterprise')"),
        (("country", "any_of", countries), f"country IN ({listed})"),
        (("country", "none_of", ["country 1", "country 2"]), "(country IN ('country 1', 'country 2')) IS NOT TRUE"),
        (("beta", "equals", True), "beta = 'true'"),
        (("role", "equals", "admin"), "role = 'admin'"),
        (("$email", "contains", "@example.com"), "email LIKE '%@example.com%'"),
        (("$email", "not_contains", "+test"), "email NOT LIKE '%+test%'"),
        (("$email", "ends_with", "@ourcompany.com"), "email LIKE '%@ourcompany.com'"),
        (("company", "starts_with", "company 1"), "lower(company) LIKE 'company 1%'"),
        (("teamSize", "greater_than", 10), "team_size > '10'"),
        (("teamSize", "at_most", 500), "team_size <= '500'"),
        (("teamSize", "between", [50, 200]), "team_size BETWEEN '50' AND '200'"),
        (("score", "less_than", 99.5), "score < '99.5'"),
        (("signupDate", "within_last_days", 30), date("signup_date", *last(30))),
        (("signupDate", "within_last_days", 90), date("signup_date", *last(90))),
        (("signupDate", "after", day(now, 100)), date("signup_date", *after)),
        (("lastLogin", "before", day(now, 5)), date("last_login", *before)),
        (
            ("$last_seen", "within_last_days", 7),
            f"last_seen BETWEEN '{now - timedelta(days=7)}' AND '{now + timedelta(days=1)}'",
        ),
        (("$last_seen", "more_than_days_ago", 30), f"last_seen < '{now - timedelta(days=30)}'"),
        (("$first_seen", "before", day(now, 20)), f"first_seen < '{day(now, 20)} 00:00Z'"),
        (("role", "is_set", None), "role IS NOT NULL"),
        (("cancelled", "is_not_set", None), "NOT cancelled"),
    ]


class Questions:
    """Everything that is asked about one application."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.now = timezone.now()
        self.moment = Moment.at(self.now, application.zone)
        self.everybody = f"FROM identity_person WHERE application_id = '{application.pk}'"

    def counts(self) -> list[Pair]:
        return [
            Pair(
                asked.name,
                matching(self.application, asked.rules, now=self.now).count,
                partial(self.number, f"SELECT count(*) {self.everybody} AND {asked.condition}"),
            )
            for asked in asked_alone(self.now)
        ]

    def number(self, statement: str) -> int:
        [(found,)] = select(statement)
        assert isinstance(found, int)
        return found

    def audiences(self) -> list[Pair]:
        """Total, count after each rule, and five users."""
        return [
            Pair(asked.name, partial(self.audience, asked.rules), partial(self.audience_by_hand, asked))
            for asked in asked_alone(self.now)
        ]

    def audience(self, asked: Rules) -> object:
        found = audience(self.application, asked, now=self.now)
        return found.total, [step.count for step in found.steps], [member.person.pk for member in found.sample]

    def audience_by_hand(self, asked: Asked) -> object:
        steps = [" AND ".join(asked.by_hand[: number + 1]) for number in range(len(asked.by_hand))]
        counted = ", ".join(f"count(*) FILTER (WHERE {step})" for step in steps)
        [(total, *counts)] = select(f"SELECT count(*), {counted} {self.everybody}")
        some = select(f"SELECT * {self.everybody} AND {asked.condition} ORDER BY id LIMIT 5") if counts[-1] else []
        return total, counts, [row[0] for row in some]

    def all_segments(self) -> list[Pair]:
        """The page of segments: the sizes of all in one pass."""
        read = f"SELECT {COLUMNS} {self.everybody} OFFSET '0'"
        dates = {column: DATE.format(column) for column in ("signup_date", "last_login")}
        found = f"SELECT {COLUMNS_OF_A_KIND.format(**dates)} FROM ({read}) AS read OFFSET '0'"  # noqa: S608
        return [
            Pair(f"{SEGMENTS} segments in one pass", self.sizes, self.sizes_by_hand(read, of_a_kind=False)),
            Pair(f"{SEGMENTS} segments, by kind", self.sizes, self.sizes_by_hand(found, of_a_kind=True)),
        ]

    def chosen(self, *, of_a_kind: bool) -> list[list[tuple[Question, str]]]:
        chance = random.Random(1)
        asked = asked_together(self.now, of_a_kind=of_a_kind)
        return [chance.sample(asked, chance.randint(1, 4)) for _ in range(SEGMENTS)]

    @cached_property
    def segments(self) -> list[Segment]:
        return [
            Segment(
                application=self.application,
                rules=[
                    {"trait": trait, "operator": operator, "value": value} for (trait, operator, value), _ in questions
                ],
            )
            for questions in self.chosen(of_a_kind=False)
        ]

    def sizes(self) -> object:
        return [size.count for size in sizes(self.application, self.segments, now=self.now)]

    def sizes_by_hand(self, known: str, *, of_a_kind: bool) -> Callable[[], object]:
        counted = ", ".join(
            f"count(*) FILTER (WHERE {' AND '.join(condition for _, condition in questions)})"
            for questions in self.chosen(of_a_kind=of_a_kind)
        )
        statement = f"SELECT {counted} FROM ({known}) AS known"  # noqa: S608
        return lambda: list(select(statement)[0])

    def changed(self) -> list[Pair]:
        pairs = [
            (
                "another plan",
                rules(("plan", "equals", "pro")),
                rules(("plan", "equals", "team")),
                ("traits ->> 'plan' = 'pro'", "traits ->> 'plan' = 'team'"),
            ),
            (
                "three users more",
                rules(("role", "any_of", ["admin", "member"])),
                rules(("role", "any_of", ["admin", "member", "owner"])),
                ("traits ->> 'role' IN ('admin', 'member')", "traits ->> 'role' IN ('admin', 'member', 'owner')"),
            ),
        ]
        return [
            Pair(f"changes: {name}", partial(self.changes, before, after), partial(self.changes_by_hand, *conditions))
            for name, before, after, conditions in pairs
        ]

    def changes(self, before: Rules, after: Rules) -> object:
        found = changes(self.application, before, after, now=self.now)
        named = [[person.pk for person in some] for some in (found.some_added, found.some_removed)]
        return found.added, found.removed, *named

    def changes_by_hand(self, was: str, will_be: str) -> object:
        both = [f"({will_be}) AND ({was}) IS NOT TRUE", f"({was}) AND ({will_be}) IS NOT TRUE"]
        counted = ", ".join(f"count(*) FILTER (WHERE {moved})" for moved in both)
        [counts] = select(f"SELECT {counted} {self.everybody}")
        named: list[list[UUID]] = [[], []]
        for number, moved in enumerate(both):
            if count := counts[number]:
                order = "id" if count > 1000 else "id::text"
                found = select(f"SELECT id, email {self.everybody} AND {moved} ORDER BY {order} LIMIT 10")
                named[number] = [row[0] for row in found]
        return *counts, *named

    def pages(self) -> list[Pair]:
        middle = UUID(int=2**127)
        asked = [
            ("three users", rules(("role", "equals", "owner")), "traits ->> 'role' = 'owner'", "id::text", None),
            (
                "three users, by a part of a text",
                rules(("company", "contains", "three sisters")),
                "lower(traits ->> 'company') LIKE '%three sisters%'",
                "id::text",
                None,
            ),
            ("all", rules(("teamSize", "at_least", 0)), "traits -> 'teamSize' >= '0'", "id", None),
            ("all, from the middle", rules(("teamSize", "at_least", 0)), "traits -> 'teamSize' >= '0'", "id", middle),
            ("one of a hundred", rules(("teamSize", "less_than", 10)), "traits -> 'teamSize' < '10'", "id", None),
        ]
        return [
            Pair(
                f"{PAGE} members of {name}",
                partial(self.page, who, after),
                partial(self.page_by_hand, f"{condition} AND id > '{after or UUID(int=0)}' ORDER BY {order}"),
            )
            for name, who, condition, order, after in asked
        ]

    def page(self, who: Rules, after: UUID | None) -> object:
        return [person.pk for person in members(self.application, who, after=after, limit=PAGE, now=self.now)]

    def page_by_hand(self, condition: str) -> object:
        return [row[0] for row in select(f"SELECT * {self.everybody} AND {condition} LIMIT {PAGE}")]

    def estimates(self, rounds: int) -> Iterable[Sequence[str]]:
        for asked in asked_alone(self.now):
            took: list[float] = []
            for _ in range(rounds):
                timed(partial(self.estimate, asked.rules), took)
            found = self.estimate(asked.rules)
            exact = self.number(f"SELECT count(*) {self.everybody} AND {asked.condition}")
            figures = (exact, found.count, found.error or 0, abs(found.count - exact))
            yield [asked.name, *(f"{figure:,}" for figure in figures), ms(took)]

    def estimate(self, asked: Rules) -> Audience:
        return audience(self.application, asked, now=self.now, of=draw_sample(self.application))

    def estimated_segments(self, rounds: int) -> str:
        took: list[float] = []
        exact = sizes(self.application, self.segments, now=self.now)
        for _ in range(rounds):
            timed(lambda: sizes(self.application, self.segments, now=self.now, of=draw_sample(self.application)), took)
        estimated = sizes(self.application, self.segments, now=self.now, of=draw_sample(self.application))
        within = sum(
            abs(one.count - other.count) <= (one.error or 0) for one, other in zip(estimated, exact, strict=True)
        )
        return f"{SEGMENTS} segments are estimated in {ms(took)} ms, {within} of them within their error."

    def explanations(self) -> str:
        asked = max((asked.rules for asked in asked_alone(self.now)), key=len)
        people = list(Person.objects.filter(application=self.application)[:1000])
        took: list[float] = []
        timed(lambda: [explain(asked, properties(person), self.moment) for person in people], took)
        return f"An explanation of four rules takes {took[0] / len(people) * 1e6:.0f} µs."


def main(slug: str, rounds: int, *, cpu: bool) -> None:
    if cpu:
        Clock.count_cpu()
    application = Application.objects.get(slug=slug)
    questions = Questions(application)
    [(users, size)] = select(
        f"SELECT count(*), pg_size_pretty(pg_relation_size('identity_person')) {questions.everybody}"
    )
    traits = max(len(person.traits) for person in Person.objects.filter(application=application)[:100])
    print(f"\n### {users:,} users with {traits} traits; their table has {size}")
    pairs = {
        "count of": questions.counts(),
        "audience of": questions.audiences(),
        "page": [*questions.all_segments(), *questions.changed(), *questions.pages()],
    }
    for _ in range(rounds + 1):
        for pair in (pair for some in pairs.values() for pair in some):
            pair.ask()
    for head, some in pairs.items():
        for pair in some:
            del pair.engine_took[0], pair.by_hand_took[0]  # the first round fills the caches
        table(f"{head} | engine, ms | by hand, ms | ratio", (pair.cells for pair in some))
    if draw_sample(application):
        table("estimated audience of | exact | estimate | error stated | true error | ms", questions.estimates(rounds))
        print(f"\n{questions.estimated_segments(rounds)}")
    print(f"\n{questions.explanations()}")
