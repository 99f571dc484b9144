"""The page of one segment."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from engage.audience import audience
from engage.models import Segment
from engage.views.segments import sample_for
from identity.views.access import Access, for_teammates


def find_segment(access: Access, slug: str) -> Segment:
    """A segment of the application that is looked at. Raises Http404."""
    return get_object_or_404(Segment.objects.select_related("changed_by"), application=access.application, slug=slug)


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
    )
