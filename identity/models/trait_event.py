"""What a teammate said of a trait: its history, which stays when the trait goes."""

from collections.abc import Callable

from django.db import models
from django.utils import timezone

from identity.models.application import Application
from identity.models.teammate import User
from identity.models.trait import TraitState
from identity.values import KEY_LENGTH


class TraitEvent(models.Model):
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="trait_events", db_index=False)
    key = models.CharField(max_length=KEY_LENGTH, db_collation="C")
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    # None of what came by API or command, and of teammates whose account is gone.
    made_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, editable=False, related_name="+")
    # What it was and what it became by the name of its field, {"label": ["", "Team size"]}; and "defined" of a new one.
    changes = models.JSONField()

    class Meta:
        ordering = ["-made_at", "-id"]
        indexes = [models.Index(fields=["application", "key", "-made_at"], name="trait_event_newest")]

    def __str__(self) -> str:
        return f"{self.key}: {' '.join(self.sentences)}"

    @property
    def sentences(self) -> list[str]:
        """What was said, one sentence for each thing, in words."""
        return [sentence(*self.changes[name]) for name, sentence in _SENTENCES.items() if name in self.changes]


def _kind(before: str, after: str) -> str:
    if not after:
        return "Left the kind to what most users have."
    return f"Declared the kind {after}{f', which was {before}' if before else ''}."


def _text(name: str) -> Callable[[str, str], str]:
    return lambda before, after: f"Changed the {name} to “{after}”." if after else f"Removed the {name} “{before}”."


def _state(before: str, after: str) -> str:
    if after == TraitState.ACTIVE:
        return "No longer ignored." if before == TraitState.IGNORED else "Taken out of the archive."
    return {
        TraitState.ARCHIVED: "Archived.",
        TraitState.IGNORED: "Deleted, and ignored from then on.",
        TraitState.DELETED: "Deleted.",
    }[TraitState(after)]


_SENTENCES: dict[str, Callable[..., str]] = {
    "defined": lambda before, after: "Defined.",
    "declared_kind": _kind,
    "label": _text("label"),
    "description": _text("description"),
    "server_only": lambda before, after: "Only calls from a server write it." if after else "All calls write it.",
    "state": _state,
}
