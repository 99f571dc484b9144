"""The page of one trait: what users really have as it. Counting takes a while, so it comes after the page."""

import json
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from engage.audience import share
from engage.census import Census, CountedTrait
from engage.models import Segment
from engage.operators.base import in_words
from engage.received import Spread, common_values, mismatched, spread
from engage.sampling import Sample
from engage.views.segments import searched
from identity.models import Person, Trait
from identity.values import Kind, Value, kind_of
from identity.views.access import Access, for_teammates

VALUES_SHOWN = 50
MISMATCHED_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A value with how many users have it."""

    value: Value
    users: int
    # Of those who have the trait.
    share: float
    # For the page that creates a segment of them.
    query: str

    @property
    def text(self) -> str:
        return in_words(self.value)

    @property
    def kind(self) -> Kind:
        return kind_of(self.value)


@require_safe
@for_teammates
def trait(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    found = find_trait(access, trait_id)
    return access.page(request, "engage/trait.html", trait=found, **_use(access, found))


@require_safe
@for_teammates
def received(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    """The same with all that is counted. Asked by the page, only that; and while one searches, only the values."""
    found, search = find_trait(access, trait_id), searched(request)
    census = Census(access.application)
    counted = census.counted(found.key)
    if counted is None:  # deleted just now
        counted = CountedTrait(found, None, 0)
    values = {"search": search, **_values(access, census.sample, counted, search)}
    target = request.htmx.target  # type: ignore[attr-defined]
    if target == "values":
        return access.page(request, "engage/trait/_values.html", trait=found, counted=counted, **values)
    people = Person.objects.filter(application=access.application)
    examples = []
    if counted.kind and counted.mismatched:
        odd = share(counted.mismatched, counted.total)
        examples = mismatched(people, found.key, counted.kind, MISMATCHED_SHOWN, share=odd)
    by_kind = sorted(counted.received.items(), key=lambda one: -one[1])
    return access.page(
        request,
        "engage/trait/_received.html" if target == "received" else "engage/trait.html",
        trait=found,
        counted=counted,
        census=census,
        spread=_spread(access, census.sample, counted),
        kinds=[(kind, users, share(users, counted.users)) for kind, users in by_kind],
        examples=examples,
        **_use(access, found),
        **values,
    )


def find_trait(access: Access, trait_id: int) -> Trait:
    """A trait of the application that is looked at. Raises Http404."""
    return get_object_or_404(Trait, application=access.application, pk=trait_id)


def _use(access: Access, trait: Trait) -> dict[str, Any]:
    return {"segments": Segment.objects.asking_for(access.application, trait.key)}


def _values(access: Access, sample: Sample | None, counted: CountedTrait, search: str) -> dict[str, Any]:
    """Of a large application the values come from a sample; only what nobody in it has is looked for among all."""
    people = Person.objects.filter(application=access.application)
    key = counted.trait.key
    found = common_values(sample.people if sample else people, key, VALUES_SHOWN, containing=search)
    if sample and search and not found.shown:
        sample, found = None, common_values(people, key, VALUES_SHOWN, containing=search)
    rows = [
        Row(value, users, min(share(users, counted.users), 1), urlencode({"trait": key, "value": json.dumps(value)}))
        for value, users in ((value, sample.scaled(users) if sample else users) for value, users in found.shown)
    ]
    return {"rows": rows, "different": found.different, "is_estimated": sample is not None}


def _spread(access: Access, sample: Sample | None, counted: CountedTrait) -> Spread | None:
    people = sample.people if sample else Person.objects.filter(application=access.application)
    made = spread(people, counted.trait.key, counted.kind)
    if made is None or sample is None:
        return made
    return replace(made, buckets=[replace(one, users=sample.scaled(one.users)) for one in made.buckets])
