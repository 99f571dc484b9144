"""What product managers look up."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from engage.operators import offered_for
from identity.values import Kind

_HEADINGS = {Kind.STRING: "Strings", Kind.NUMBER: "Numbers", Kind.BOOLEAN: "True or false", Kind.DATE: "Dates"}


@require_safe
def operators(request: HttpRequest) -> HttpResponse:
    """How comparisons work, for each kind of trait; for everyone, signed in or not."""
    kinds = [(heading, offered_for(kind)) for kind, heading in _HEADINGS.items()]
    return render(request, "engage/help_operators.html", {"kinds": kinds})
