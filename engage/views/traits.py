"""Engage > Segments > Traits: what the application's users really send."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from engage.census import Census
from engage.views.segments import searched, tabs
from identity.models import Key
from identity.views.access import Access, for_teammates

PER_PAGE = 50


@require_safe
@for_teammates
def traits(request: HttpRequest, access: Access) -> HttpResponse:
    application = access.application
    search = searched(request)
    census = Census(application)
    found = [
        counted
        for counted in census.traits
        if any(
            search.lower() in text.lower()
            for text in (counted.trait.key, counted.trait.label, counted.trait.description)
        )
    ]
    return access.page(
        request,
        "engage/_trait_table.html" if request.htmx else "engage/traits.html",  # type: ignore[attr-defined]
        **tabs(application),
        search=search,
        page=Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        total=census.total,
        public_key=Key.objects.live().filter(application=application).exclude(public_text="").first(),
        base_url=request.build_absolute_uri("/").rstrip("/"),
    )
