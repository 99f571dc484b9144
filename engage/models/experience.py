"""An experience is what users are shown: a tour, a checklist, a tooltip or a banner, with the segments that see it."""

from django.db import models
from django.db.models import Q

from engage.models.segment import Segment
from identity.models import Application

NAME_LENGTH = 100


class ExperienceKind(models.TextChoices):
    TOUR = "tour", "Tour"
    CHECKLIST = "checklist", "Checklist"
    TOOLTIP = "tooltip", "Tooltip"
    BANNER = "banner", "Banner"


class Status(models.TextChoices):
    DRAFT = "draft", "Draft"
    LIVE = "live", "Live"
    PAUSED = "paused", "Paused"


class ExperienceQuerySet(models.QuerySet["Experience"]):
    def live(self) -> "ExperienceQuerySet":
        return self.filter(status=Status.LIVE)


class Experience(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="experiences")
    name = models.CharField(max_length=NAME_LENGTH)
    kind = models.CharField(max_length=9, choices=ExperienceKind)
    status = models.CharField(max_length=6, choices=Status, default=Status.DRAFT)
    # Any of them is enough; with none, everyone sees it.
    segments: "models.ManyToManyField[Segment, ExperienceSegment]" = models.ManyToManyField(
        Segment, through="ExperienceSegment", related_name="experiences"
    )

    objects = ExperienceQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=ExperienceKind.values), name="experience_kind"),
            models.CheckConstraint(condition=Q(status__in=Status.values), name="experience_status"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_live(self) -> bool:
        return self.status == Status.LIVE


class ExperienceSegment(models.Model):
    """That an experience shows to a segment. As long as it does, the segment can't be deleted."""

    experience = models.ForeignKey(Experience, on_delete=models.CASCADE, db_index=False)
    # PROTECT would keep an application from being erased as a whole; RESTRICT lets both go together.
    segment = models.ForeignKey(Segment, on_delete=models.RESTRICT)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["experience", "segment"], name="experience_segment_once")]

    def __str__(self) -> str:
        return f"{self.experience} for {self.segment}"
