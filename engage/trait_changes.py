"""What a teammate says of a trait, with what it means for the segments that ask for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from django.db import transaction
from django.db.models import QuerySet

from engage import compiled
from engage.differences import Difference, differences
from engage.fitting import fitted
from engage.models import Segment
from engage.rules import Rules
from identity import traits
from identity.models import Application, Trait, TraitState, User
from identity.traits import TraitChange
from identity.values import Kind

# Of more segments than this that are in the way, only the number is told.
NAMED = 5


class InUse(Exception):
    """Raised where rules of `segments` are in the way of a change."""

    def __init__(self, segments: Sequence[Segment], reason: str) -> None:
        self.segments = list(segments)
        names = ", ".join(f"“{segment.name}”" for segment in self.segments[:NAMED])
        more = f" and {len(self.segments) - NAMED} more" if len(self.segments) > NAMED else ""
        super().__init__(f"{reason} {names}{more}.")


@dataclass(frozen=True, slots=True)
class Affected:
    """A segment with a rule that looks for another kind; its rules when they look for the new one, None if one of them
    can't without losing what it means."""

    segment: Segment
    rules: Rules | None

    @property
    def differences(self) -> list[Difference]:
        return differences(self.segment.parsed_rules, self.rules or ())


def affected_by(segments: QuerySet[Segment], key: str, kind: Kind) -> list[Affected]:
    """Those of some segments whose rules look for another kind of values of a trait than `kind`."""
    found = [Affected(segment, fitted(segment.parsed_rules, key, kind)) for segment in segments]
    return [each for each in found if each.rules is None or each.differences]


@transaction.atomic
def change_trait(
    application: Application, *, key: str, by: User | None = None, **change: Unpack[TraitChange]
) -> tuple[Trait, bool]:
    """As identity.traits.change_trait; with a kind, values in rules become of that kind as those of users do. Raises
    InUse where a rule can't, and where one asks for a trait that is to be ignored or deleted."""
    before = Trait.objects.filter(application=application, key=key).first()
    kind = change.get("declared_kind")
    if kind and (before is None or before.declared_kind != kind):
        _fit_segments(application, key, kind, by)
    is_going = change.get("state") in (TraitState.IGNORED, TraitState.DELETED)
    if is_going and (segments := list(Segment.objects.asking_for(application, key).select_for_update())):
        raise InUse(segments, "It is used by")
    return traits.change_trait(application, key=key, by=by, **change)


def _fit_segments(application: Application, key: str, kind: Kind, by: User | None) -> None:
    # Nobody changes or deletes one of them meanwhile.
    affected = affected_by(Segment.objects.asking_for(application, key).select_for_update(), key, kind)
    if in_the_way := [each.segment for each in affected if each.rules is None]:
        raise InUse(in_the_way, f"Rules that look for another kind than {kind} are in")
    for each in affected:
        if each.rules is not None:
            each.segment.change(name=each.segment.name, rules=each.rules, changed_by=by)
    if affected:
        transaction.on_commit(compiled.forget)
