"""How far the values that users have of a trait were brought to what was last said of it: converted to its declared
kind, or removed. The worker does it (identity/rewriting.py)."""

from django.db import models
from django.utils import timezone
from django.utils.functional import cached_property
from procrastinate.contrib.django.models import ProcrastinateJob

from identity.models.trait import Trait
from identity.models.user_import import State


class TraitRewrite(models.Model):
    trait = models.OneToOneField(Trait, on_delete=models.CASCADE, primary_key=True, related_name="rewrite")
    begun_at = models.DateTimeField(default=timezone.now, editable=False)
    # All of the application when it was begun.
    users = models.PositiveBigIntegerField(default=0, editable=False)
    # How many of them were looked at, and of how many the value became another.
    looked_at = models.PositiveBigIntegerField(default=0, editable=False)
    changed = models.PositiveBigIntegerField(default=0, editable=False)
    # The key of the last user that was looked at; None before the first.
    position = models.UUIDField(null=True, editable=False)
    # Whether it looks at all users once more, for values of calls that did not know of it yet.
    is_sweep = models.BooleanField(default=False, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    job_id = models.BigIntegerField(null=True, editable=False)

    def __str__(self) -> str:
        return f"rewrite of {self.trait}"

    @cached_property
    def state(self) -> State:
        if self.finished_at:
            return State.DONE
        status = ProcrastinateJob.objects.filter(pk=self.job_id).values_list("status", flat=True).first()
        # A job that ended without a word was ended by a mistake of ours, or by the operator.
        if status not in ("todo", "doing"):
            return State.FAILED
        return State.RUNNING if self.looked_at else State.WAITING
