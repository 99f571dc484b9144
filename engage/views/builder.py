"""The builder: a segment's rules with their live audience, before and while they are saved."""

from collections.abc import Mapping

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from engage import compiled
from engage.audience import audience, matching
from engage.census import Census
from engage.forms import NAME_TAKEN, Row, RuleSet, SegmentForm, rearranged, row_ids
from engage.models import Segment
from engage.rules import BUILT_IN_PROPERTIES, RULES_LIMIT, RuleError
from engage.sizes import Changes, changes
from engage.views.segment import find_segment
from engage.views.segments import sample_for
from identity.forms import TraitForm
from identity.values import UNSTORABLE
from identity.views.access import Access, for_teammates

# Stands in the blank row that builder.js copies; each copy gets an id of its own.
NEW_ROW_ID = "f" * 8


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def create(request: HttpRequest, access: Access) -> HttpResponse:
    access.must_edit()
    return _build(request, access, None)


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def edit(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    access.must_edit()
    found = find_segment(access, segment_slug)
    if found.is_everyone:
        raise PermissionDenied
    return _build(request, access, found)


def _build(request: HttpRequest, access: Access, segment: Segment | None) -> HttpResponse:
    """The builder: shown, saved, or, where no script does it in place, shown again with a row more or less."""
    census = Census(access.application)
    if request.method != "POST":
        rows = [Row.of(rule, census.kind) for rule in segment.parsed_rules] if segment else [Row.blank()]
        form = SegmentForm(application=access.application, segment=segment, rule_set=RuleSet.of(rows))
        return _builder_page(request, access, census, form, form.rule_set.errors_while_typing())
    rule_set = RuleSet.sent(request.POST, census.kind)
    task = request.POST.get("do", "save")
    if task == "save":
        form = SegmentForm(request.POST, application=access.application, segment=segment, rule_set=rule_set)
        if form.is_valid():
            moved = changes(access.application, segment.parsed_rules, rule_set.rules) if segment else None
            if save(access, form):
                messages.success(request, _saved(access, form, moved))
                return redirect(_after(access, segment))
        return _builder_page(request, access, census, form, rule_set.errors, status=422)
    form = SegmentForm(
        initial={"name": request.POST.get("name", "")},
        application=access.application,
        segment=segment,
        rule_set=RuleSet.of(rearranged(rule_set.rows, task)),
    )
    return _builder_page(request, access, census, form, form.rule_set.errors_while_typing())


def _after(access: Access, segment: Segment | None) -> str:
    """The page that shows what was saved."""
    if segment is None:
        return reverse("segments", args=[access.application.slug])
    return reverse("segment", args=[access.application.slug, segment.slug])


def save(access: Access, form: SegmentForm) -> bool:
    """Create or change the segment; False, with the error in the form, when someone took its name just now, or deleted
    it."""
    name, rules = form.cleaned_data["name"], form.rule_set.rules
    try:
        with transaction.atomic():
            if form.segment:
                form.segment.change(name=name, rules=rules, changed_by=access.user)
            else:
                Segment.objects.create_with_rules(access.application, name=name, rules=rules, created_by=access.user)
            transaction.on_commit(compiled.forget)
    except IntegrityError:
        form.add_error("name", NAME_TAKEN)
        return False
    except Segment.DoesNotExist:
        form.add_error(None, "Someone deleted this segment meanwhile. To keep these rules, create it anew.")
        return False
    return True


def _saved(access: Access, form: SegmentForm, moved: Changes | None) -> str:
    """What the save did, in words."""
    name, count = form.cleaned_data["name"], matching(access.application, form.rule_set.rules).count()
    if moved is None:
        return f"Created “{name}”: {_users(count)} now."
    parts = [
        f"{intcomma(number)} {verb}" for number, verb in ((moved.added, "added"), (moved.removed, "removed")) if number
    ]
    return f"Saved “{name}”: {_users(count)} now{''.join(f', {part}' for part in parts)}."


def _users(count: int) -> str:
    return f"{intcomma(count)} {'user' if count == 1 else 'users'}"


def _builder_page(
    request: HttpRequest,
    access: Access,
    census: Census,
    form: SegmentForm,
    errors: Mapping[str, RuleError],
    status: int = 200,
) -> HttpResponse:
    rule_set = form.rule_set
    options = {"traits": census.traits, "built_in": BUILT_IN_PROPERTIES.values()}
    return access.page(
        request,
        "engage/builder.html",
        status=status,
        form=form,
        trait_form=TraitForm(),
        segment=form.segment,
        rule_set=rule_set,
        limit=RULES_LIMIT,
        rows=[(row, errors.get(row.id)) for row in rule_set.rows],
        new_row=Row.blank(NEW_ROW_ID),
        known=BUILT_IN_PROPERTIES.keys() | {counted.trait.key for counted in census.traits},
        trait_options=render_to_string("engage/_trait_options.html", options),  # once for all rows
        audience=audience(access.application, rule_set.rules, of=sample_for(request, access.application)),
    )


@require_POST
@for_teammates
def preview(request: HttpRequest, access: Access) -> HttpResponse:
    """The audience of the rules as they are typed, and the errors of their rows. Nothing is saved."""
    application = access.application
    rule_set = RuleSet.sent(request.POST, Census(application).kind)
    errors = rule_set.errors_while_typing()
    sample = sample_for(request, application)
    slug = UNSTORABLE.sub("", request.GET.get("segment", ""))
    segment = Segment.objects.filter(application=application, slug=slug).first() if slug else None
    is_finished = rule_set.rules and not rule_set.errors and not sample
    return access.page(
        request,
        "engage/_preview.html",
        rule_set=rule_set,
        row_errors=[(row.id, errors.get(row.id)) for row in rule_set.rows],
        audience=audience(application, rule_set.rules, of=sample),
        segment=segment,
        changes=changes(application, segment.parsed_rules, rule_set.rules) if segment and is_finished else None,
    )


@require_POST
@for_teammates
def rule_rest(request: HttpRequest, access: Access) -> HttpResponse:
    """What follows the trait of one row, after its trait or operator changed: operators of the kind, and a value field
    that fits."""
    access.must_edit()
    application = access.application
    row_id = request.GET.get("row", "")
    if row_id not in row_ids(request.POST):
        raise Http404
    row = Row.sent(row_id, request.POST, Census(application).kind)
    answer = access.page(request, "engage/_rule_rest.html", row=row)
    # Counted again only now, so that the new operator never meets the old value.
    return trigger_client_event(answer, "rules-changed", after="settle")
