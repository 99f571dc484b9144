"""What a teammate says of traits: defined, described, of which kind, hidden, gone. The pages and the management API do
it through these; it stands in the history of the trait, and the worker brings the values that users have to it."""

from typing import TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.db import transaction

from identity import caches
from identity.models import Application, Trait, TraitEvent, TraitRewrite, TraitState, User
from identity.models.trait import DESCRIPTION_LENGTH, LABEL_LENGTH, TRAITS_PER_APPLICATION
from identity.tasks import start_rewrite
from identity.values import UNSTORABLE, Kind, check_key

# What people write about a trait.
TEXT_LENGTHS = {"label": LABEL_LENGTH, "description": DESCRIPTION_LENGTH}

GOING = "This trait is being deleted. Wait until it is gone from all users."


@transaction.atomic
def define_trait(
    application: Application, *, key: str, kind: Kind, description: str = "", by: User | None = None
) -> Trait:
    """Define a trait before the first value arrives. Raises ValidationError for a key that can't be one, is one
    already, or is one too many."""
    if problem := check_key(key):
        raise ValidationError(problem.message)
    # Of two at once the second waits, and finds the first counted.
    Application.objects.select_for_update(no_key=True).get(pk=application.pk)
    if Trait.objects.filter(application=application).count() >= TRAITS_PER_APPLICATION:
        raise ValidationError(f"The application has {TRAITS_PER_APPLICATION} traits already.")
    said = {"declared_kind": kind, "description": description}
    trait, is_new = Trait.objects.get_or_create(application=application, key=key, defaults=said)
    if not is_new:
        raise ValidationError("There is a trait with this key.")
    _note(trait, {"defined": (False, True)} | {name: ("", text) for name, text in said.items() if text}, by)
    transaction.on_commit(caches.forget)
    return trait


class TraitChange(TypedDict, total=False):
    """What is to change of a trait; all else stays."""

    declared_kind: Kind | None
    label: str
    description: str
    server_only: bool
    state: TraitState


@transaction.atomic
def change_trait(
    application: Application, *, key: str, by: User | None = None, **change: Unpack[TraitChange]
) -> tuple[Trait, bool]:
    """Say what a trait is; a new name defines it. Returns the trait, and whether it is new. With a kind, the values
    that are stored become of that kind where nothing is lost, and those of an ignored trait are removed, in the
    background. Raises ValidationError, of which each error has its field."""
    if problem := check_key(key):
        raise ValidationError({"key": problem.message})
    said = _checked(change)
    trait, is_new = Trait.objects.select_for_update(no_key=True).get_or_create(application=application, key=key)
    if trait.state == TraitState.DELETED:
        raise ValidationError({"key": GOING})
    was_ignored = trait.is_ignored
    changes = {name: (before, after) for name, after in said.items() if (before := getattr(trait, name)) != after}
    for name, (_, after) in changes.items():
        setattr(trait, name, after)
    trait.save(update_fields=list(changes))
    if changes or is_new:
        _note(trait, ({"defined": (False, True)} if is_new else {}) | changes, by)
    # Nobody has a value of a trait that is new.
    if not is_new and ("declared_kind" in changes or trait.is_ignored != was_ignored):
        if trait.is_ignored or trait.declared_kind:
            start_rewrite(trait)
        else:
            TraitRewrite.objects.filter(trait=trait).delete()
    transaction.on_commit(caches.forget)
    return trait, is_new


def _checked(change: TraitChange) -> dict[str, object]:
    """The change as it is stored. Raises ValidationError."""
    texts = {name: text for name, text in change.items() if name in TEXT_LENGTHS and isinstance(text, str)}
    errors = {}
    for name, text in texts.items():
        if UNSTORABLE.search(text):
            errors[name] = "NUL characters and lone surrogates can't be stored."
        elif len(text) > TEXT_LENGTHS[name]:
            errors[name] = f"Enter at most {TEXT_LENGTHS[name]} characters."
    if errors:
        raise ValidationError(errors)
    said = {**change, **{name: text.strip() for name, text in texts.items()}}
    if "declared_kind" in change:
        said["declared_kind"] = change["declared_kind"] or ""
    return said


def _note(trait: Trait, changes: dict[str, tuple[object, object]], by: User | None) -> None:
    TraitEvent.objects.create(application=trait.application, key=trait.key, changes=changes, made_by=by)
