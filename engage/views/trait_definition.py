"""Engage > Segments > Traits: a trait that is defined before the first user arrives with it."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods
from django_htmx.http import reswap, retarget

from engage.census import CountedTrait, Figures
from identity.forms import TraitForm
from identity.traits import define_trait
from identity.values import Kind
from identity.views.access import Access, for_teammates


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def define(request: HttpRequest, access: Access) -> HttpResponse:
    """Asked by the builder, answers with the form and its errors, or with the new trait as an option to choose."""
    access.must_edit()
    is_fragment = bool(request.htmx)  # type: ignore[attr-defined]
    form = TraitForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        sent = form.cleaned_data
        try:
            trait = define_trait(
                access.application,
                key=sent["key"],
                kind=Kind(sent["kind"]),
                description=sent["description"],
                by=access.user,
            )
        except ValidationError as error:
            form.add_error("key", error)
        else:
            if is_fragment:
                option = access.page(request, "engage/_trait_option.html", counted=CountedTrait(trait, Figures(), 0))
                return reswap(retarget(option, "#defined-trait"), "innerHTML")
            messages.success(request, f"Defined {trait.key}. Rules can ask for it from now on.")
            return redirect("traits", access.application.slug)
    template = "engage/_define_trait.html" if is_fragment else "engage/define_trait.html"
    return access.page(request, template, trait_form=form, status=422 if form.is_bound else 200)
