"""The map of the site."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, URLResolver, include, path
from django.views import defaults

from identity.endpoints import refusal
from identity.payloads import Refused

# Whoever calls here is a program.
APIS = ("/v1/", "/api/v1/")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("identity.urls")),
    path("", include("engage.urls")),
]


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What Django itself refuses, such as an unknown Host; clients of the API get their JSON all the same."""
    if request.path_info.startswith(APIS):
        return refusal(Refused(400, "invalid_request", "This call can't be read."))
    if isinstance(exception, RequestDataTooBig):
        return render(request, "413.html", status=413)
    return defaults.bad_request(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    if request.path_info.startswith(APIS):
        return refusal(Refused(500, "internal_error", "Something went wrong here. Try again in a moment."))
    return defaults.server_error(request)
