"""How long compiled rules take for one user: `uv run python -m tests.benchmarks.closures`."""

import random
import statistics
import timeit
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from engage.operators import Moment
from engage.rules import compile_rules, parse
from identity.values import Value, format_instant

NOW = datetime(2025, 8, 15, 12, 30, 15, 250_000, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
# What segments ask, each as often as it stands here.
QUESTIONS: list[tuple[str, str, object]] = [
    ("plan", "equals", "pro"),
    ("plan", "equals", "team"),
    ("plan", "not_equals", "free"),
    ("plan", "any_of", ["pro", "team", "enterprise"]),
    ("country", "any_of", [f"country {number}" for number in range(0, 200, 2)]),
    ("country", "none_of", ["country 1", "country 2"]),
    ("beta", "equals", True),
    ("role", "equals", "admin"),
    ("$email", "contains", "@example.com"),
    ("$email", "not_contains", "+test"),
    ("$email", "ends_with", "@ourcompany.com"),
    ("company.name", "starts_with", "acme"),
    ("teamSize", "greater_than", 10),
    ("teamSize", "at_most", 50),
    ("teamSize", "between", [5, 20]),
    ("signupDate", "within_last_days", 30),
    ("signupDate", "within_last_days", 90),
    ("signupDate", "after", "2025-01-01"),
    ("$last_seen", "within_last_days", 7),
    ("$last_seen", "more_than_days_ago", 30),
    ("$first_seen", "before", "2025-06-01"),
    ("trialEnds", "within_next_days", 14),
    ("role", "is_set", None),
    ("cancelled", "is_not_set", None),
]


def user(chance: random.Random) -> dict[str, Value]:
    seen = NOW - timedelta(days=chance.randrange(400), seconds=chance.randrange(86_400))
    return {
        "plan": chance.choice(["free", "pro", "team", "enterprise"]),
        "country": f"country {chance.randrange(200)}",
        "beta": chance.random() < 0.3,
        "role": chance.choice(["admin", "member"]),
        "company.name": chance.choice(["Acme Incorporated", "Øresund Handel", "Beta"]),
        "teamSize": chance.randrange(100),
        "signupDate": seen.date().isoformat(),
        "trialEnds": (NOW + timedelta(days=chance.randrange(-30, 30))).date().isoformat(),
        "$id": str(chance.randrange(10**6)),
        "$email": f"Somebody{chance.randrange(10**6)}@example.com",
        "$first_seen": format_instant(seen),
        "$last_seen": format_instant(NOW - timedelta(minutes=chance.randrange(100_000))),
    }


def main() -> None:
    chance = random.Random(1)
    asked = [
        parse(
            [
                {"trait": trait, "operator": operator, "value": value}
                for trait, operator, value in chance.sample(QUESTIONS, chance.randint(1, 4))
            ]
        )
        for _ in range(100)
    ]
    segments = [compile_rules(rules) for rules in asked]
    users = [user(chance) for _ in range(1000)]
    moment = Moment.at(NOW, ZONE)

    tests = [(rule.trait, rule.test) for rules in asked for rule in rules]

    def all_segments() -> list[bool]:
        return [match(known, moment) for known in users for match in segments]

    def all_rules() -> list[bool]:
        return [test(known.get(trait), moment) for known in users for trait, test in tests]

    seconds, alone = (min(timeit.repeat(ask, number=1)) for ask in (all_segments, all_rules))
    print(f"100 segments × 1,000 users: {seconds * 1e9 / 100_000:.0f} ns a segment, until its first rule that fails")
    print(f"each of their {len(tests)} rules: {alone * 1e9 / len(tests) / 1000:.0f} ns a rule")

    def one(known: dict[str, Value]) -> Callable[[], Iterable[bool]]:
        def ask() -> Iterable[bool]:
            moment = Moment.at(NOW, ZONE)
            return [match(known, moment) for match in segments]

        return ask

    microseconds = [min(timeit.repeat(one(known), number=1, repeat=20)) * 1e6 for known in users]
    middle, most = statistics.median(microseconds), max(microseconds)
    print(f"100 segments × 1 user, fresh moment: {middle:.1f} µs, at most {most:.1f} µs")
    fresh = min(timeit.repeat(lambda: Moment.at(NOW, ZONE), number=10_000)) / 10_000
    print(f"of which the moment itself: {fresh * 1e6:.1f} µs")


if __name__ == "__main__":
    main()
