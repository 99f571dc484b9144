"""An application is one customer's app; it owns everything else. Its keys say which application a call is for."""

import hashlib
import itertools
import secrets
import uuid
import zoneinfo
from collections.abc import Container

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

from identity.encryption import Undecryptable, decrypt, encrypt

# Paths of the site itself, now or soon, which an application's pages at /<slug>/ would shadow.
RESERVED_SLUGS = frozenset(
    "account accounts admin api app apps application applications assets auth docs engage favicon health help home"
    " login logout new password robots sdk settings sign-in sign-out sign-up signin signout signup static status"
    " support v1 v2 www".split()
)
SLUG_LENGTH = 50
PUBLIC_KEY_PREFIX = "co_pub_"
SECRET_KEY_PREFIX = "co_sec_"  # noqa: S105


def check_time_zone(name: str) -> None:
    """Raise ValidationError unless `name` is in the time zone database."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValidationError(f"There is no time zone “{name}”. Use a name like Europe/Berlin.") from error


def first_free(slug: str, taken: Container[str]) -> str:
    """`slug`, or with the first number that makes it free: `slug-2`, `slug-3`, …"""
    numbered = itertools.chain([slug], (f"{slug}-{number}" for number in itertools.count(2)))
    return next(free for free in numbered if free not in taken)


class Verification(models.TextChoices):
    """What becomes of calls with a public key that name a user without a valid signature."""

    OFF = "off", "Off"
    REPORT = "report", "Report"
    REQUIRED = "required", "Required"


class ApplicationQuerySet(models.QuerySet["Application"]):
    def free_slug(self, name: str) -> str:
        """A slug for `name` that is neither reserved nor taken: `acme`, or else `acme-2`, `acme-3`, …"""
        base = slugify(name)[: SLUG_LENGTH - 5].strip("-") or "app"
        taken = RESERVED_SLUGS | set(self.filter(slug__startswith=base).values_list("slug", flat=True))
        return first_free(base, taken)


class Application(models.Model):
    # The namespace of its users' ids, so it is itself a UUID.
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=SLUG_LENGTH, unique=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    verification = models.CharField(max_length=8, choices=Verification, default=Verification.OFF)
    # From which sites browsers may call with a public key; none listed means all of them.
    origins = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    # Written by the tally: when the last user was named, and since verification is not off how often without signature.
    last_identify_at = models.DateTimeField(null=True, editable=False)
    unsigned_calls = models.PositiveBigIntegerField(default=0, editable=False)
    last_unsigned_at = models.DateTimeField(null=True, editable=False)

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(slug__in=sorted(RESERVED_SLUGS)),
                name="application_slug_is_free",
                violation_error_message="This address is used by Callout itself.",
            ),
            models.CheckConstraint(condition=Q(verification__in=Verification.values), name="application_verification"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class KeyQuerySet(models.QuerySet["Key"]):
    def live(self) -> "KeyQuerySet":
        return self.filter(revoked_at=None)

    def public(self) -> "KeyQuerySet":
        return self.exclude(public_text="")

    def secret(self) -> "KeyQuerySet":
        return self.filter(public_text="")

    def create_public(self, application: Application) -> "Key":
        text = _new_key(PUBLIC_KEY_PREFIX)
        return self.create(application=application, digest=digest(text), prefix=text[:12], public_text=text)

    def create_secret(self, application: Application) -> tuple["Key", str]:
        """A new secret key and its text, which is stored nowhere: this is the only time it can be shown."""
        text = _new_key(SECRET_KEY_PREFIX)
        return self.create(application=application, digest=digest(text), prefix=text[:12]), text


class Key(models.Model):
    """A key of an application: public, for web pages, kept as it is; or secret, for servers, of which only a digest is
    kept. A plain digest is enough, since the keys are 32 random bytes and can't be guessed from it."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="keys")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False)
    public_text = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = KeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(prefix__startswith=PUBLIC_KEY_PREFIX, public_text__startswith=PUBLIC_KEY_PREFIX)
                | Q(prefix__startswith=SECRET_KEY_PREFIX, public_text=""),
                name="key_keeps_no_secret",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    @property
    def is_secret(self) -> bool:
        return not self.public_text


def _new_key(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


def digest(key: str) -> str:
    """What is stored of a key: its SHA-256, 64 hexadecimal digits."""
    # A key may come out of JSON, with characters that UTF-8 has no bytes for.
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


class IdentitySecretQuerySet(models.QuerySet["IdentitySecret"]):
    def add(self, application: Application) -> "IdentitySecret":
        """A new secret in a free slot. Raises ValidationError when both are taken."""
        taken = self.filter(application=application).values_list("slot", flat=True)
        free = [slot for slot in IDENTITY_SECRET_SLOTS if slot not in taken]
        if not free:
            raise ValidationError("Two identity secrets are live already. Retire one first.")
        text = _new_key("co_ids_")
        return self.create(application=application, slot=free[0], ciphertext=encrypt(text))


# While one secret takes the place of the other, both are good.
IDENTITY_SECRET_SLOTS = (1, 2)


class IdentitySecret(models.Model):
    """What the customer's server signs users with (identity/signatures.py). A retired one is deleted."""

    application = models.ForeignKey(
        Application, on_delete=models.CASCADE, related_name="identity_secrets", db_index=False
    )
    slot = models.PositiveSmallIntegerField(editable=False)
    ciphertext = models.TextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = IdentitySecretQuerySet.as_manager()

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["application", "slot"], name="identity_secret_slot"),
            models.CheckConstraint(condition=Q(slot__in=IDENTITY_SECRET_SLOTS), name="identity_secret_two_live"),
        ]

    def __str__(self) -> str:
        return f"identity secret {self.pk}"

    @property
    def text(self) -> str | None:
        """The secret; None when it was encrypted under a SECRET_KEY that this process does not have."""
        try:
            return decrypt(self.ciphertext)
        except Undecryptable:
            return None
