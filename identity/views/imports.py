"""Settings > Import: files of users, brought in by the worker while one watches."""

from datetime import timedelta

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe
from procrastinate.contrib.django.models import ProcrastinateWorker

from identity.forms import UploadForm
from identity.models import UserImport
from identity.models.user_import import State
from identity.tasks import start_import
from identity.uploads import REFUSED_ROWS_KEPT, UPLOAD_BYTES, refused_rows
from identity.views.access import Access, for_teammates

SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
@for_teammates
def imports(request: HttpRequest, access: Access) -> HttpResponse:
    form = UploadForm(unfinished=0)
    if request.method == "POST":
        access.must_edit()
        form = UploadForm(request.POST, request.FILES, unfinished=access.application.imports.unfinished().count())
        if form.is_valid():
            started = start_import(access.application, form.cleaned_data["file"], created_by=access.user)
            return redirect("settings_import", access.application.slug, started.pk)
    recent = access.application.imports.with_job_status().select_related("created_by").defer("warnings", "columns")
    return access.page(
        request,
        "identity/settings/imports.html",
        form=form,
        upload_bytes=UPLOAD_BYTES,
        imports=recent[:SHOWN],
        status=422 if form.errors else 200,
    )


def _import(access: Access, import_id: int) -> UserImport:
    return get_object_or_404(access.application.imports.select_related("created_by"), pk=import_id)


@require_safe
@for_teammates
def user_import(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    return _page(request, access, import_id, "identity/settings/import.html")


@require_safe
@for_teammates
def progress(request: HttpRequest, access: Access, import_id: int) -> HttpResponse:
    """How far it has come, asked for each second until it is done."""
    return _page(request, access, import_id, "identity/settings/_import.html")


def _page(request: HttpRequest, access: Access, import_id: int, template: str) -> HttpResponse:
    found = _import(access, import_id)
    state = found.state
    return access.page(
        request,
        template,
        user_import=found,
        state=state,
        is_ended=state in (State.DONE, State.FAILED),
        is_nobody_working=state is State.WAITING and not _is_somebody_working(),
        has_refused_rows=found.parts.of_refused_rows().exists(),
        days_kept=REFUSED_ROWS_KEPT.days,
    )


def _is_somebody_working() -> bool:
    """Whether a worker gave a sign of life lately; it does so every ten seconds."""
    return ProcrastinateWorker.objects.filter(last_heartbeat__gt=timezone.now() - timedelta(seconds=30)).exists()


@require_safe
@for_teammates
def refused(request: HttpRequest, access: Access, import_id: int) -> HttpResponseBase:
    """The rows that were refused, in the format of their file, to mend and import again."""
    found = _import(access, import_id)
    if not found.parts.of_refused_rows().exists():
        raise Http404
    stem, dot, suffix = found.file_name.rpartition(".")
    name = f"{stem}.refused.{suffix}" if dot else f"{found.file_name}.refused"
    response = StreamingHttpResponse(refused_rows(found), content_type="application/octet-stream")
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response
