"""Erase a user and all that hangs on it, for good."""

from datetime import datetime, timedelta

from django.utils import timezone

from identity.models import Application, Erasure, Person
from identity.models.erasure import MARK_KEPT
from identity.models.person import person_id

# No call is under way for so long.
UNDER_WAY = timedelta(hours=1)


def erase(application: Application, *, external_id: str) -> bool:
    """Delete a user, whose calls are refused for the next 48 hours. Returns whether there was one.

    The mark is committed first, so that calls that begin from then on are refused; `sweep` sees to one that had begun
    before, and writes the user after this."""
    pk = person_id(application.pk, external_id)
    if not Person.objects.filter(application=application, pk=pk).exists():
        return False
    Erasure.objects.update_or_create(person_id=pk, defaults={"erased_at": timezone.now()})
    Person.objects.filter(application=application, pk=pk).delete()
    return True


def sweep(*, now: datetime) -> None:
    """Delete whoever came back in the moment of their erasure, and the marks whose time is over."""
    # Only after a new mark: with an old one, who is there may have been let in by a clock that is ahead of this one.
    new = Erasure.objects.filter(erased_at__gt=now - UNDER_WAY)
    Person.objects.filter(pk__in=new.values("person_id")).delete()
    Erasure.objects.filter(erased_at__lt=now - MARK_KEPT).delete()
