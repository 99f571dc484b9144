"""A file of users that was uploaded, and what became of it. The file itself stands in the database too, the one place
that the server and the worker share."""

from enum import StrEnum
from typing import Self

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.functional import cached_property
from procrastinate.contrib.django.models import ProcrastinateJob

from identity.models.application import Application
from identity.models.teammate import User

FILE_NAME_LENGTH = 255
PROBLEM_LENGTH = 300


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class UserImportQuerySet(models.QuerySet["UserImport"]):
    def with_job_status(self) -> Self:
        """With the status of each one's job, which would else be asked for one by one."""
        status = ProcrastinateJob.objects.filter(pk=OuterRef("job_id")).values("status")
        return self.annotate(job_status=Subquery(status))

    def unfinished(self) -> Self:
        """Those whose job is still to be done."""
        return self.with_job_status().filter(finished_at=None, job_status__in=("todo", "doing"))


class UserImport(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="imports", db_index=False)
    file_name = models.CharField(max_length=FILE_NAME_LENGTH)
    size = models.PositiveBigIntegerField()  # in bytes
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, editable=False, related_name="+")
    job_id = models.BigIntegerField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    # How often it was begun: only the last run may say how far it has come.
    runs = models.PositiveIntegerField(default=0, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    # How far it has come, in bytes of the file, and what became of the rows up to there.
    position = models.PositiveBigIntegerField(default=0, editable=False)
    applied = models.PositiveBigIntegerField(default=0, editable=False)
    ignored = models.PositiveBigIntegerField(default=0, editable=False)
    refused = models.PositiveBigIntegerField(default=0, editable=False)
    # Lists of {"field", "message", "rows"} and {"name", "kind", "odd_line"}.
    warnings = models.JSONField(default=list, editable=False)
    columns = models.JSONField(default=list, editable=False)
    # Why the file could not be imported at all.
    problem = models.CharField(max_length=PROBLEM_LENGTH, blank=True, editable=False)

    objects = UserImportQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["application", "-created_at"], name="user_import_newest")]
        constraints = [
            models.CheckConstraint(condition=Q(position__lte=F("size")), name="user_import_within_its_file"),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(started_at__isnull=False), name="user_import_starts_before_its_end"
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @cached_property
    def job_status(self) -> str | None:
        return ProcrastinateJob.objects.filter(pk=self.job_id).values_list("status", flat=True).first()

    @property
    def state(self) -> State:
        if self.finished_at:
            return State.FAILED if self.problem else State.DONE
        # A job that ended without a word to the import was ended by a mistake of ours, or by the operator.
        if self.job_id and self.job_status not in ("todo", "doing"):
            return State.FAILED
        return State.RUNNING if self.started_at else State.WAITING


class ImportPartQuerySet(models.QuerySet["ImportPart"]):
    def of_file(self) -> Self:
        return self.filter(is_refused=False)

    def of_refused_rows(self) -> Self:
        return self.filter(is_refused=True)


class ImportPart(models.Model):
    """A piece of an uploaded file, or of the file of the rows in it that were refused."""

    user_import = models.ForeignKey(UserImport, on_delete=models.CASCADE, related_name="parts", db_index=False)
    is_refused = models.BooleanField()
    place = models.PositiveIntegerField()
    content = models.BinaryField()

    objects = ImportPartQuerySet.as_manager()

    class Meta:
        ordering = ["place"]
        constraints = [
            models.UniqueConstraint(fields=["user_import", "is_refused", "place"], name="import_part_place"),
        ]

    def __str__(self) -> str:
        return f"part {self.place} of {self.user_import_id}"
