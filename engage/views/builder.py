"""The builder: a segment's rules with their live audience, before and while they are saved."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import trigger_client_event

from engage import compiled
from engage.audience import audience, matching
from engage.census import Census
from engage.differences import Difference, differences
from engage.examples import rules_having
from engage.forms import NAME_TAKEN, Row, RuleSet, SegmentForm, rearranged, row_ids
from engage.models import ChangedMeanwhile, Experience, Segment, SegmentVersion
from engage.models.segment import NAME_LENGTH
from engage.rules import BUILT_IN_PROPERTIES, RULES_LIMIT, RuleError, Rules
from engage.sizes import Changes, changes
from engage.views.hints import APPLY, applied, hints_for
from engage.views.segment import find_changeable, find_segment, version_seen
from engage.views.segments import examples_for, sample_for
from identity.forms import TraitForm
from identity.values import UNSTORABLE
from identity.views.access import Access, for_teammates

# Stands in the blank row that builder.js copies; each copy gets an id of its own.
NEW_ROW_ID = "f" * 8
# What the buttons that save ask for: to save, to save after all was said, to save as another segment.
SAVING = frozenset({"save", "confirm", "copy"})


DELETED_MEANWHILE = "Someone deleted this segment meanwhile. To keep these rules, create it anew."


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def create(request: HttpRequest, access: Access) -> HttpResponse:
    access.must_edit()
    return _build(request, access, None)


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def edit(request: HttpRequest, access: Access, segment_slug: str) -> HttpResponse:
    try:
        found = find_changeable(access, segment_slug)
    except Http404:
        if request.POST.get("do", "save") not in SAVING or request.method != "POST":
            raise
        return _deleted_meanwhile(request, access)
    return _build(request, access, found)


def _deleted_meanwhile(request: HttpRequest, access: Access) -> HttpResponse:
    """The builder of a new segment with all that was typed for one that is gone."""
    census = Census(access.application)
    rule_set = RuleSet.sent(request.POST, census.kind)
    form = SegmentForm(request.POST, application=access.application, segment=None, rule_set=rule_set)
    form.add_error(None, DELETED_MEANWHILE)
    return _builder_page(request, access, census, form, rule_set.errors, status=404)


def _build(request: HttpRequest, access: Access, segment: Segment | None) -> HttpResponse:
    """The builder: shown, saved, or, where no script does it in place, shown again with a row more or less."""
    census = Census(access.application)
    if request.method != "POST":
        name, rules = (segment.name, segment.parsed_rules) if segment else _beginning(request, access)
        rows = [Row.of(rule, census.kind) for rule in rules] or [Row.blank()]
        form = _form(access, segment, RuleSet.of(rows), name)
        return _builder_page(request, access, census, form, form.rule_set.errors_while_typing())
    rule_set = RuleSet.sent(request.POST, census.kind)
    task = request.POST.get("do", "save")
    if task in SAVING:
        return _save(request, access, census, segment, rule_set)
    if task.startswith(APPLY):
        rows = applied(rule_set.rows, task.removeprefix(APPLY), census.kind)
    else:
        rows = rearranged(rule_set.rows, task)
    form = _form(access, segment, RuleSet.of(rows), request.POST.get("name", ""))
    return _builder_page(request, access, census, form, form.rule_set.errors_while_typing())


def _form(access: Access, segment: Segment | None, rule_set: RuleSet, name: str) -> SegmentForm:
    return SegmentForm(initial={"name": name}, application=access.application, segment=segment, rule_set=rule_set)


def _beginning(request: HttpRequest, access: Access) -> tuple[str, Rules]:
    """Name and rules that a new segment begins with: those of an example, of a segment to copy, of a trait's value, or
    none. Raises Http404."""
    if "copy" in request.GET:
        copied = find_segment(access, UNSTORABLE.sub("", request.GET["copy"]))
        return Segment.objects.free_name(access.application, copied.name), copied.parsed_rules
    if "example" in request.GET:
        for example in examples_for(access.application):
            if example.slug == request.GET["example"]:
                return example.name, example.rules
        raise Http404
    if "trait" in request.GET:
        return _having(access, request.GET["trait"], request.GET.get("value", ""))
    return "", ()


def _having(access: Access, key: str, value: str) -> tuple[str, Rules]:
    """The same for a segment of those who have a trait with a value, which is given as JSON. Raises Http404."""
    try:
        rules = rules_having(key, json.loads(value), access.application.zone)
    except (ValueError, RecursionError) as error:
        raise Http404 from error
    name = str(rules[0])
    return name if len(name) <= NAME_LENGTH else "", rules


def _save(
    request: HttpRequest, access: Access, census: Census, segment: Segment | None, rule_set: RuleSet
) -> HttpResponse:
    """Save what is in the builder, as a copy if that is asked for; or say what is in the way: errors, that someone else
    saved meanwhile, or that live experiences would show to others, which is to be confirmed."""
    task, data = request.POST.get("do", "save"), request.POST.copy()
    saved_as = None if task == "copy" else segment
    if task == "copy" and segment and data.get("name", "").strip().lower() == segment.name.lower():
        data["name"] = Segment.objects.free_name(access.application, segment.name)
    form = SegmentForm(data, application=access.application, segment=saved_as, rule_set=rule_set)
    if form.is_valid():
        moved = changes(access.application, saved_as.parsed_rules, rule_set.rules) if saved_as else None
        if saved_as and moved and task != "confirm" and version_seen(request) == saved_as.version:
            experiences = saved_as.experiences.live()
            if (moved.added or moved.removed) and experiences:
                return _confirmation(request, access, form, moved, experiences)
        try:
            saved = save(access, form, since=version_seen(request))
        except ChangedMeanwhile:
            return _builder_page(request, access, census, form, rule_set.errors, status=409)
        if saved:
            messages.success(request, _saved(access, form, moved))
            return redirect("segment", access.application.slug, saved.slug)
    if saved_as is None:
        form.segment = segment  # a copy that could not be saved is still the builder of what it copies
    return _builder_page(request, access, census, form, rule_set.errors, status=422)


def _confirmation(
    request: HttpRequest, access: Access, form: SegmentForm, moved: Changes, experiences: Iterable[Experience]
) -> HttpResponse:
    """What a save would change for live experiences, with all that was typed, to be sent again."""
    fields = [(name, text) for name, texts in request.POST.lists() for text in texts]
    return access.page(
        request,
        "engage/segment_confirm.html",
        segment=form.segment,
        fields=[(name, text) for name, text in fields if name not in ("do", "csrfmiddlewaretoken")],
        changes=moved,
        experiences=experiences,
    )


def save(access: Access, form: SegmentForm, *, since: int | None = None) -> Segment | None:
    """Create or change the segment; None, with the error in the form, when someone took its name just now, or deleted
    it. Raises ChangedMeanwhile when it has a later version than `since`."""
    name, rules = form.cleaned_data["name"], form.rule_set.rules
    try:
        with transaction.atomic():
            saved = form.segment
            if saved:
                saved.change(name=name, rules=rules, changed_by=access.user, since=since)
            else:
                saved = Segment.objects.create_with_rules(
                    access.application, name=name, rules=rules, created_by=access.user
                )
            transaction.on_commit(compiled.forget)
    except IntegrityError:
        if form.segment:
            form.segment.refresh_from_db()
        form.add_error("name", NAME_TAKEN)
    except Segment.DoesNotExist:
        form.segment = None
        form.add_error(None, DELETED_MEANWHILE)
    else:
        return saved
    return None


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
    offered = [counted for counted in census.traits if counted.trait.is_offered]
    options = {"traits": offered, "built_in": BUILT_IN_PROPERTIES.values()}
    segment, version, conflict = form.segment, version_seen(request), None
    if segment and request.method == "POST":
        conflict = _conflict(segment, version)
    elif segment:
        version = segment.latest_number
    sample = sample_for(request, access.application)
    found = audience(access.application, rule_set.rules, of=sample, with_kinds=sample is None)
    return access.page(
        request,
        "engage/builder.html",
        status=status,
        form=form,
        trait_form=TraitForm(),
        segment=segment,
        version=version,
        conflict=conflict,
        rule_set=rule_set,
        limit=RULES_LIMIT,
        rows=[(row, errors.get(row.id)) for row in rule_set.rows],
        new_row=Row.blank(NEW_ROW_ID),
        known=BUILT_IN_PROPERTIES.keys() | {counted.trait.key for counted in census.traits},
        trait_options=render_to_string("engage/_trait_options.html", options),  # once for all rows
        audience=found,
        hints=hints_for(access.application, rule_set, found),
    )


@dataclass(frozen=True, slots=True)
class Conflict:
    """What someone else saved after the builder was opened."""

    latest: SegmentVersion
    # What that changed; of a version that is not kept any more, nobody knows.
    differences: list[Difference]
    name_before: str


def _conflict(segment: Segment, seen: int) -> Conflict | None:
    latest = segment.versions.select_related("made_by").first()
    if latest is None or latest.number == seen:
        return None
    opened = segment.versions.filter(number=seen).first() or latest
    return Conflict(latest, differences(opened.parsed_rules, latest.parsed_rules), opened.name)


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
    answer = access.page(request, "engage/_rule_rest.html", row=row)
    # Counted again only now, so that the new operator never meets the old value.
    return trigger_client_event(answer, "rules-changed", after="settle")
