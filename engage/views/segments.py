"""Engage > Segments: the list."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import F, prefetch_related_objects
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from engage.audience import common_strings, count_each
from engage.examples import Example, examples
from engage.history import daily_sizes
from engage.models import Segment
from engage.operators import Moment
from engage.rules import BUILT_IN_PROPERTIES
from engage.sampling import Sample, draw_sample
from engage.sizes import SegmentSize, sizes
from identity.models import Application, Person, Trait
from identity.values import UNSTORABLE
from identity.views.access import Access, for_teammates

PER_PAGE = 50
# By which columns the list can be sorted, and how it is at first: by name, most users first, last change first.
SORTS = {"name": "name", "users": "-users", "changed": "-changed"}
DEFAULT_SORT = "name"


@require_safe
@for_teammates
def segments(request: HttpRequest, access: Access) -> HttpResponse:
    application = access.application
    search, sort, counts = searched(request), sort_asked(request, SORTS, DEFAULT_SORT), tabs(application)
    lists = counts["segment_count"] if column(sort) == "users" else PER_PAGE
    sample = sample_for(request, application, lists=lists)
    page, shown = _page(application, search, sort, request.GET.get("page"), sample)
    on_page = [size.segment for size in shown]
    prefetch_related_objects(on_page, "experiences")
    over_time = daily_sizes(application, on_page, now=timezone.now())
    total = _total(application, sample)
    has_examples = counts["segment_count"] == 1 and not search and total and access.teammate.can_edit
    return access.page(
        request,
        "engage/_segment_table.html" if request.htmx else "engage/segments.html",  # type: ignore[attr-defined]
        **counts,
        search=search,
        sort="" if sort == DEFAULT_SORT else sort,
        columns=columns(SORTS, sort),
        page=page,
        rows=[(size, over_time[size.segment.pk]) for size in shown],
        total=total,
        is_estimated=sample is not None,
        examples=_counted(application, sample) if has_examples else [],
    )


def _total(application: Application, sample: Sample | None) -> int:
    if sample:
        return sample.scaled(sample.people.count())
    return Person.objects.filter(application=application).count()


def _page(
    application: Application, search: str, sort: str, number: str | None, sample: Sample | None
) -> tuple[Page[Any], Sequence[SegmentSize]]:
    """The page asked for, and the sizes of the segments on it. To sort by users, all segments are counted."""
    found = Segment.objects.filter(application=application, name__icontains=search).select_related("changed_by")
    if column(sort) == "users":
        counted = sizes(application, list(found), of=sample)
        counted.sort(key=lambda size: size.count, reverse=sort.startswith("-"))  # of as many, the name decides
        page: Page[Any] = Paginator(counted, PER_PAGE).get_page(number)
        return page, list(page.object_list)
    page = Paginator(found.order_by(*_ORDERS[sort]), PER_PAGE).get_page(number)
    return page, sizes(application, list(page.object_list), of=sample)


_ORDERS: dict[str, list[Any]] = {
    "name": ["-is_everyone", Lower("name"), "id"],
    "-name": ["-is_everyone", Lower("name").desc(), "id"],
    "changed": ["-is_everyone", F("changed_at"), "id"],
    "-changed": ["-is_everyone", F("changed_at").desc(), "id"],
}


def sort_asked(request: HttpRequest, sorts: Collection[str], default: str) -> str:
    """By which column a list is to be sorted; with a hyphen before its name, downward."""
    sort = request.GET.get("sort", "")
    return sort if column(sort) in sorts else default


def column(sort: str) -> str:
    """The name of the column that is sorted by."""
    return sort.removeprefix("-")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the list by which it can be sorted: what choosing it sorts by, and how it is sorted already, as
    aria-sort says it."""

    sort: str
    direction: str


def columns(sorts: Mapping[str, str], sort: str) -> dict[str, Column]:
    """The columns of a list by their names, with how each is sorted at first; the list is sorted by one of them now."""
    turned, direction = (column(sort), "descending") if sort.startswith("-") else (f"-{sort}", "ascending")
    return {
        name: Column(turned, direction) if name == column(sort) else Column(first, "none")
        for name, first in sorts.items()
    }


def sample_for(request: HttpRequest, application: Application, *, lists: int = 1) -> Sample | None:
    """The sample to estimate figures from while a large application is counted; None when the figures are to be exact:
    the page asks for them once it is there."""
    return None if "exact" in request.GET else draw_sample(application, lists=lists)


def searched(request: HttpRequest) -> str:
    """What the page's search asks for, without what no text can hold."""
    return UNSTORABLE.sub("", request.GET.get("q", "")).strip()


def tabs(application: Application) -> dict[str, int]:
    """How many segments and traits there are, for the tabs of Engage > Segments."""
    return {
        "segment_count": Segment.objects.filter(application=application).count(),
        "trait_count": Trait.objects.filter(application=application).count(),
    }


def examples_for(application: Application, *, of: Sample | None = None) -> list[Example]:
    """The examples that fit the traits of an application, by their first or declared kinds, which take no counting, and
    the texts that users have, all or those of a sample."""
    kinds = {trait.key: trait.kind for trait in Trait.objects.filter(application=application)}
    kinds |= {key: built_in.kind for key, built_in in BUILT_IN_PROPERTIES.items()}
    return examples(kinds, lambda key: [text for text, _ in common_strings(application, key, of=of)])


def _counted(application: Application, sample: Sample | None) -> list[tuple[Example, int]]:
    """The examples for an application, each with how many users it would have."""
    found = examples_for(application, of=sample)
    people = sample.people if sample else Person.objects.filter(application=application)
    moment = Moment.at(timezone.now(), application.zone)
    _, counts = count_each(people, [example.rules for example in found], moment)
    return [(example, sample.scaled(count) if sample else count) for example, count in zip(found, counts, strict=True)]
