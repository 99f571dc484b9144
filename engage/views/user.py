"""The pages of one user: what is known of them, why they are in a segment or not, all of it as a file, and its end."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from engage.audience import properties
from engage.compiled import CompiledSegment, compiled_segments
from engage.downloads import user_json
from engage.operators import Moment
from identity import erasure
from identity.models import Person, Trait
from identity.models.erasure import MARK_KEPT
from identity.values import Kind, Value, kind_of
from identity.views.access import Access, for_teammates


@dataclass(frozen=True, slots=True)
class KnownTrait:
    """A value that a user has of a trait."""

    trait: Trait
    value: Value

    @property
    def kind(self) -> Kind:
        return kind_of(self.value)

    @property
    def fits(self) -> bool:
        """Whether it is of the kind that a teammate declared, if one did."""
        return self.trait.declared_kind in ("", self.kind)

    @property
    def text(self) -> str:
        return self.value if isinstance(self.value, str) else json.dumps(self.value)


def find_user(access: Access, user_id: uuid.UUID) -> Person:
    """A user of the application that is looked at. Raises Http404."""
    return get_object_or_404(Person, application=access.application, pk=user_id)


@require_safe
@for_teammates
def user(request: HttpRequest, access: Access, user_id: uuid.UUID) -> HttpResponse:
    person = find_user(access, user_id)
    segments = list(_segments(access, person))
    return access.page(
        request,
        "engage/user.html",
        person=person,
        known=_known(access, person),
        matched=[segment for segment, matches in segments if matches],
        others=[segment for segment, matches in segments if not matches],
    )


def _known(access: Access, person: Person) -> list[KnownTrait]:
    """What is known of a user, by key."""
    traits = Trait.objects.filter(application=access.application, key__in=person.traits)
    by_key = {trait.key: trait for trait in traits}
    # A trait that was deleted meanwhile may still stand in the user.
    return [KnownTrait(by_key.get(key) or Trait(key=key), value) for key, value in sorted(person.traits.items())]


def _segments(access: Access, person: Person) -> Iterator[tuple[CompiledSegment, bool]]:
    """The segments of the application, each with whether the user is in it now."""
    known, moment = properties(person), Moment.at(timezone.now(), access.application.zone)
    for segment in compiled_segments(access.application.pk):
        yield segment, segment.matches(known, moment)


@require_safe
@for_teammates
def export(request: HttpRequest, access: Access, user_id: uuid.UUID) -> HttpResponse:
    return user_json(find_user(access, user_id))


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def erase(request: HttpRequest, access: Access, user_id: uuid.UUID) -> HttpResponse:
    """Says what goes, then erases the user for good."""
    access.must_edit()
    person = find_user(access, user_id)
    if request.method == "POST":
        if not erasure.erase(access.application, external_id=person.external_id):
            raise Http404  # someone else was quicker
        messages.success(request, f"Erased “{person}”.")
        return redirect("users", access.application.slug)
    return access.page(
        request,
        "engage/user_erase.html",
        person=person,
        refused_hours=MARK_KEPT // timedelta(hours=1),
    )
