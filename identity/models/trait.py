"""A trait is a custom property of users: observed when its first value arrives, or defined by a teammate before."""

from enum import StrEnum

from django.db import models
from django.db.models import Q
from django.utils import timezone

from identity.models.application import Application
from identity.values import KEY_LENGTH, Kind

LABEL_LENGTH = 100
DESCRIPTION_LENGTH = 300
# How many names of traits an application may have.
TRAITS_PER_APPLICATION = 500
# How many of them whoever opens a page with the public key in it can add in an hour.
PUBLIC_TRAITS_PER_HOUR = 50


class TraitState(StrEnum):
    ACTIVE = "active"
    # Stored as ever, and no longer offered where rules are built.
    ARCHIVED = "archived"
    # Left out of all calls; the values that users had are removed.
    IGNORED = "ignored"
    # Ignored until the last value is removed; then the trait goes as well.
    DELETED = "deleted"


class Trait(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="traits", db_index=False)
    key = models.CharField(max_length=KEY_LENGTH, db_collation="C")
    label = models.CharField(max_length=LABEL_LENGTH, blank=True)
    declared_kind = models.CharField(max_length=7, choices=[(kind.value, kind.value) for kind in Kind], blank=True)
    # The kind of the first value that arrived: what the trait counts as until its users have been counted.
    first_kind = models.CharField(max_length=7, choices=[(kind.value, kind.value) for kind in Kind], blank=True)
    description = models.CharField(max_length=DESCRIPTION_LENGTH, blank=True)
    # Only calls with a secret key may write it: what a browser says of it is dropped.
    server_only = models.BooleanField(default=False)
    state = models.CharField(
        max_length=8,
        choices=[(state.value, state.value) for state in TraitState],
        default=TraitState.ACTIVE,
        db_default=TraitState.ACTIVE,
        editable=False,
    )
    # Whether a call with a public key brought it in.
    came_publicly = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    first_seen = models.DateTimeField(null=True)
    last_seen = models.DateTimeField(null=True)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.UniqueConstraint(fields=["application", "key"], name="trait_key"),
            models.CheckConstraint(condition=Q(declared_kind__in=["", *Kind]), name="trait_declared_kind"),
            models.CheckConstraint(condition=Q(first_kind__in=["", *Kind]), name="trait_first_kind"),
            models.CheckConstraint(condition=Q(state__in=list(TraitState)), name="trait_state"),
            # A key that begins with $ names a built-in property.
            models.CheckConstraint(condition=~Q(key="") & ~Q(key__startswith="$"), name="trait_key_is_allowed"),
        ]

    def __str__(self) -> str:
        return self.label or self.key

    @property
    def kind(self) -> Kind | None:
        """Declared, else the kind of the first value; None for one defined without a kind that never arrived."""
        text = self.declared_kind or self.first_kind
        return Kind(text) if text else None

    @property
    def is_ignored(self) -> bool:
        """Whether calls that send it have it left out."""
        return self.state in (TraitState.IGNORED, TraitState.DELETED)

    @property
    def is_offered(self) -> bool:
        """Whether it is offered where rules are built."""
        return self.state == TraitState.ACTIVE
