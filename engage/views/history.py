"""What a segment was: its versions, each with what it changed, and the way back to an earlier one."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_safe

from engage import compiled
from engage.differences import Difference, differences
from engage.models import ChangedMeanwhile, Segment, SegmentVersion
from engage.sizes import changes
from engage.views.segment import find_changeable, find_segment, version_seen
from identity.views.access import Access, for_teammates

VERSIONS_PER_PAGE = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A version and how it differs from the one before it; which is None of the first, and of the oldest kept."""

    version: SegmentVersion
    before: SegmentVersion | None
    differences: list[Difference]

    @classmethod
    def of(cls, version: SegmentVersion, before: SegmentVersion | None) -> "Entry":
        return cls(version, before, differences(before.parsed_rules if before else (), version.parsed_rules))


@require_safe
@for_teammates
def history(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    segment = find_segment(access, segment_slug)
    versions = segment.versions.select_related("made_by")
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 10:
        versions = versions.filter(number__lt=int(before))
    found = list(versions[: VERSIONS_PER_PAGE + 1])
    return access.page(
        request,
        "engage/segment_history.html",
        segment=segment,
        rules=segment.parsed_rules,
        entries=_entries(found)[:VERSIONS_PER_PAGE],
        next=found[VERSIONS_PER_PAGE - 1].number if len(found) > VERSIONS_PER_PAGE else None,
        latest=segment.latest_number,
        is_first_page=not before,
    )


def _entries(versions: Sequence[SegmentVersion]) -> list[Entry]:
    """The entries of versions, of which the latest stands first."""
    return [Entry.of(version, before) for version, before in itertools.zip_longest(versions, versions[1:])]


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def restore(request: HttpRequest, access: Access, segment_slug: str, number: int) -> HttpResponse:
    """Says whom the rules of an earlier version bring back and leave out, then makes them the latest. The name stays as
    it is."""
    segment = find_changeable(access, segment_slug)
    version = get_object_or_404(segment.versions.select_related("made_by"), number=number)
    if request.method == "POST" and _restore(access, segment, version, version_seen(request)):
        messages.success(request, f"Restored the rules of version {version.number}.")
        return redirect("segment_history", access.application.slug, segment.slug)
    segment = find_changeable(access, segment_slug)  # as it is now, with the number that this is
    return access.page(
        request,
        "engage/segment_restore.html",
        status=409 if request.method == "POST" else 200,
        segment=segment,
        version=version,
        latest=get_object_or_404(segment.versions.select_related("made_by"), number=segment.latest_number),
        differences=differences(segment.parsed_rules, version.parsed_rules),
        changes=changes(access.application, segment.parsed_rules, version.parsed_rules),
        experiences=segment.experiences.live(),
    )


def _restore(access: Access, segment: Segment, version: SegmentVersion, seen: int) -> bool:
    """False when there is a later version than the one that was seen. Raises Http404 when the segment is gone."""
    try:
        with transaction.atomic():
            segment.change(name=segment.name, rules=version.parsed_rules, changed_by=access.user, since=seen)
            transaction.on_commit(compiled.forget)
    except ChangedMeanwhile:
        return False
    except Segment.DoesNotExist as error:
        raise Http404 from error
    return True
