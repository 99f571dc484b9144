"""The mark of a user who was erased: it refuses late retries of calls that would bring the user back."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

# Clients give up on a call long before.
MARK_KEPT = timedelta(hours=48)


class Erasure(models.Model):
    # The key that the user had: a hash of application and external id, which tells neither.
    person_id = models.UUIDField(primary_key=True, editable=False)
    erased_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"erasure of {self.person_id}"
