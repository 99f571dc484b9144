"""What users have as a trait, suggested while a value is typed."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from engage.audience import common_strings
from engage.rules import BUILT_IN_PROPERTIES
from engage.sampling import draw_sample
from identity.values import UNSTORABLE
from identity.views.access import Access, for_teammates

SUGGESTIONS = 20


@require_safe
@for_teammates
def values(request: HttpRequest, access: Access) -> HttpResponse:
    """The texts of a trait (`trait`) that contain what is typed (`q`), those of most users first. Of a large
    application they come from a sample; only what nobody in the sample has is looked for among all users."""
    key, typed = (UNSTORABLE.sub("", request.GET.get(name, "")) for name in ("trait", "q"))
    found: list[tuple[str, int]] = []
    sample, are_all = None, False
    # Nearly every user has an id and a name of their own: before something is typed there is nothing to suggest.
    if typed or key not in BUILT_IN_PROPERTIES:
        sample = draw_sample(access.application)
        found = common_strings(access.application, key, SUGGESTIONS, containing=typed, of=sample)
        if sample and typed and not found:
            sample = None
            found = common_strings(access.application, key, SUGGESTIONS, containing=typed)
        are_all = not sample and len(found) < SUGGESTIONS
    return access.page(request, "engage/_values.html", values=found, is_estimated=sample is not None, are_all=are_all)
