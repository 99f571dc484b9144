"""Where people land: their first application, or a word on how to get one."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from identity.models import Application, User
from identity.views.access import Access, for_teammates


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    mine = Application.objects.filter(teammates__user=cast(User, request.user)).first()
    return redirect("segments", mine.slug) if mine else render(request, "engage/no_application.html")


@require_safe
@for_teammates
def application_home(request: HttpRequest, access: Access) -> HttpResponse:
    return redirect("segments", access.application.slug)
