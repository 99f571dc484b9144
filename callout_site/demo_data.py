"""The demo: an application that makes sense to a product manager, filled the way that the API fills one."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from engage.applications import create_application
from engage.audience import count_each, matching
from engage.history import DAYS_SHOWN
from engage.models import RecordedSize, Segment
from engage.operators import Moment
from engage.rules import parse
from identity import ingest, tally
from identity.models import Application, Key, Trait, User
from identity.payloads import parse_identify

EMAIL = "maya@acme.test"
# Known to everyone: good only for the embedded database, which nothing but the demo serves.
PASSWORD = "callout-demo"  # noqa: S105
USERS = 5_000
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class DemoAccess:
    """What one needs to look at the demo."""

    email: str
    password: str
    public_key: str
    path: str


class NotTheDemo(Exception):
    """Raised when the database has an application of this name that is somebody's own."""


@transaction.atomic
def fill(password: str = PASSWORD) -> DemoAccess:
    """Make the application Acme with its users and segments, all or nothing; when it is there, leave it as it is.
    Either way its owner signs in with `password`. Raises NotTheDemo."""
    acme = Application.objects.filter(slug="acme").first() or _make()
    maya = User.objects.filter(email=EMAIL, teammates__application=acme).first()
    if maya is None:
        raise NotTheDemo("This database has an application “acme” of its own. Give the demo another database.")
    if not maya.check_password(password):
        maya.set_password(password)
        maya.must_choose_password = False
        maya.save()
    key = Key.objects.live().exclude(public_text="").filter(application=acme).earliest("created_at")
    return DemoAccess(EMAIL, password, key.public_text, f"/{acme.slug}/engage/segments/")


def _make() -> Application:
    acme = create_application(name="Acme", owner_email=EMAIL, time_zone="Europe/Berlin").application
    owner = User.objects.get(email=EMAIL)
    now = timezone.now()
    users = _users(random.Random(2026), now)  # noqa: S311 - the same users each time, not secrets
    for start in range(0, USERS, BATCH):
        calls = [parse_identify(user, now=now) for user in users[start : start + BATCH]]
        ingest.identify_many(acme.pk, calls, now=now)
    tally.flush()
    for key, description in DESCRIPTIONS.items():
        Trait.objects.filter(application=acme, key=key).update(description=description)
    for name, rules in SEGMENTS.items():
        made = Segment.objects.create_with_rules(
            acme, name=name, rules=parse(BEGAN_AS.get(name, rules)), created_by=owner
        )
        if name in BEGAN_AS:
            made.change(name=name, rules=parse(rules), changed_by=owner)
    _record_sizes(acme, now)
    return acme


def _record_sizes(acme: Application, now: datetime) -> None:
    """The sizes that segments would have had on the days before, of the users who had signed up by then."""
    segments = list(Segment.objects.filter(application=acme))
    lists = [segment.parsed_rules for segment in segments]
    for days in range(1, DAYS_SHOWN):
        day = (now - timedelta(days=days)).replace(minute=0, second=0, microsecond=0)
        people = matching(acme, parse([_rule("signupDate", "more_than_days_ago", days)]), now=now)
        _, counts = count_each(people, lists, Moment.at(day, acme.zone))
        RecordedSize.objects.bulk_create(
            RecordedSize(segment=segment, recorded_at=day, users=users)
            for segment, users in zip(segments, counts, strict=True)
        )


DESCRIPTIONS = {
    "plan": "Subscription the user is on",
    "role": "What they may do in their team",
    "company": "Organisation",
    "teamSize": "People in the account",
    "signupDate": "When they signed up",
    "trialEndsAt": "When the trial ends, while there is one",
    "beta": "Opted into previews",
}


def _rule(trait: str, operator: str, value: str | int | bool | None = None) -> dict[str, Any]:
    named = {"trait": trait, "operator": operator}
    return named if value is None else named | {"value": value}


SEGMENTS = {
    "Free plan admins": [_rule("plan", "equals", "free"), _rule("role", "equals", "admin")],
    "New this week": [_rule("signupDate", "within_last_days", 7)],
    "Large teams not on enterprise": [_rule("teamSize", "greater_than", 50), _rule("plan", "not_equals", "enterprise")],
    "On a trial": [_rule("trialEndsAt", "is_set"), _rule("plan", "equals", "free")],
    "Beta testers": [_rule("beta", "equals", True)],
    "Without a company": [_rule("company", "is_not_set")],
}

# Segments that were something else before, so that there is a history to look at.
BEGAN_AS = {"Large teams not on enterprise": [_rule("teamSize", "greater_than", 20), _rule("company", "is_set")]}

_FIRST = (
    "Aiko Amara Anders Anna Ben Beatriz Carlos Chloé Daniel Dina Elena Emeka Farah Felix Grace Hana Hugo Ines Ivan Jane"
    " Jonas Karim Kofi Lars Leila Lena Lucía Maja Marek Mei Milan Nadia Nils Noor Olga Omar Paula Priya Rafael Rosa Sam"
    " Sara Sofia Tariq Tomás Uma Vera Viktor Wei Yusuf Zoë"
).split()
_LAST = (
    "Adeyemi Andersson Bauer Bianchi Bravo Chen Costa Dubois Eriksen Fischer García Haddad Hansen Ito Jensen Kimura"
    " Klein Kowalski Kumar Lee Lindberg Lopez Mensah Meyer Moreau Müller Nakamura Nguyen Novak Okafor Olsen Park Patel"
    " Petrov Rossi Said Sato Schmidt Silva Singh Smith Tanaka Torres Varga Weber Wong Yılmaz Zimmermann"
).split()
_COMPANIES = (
    "Northwind Kumo Atlas Brightline Fjord Lumen Oakridge Papertrail Quanta Redwood Sable Tidewater Umbra Vantage"
    " Willow Zephyr Acorn Beacon Cobalt Driftwood Ember Foxglove Granite Harbor"
).split()
_COUNTRIES = {
    "US": 31,
    "DE": 14,
    "GB": 11,
    "FR": 8,
    "BR": 7,
    "IN": 7,
    "JP": 5,
    "ES": 5,
    "NL": 4,
    "SE": 3,
    "AT": 3,
    "CH": 2,
}
_PLANS = {"free": 60, "pro": 30, "enterprise": 10}
_ROLES = {"member": 60, "admin": 28, "viewer": 12}
_TEAM_SIZES = {"free": (1, 18), "pro": (3, 90), "enterprise": (40, 900)}


def _users(chance: random.Random, now: datetime) -> list[dict[str, Any]]:
    """Native identify calls. Some users lack some traits, and some came from an old import with text for a number."""
    users = []
    for number in range(1, USERS + 1):
        first, last = chance.choice(_FIRST), chance.choice(_LAST)
        company = f"{chance.choice(_COMPANIES)} {chance.choice(('Labs', 'Systems', 'GmbH', 'Studio', 'Group'))}"
        plan = _pick(chance, _PLANS)
        # Most signed up long ago; a good part of them in the last weeks, as in a product that grows.
        signed_up = now - timedelta(days=min(chance.expovariate(1 / 120), 900), hours=chance.uniform(0, 24))
        traits: dict[str, Any] = {
            "plan": plan,
            "role": _pick(chance, _ROLES),
            "company": company,
            "teamSize": int(chance.triangular(*_TEAM_SIZES[plan], _TEAM_SIZES[plan][0] * 2)),
            "signupDate": signed_up.isoformat(timespec="seconds"),
            "country": _pick(chance, _COUNTRIES),
            "emailVerified": chance.random() < 0.9,
        }
        if plan == "free" and (now - signed_up).days < 30 and chance.random() < 0.8:
            traits["trialEndsAt"] = (signed_up + timedelta(days=30)).date().isoformat()
        if chance.random() < 0.24:
            traits["beta"] = chance.random() < 0.42
        for key, share in (("role", 0.004), ("company", 0.03), ("teamSize", 0.055), ("country", 0.002)):
            if chance.random() < share:
                del traits[key]
        if "teamSize" in traits and chance.random() < 0.005:
            traits["teamSize"] = chance.choice(("n/a", "11-50", "1,000"))
        users.append(
            {
                "id": f"user_{number:05}",
                "name": f"{first} {last}",
                "email": f"{first}.{last}{number}@{company.split()[0].lower()}.test".lower().translate(_PLAIN),
                "traits": traits,
                "timestamp": max(signed_up, now - timedelta(days=chance.expovariate(1 / 9))).isoformat(),
            }
        )
    return users


_PLAIN = str.maketrans("éíáëüçıñł", "eiaeucinl")


def _pick(chance: random.Random, weights: dict[str, int]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]
