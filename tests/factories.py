"""What tests begin with: applications, teammates, users with traits. Everything goes the way that the product takes."""

import itertools
from datetime import datetime

from django.utils import timezone

from engage.applications import NewApplication, create_application
from engage.models import Experience, ExperienceKind, Segment, Status
from identity import ingest
from identity.models import Application, Person, Role, Teammate, User
from identity.models.person import person_id
from identity.payloads import parse_identify

_numbers = itertools.count(1)


def new_application(name: str = "Acme", **fields: str) -> NewApplication:
    """An application with its keys; the owner is owner<n>@example.com."""
    return create_application(name=name, owner_email=f"owner{next(_numbers)}@example.com", **fields)


def teammate(application: Application, role: Role = Role.OWNER, password: str = "correct horse battery") -> Teammate:
    """Someone who can sign in with `password`."""
    user = User.objects.create_user(f"teammate{next(_numbers)}@example.com", password)
    return Teammate.objects.create(user=user, application=application, role=role)


def person(
    application: Application, traits: dict[str, object] | None = None, *, now: datetime | None = None, **fields: object
) -> Person:
    """A user who arrived through identify; `fields` are those of the call: id, email, name, timestamp."""
    now = now or timezone.now()
    call = parse_identify({"id": f"user-{next(_numbers)}", "traits": traits or {}, **fields}, now=now)
    ingest.identify(application.pk, call, now=now)
    return Person.objects.get(pk=person_id(application.pk, call.external_id))


def experience(name: str, *segments: Segment, status: Status = Status.LIVE) -> Experience:
    """A tour that shows to these segments of one application."""
    made = Experience.objects.create(
        application=segments[0].application, name=name, kind=ExperienceKind.TOUR, status=status
    )
    made.segments.set(segments)
    return made
