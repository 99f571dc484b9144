"""Segments as files: some or all to download, and a file to bring in after one has seen what it would do."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.db import IntegrityError
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from engage import exchange
from engage.differences import Difference, differences
from engage.exchange import DocumentError, Entry, InvalidDocument, Plan
from engage.models import ChangedMeanwhile, Segment
from identity.payloads import Refused, read_json
from identity.values import UNSTORABLE
from identity.views.access import Access, for_teammates

# As many of a file's errors as anybody reads at once.
ERRORS_SHOWN = 20
# A document comes twice, the second time as a field of a form, which Django takes up to 2.5 MB.
IMPORT_BYTES = 2_000_000
# The field in which it comes the second time.
CONFIRMED = "document"


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def export_segments(request: HttpRequest, access: Access) -> HttpResponse:
    """A page to choose segments on, and the file of those that were chosen. It is posted only because the slugs of many
    segments do not fit into an address."""
    found = Segment.objects.filter(application=access.application, is_everyone=False)
    if request.method == "POST":
        slugs = [UNSTORABLE.sub("", slug) for slug in request.POST.getlist("segment")]
        chosen = found if request.POST.get("which") == "all" else found.filter(slug__in=slugs)
        if chosen.exists():
            return _file(access, exchange.dump(chosen.order_by("slug")))
    return access.page(
        request,
        "engage/export.html",
        status=422 if request.method == "POST" else 200,
        segments=found,
        nothing_chosen=request.method == "POST",
    )


def _file(access: Access, document: dict[str, object]) -> HttpResponse:
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    name = f"{access.application.slug}-segments-{timezone.localdate():%Y-%m-%d}.json"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@dataclass(frozen=True, slots=True)
class Replacement:
    """A segment that an import would change."""

    segment: Segment
    entry: Entry
    differences: list[Difference]

    @property
    def is_live(self) -> bool:
        return any(experience.is_live for experience in self.segment.experiences.all())


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def import_segments(request: HttpRequest, access: Access) -> HttpResponse:
    """Takes a file, says what importing it would do, and when the document is sent once more does it."""
    access.must_edit()
    errors: Sequence[DocumentError] = ()
    if request.method == "POST":
        try:
            document = _document(request)
            entries = exchange.parse(document)
            if CONFIRMED not in request.POST:
                return _plan_page(request, access, document, exchange.plan_import(access.application, entries))
            imported = exchange.import_segments(
                access.application, entries, imported_by=access.user, seen=_seen(request)
            )
        except ChangedMeanwhile:
            plan = exchange.plan_import(access.application, entries)
            return _plan_page(request, access, document, plan, changed_meanwhile=True)
        except InvalidDocument as error:
            errors = error.errors
        except IntegrityError:
            errors = [DocumentError(None, None, "document", "Someone else changes segments at this moment. Try again.")]
        else:
            messages.success(request, _imported(imported))
            return redirect("segments", access.application.slug)
    return access.page(
        request,
        "engage/import.html",
        status=422 if errors else 200,
        errors=errors[:ERRORS_SHOWN],
        more_errors=max(0, len(errors) - ERRORS_SHOWN),
    )


def _document(request: HttpRequest) -> object:
    """The document of the file, or of the plan that is confirmed. Raises InvalidDocument."""
    sent = request.POST.get(CONFIRMED, "").encode()
    if CONFIRMED not in request.POST:
        file = request.FILES.get("file")
        if file is None:
            raise InvalidDocument([DocumentError(None, None, "file", "Choose a file.")])
        if (file.size or 0) > IMPORT_BYTES:
            raise InvalidDocument([DocumentError(None, None, "file", "The file is larger than 2 MB.")])
        sent = file.read()
    try:
        return read_json(sent)
    except Refused as error:
        raise InvalidDocument([DocumentError(None, None, "file", "The file is not valid JSON.")]) from error


def _seen(request: HttpRequest) -> dict[str, int]:
    """The versions that the plan was made of which is confirmed."""
    try:
        seen = read_json(request.POST.get("seen", "").encode())
    except Refused:
        return {}
    return seen if isinstance(seen, dict) else {}


def _plan_page(
    request: HttpRequest, access: Access, document: object, plan: Plan, *, changed_meanwhile: bool = False
) -> HttpResponse:
    prefetch_related_objects([segment for segment, _ in plan.changed], "experiences")
    replaced = [
        Replacement(segment, entry, differences(segment.parsed_rules, entry.rules)) for segment, entry in plan.changed
    ]
    return access.page(
        request,
        "engage/import_plan.html",
        status=409 if changed_meanwhile else 200,
        changed_meanwhile=changed_meanwhile,
        confirmed=CONFIRMED,
        document=json.dumps(document, ensure_ascii=False, separators=(",", ":")),
        seen=json.dumps(plan.seen),
        created=[entry for _, entry in plan.created],
        replaced=replaced,
        written=len(plan.created) + len(replaced),
        unchanged=[segment for segment, _ in plan.unchanged],
    )


def _imported(imported: exchange.Imported) -> str:
    """What an import did, in words."""
    created, changed, unchanged = map(len, (imported.created, imported.changed, imported.unchanged))
    return f"Imported: {created:,} created, {changed:,} replaced, {unchanged:,} unchanged."
