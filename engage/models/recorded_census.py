"""What the users of a large application have as traits: counted in the background, since it takes seconds. Smaller
applications are counted when a page asks."""

from django.db import models

from identity.models import Application


class RecordedCensus(models.Model):
    application = models.OneToOneField(
        Application, primary_key=True, on_delete=models.CASCADE, related_name="recorded_census"
    )
    counted_at = models.DateTimeField()
    users = models.PositiveBigIntegerField()
    # By key {"received": users by kind, "top": value, "top_users": users}.
    traits = models.JSONField()

    def __str__(self) -> str:
        return f"{self.application} at {self.counted_at:%Y-%m-%d %H:%M}"
