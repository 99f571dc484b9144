"""A segment is a named set of users: those who match every one of its rules."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.text import slugify

from engage.rules import Rules, dump, parse
from identity.models import Application, User
from identity.models.application import first_free
from identity.values import INVISIBLE_CONTROLS

NAME_LENGTH = 100
SLUG_LENGTH = 60
# The pages and calls that stand where a segment of this name would.
RESERVED_SLUGS = frozenset({"create", "export", "import", "preview", "rule", "traits"})


class BuiltInSegment(Exception):
    """Raised on an attempt to change or delete Everyone."""


def checked_name(raw: str) -> str:
    """The name of a segment, without white space at its ends. Raises ValidationError for one that can't be read."""
    name = raw.strip()
    if not name:
        raise ValidationError("Give the segment a name.")
    if len(name) > NAME_LENGTH:
        raise ValidationError(f"A name has at most {NAME_LENGTH} characters.")
    if INVISIBLE_CONTROLS.search(name) or not any(character.isprintable() and character != " " for character in name):
        raise ValidationError("Use letters that can be seen, without control characters.")
    return name


class SegmentQuerySet(models.QuerySet["Segment"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """Raises BuiltInSegment when Everyone is among them. It goes only with its application."""
        if self.filter(is_everyone=True).exists():
            raise BuiltInSegment("Everyone can't be deleted.")
        return super().delete()

    def create_everyone(self, application: Application) -> "Segment":
        return self.create(application=application, name="Everyone", slug="everyone", is_everyone=True, rules=[])

    @transaction.atomic
    def create_with_rules(
        self, application: Application, *, name: str, rules: Rules, created_by: User | None = None
    ) -> "Segment":
        """A new segment, with a slug of its own. Raises IntegrityError when the name is taken."""
        # Of two at once the second waits, and finds the slug of the first taken.
        Application.objects.select_for_update(no_key=True).get(pk=application.pk)
        return self.create(
            application=application,
            name=name,
            slug=self.free_slug(application, name),
            rules=dump(rules),
            changed_by=created_by,
        )

    def free_slug(self, application: Application, name: str) -> str:
        """A slug for `name` that no segment of the application has: `large-teams`, or else `large-teams-2`, …"""
        base = slugify(name)[: SLUG_LENGTH - 6].strip("-") or "segment"
        taken = RESERVED_SLUGS | set(
            self.filter(application=application, slug__startswith=base).values_list("slug", flat=True)
        )
        return first_free(base, taken)


class Segment(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="segments", db_index=False)
    name = models.CharField(max_length=NAME_LENGTH)
    # Stays when the name changes, so that links and API clients keep finding the segment.
    slug = models.SlugField(max_length=SLUG_LENGTH, db_index=False)
    is_everyone = models.BooleanField(default=False, editable=False)
    # The list that engage/rules.py checks; read it through `parsed_rules`.
    rules = models.JSONField(default=list)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, editable=False, related_name="+")

    objects = SegmentQuerySet.as_manager()

    class Meta:
        # Everyone first, then by name.
        ordering = ["-is_everyone", Lower("name"), "id"]
        constraints = [
            models.UniqueConstraint(fields=["application", "slug"], name="segment_slug"),
            models.UniqueConstraint(
                "application",
                Lower("name"),
                name="segment_name",
                violation_error_message="There is a segment with this name.",
            ),
            models.UniqueConstraint(fields=["application"], condition=Q(is_everyone=True), name="segment_one_everyone"),
            # Only Everyone has no rules, and it is never anything but Everyone; all others have a list of them, since
            # `@>` with an empty list is true of lists alone.
            models.CheckConstraint(
                condition=Q(is_everyone=True, name="Everyone", slug="everyone", rules=[])
                | (Q(is_everyone=False, rules__contains=[]) & ~Q(rules=[]) & ~Q(slug="everyone") & ~Q(name="")),
                name="segment_everyone_or_rules",
            ),
            models.CheckConstraint(condition=~Q(slug__in=sorted(RESERVED_SLUGS)), name="segment_slug_is_free"),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        if self.is_everyone and not self._state.adding:
            raise BuiltInSegment("Everyone can't be changed.")
        super().save(*args, update_fields=update_fields, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        if self.is_everyone:
            raise BuiltInSegment("Everyone can't be deleted.")
        return super().delete(*args, **kwargs)

    @property
    def parsed_rules(self) -> Rules:
        return () if self.is_everyone else parse(self.rules)

    @transaction.atomic
    def change(self, *, name: str, rules: Rules, changed_by: User | None = None) -> None:
        """Give the segment another name and other rules. Raises BuiltInSegment for Everyone, IntegrityError when the
        name is taken, and Segment.DoesNotExist when it was deleted meanwhile."""
        if not self.is_everyone:
            Segment.objects.select_for_update().only("pk").get(pk=self.pk)
        self.name, self.rules = name, dump(rules)
        self.changed_at, self.changed_by = timezone.now(), changed_by
        self.save(update_fields=["name", "rules", "changed_at", "changed_by"])
