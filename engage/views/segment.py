"""The pages of one segment: who it is, its members, and why a user is in it or not; and its end."""

import uuid

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from engage import compiled
from engage import members as membership
from engage.audience import audience, properties
from engage.downloads import members_csv
from engage.explanation import explain
from engage.history import daily_sizes
from engage.models import Segment, SegmentInUse
from engage.operators import Moment
from engage.sizes import sizes
from engage.views.segments import sample_for, searched
from identity.values import UNSTORABLE
from identity.views.access import Access, for_teammates

MEMBERS_PER_PAGE = 50
# So many users with one e-mail address are offered to choose from.
NAMESAKES_SHOWN = 20


def find_segment(access: Access, slug: str) -> Segment:
    """A segment of the application that is looked at. Raises Http404."""
    segments = Segment.objects.select_related("changed_by").with_latest_number()
    return get_object_or_404(segments, application=access.application, slug=slug)


def find_changeable(access: Access, slug: str) -> Segment:
    """A segment that the teammate is about to change. Raises Http404; PermissionDenied for Everyone, and for those who
    only read."""
    access.must_edit()
    found = find_segment(access, slug)
    if found.is_everyone:
        raise PermissionDenied
    return found


def version_seen(request: HttpRequest) -> int:
    """The version of the segment that a form was opened with; one that no segment has, when it does not say."""
    sent = request.POST.get("version", "")
    return int(sent) if sent.isdecimal() and len(sent) < 10 else -1


@require_safe
@for_teammates
def segment(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    found = find_segment(access, segment_slug)
    rules = found.parsed_rules
    return access.page(
        request,
        "engage/segment.html",
        segment=found,
        rules=rules,
        audience=audience(access.application, rules, of=sample_for(request, access.application)),
        over_time=daily_sizes(access.application, [found], now=timezone.now())[found.pk],
        experiences=found.experiences.all(),
    )


@require_safe
@for_teammates
def members(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    found, search = find_segment(access, segment_slug), searched(request)
    rules = found.parsed_rules
    after = key_in(request.GET.get("after", ""))
    return access.page(
        request,
        "engage/_member_table.html" if request.htmx else "engage/segment_members.html",  # type: ignore[attr-defined]
        segment=found,
        rules=rules,
        search=search,
        after=after,
        page=membership.page(access.application, rules, after=after, limit=MEMBERS_PER_PAGE, search=search),
    )


def key_in(text: str) -> uuid.UUID | None:
    """The key after which a page begins; None for what is none."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


@require_safe
@for_teammates
def members_file(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponseBase:
    return members_csv(access.application, find_segment(access, segment_slug))


@require_safe
@for_teammates
def why(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    """Of a user, given by id or e-mail address, each rule with the answer; several with one address to choose from."""
    found = find_segment(access, segment_slug)
    rules = found.parsed_rules
    typed = UNSTORABLE.sub("", request.GET.get("user", "")).strip()
    people = membership.called(access.application, typed, limit=NAMESAKES_SHOWN) if typed else []
    person = people[0] if len(people) == 1 else None
    moment = Moment.at(timezone.now(), access.application.zone)
    return access.page(
        request,
        "engage/segment_why.html",
        segment=found,
        rules=rules,
        typed=typed,
        people=people,
        person=person,
        explanation=explain(rules, properties(person), moment) if person else None,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def delete(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    """Says what deleting the segment breaks, then does it; or by which experiences it is in use."""
    found = find_changeable(access, segment_slug)
    if request.method == "POST" and _delete(found):
        messages.success(request, f"Deleted “{found.name}”.")
        return redirect("segments", access.application.slug)
    [size] = sizes(access.application, [found], of=sample_for(request, access.application))
    return access.page(
        request,
        "engage/segment_delete.html",
        status=409 if request.method == "POST" else 200,
        segment=found,
        rules=found.parsed_rules,
        size=size,
        experiences=found.experiences.all(),
    )


def _delete(segment: Segment) -> bool:
    """False when it is in use. Raises Http404 when someone else was first."""
    try:
        with transaction.atomic():
            segment.delete()
            transaction.on_commit(compiled.forget)
    except SegmentInUse:
        return False
    except Segment.DoesNotExist as error:
        raise Http404 from error
    return True
