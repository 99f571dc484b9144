"""Engage > Segments > Traits: what the application's users really send."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from engage.census import Census, CountedTrait
from engage.guide import GUIDE
from engage.models import Segment
from engage.tasks import is_counting, start_census
from engage.views.segments import column, columns, searched, sort_asked, tabs
from identity.models import Key
from identity.views.access import Access, for_teammates

PER_PAGE = 50
# By which columns the list can be sorted, and how it is at first: by key, most users first, last seen first.
SORTS = {"key": "key", "users": "-users", "seen": "-seen"}
DEFAULT_SORT = "key"


@dataclass(frozen=True, slots=True)
class Row:
    counted: CountedTrait
    # The segments with a rule over the trait.
    segments: Sequence[Segment]
    is_quiet: bool

    def contains(self, text: str) -> bool:
        trait = self.counted.trait
        return any(text.lower() in part.lower() for part in (trait.key, trait.label, trait.description))


# Which traits a list can be narrowed to, by the name in its address.
FILTERS: dict[str, tuple[str, Callable[[Row], bool]]] = {
    "mismatched": ("Mismatched", lambda row: row.counted.mismatched > 0),
    "quiet": ("Gone quiet", lambda row: row.is_quiet),
    "unused": ("Unused", lambda row: not row.segments),
    "unseen": ("Never seen", lambda row: row.counted.trait.last_seen is None),
}

_NEVER = datetime.min.replace(tzinfo=UTC)
_ORDERS: dict[str, Callable[[Row], object]] = {
    "key": lambda row: row.counted.trait.key.lower(),
    "users": lambda row: row.counted.users,
    "seen": lambda row: row.counted.trait.last_seen or _NEVER,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the filters, with how many traits it leaves."""

    name: str
    label: str
    count: int


@require_safe
@for_teammates
def traits(request: HttpRequest, access: Access) -> HttpResponse:
    application = access.application
    search, sort = searched(request), sort_asked(request, SORTS, DEFAULT_SORT)
    show = request.GET.get("show", "")
    census = Census(application, with_top=True)
    asking, now = Segment.objects.by_trait(application), timezone.now()
    rows = [Row(one, asking.get(one.trait.key, ()), one.is_quiet(now)) for one in census.traits]
    found = [row for row in rows if row.contains(search)]
    choices = [Choice(name, label, sum(map(fits, found))) for name, (label, fits) in FILTERS.items()]
    if show in FILTERS:
        found = list(filter(FILTERS[show][1], found))
    found.sort(key=_ORDERS[column(sort)], reverse=sort.startswith("-"))  # type: ignore[arg-type]
    return access.page(
        request,
        "engage/_trait_table.html" if request.htmx else "engage/traits.html",  # type: ignore[attr-defined]
        **tabs(application),
        search=search,
        sort="" if sort == DEFAULT_SORT else sort,
        show=show if show in FILTERS else "",
        columns=columns(SORTS, sort),
        choices=choices,
        page=Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        census=census,
        is_counting=census.sample is not None and is_counting(application),
        guide=GUIDE,
        public_key=Key.objects.live().filter(application=application).exclude(public_text="").first(),
        base_url=request.build_absolute_uri("/").rstrip("/"),
    )


@require_POST
@for_teammates
def recount(request: HttpRequest, access: Access) -> HttpResponse:
    """Let the worker take the census of a large application anew."""
    access.must_edit()
    start_census(access.application)
    if not request.htmx:  # type: ignore[attr-defined]
        return redirect("traits", access.application.slug)
    return access.page(request, "engage/_counted.html", census=Census(access.application), is_counting=True)


@require_safe
@for_teammates
def recounting(request: HttpRequest, access: Access) -> HttpResponse:
    """Asked every other second while a census is taken; when it is there, the page is shown anew."""
    return HttpResponse(status=204) if is_counting(access.application) else HttpResponseClientRefresh()
