"""How many users a segment had: recorded each hour, and kept for each hour of the last two days and each day before.
Nothing but the picture of its size over time is made of it: every count that is shown is taken when it is asked for."""

from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Window
from django.db.models.functions import RowNumber, TruncDate

from engage.models.segment import Segment
from identity.models import Application

HOURLY_FOR = timedelta(days=2)


class RecordedSizeQuerySet(models.QuerySet["RecordedSize"]):
    def thin_out(self, application: Application, *, now: datetime) -> None:
        """Of each day that is over for two days, in the application's time zone, keep the first size alone."""
        day = TruncDate("recorded_at", tzinfo=application.zone)
        later_of_day = (
            self.filter(segment__application=application, recorded_at__lt=now - HOURLY_FOR)
            .annotate(place=Window(RowNumber(), partition_by=[F("segment"), day], order_by="recorded_at"))
            .filter(place__gt=1)
        )
        self.filter(pk__in=later_of_day.values("pk")).delete()


class RecordedSize(models.Model):
    segment = models.ForeignKey(Segment, on_delete=models.CASCADE, related_name="recorded_sizes", db_index=False)
    recorded_at = models.DateTimeField()  # the beginning of the hour
    users = models.PositiveBigIntegerField()

    objects = RecordedSizeQuerySet.as_manager()

    class Meta:
        ordering = ["recorded_at"]
        constraints = [models.UniqueConstraint(fields=["segment", "recorded_at"], name="recorded_size_once")]

    def __str__(self) -> str:
        return f"{self.segment}: {self.users:,} users"
