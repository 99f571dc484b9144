"""Samples of a large application's users, for figures that can't wait for all of them. The key of a user is a hash, so
the users with the smallest keys are as good as drawn by lot, and an index leads to them."""

import math
import uuid
from dataclasses import dataclass

from django.db.models import QuerySet

from identity.models import Application, Person

# From so many users on, to count them all takes longer than a page should.
LARGE = 100_000
SAMPLE_USERS = 8_000
# With more lists of rules to count than this, fewer users are looked at, so that it takes no longer.
LISTS = 50

_KEYS = 2**128
_PROBE = 1 / 256


@dataclass(frozen=True, slots=True)
class Sample:
    people: QuerySet[Person]
    # Of all the users of the application.
    fraction: float

    def scaled(self, found: int) -> int:
        """How many users there are in all, when so many are found in the sample."""
        return round(found / self.fraction)

    def error(self, count: int) -> int:
        """By how many users a scaled count may be wrong in one case out of twenty: twice the standard deviation of a
        binomial distribution, and by the rule of three where there is next to none."""
        found = count * self.fraction
        return round(max(1.96 * math.sqrt(found * (1 - self.fraction)), 3) / self.fraction)


def draw_sample(application: Application, *, lists: int = 1) -> Sample | None:
    """Some 8,000 users of an application, or fewer to count many lists of rules; None when it has few enough to look at
    all of them."""
    wanted = SAMPLE_USERS if lists <= LISTS else SAMPLE_USERS * LISTS // lists
    large = LARGE if lists <= LISTS else 2 * wanted
    people = Person.objects.filter(application=application)
    users = people.filter(id__lt=_key(_PROBE)).count() / _PROBE
    if users < large:
        return None
    fraction = wanted / users
    return Sample(people.filter(id__lt=_key(fraction)), fraction)


def _key(fraction: float) -> uuid.UUID:
    """Below it lies this fraction of all keys."""
    return uuid.UUID(int=int(_KEYS * fraction))
