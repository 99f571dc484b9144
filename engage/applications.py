"""A new application with all that it must have from its first moment."""

from dataclasses import dataclass

from django.db import transaction
from django.utils.crypto import get_random_string

from engage.models import Segment
from identity.models import Application, Key, Role, Teammate, User


@dataclass(frozen=True, slots=True)
class NewApplication:
    application: Application
    public_key: str
    # Shown once; only its digest is stored.
    secret_key: str
    # None when the owner had an account before.
    one_time_password: str | None


@transaction.atomic
def create_application(*, name: str, owner_email: str, time_zone: str = "UTC") -> NewApplication:
    """Make an application with its keys, its built-in segment and its owner, whose account is made when it is new.
    Raises ValidationError for a name, an address or a time zone that can't be used."""
    application = Application(name=name.strip(), slug=Application.objects.free_slug(name), time_zone=time_zone)
    application.full_clean()
    application.save()
    Segment.objects.create_everyone(application)
    owner = User.objects.filter(email=owner_email.strip().lower()).first()
    one_time_password = None
    if owner is None:
        one_time_password = get_random_string(16)
        owner = User(email=owner_email.strip().lower(), must_choose_password=True)
        owner.set_password(one_time_password)
        owner.full_clean()
        owner.save()
    Teammate.objects.create(user=owner, application=application, role=Role.OWNER)
    public = Key.objects.create_public(application)
    _, secret_text = Key.objects.create_secret(application)
    return NewApplication(application, public.public_text, secret_text, one_time_password)
