"""What an owner settles for an application: its keys, who must sign, which pages may call. The Settings pages and
`configure_application` do it through these; this worker obeys at once, the others within a few seconds."""

from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from identity import caches
from identity.models import Application, IdentitySecret, Key, Verification
from identity.models.application import check_time_zone
from identity.origins import canonical_origins


def set_time_zone(application: Application, *, name: str) -> None:
    """Raises ValidationError for a name that is in no database of time zones."""
    check_time_zone(name)
    application.time_zone = name
    application.save(update_fields=["time_zone"])


def set_verification(application: Application, *, mode: Verification) -> None:
    """Choose what becomes of unsigned calls. Their count begins anew when the choice is another."""
    if application.verification == mode:
        return
    application.verification = mode
    application.unsigned_calls = 0
    application.last_unsigned_at = None
    application.save(update_fields=["verification", "unsigned_calls", "last_unsigned_at"])
    transaction.on_commit(caches.forget)


def set_origins(application: Application, *, origins: Iterable[str]) -> None:
    """List the origins from which pages may call; none lets all of them. Raises ValidationError."""
    application.origins = canonical_origins(origins)
    application.save(update_fields=["origins"])
    transaction.on_commit(caches.forget)


def add_public_key(application: Application) -> Key:
    return Key.objects.create_public(application)


def add_secret_key(application: Application) -> tuple[Key, str]:
    """A new secret key and its text, which can't be shown again."""
    return Key.objects.create_secret(application)


@transaction.atomic
def revoke_key(key: Key) -> None:
    """Refuse whatever is called with this key from now on. Raises ValidationError for the last public key: without one
    no page could call."""
    # Two that revoke at once wait for each other here, so that one of them finds the other's key gone.
    Application.objects.select_for_update().get(pk=key.application_id)
    others = Key.objects.live().public().filter(application=key.application_id).exclude(pk=key.pk)
    if not key.is_secret and not others.exists():
        raise ValidationError("This is the only public key. Make another one first.")
    Key.objects.live().filter(pk=key.pk).update(revoked_at=timezone.now())
    transaction.on_commit(caches.forget)


@transaction.atomic
def add_identity_secret(application: Application) -> IdentitySecret:
    """Raises ValidationError when two are live already."""
    Application.objects.select_for_update().get(pk=application.pk)
    secret = IdentitySecret.objects.add(application)
    transaction.on_commit(caches.forget)
    return secret


def retire_identity_secret(secret: IdentitySecret) -> None:
    """What was signed with it is unsigned from now on."""
    secret.delete()
    transaction.on_commit(caches.forget)
