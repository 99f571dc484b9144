"""Engage > Segments: the list, and the builder with its live audience."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import trigger_client_event

from engage import compiled
from engage.audience import audience, common_strings, matching
from engage.census import Census
from engage.forms import NAME_TAKEN, Row, RuleSet, SegmentForm, row_ids
from engage.models import Segment
from engage.rules import BUILT_IN_PROPERTIES, RULES_LIMIT, RuleError
from engage.sampling import Sample, draw_sample
from engage.sizes import Changes, changes, sizes
from engage.views.hints import APPLY, applied, hints_for
from identity.models import Application, Trait
from identity.values import UNSTORABLE, Kind
from identity.views.access import Access, for_teammates

PER_PAGE = 50
# Stands in the blank row that builder.js copies; each copy gets an id of its own.
NEW_ROW_ID = "f" * 8


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


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def create(request: HttpRequest, access: Access) -> HttpResponse:
    access.must_edit()
    return _build(request, access, None)


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def segment(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    found = get_object_or_404(Segment, application=access.application, slug=segment_slug)
    if found.is_everyone or not access.teammate.can_edit:
        if request.method == "POST":
            raise PermissionDenied
        rules = found.parsed_rules
        return access.page(
            request,
            "engage/segment.html",
            segment=found,
            rules=rules,
            audience=audience(access.application, rules, of=sample_for(request, access.application)),
        )
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
                return redirect("segments", access.application.slug)
        return _builder_page(request, access, census, form, rule_set.errors, status=422)
    rows = [row for row in rule_set.rows if task != f"remove-{row.id}"]
    if task == "add" and rule_set.has_room:
        rows.append(Row.blank())
    if task.startswith(APPLY):
        rows = applied(rows, task.removeprefix(APPLY), census.kind)
    form = SegmentForm(
        initial={"name": request.POST.get("name", "")},
        application=access.application,
        segment=segment,
        rule_set=RuleSet.of(rows),
    )
    return _builder_page(request, access, census, form, form.rule_set.errors_while_typing())


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
    suggest = functools.cache(functools.partial(common_strings, access.application))  # once for each trait
    sample = sample_for(request, access.application)
    found = audience(access.application, rule_set.rules, of=sample, with_kinds=sample is None)
    return access.page(
        request,
        "engage/builder.html",
        status=status,
        form=form,
        segment=form.segment,
        rule_set=rule_set,
        limit=RULES_LIMIT,
        rows=[_row_context(census, suggest, row, errors.get(row.id)) for row in rule_set.rows],
        new_row=_row_context(census, suggest, Row.blank(NEW_ROW_ID), None),
        audience=found,
        hints=hints_for(access.application, rule_set, found),
    )


def _row_context(
    census: Census, suggest: Callable[[str], list[tuple[str, int]]], row: Row, error: RuleError | None
) -> dict[str, Any]:
    """What the fragment of one row needs."""
    is_observed = any(counted.trait.key == row.trait for counted in census.traits)
    return {
        "row": row,
        "error": error,
        "traits": census.traits,
        "built_in": BUILT_IN_PROPERTIES.values(),
        "unknown_trait": "" if is_observed or row.trait in BUILT_IN_PROPERTIES else row.trait,
        "suggestions": suggest(row.trait) if is_observed and row.value_kind is Kind.STRING else [],
    }


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
    found = audience(application, rule_set.rules, of=sample, with_kinds=sample is None)
    return access.page(
        request,
        "engage/_preview.html",
        rule_set=rule_set,
        row_errors=[(row.id, errors.get(row.id)) for row in rule_set.rows],
        audience=found,
        hints=hints_for(application, rule_set, found),
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
    suggests = row.value_kind is Kind.STRING and Trait.objects.filter(application=application, key=row.trait).exists()
    suggestions = common_strings(application, row.trait) if suggests else []
    answer = access.page(request, "engage/_rule_rest.html", row=row, suggestions=suggestions)
    # Counted again only now, so that the new operator never meets the old value.
    return trigger_client_event(answer, "rules-changed", after="settle")
