"""What an application's users really send: each trait with the kinds of its values and how many users have it. Small
applications are counted when it is asked for; for large ones a census is recorded in the background."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from django.db.models import QuerySet

from engage.audience import kinds_received, most_common, share
from engage.hints import STALE_AFTER
from engage.models import RecordedCensus
from engage.rules import BUILT_IN_PROPERTIES
from engage.sampling import SAMPLE_USERS, Sample, draw_sample
from identity.models import Application, Person, Trait
from identity.values import Kind, Value


@dataclass(frozen=True, slots=True)
class Figures:
    """How many users have a trait, by the kind of their value; and the value that most have, with how many do."""

    received: Mapping[Kind, int] = field(default_factory=dict)
    top: Value | None = None
    top_users: int = 0


@dataclass(frozen=True, slots=True)
class CountedTrait:
    trait: Trait
    # None of one that arrived after the others were counted, or that no user in a sample has.
    figures: Figures | None
    # All users of the application.
    total: int

    @property
    def received(self) -> Mapping[Kind, int]:
        return self.figures.received if self.figures else {}

    @property
    def kind(self) -> Kind | None:
        """Declared, else the kind that most users have, else the first that arrived; None if nothing says."""
        if self.trait.declared_kind or not self.received:
            return self.trait.kind
        return max(self.received, key=lambda kind: (self.received[kind], kind))

    @property
    def users(self) -> int:
        return sum(self.received.values())

    @property
    def share(self) -> float:
        return share(self.users, self.total)

    @property
    def top_share(self) -> float:
        """How many of those who have the trait have the most common value."""
        return share(self.figures.top_users, self.users) if self.figures else 0.0

    @property
    def mismatched(self) -> int:
        """How many users have a value of another kind."""
        return self.users - (self.received.get(self.kind, 0) if self.kind else 0)

    def is_quiet(self, now: datetime) -> bool:
        """Whether nobody has sent it for long, though somebody did once."""
        return self.trait.last_seen is not None and now - self.trait.last_seen > STALE_AFTER


def count_now(
    people: QuerySet[Person], keys: Sequence[str], *, with_top: bool = False
) -> tuple[int, dict[str, Figures]]:
    """How many people there are, and the figures of each trait, in one pass over them. Which value is the most common
    is found among some thousands of them; how many have it is counted."""
    top = most_common(people, SAMPLE_USERS) if with_top else {}
    found = kinds_received(people, keys, {key: top[key] for key in keys if key in top})
    return found.total, {key: Figures(found.kinds[key], top.get(key), found.having.get(key, 0)) for key in keys}


def record_census(application: Application, *, now: datetime) -> None:
    """Count the users of a large application and keep what was found. A small one needs no record."""
    keys = list(Trait.objects.filter(application=application).values_list("key", flat=True))
    if draw_sample(application, lists=len(keys)) is None:
        RecordedCensus.objects.filter(application=application).delete()
        return
    users, figures = count_now(Person.objects.filter(application=application), keys, with_top=True)
    RecordedCensus.objects.update_or_create(
        application=application,
        defaults={"counted_at": now, "users": users, "traits": {key: _dump(one) for key, one in figures.items()}},
    )


def _dump(figures: Figures) -> dict[str, object]:
    return {"received": dict(figures.received), "top": figures.top, "top_users": figures.top_users}


def _load(received: Mapping[str, int], top: Value | None, top_users: int) -> Figures:
    return Figures({Kind(kind): users for kind, users in received.items()}, top, top_users)


def _scaled(figures: Figures, sample: Sample) -> Figures:
    received = {kind: sample.scaled(users) for kind, users in figures.received.items()}
    return Figures(received, figures.top, sample.scaled(figures.top_users))


class Census:
    """The traits of one application, counted when they are first asked for: a small one now, a large one as it was
    recorded, or from a sample while nothing is."""

    def __init__(self, application: Application, *, is_exact: bool = False, with_top: bool = False) -> None:
        """If it is to be exact, a large application is counted now as well, however long that takes."""
        self.application = application
        self._is_exact = is_exact
        self._with_top = with_top

    @property
    def total(self) -> int:
        """All users of the application."""
        return self._counted[0]

    @cached_property
    def traits(self) -> list[CountedTrait]:
        """Every trait, by key."""
        total, figures = self._counted
        return [CountedTrait(trait, figures.get(key), total) for key, trait in self._traits.items()]

    @cached_property
    def recorded(self) -> RecordedCensus | None:
        """What all is taken from; None of what is counted now."""
        return RecordedCensus.objects.filter(application=self.application).first() if self.sample else None

    @cached_property
    def sample(self) -> Sample | None:
        """None of an application that is small enough to be counted while a page waits."""
        return None if self._is_exact else draw_sample(self.application, lists=len(self._traits))

    def counted(self, key: str) -> CountedTrait | None:
        """One trait, counted without the others unless these are; None if there is no such trait."""
        if key not in self._traits:
            return None
        is_counted = "_counted" in self.__dict__ or self.recorded
        total, figures = self._counted if is_counted else self._count([key])
        return CountedTrait(self._traits[key], figures.get(key), total)

    def kind(self, key: str) -> Kind | None:
        """The kind of a trait or built-in property; None if there is no such trait, or nothing says."""
        if key in BUILT_IN_PROPERTIES:
            return BUILT_IN_PROPERTIES[key].kind
        counted = self.counted(key)
        return counted.kind if counted else None

    @cached_property
    def _traits(self) -> dict[str, Trait]:
        return {trait.key: trait for trait in Trait.objects.filter(application=self.application)}

    @cached_property
    def _counted(self) -> tuple[int, dict[str, Figures]]:
        if self.recorded:
            return self.recorded.users, {key: _load(**figures) for key, figures in self.recorded.traits.items()}
        return self._count(list(self._traits))

    def _count(self, keys: Sequence[str]) -> tuple[int, dict[str, Figures]]:
        sample = self.sample
        if sample is None:
            everyone = Person.objects.filter(application=self.application)
            return count_now(everyone, keys, with_top=self._with_top)
        total, figures = count_now(sample.people, keys, with_top=self._with_top)
        return sample.scaled(total), {key: _scaled(one, sample) for key, one in figures.items() if one.received}
