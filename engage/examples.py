"""Segments to start from: what many products ask first, for as far as the users of an application have the traits."""

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo

from engage.rules import Rules, parse
from identity.values import Kind, is_day, kind_of


@dataclass(frozen=True, slots=True)
class Recipe:
    """An example before it is known how an application calls its traits: a rule over the first trait that has one of
    these names, however it is written (`teamSize`, `team_size`), and this kind."""

    slug: str
    name: str
    traits: tuple[str, ...]
    kind: Kind
    operator: str
    # What to compare with; of a string, the texts of which one that users really have is taken, whatever its case.
    value: object


RECIPES = (
    Recipe("new-this-week", "New this week", ("$first_seen",), Kind.DATE, "within_last_days", 7),
    Recipe("inactive", "Inactive for 30 days", ("$last_seen",), Kind.DATE, "more_than_days_ago", 30),
    Recipe(
        "free-plan",
        "Free plan",
        ("plan", "planname", "subscriptionplan", "subscription", "tier", "pricingplan"),
        Kind.STRING,
        "equals",
        ("free", "free plan", "starter", "basic", "hobby"),
    ),
    Recipe(
        "admins",
        "Admins",
        ("role", "userrole", "accountrole", "teamrole"),
        Kind.STRING,
        "equals",
        ("admin", "administrator", "owner"),
    ),
    Recipe(
        "large-teams",
        "Large teams",
        ("teamsize", "seats", "seatcount", "companysize", "employees", "members", "teammembers"),
        Kind.NUMBER,
        "at_least",
        50,
    ),
    Recipe(
        "trial-ends-soon",
        "Trial ends soon",
        ("trialendsat", "trialends", "trialend", "trialendson", "trialenddate", "trialexpiresat"),
        Kind.DATE,
        "within_next_days",
        7,
    ),
    Recipe(
        "signed-up-this-month",
        "Signed up in the last 30 days",
        ("signupdate", "signedupat", "signupat", "createdat", "registeredat", "joinedat"),
        Kind.DATE,
        "within_last_days",
        30,
    ),
    Recipe(
        "beta-testers",
        "Beta testers",
        ("beta", "isbeta", "betatester", "betaprogram", "earlyaccess"),
        Kind.BOOLEAN,
        "equals",
        True,
    ),
    Recipe(
        "email-not-verified",
        "E-mail not verified",
        ("emailverified", "isemailverified", "verifiedemail"),
        Kind.BOOLEAN,
        "equals",
        False,
    ),
)


@dataclass(frozen=True, slots=True)
class Example:
    slug: str
    name: str
    rules: Rules


def examples(kinds: Mapping[str, Kind | None], texts: Callable[[str], Collection[str]]) -> list[Example]:
    """The examples for an application, from the kind of each of its traits and built-in properties by key, and the
    texts that most users have as a trait."""
    made = (_example(recipe, kinds, texts) for recipe in RECIPES)
    return [example for example in made if example]


def _example(
    recipe: Recipe, kinds: Mapping[str, Kind | None], texts: Callable[[str], Collection[str]]
) -> Example | None:
    named = {_bare(key): key for key, kind in kinds.items() if kind is recipe.kind}
    key = next((named[_bare(name)] for name in recipe.traits if _bare(name) in named), None)
    if key is None:
        return None
    value = recipe.value
    if isinstance(value, tuple):
        received = {text.lower(): text for text in texts(key)}
        value = next((received[text] for text in value if text in received), None)
        if value is None:
            return None
    return Example(recipe.slug, recipe.name, parse([{"trait": key, "operator": recipe.operator, "value": value}]))


def rules_having(key: str, value: object, zone: tzinfo) -> Rules:
    """The rule that asks who has a trait with this value; of a date, who has one on the same day in a time zone. Raises
    InvalidRules for what can't be a value."""
    if isinstance(value, str) and kind_of(value) is Kind.DATE:
        # Dates are told by their shape alone, so this one may be on no calendar.
        with suppress(ValueError):
            day = value if is_day(value) else str(datetime.fromisoformat(value).astimezone(zone).date())
            return parse([{"trait": key, "operator": "on", "value": day}])
    return parse([{"trait": key, "operator": "equals", "value": value}])


def _bare(key: str) -> str:
    """A key without what its writers use to part words."""
    return re.sub(r"[\s_.-]", "", key).lower()
