"""Engage > Segments: the list."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from engage.census import Census
from engage.models import Segment
from engage.sampling import Sample, draw_sample
from engage.sizes import sizes
from identity.models import Application, Trait
from identity.values import UNSTORABLE
from identity.views.access import Access, for_teammates

PER_PAGE = 50


@require_safe
@for_teammates
def segments(request: HttpRequest, access: Access) -> HttpResponse:
    application = access.application
    search = searched(request)
    found = Segment.objects.filter(application=application).select_related("changed_by")
    page = Paginator(found.filter(name__icontains=search), PER_PAGE).get_page(request.GET.get("page"))
    sample = sample_for(request, application)
    template = "engage/_segment_table.html" if request.htmx else "engage/segments.html"  # type: ignore[attr-defined]
    return access.page(
        request,
        template,
        **tabs(application),
        search=search,
        page=page,
        sizes=sizes(application, list(page.object_list), of=sample),
        total=sample.scaled(sample.people.count()) if sample else Census(application).total,
        is_estimated=sample is not None,
    )


def sample_for(request: HttpRequest, application: Application) -> Sample | None:
    """The sample to estimate figures from while a large application is counted; None when the figures are to be exact:
    the page asks for them once it is there."""
    return None if "exact" in request.GET else draw_sample(application)


def searched(request: HttpRequest) -> str:
    """What the page's search asks for, without what no text can hold."""
    return UNSTORABLE.sub("", request.GET.get("q", "")).strip()


def tabs(application: Application) -> dict[str, int]:
    """How many segments and traits there are, for the tabs of Engage > Segments."""
    return {
        "segment_count": Segment.objects.filter(application=application).count(),
        "trait_count": Trait.objects.filter(application=application).count(),
    }
