"""An application is one customer's app; it owns everything else. Its keys say which application a call is for."""

import hashlib
import itertools
import secrets
import uuid
import zoneinfo
from collections.abc import Container

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify

# Paths of the site itself, now or soon, which an application's pages at /<slug>/ would shadow.
RESERVED_SLUGS = frozenset(
    "account accounts admin api app apps application applications assets auth docs engage favicon health help home"
    " login logout new password robots sdk settings sign-in sign-out sign-up signin signout signup static status"
    " support v1 v2 www".split()
)
SLUG_LENGTH = 50


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

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["name", "slug"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(slug__in=sorted(RESERVED_SLUGS)),
                name="application_slug_is_free",
                violation_error_message="This address is used by Callout itself.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class KeyQuerySet(models.QuerySet["Key"]):
    def live(self) -> "KeyQuerySet":
        return self.filter(revoked_at=None)

    def create_public(self, application: Application) -> "Key":
        text = _new_key("co_pub_")
        return self.create(application=application, digest=digest(text), prefix=text[:12], public_text=text)

    def create_secret(self, application: Application) -> tuple["Key", str]:
        """A new secret key and its text, which is stored nowhere: this is the only time it can be shown."""
        text = _new_key("co_sec_")
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
                condition=Q(prefix__startswith="co_pub_", public_text__startswith="co_pub_")
                | Q(prefix__startswith="co_sec_", public_text=""),
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
    return hashlib.sha256(key.encode()).hexdigest()
