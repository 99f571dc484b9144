"""Users: the list, searched and narrowed down to a segment or to one value of a trait."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from engage import members as membership
from engage.models import Segment
from engage.operators import OPERATORS
from engage.rules import Rule, Rules
from engage.views.segment import key_in
from engage.views.segments import searched
from identity.models import Trait
from identity.values import STRING_LENGTH, UNSTORABLE, Kind, convert
from identity.views.access import Access, for_teammates

USERS_PER_PAGE = 50
# So many users with exactly the id or e-mail address that is searched for are named before all who begin with it.
EXACT_SHOWN = 3


@require_safe
@for_teammates
def users(request: HttpRequest, access: Access) -> HttpResponse:
    application, search = access.application, searched(request)
    segments = list(Segment.objects.filter(application=application))
    traits = list(Trait.objects.filter(application=application))
    segment = next((one for one in segments if one.slug == request.GET.get("segment")), None)
    trait = next((one for one in traits if one.key == request.GET.get("trait")), None)
    value = UNSTORABLE.sub("", request.GET.get("value", ""))[:STRING_LENGTH]
    after = key_in(request.GET.get("after", ""))
    page = membership.page(
        application,
        segment.parsed_rules if segment else (),
        after=after,
        limit=USERS_PER_PAGE,
        search=search,
        either=spelled(trait.key, value) if trait else (),
    )
    is_narrowed = bool(search or trait or (segment and not segment.is_everyone))
    # On one page, whoever is meant is in sight.
    is_one_of_many = bool(search and page.next and not after)
    return access.page(
        request,
        "engage/_users.html" if request.htmx else "engage/users.html",  # type: ignore[attr-defined]
        search=search,
        segments=segments,
        segment=segment,
        traits=traits,
        trait=trait,
        value=value,
        after=after,
        page=page,
        is_narrowed=is_narrowed,
        exact=membership.called(application, search, limit=EXACT_SHOWN) if is_one_of_many else [],
    )


def spelled(key: str, text: str) -> list[Rules]:
    """That a trait has the value which a text spells, of whichever kind: 10 is a number and a text. Without a text,
    that it has any."""
    if not text:
        return [(Rule(key, OPERATORS["is_set"], None),)]
    values = dict.fromkeys([text, convert(text, Kind.NUMBER), convert(text, Kind.BOOLEAN)])
    return [(Rule(key, OPERATORS["equals"], value),) for value in values]
