"""Users: read one with its segments, erase one."""

from typing import Any

from django.utils import timezone
from ninja import Status

from engage.audience import properties
from engage.compiled import compiled_segments
from engage.management_api import schemas
from engage.management_api.calls import Call, Group, errors
from engage.management_api.members import find_person
from engage.operators import Moment
from identity.erasure import erase
from identity.payloads import Refused

group = Group("Users")


@group.get(
    "/{rest:id}",
    operation_id="getUser",
    summary="Read a user",
    response={200: schemas.UserInSegments, **errors(404)},
)
def get_user(request: Call, id: str) -> dict[str, Any]:  # noqa: A002 - the name that callers see
    """With the segments that the user is in now. The id is percent-encoded and may have slashes in it."""
    person = find_person(request, id)
    known, moment = properties(person), Moment.at(timezone.now(), request.auth.zone)
    segments = [segment.slug for segment in compiled_segments(request.auth.pk) if segment.matches(known, moment)]
    return person.stored | {"segments": segments}


@group.delete("/{rest:id}", operation_id="eraseUser", summary="Erase a user", response={204: None, **errors(404)})
def erase_user(request: Call, id: str) -> Status[None]:  # noqa: A002
    """For good. Calls that would bring the user back are refused for 48 hours."""
    if not erase(request.auth, external_id=id):
        raise Refused(404, "not_found", "There is no such user.")
    return Status(204, None)
