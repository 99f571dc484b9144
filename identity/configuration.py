"""What an owner settles for an application: its keys, who must sign, which pages may call. The Settings pages and
`configure_application` do it through these; this worker obeys at once, the others within a few seconds."""

from collections.abc import Iterable
from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from identity import caches
from identity.models import Application, IdentitySecret, Key, Trait, Verification
from identity.models.application import check_time_zone
from identity.models.trait import DESCRIPTION_LENGTH, LABEL_LENGTH, TRAITS_PER_APPLICATION
from identity.origins import canonical_origins
from identity.values import UNSTORABLE, Kind, check_key


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


def set_server_only(application: Application, *, key: str, server_only: bool) -> None:
    """Say whether public calls may write a trait; a new name defines it. Raises ValidationError."""
    problem = check_key(key)
    if problem:
        raise ValidationError(problem.message)
    Trait.objects.update_or_create(application=application, key=key, defaults={"server_only": server_only})
    transaction.on_commit(caches.forget)


@transaction.atomic
def define_trait(application: Application, *, key: str, kind: Kind, description: str = "") -> Trait:
    """Define a trait before the first value arrives. Raises ValidationError for a key that can't be one, is one
    already, or is one too many."""
    if problem := check_key(key):
        raise ValidationError(problem.message)
    # Of two at once the second waits, and finds the first counted.
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if Trait.objects.filter(application=application).count() >= TRAITS_PER_APPLICATION:
        raise ValidationError(f"The application has {TRAITS_PER_APPLICATION} traits already.")
    defined = {"declared_kind": kind, "description": description}
    trait, is_new = Trait.objects.get_or_create(application=application, key=key, defaults=defined)
    if not is_new:
        raise ValidationError("There is a trait with this key.")
    transaction.on_commit(caches.forget)
    return trait


# What people write about a trait.
TRAIT_TEXT_LENGTHS = {"label": LABEL_LENGTH, "description": DESCRIPTION_LENGTH}


class TraitChange(TypedDict, total=False):
    """What is to change of a trait; all else stays."""

    declared_kind: Kind | None
    label: str
    description: str
    server_only: bool


def change_trait(application: Application, *, key: str, **change: Unpack[TraitChange]) -> tuple[Trait, bool]:
    """Say what a trait is; a new name defines it. Returns the trait, and whether it is new. A declared kind is that of
    what arrives from now on: values that are stored stay what they are. Raises ValidationError."""
    if problem := check_key(key):
        raise ValidationError(problem.message)
    texts = {name: text for name, text in change.items() if isinstance(text, str) and name != "declared_kind"}
    errors = {}
    for name, text in texts.items():
        limit = TRAIT_TEXT_LENGTHS[name]
        if UNSTORABLE.search(text):
            errors[name] = "NUL characters and lone surrogates can't be stored."
        elif len(text) > limit:
            errors[name] = f"Enter at most {limit} characters."
    if errors:
        raise ValidationError(errors)
    stored = {**change, **{name: text.strip() for name, text in texts.items()}}
    if "declared_kind" in change:
        stored["declared_kind"] = change["declared_kind"] or ""
    changed = Trait.objects.update_or_create(application=application, key=key, defaults=stored)
    transaction.on_commit(caches.forget)
    return changed
