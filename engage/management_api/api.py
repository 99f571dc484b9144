"""The whole API: its groups of calls, its errors, its paths, and the OpenAPI document of them."""

import functools
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path, re_path, register_converter
from django.urls.resolvers import URLPattern
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import ValidationError as InvalidRequest

from engage.management_api import members, segments, traits, users
from engage.management_api.calls import Invalid, ReadAlready, SecretKey
from engage.rules import InvalidRules
from identity.endpoints import refusal, unavailable
from identity.payloads import Refused

PREFIX = "/api/v1"


class Rest:
    """All that follows in a path: ids and keys may have slashes in them, and line breaks."""

    regex = r"[\s\S]+"

    def to_python(self, text: str) -> str:
        return text

    def to_url(self, text: str) -> str:
        return text


register_converter(Rest, "rest")

api = NinjaAPI(
    title="Callout management API",
    version="1",
    description=(
        "Segments, traits and users of one application, which the secret key names. Paths have no slash at their end. "
        "Bodies are JSON of up to 64 KiB (4 MiB to import segments). Errors are JSON with `code` and `message`."
    ),
    auth=SecretKey(),
    parser=ReadAlready(),
    docs_url=None,
    openapi_url=None,
)
api.add_router("/segments", segments.group)
api.add_router("/segments", members.group)
api.add_router("/traits", traits.group)
api.add_router("/users", users.group)


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return refusal(error)


@api.exception_handler(Invalid)
def invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    return JsonResponse({"code": error.code, "message": error.message, "errors": error.errors}, status=422)


@api.exception_handler(InvalidRules)
def invalid_rules(request: HttpRequest, error: InvalidRules) -> HttpResponse:
    problems = [{"index": one.index, "field": one.field, "message": one.message} for one in error.errors]
    return invalid(request, Invalid("invalid_rules", "These rules can't be used.", problems))


@api.exception_handler(InvalidRequest)
def invalid_request(request: HttpRequest, error: InvalidRequest) -> HttpResponse:
    # A place is ("query", "limit"), or ("body", "body", "name").
    problems = [{"field": str(one["loc"][-1]), "message": one["msg"] + "."} for one in error.errors]
    return invalid(request, Invalid("invalid_request", "The call can't be done.", problems))


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def database_away(request: HttpRequest, error: Exception) -> HttpResponse:
    return refusal(unavailable())


@csrf_exempt
def not_found(request: HttpRequest) -> HttpResponse:
    """Every other path, and a slash at the end."""
    return refusal(Refused(404, "not_found", "There is no such call."))


@csrf_exempt
def openapi(request: HttpRequest) -> HttpResponse:
    """The document, which needs no key."""
    if request.method != "GET":
        return _not_allowed("GET")
    return JsonResponse(document())


@functools.cache
def document() -> dict[str, Any]:
    """The OpenAPI document of the API."""
    made: dict[str, Any] = api.get_openapi_schema(path_prefix=PREFIX)
    for operation in (operation for calls in made["paths"].values() for operation in calls.values()):
        for parameter in operation["parameters"]:
            parameter.pop("examples", None)  # a list of them stands in the schema; here it would be something else
        operation["responses"] = {str(status): answer for status, answer in operation["responses"].items()}
        for status in {"429", "503"} & operation["responses"].keys():
            operation["responses"][status]["headers"] = {
                "Retry-After": {"schema": {"type": "string"}, "description": "Seconds to wait."}
            }
    return made


def _not_allowed(*methods: str) -> HttpResponse:
    allowed = ", ".join(sorted(methods))
    response = refusal(Refused(405, "method_not_allowed", f"This call takes {allowed}."))
    response["Allow"] = allowed
    return response


def _with_json_errors(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    @csrf_exempt
    @functools.wraps(view)
    def answer(request: HttpRequest, **named: Any) -> HttpResponseBase:
        response = view(request, **named)
        return _not_allowed(*response["Allow"].split(", ")) if response.status_code == 405 else response

    return answer


def _paths() -> list[URLPattern]:
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern) and pattern.name != "api-root"]
    for pattern in patterns:
        pattern.callback = _with_json_errors(pattern.callback)
    return [path("openapi.json", openapi), *patterns, re_path(r"^[\s\S]*$", not_found)]


urlpatterns = _paths()
