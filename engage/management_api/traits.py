"""Traits: what users really send, and what a teammate says of it."""

from typing import Any

from django.core.exceptions import ValidationError
from ninja import Status

from engage.census import Census, CountedTrait, count_now
from engage.management_api import schemas
from engage.management_api.calls import BODY, Call, Group, Invalid, errors
from engage.trait_changes import InUse, change_trait
from identity.models import Person, Trait
from identity.payloads import Refused
from identity.traits import TraitChange
from identity.values import Kind, check_key

group = Group("Traits")


@group.get("", operation_id="listTraits", summary="List traits", response={200: schemas.TraitList, **errors()})
def list_traits(request: Call) -> dict[str, Any]:
    """All of them, by key, each with how many users have a value of which kind now."""
    census = Census(request.auth, is_exact=True)
    return {"total": census.total, "traits": list(map(_trait, census.traits))}


def _trait(counted: CountedTrait) -> dict[str, Any]:
    trait = counted.trait
    return {
        "key": trait.key,
        "label": trait.label,
        "description": trait.description,
        "kind": counted.kind,
        "declared": bool(trait.declared_kind),
        "server_only": trait.server_only,
        "users": counted.received,
        "first_seen": schemas.instant(trait.first_seen) if trait.first_seen else None,
        "last_seen": schemas.instant(trait.last_seen) if trait.last_seen else None,
    }


@group.patch(
    "/{rest:key}",
    operation_id="changeTrait",
    summary="Say what a trait is",
    response={200: schemas.Trait, 201: schemas.Trait, **errors(*BODY, 404)},
)
def change(request: Call, key: str, body: schemas.TraitIn) -> Status[dict[str, Any]]:
    """What is left out stays. A key that is not known yet defines a trait (201). The key is percent-encoded and may
    have slashes in it. With a kind, stored values become of it in the background where nothing is lost, and so do the
    values in rules; a segment with a rule that can't is in the way (422)."""
    application = request.auth
    if problem := check_key(key):
        raise Invalid("invalid_key_name", problem.message, [{"field": "key", "message": problem.message}])
    # A slash too many is a slip, and so is a name of which nothing is said: they do not define anything.
    is_slip = key.endswith("/") or not body.model_fields_set
    if is_slip and not Trait.objects.filter(application=application, key=key).exists():
        raise Refused(404, "not_found", "There is no such trait.")
    sent = body.model_dump(exclude_unset=True)
    if "kind" in sent:
        sent["declared_kind"] = Kind(kind) if (kind := sent.pop("kind")) else None
    try:
        trait, is_new = change_trait(application, key=key, **TraitChange(**sent))  # type: ignore[typeddict-item]
    except ValidationError as error:
        problems = [{"field": name, "message": " ".join(texts)} for name, texts in error.message_dict.items()]
        raise Invalid("invalid_request", "The call can't be done.", problems) from error
    except InUse as error:
        raise Invalid("trait_in_use", str(error), [{"field": "kind", "message": str(error)}]) from error
    total, figures = count_now(Person.objects.filter(application=application), [key])
    return Status(201 if is_new else 200, _trait(CountedTrait(trait, figures[key], total)))
