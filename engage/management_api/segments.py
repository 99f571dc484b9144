"""Segments: list, create, read, replace, delete; whom rules would match; export and import."""

from collections.abc import Callable
from typing import Annotated, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from ninja import Query, Status

from engage import compiled, exchange, rules
from engage.audience import audience
from engage.forms import NAME_TAKEN
from engage.management_api import schemas
from engage.management_api.calls import BODY, IMPORT_LIMIT, Call, Group, Invalid, SecretKey, errors, find_segment
from engage.models import BuiltInSegment, Segment, SegmentInUse
from engage.models.segment import SLUG_LENGTH, checked_name
from engage.sizes import SegmentSize, sizes
from identity.payloads import Refused

group = Group("Segments")


@group.get("", operation_id="listSegments", summary="List segments", response={200: schemas.SegmentPage, **errors(422)})
def list_segments(
    request: Call,
    after: Annotated[str, Query(description="`next` of the page before.", max_length=SLUG_LENGTH)] = "",
    limit: Annotated[int, Query(ge=1, le=50)] = 50,
) -> dict[str, Any]:
    """By slug, each with how many users it has now."""
    _check_slug(after)
    found = Segment.objects.filter(application=request.auth, slug__gt=after).select_related("changed_by")
    page = list(found.order_by("slug")[: limit + 1])
    counted = sizes(request.auth, page[:limit])
    return {"segments": list(map(_segment, counted)), "next": page[limit - 1].slug if len(page) > limit else None}


def _check_slug(after: str) -> None:
    """Raise Invalid for what can be no slug, which no text in the database could be compared with."""
    if not after.isprintable():
        raise Invalid("invalid_request", "The call can't be done.", [{"field": "after", "message": "No such page."}])


def _segment(size: SegmentSize) -> dict[str, Any]:
    segment = size.segment
    return {
        "slug": segment.slug,
        "name": segment.name,
        "rules": rules.dump(segment.parsed_rules),
        "is_everyone": segment.is_everyone,
        "users": size.count,
        "changed_at": schemas.instant(segment.changed_at),
        "changed_by": segment.changed_by.email if segment.changed_by else None,
    }


@group.post(
    "",
    operation_id="createSegment",
    summary="Create a segment",
    response={201: schemas.Segment, **errors(*BODY, 409)},
)
def create_segment(request: Call, body: schemas.SegmentIn) -> Status[dict[str, Any]]:
    """Its slug is made of its name. 409 when the name is taken; upper and lower case are one."""
    name, parsed = _checked(body)
    segment = _write(lambda: Segment.objects.create_with_rules(request.auth, name=name, rules=parsed))
    return Status(201, _segment(*sizes(request.auth, [segment])))


def _checked(body: schemas.SegmentIn) -> tuple[str, rules.Rules]:
    """Raises Invalid, and InvalidRules."""
    try:
        name = checked_name(body.name)
    except ValidationError as error:
        problem = {"field": "name", "message": " ".join(error.messages)}
        raise Invalid("invalid_name", "This name can't be used.", [problem]) from error
    return name, rules.parse(body.rules)


def _write(write: Callable[[], Segment]) -> Segment:
    """Raises Refused when the name is taken, for Everyone, for a segment in use, and for one that is gone."""
    try:
        with transaction.atomic():
            segment = write()
            transaction.on_commit(compiled.forget)
    except IntegrityError as error:
        raise Refused(409, "name_taken", NAME_TAKEN, "name") from error
    except BuiltInSegment as error:
        raise Refused(409, "built_in_segment", str(error)) from error
    except SegmentInUse as error:
        raise Refused(409, "segment_in_use", str(error)) from error
    except Segment.DoesNotExist as error:
        raise Refused(404, "not_found", "There is no such segment.") from error
    return segment


@group.post(
    "/preview",
    operation_id="previewSegment",
    summary="Count whom rules match",
    response={200: schemas.Preview, **errors(*BODY)},
    exclude_unset=True,
)
def preview_segment(request: Call, body: schemas.RulesIn) -> dict[str, Any]:
    """Exact, and counted now: how many, how each rule narrows them, and some of them. Nothing is saved."""
    found = audience(request.auth, rules.parse(body.rules))
    return {
        "count": found.count,
        "total": found.total,
        "sample": [member.person.stored for member in found.sample],
        "funnel": [
            {"value": None, **rules.dump((step.rule,))[0], "count": step.count}
            | ({} if step.lacking is None else {"lacking": step.lacking})
            for step in found.steps
        ],
    }


@group.get(
    "/export",
    operation_id="exportSegments",
    summary="Export all segments",
    response={200: schemas.Document, **errors()},
)
def export_segments(request: Call) -> dict[str, Any]:
    """One document of all segments but Everyone, which importSegments takes."""
    return exchange.export(request.auth)


@group.post(
    "/import",
    auth=SecretKey(IMPORT_LIMIT),
    operation_id="importSegments",
    summary="Import segments",
    response={200: schemas.Imported, **errors(*BODY, 409)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Document"}}},
        }
    },
)
def import_segments(request: Call) -> dict[str, Any]:
    """Creates or replaces segments by their slugs, all of them or none; those that the document leaves out stay. Up to
    4 MiB. 409 when someone takes one of the names at the same moment."""
    try:
        imported = exchange.import_segments(request.auth, exchange.parse(request.document))
    except exchange.InvalidDocument as error:
        problems = [_problem(problem) for problem in error.errors]
        raise Invalid("invalid_document", "This document can't be imported. Nothing was.", problems) from error
    except IntegrityError as error:
        raise Refused(409, "conflict", "Someone else changes segments at this moment. Try again.") from error
    return {"created": imported.created, "changed": imported.changed, "unchanged": imported.unchanged}


def _problem(error: exchange.DocumentError) -> dict[str, Any]:
    places = {"segment": error.segment, "index": error.index}
    return {key: place for key, place in places.items() if place is not None} | {
        "field": error.field,
        "message": error.message,
    }


@group.get(
    "/{slug:slug}",
    operation_id="getSegment",
    summary="Read a segment",
    response={200: schemas.Segment, **errors(404)},
)
def get_segment(request: Call, slug: schemas.Slug) -> dict[str, Any]:
    """With how many users it has now."""
    return _segment(*sizes(request.auth, [find_segment(request, slug)]))


@group.put(
    "/{slug:slug}",
    operation_id="replaceSegment",
    summary="Replace a segment's name and rules",
    response={200: schemas.Segment, **errors(*BODY, 404, 409)},
)
def replace_segment(request: Call, slug: schemas.Slug, body: schemas.SegmentIn) -> dict[str, Any]:
    """The slug stays. 409 when the name is taken, and for Everyone."""
    segment = find_segment(request, slug)
    name, parsed = _checked(body)

    def change() -> Segment:
        segment.change(name=name, rules=parsed)
        return segment

    return _segment(*sizes(request.auth, [_write(change)]))


@group.delete(
    "/{slug:slug}",
    operation_id="deleteSegment",
    summary="Delete a segment",
    response={204: None, **errors(404, 409)},
)
def delete_segment(request: Call, slug: schemas.Slug) -> Status[None]:
    """409 for Everyone, and for a segment that experiences show to."""
    segment = find_segment(request, slug)

    def delete() -> Segment:
        segment.delete()
        return segment

    _write(delete)
    return Status(204, None)
