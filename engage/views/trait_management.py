"""What a teammate does to a trait: describe it, declare its kind, archive it, delete it; and its history."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from engage.models import Segment
from engage.trait_changes import InUse, affected_by, change_trait
from engage.views.trait import find_trait
from identity.forms import TraitDeletionForm, TraitDetailsForm
from identity.models import Trait, TraitEvent, TraitRewrite, TraitState
from identity.rewriting import count_conversion, count_users
from identity.tasks import start_rewrite
from identity.traits import GOING
from identity.values import UNSTORABLE, Kind
from identity.views.access import Access, for_teammates

EVENTS_SHOWN = 50


def _changeable(access: Access, trait_id: int) -> Trait:
    """A trait that the teammate is about to change. Raises Http404; PermissionDenied for those who only read."""
    access.must_edit()
    return find_trait(access, trait_id)


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def manage(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    """Label, description and who may write it are saved here; all else has a page that says first what it does."""
    trait = _changeable(access, trait_id) if request.method == "POST" else find_trait(access, trait_id)
    said = {"label": trait.label, "description": trait.description, "server_only": trait.server_only}
    form = TraitDetailsForm(request.POST if request.method == "POST" else None, initial=said)
    if form.is_valid():
        sent = form.cleaned_data
        try:
            change_trait(
                access.application,
                key=trait.key,
                by=access.user,
                label=sent["label"],
                description=sent["description"],
                server_only=sent["server_only"],
            )
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        else:
            messages.success(request, "Saved the details.")
            return redirect("trait_manage", access.application.slug, trait.pk)
    events = TraitEvent.objects.filter(application=access.application, key=trait.key).select_related("made_by")
    return access.page(
        request,
        "engage/trait/manage.html",
        status=422 if form.is_bound else 200,
        trait=trait,
        form=form,
        kinds=list(Kind),
        rewrite=_rewrite(trait),
        events=events[:EVENTS_SHOWN],
    )


def _rewrite(trait: Trait) -> TraitRewrite | None:
    return TraitRewrite.objects.filter(trait=trait).first()


@require_safe
@for_teammates
def progress(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    """How far the values of users were rewritten, asked for each second until it is done."""
    trait = access.application.traits.filter(pk=trait_id).first()
    if trait:
        return access.page(request, "engage/trait/_progress.html", trait=trait, rewrite=_rewrite(trait))
    # What was removed from the last user is gone itself, but for its history.
    key = UNSTORABLE.sub("", request.GET.get("key", ""))
    if not TraitEvent.objects.filter(application=access.application, key=key).exists():
        raise Http404
    return access.page(request, "engage/trait/_progress.html", is_gone=True)


@require_POST
@for_teammates
def again(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    """Begin to rewrite the values once more, after that had failed."""
    trait = _changeable(access, trait_id)
    if trait.declared_kind or trait.is_ignored:
        start_rewrite(trait)
    return redirect("trait_manage", access.application.slug, trait.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def kind(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    """Says what declaring a kind does to the values of users and to segments, then does it; an empty kind takes the
    declaration back."""
    trait = _changeable(access, trait_id)
    data = request.POST if request.method == "POST" else request.GET
    text, problem = data.get("kind", ""), ""
    if text and text not in set(Kind):
        raise Http404
    declared = Kind(text) if text else None
    if request.method == "POST":
        try:
            change_trait(access.application, key=trait.key, by=access.user, declared_kind=declared)
        except (InUse, ValidationError) as error:
            problem = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        else:
            messages.success(request, f"Declared the kind {text}." if text else "The kind is that of most users again.")
            return redirect("trait_manage", access.application.slug, trait.pk)
    asking = Segment.objects.asking_for(access.application, trait.key)
    affected = affected_by(asking, trait.key, declared) if declared else []
    return access.page(
        request,
        "engage/trait/kind.html",
        status=409 if problem else 200,
        trait=trait,
        kind=declared,
        conversion=count_conversion(trait, declared) if declared else None,
        in_the_way=[each for each in affected if each.rules is None],
        changing=[each for each in affected if each.rules is not None],
        problem=problem,
    )


@require_POST
@for_teammates
def state(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    """Archive the trait, or bring it back from the archive or from being ignored."""
    trait = _changeable(access, trait_id)
    wanted = {"active": TraitState.ACTIVE, "archived": TraitState.ARCHIVED}.get(request.POST.get("state", ""))
    if wanted is None:
        raise Http404
    try:
        change_trait(access.application, key=trait.key, by=access.user, state=wanted)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        said = "is archived: the builder offers it no more" if wanted == TraitState.ARCHIVED else "is back"
        messages.success(request, f"{trait.key} {said}.")
    return redirect("trait_manage", access.application.slug, trait.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def delete(request: HttpRequest, access: Access, trait_id: int) -> HttpResponse:
    """Says what deleting the trait breaks, then does it; or by which segments it is used."""
    trait = _changeable(access, trait_id)
    form, problem = TraitDeletionForm(request.POST if request.method == "POST" else None), ""
    if trait.state == TraitState.DELETED:
        problem = GOING
    elif form.is_valid():
        wanted = TraitState.IGNORED if form.cleaned_data["afterwards"] == "ignore" else TraitState.DELETED
        try:
            change_trait(access.application, key=trait.key, by=access.user, state=wanted)
        except (InUse, ValidationError) as error:
            problem = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
        else:
            return redirect("trait_manage", access.application.slug, trait.pk)
    return access.page(
        request,
        "engage/trait/delete.html",
        status=409 if problem else 422 if form.errors else 200,
        trait=trait,
        form=form,
        users=count_users(trait),
        segments=list(Segment.objects.asking_for(access.application, trait.key)),
        problem=problem,
    )
