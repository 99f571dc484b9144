"""What an application's users really send: each trait with the kinds of its values and how many users have it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from engage.audience import kinds_received, share
from engage.rules import BUILT_IN_PROPERTIES
from identity.models import Application, Person, Trait
from identity.values import Kind


@dataclass(frozen=True, slots=True)
class CountedTrait:
    trait: Trait
    # Users by the kind of value that they have.
    received: Mapping[Kind, int]
    total: int

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
    def mismatched(self) -> int:
        """How many users have a value of another kind."""
        return self.users - (self.received.get(self.kind, 0) if self.kind else 0)


class Census:
    """The traits of one application, counted when they are first asked for."""

    def __init__(self, application: Application) -> None:
        self.application = application

    @cached_property
    def total(self) -> int:
        """All users of the application."""
        return Person.objects.filter(application=self.application).count()

    @cached_property
    def traits(self) -> list[CountedTrait]:
        """Every trait, by key."""
        received = kinds_received(self.application)
        return [
            CountedTrait(trait, received.get(trait.key, {}), self.total)
            for trait in Trait.objects.filter(application=self.application)
        ]

    def kind(self, key: str) -> Kind | None:
        """The kind of a trait or built-in property; None if there is no such trait, or nothing says."""
        if key in BUILT_IN_PROPERTIES:
            return BUILT_IN_PROPERTIES[key].kind
        if "traits" in self.__dict__:  # counted already
            return next((counted.kind for counted in self.traits if counted.trait.key == key), None)
        trait = Trait.objects.filter(application=self.application, key=key).first()
        return CountedTrait(trait, kinds_received(self.application, key).get(key, {}), 0).kind if trait else None
