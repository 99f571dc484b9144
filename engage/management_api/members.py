"""Who is in a segment, and why."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import StreamingHttpResponse
from django.utils import timezone
from ninja import Query

from engage import members, rules
from engage.audience import properties
from engage.downloads import members_csv
from engage.explanation import explain
from engage.management_api import schemas
from engage.management_api.calls import BODY, Call, Group, Invalid, errors, find_segment
from engage.operators import Moment
from identity import caches, ingest
from identity.models import Person
from identity.models.person import person_id
from identity.payloads import CallWarning, Refused, parse_identify
from identity.values import UNSTORABLE, Value, format_instant

group = Group("Segments")

# What the door changes and stores, and a rule sees as it is stored.
_CHANGED_ONLY = frozenset({"string_cut", "characters_replaced"})


@group.get(
    "/{slug:slug}/members",
    operation_id="listMembers",
    summary="List the users in a segment",
    response={200: schemas.UserPage, **errors(404, 422)},
    openapi_extra={"responses": {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}},
)
def list_members(
    request: Call,
    slug: schemas.Slug,
    after: Annotated[UUID | None, Query(description="`next` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    format: Annotated[  # noqa: A002 - the name that callers see
        Literal["json", "csv"], Query(description="`csv` answers one file of all users, without pages.")
    ] = "json",
) -> dict[str, Any] | StreamingHttpResponse:
    """In no order that has a meaning, but always in the same. As CSV the columns are id, email, name, first_seen,
    last_seen and one for each trait; texts that a spreadsheet would run as formulas have a `'` before them."""
    segment = find_segment(request, slug)
    if format == "csv":
        return members_csv(request.auth, segment)
    page = members.page(request.auth, segment.parsed_rules, after=after, limit=limit)
    return {"users": [person.stored for person in page.people], "next": str(page.next) if page.next else None}


@group.post(
    "/{slug:slug}/explain",
    operation_id="explainSegment",
    summary="Explain why a user is in a segment or not",
    response={200: schemas.Explanation, **errors(*BODY, 404)},
)
def explain_segment(request: Call, slug: schemas.Slug, body: schemas.ExplainIn) -> dict[str, Any]:
    """Of a user who is stored, or of traits as identify takes them, of one who arrives now. 404 when there is no such
    user."""
    segment = find_segment(request, slug)
    if len(body.model_fields_set) != 1:
        problem = {"field": "user", "message": "Send either a user or traits."}
        raise Invalid("invalid_request", "The call can't be done.", [problem])
    known = _of_user(request, body.user) if "user" in body.model_fields_set else _of_traits(request, body.traits)
    explained = explain(segment.parsed_rules, known, Moment.at(timezone.now(), request.auth.zone))
    return {
        "matches": explained.matches,
        "rules": [
            {"value": None, **rules.dump((one.rule,))[0]}
            | {"actual": one.actual, "matches": one.matches, "reason": one.reason}
            for one in explained.rules
        ],
    }


def _of_user(request: Call, external_id: str) -> dict[str, Value]:
    return properties(find_person(request, external_id))


def find_person(request: Call, external_id: str) -> Person:
    """A user of the caller's application. Raises Refused."""
    found = None
    if not UNSTORABLE.search(external_id):
        pk = person_id(request.auth.pk, external_id)
        found = Person.objects.filter(application=request.auth, pk=pk).first()
    if found is None:
        raise Refused(404, "not_found", "There is no such user.")
    return found


def _of_traits(request: Call, traits: dict[str, Any]) -> dict[str, Value]:
    """What a call of identify with these traits would store. Raises Invalid for what it would leave out."""
    # Any id will do: rules do not see it.
    call = parse_identify({"id": "explained", "traits": traits}, now=timezone.now())
    warnings = list(call.warnings)
    patch = ingest.canonical_traits(call, caches.traits(request.auth.pk), warnings, public=False)
    refused = [warning for warning in warnings if warning.code not in _CHANGED_ONLY]
    if refused:
        raise Invalid("invalid_traits", "Some of these traits can't be stored.", list(map(_problem, refused)))
    profile = {f"${part}": text for part, text in call.profile.items() if text}
    now = format_instant(call.seen_at)
    seen: dict[str, Value] = {"$first_seen": now, "$last_seen": now}
    return {key: value for key, value in patch.items() if value is not None} | profile | seen


def _problem(warning: CallWarning) -> dict[str, str]:
    return {"field": warning.field, "message": warning.message}
