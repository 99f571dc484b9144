"""A segment is a named set of users: those who match every one of its rules. What it was is kept in versions."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone
from django.utils.text import slugify

from engage.rules import Rules, dump, is_same, parse
from identity.models import Application, User
from identity.models.application import first_free
from identity.values import INVISIBLE_CONTROLS

NAME_LENGTH = 100
SLUG_LENGTH = 60
# The pages and calls that stand where a segment of this name would.
RESERVED_SLUGS = frozenset({"create", "export", "import", "preview", "rule", "traits"})
# So many versions of a segment are kept; the oldest go when new ones come.
VERSIONS_KEPT = 500

IN_USE = "A segment that experiences show to can't be deleted."


class BuiltInSegment(Exception):
    """Raised on an attempt to change or delete Everyone."""


class SegmentInUse(Exception):
    """Raised on an attempt to delete a segment that experiences show to."""


class ChangedMeanwhile(Exception):
    """Raised on an attempt to change a segment by someone who has not seen its latest version."""


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
    def with_latest_number(self) -> "SegmentQuerySet":
        """With the number of the version that each is, read together with what it is."""
        numbers = SegmentVersion.objects.filter(segment=OuterRef("pk")).order_by("-number").values("number")
        return self.annotate(latest_number=Coalesce(Subquery(numbers[:1]), 0))  # type: ignore[no-redef]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Raises BuiltInSegment when Everyone is among them. It goes only with its application."""
        if self.filter(is_everyone=True).exists():
            raise BuiltInSegment("Everyone can't be deleted.")
        try:
            return super().delete()
        except models.RestrictedError as error:
            raise SegmentInUse(IN_USE) from error

    def create_everyone(self, application: Application) -> "Segment":
        return self.create(application=application, name="Everyone", slug="everyone", is_everyone=True, rules=[])

    @transaction.atomic
    def create_with_rules(
        self, application: Application, *, name: str, rules: Rules, created_by: User | None = None
    ) -> "Segment":
        """A new segment, with a slug of its own. Raises IntegrityError when the name is taken."""
        # Of two at once the second waits, and finds the slug of the first taken.
        Application.objects.select_for_update(no_key=True).get(pk=application.pk)
        segment = self.create(
            application=application,
            name=name,
            slug=self.free_slug(application, name),
            rules=dump(rules),
            changed_by=created_by,
        )
        SegmentVersion.objects.record([segment])
        return segment

    def asking_for(self, application: Application, key: str) -> "SegmentQuerySet":
        """Those with a rule over a trait."""
        return self.filter(application=application, rules__contains=[{"trait": key}])

    def by_trait(self, application: Application) -> dict[str, list["Segment"]]:
        """The segments with a rule over each trait that any of them asks for, by its key."""
        asking: dict[str, list[Segment]] = {}
        for segment in self.filter(application=application, is_everyone=False):
            for key in {rule["trait"] for rule in segment.rules}:
                asking.setdefault(key, []).append(segment)
        return asking

    def free_slug(self, application: Application, name: str) -> str:
        """A slug for `name` that no segment of the application has: `large-teams`, or else `large-teams-2`, …"""
        base = slugify(name)[: SLUG_LENGTH - 6].strip("-") or "segment"
        taken = RESERVED_SLUGS | set(
            self.filter(application=application, slug__startswith=base).values_list("slug", flat=True)
        )
        return first_free(base, taken)

    def free_name(self, application: Application, copied: str) -> str:
        """A name for a copy of a segment: “Copy of Large teams”, or else “Copy of Large teams 2”, …"""
        base = f"Copy of {copied}"[: NAME_LENGTH - 5].rstrip()
        begin_alike = self.filter(application=application, name__istartswith=base)
        taken = {name.lower() for name in begin_alike.values_list("name", flat=True)}
        names = (base if number == 1 else f"{base} {number}" for number in itertools.count(1))
        return next(name for name in names if name.lower() not in taken)


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

    # Of `with_latest_number`; 0 of one that has no version yet, as of Everyone.
    latest_number = 0

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
        try:
            with transaction.atomic():
                # Nothing comes to hang on it between the look for what does and the end.
                Segment.objects.select_for_update().only("pk").get(pk=self.pk)
                return super().delete(*args, **kwargs)
        except models.RestrictedError as error:
            raise SegmentInUse(IN_USE) from error

    @property
    def parsed_rules(self) -> Rules:
        return () if self.is_everyone else parse(self.rules)

    @property
    def version(self) -> int:
        """The number of the latest version; 0 of Everyone, which has none."""
        latest = self.versions.first()
        return latest.number if latest else 0

    @transaction.atomic
    def change(self, *, name: str, rules: Rules, changed_by: User | None = None, since: int | None = None) -> None:
        """Give the segment another name and other rules, which become its next version. Raises BuiltInSegment for
        Everyone, IntegrityError when the name is taken, Segment.DoesNotExist when it was deleted meanwhile; and
        ChangedMeanwhile when it has a later version than `since`, if that is given."""
        if self.is_everyone:
            raise BuiltInSegment("Everyone can't be changed.")
        stored = Segment.objects.select_for_update().get(pk=self.pk)
        if since is not None and self.version != since:
            raise ChangedMeanwhile
        dumped = dump(rules)
        if stored.name == name and is_same(stored.rules, dumped):
            return
        self.name, self.rules = name, dumped
        self.changed_at, self.changed_by = timezone.now(), changed_by
        self.save(update_fields=["name", "rules", "changed_at", "changed_by"])
        SegmentVersion.objects.record([self])


class SegmentVersionQuerySet(models.QuerySet["SegmentVersion"]):
    def record(self, segments: Sequence[Segment]) -> None:
        """Keep segments as they are now, each as its next version, unless it is just as its last. For those who have
        made them, or hold the locks of their rows."""
        latest = self.filter(segment__in=segments).order_by("segment_id", "-number").distinct("segment_id")
        before = {version.segment_id: version for version in latest}
        new = [
            SegmentVersion(
                segment=segment,
                number=before[segment.pk].number + 1 if segment.pk in before else 1,
                name=segment.name,
                rules=segment.rules,
                made_at=segment.changed_at,
                made_by=segment.changed_by,
            )
            for segment in segments
            if segment.pk not in before or not before[segment.pk].is_same_as(segment)
        ]
        self.bulk_create(new)
        for version in new:
            if version.number > VERSIONS_KEPT:
                self.filter(segment=version.segment, number__lte=version.number - VERSIONS_KEPT).delete()


class SegmentVersion(models.Model):
    """What a segment was from one change to the next, whichever way that came."""

    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()  # from 1
    name = models.CharField(max_length=NAME_LENGTH)
    rules = models.JSONField()
    made_at = models.DateTimeField()
    # None of what came by API or command, and of teammates whose account is gone.
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = SegmentVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["segment", "number"], name="segment_version_number")]

    def __str__(self) -> str:
        return f"{self.name}, version {self.number}"

    @property
    def parsed_rules(self) -> Rules:
        return parse(self.rules)

    def is_same_as(self, segment: Segment) -> bool:
        return self.name == segment.name and is_same(self.rules, segment.rules)
