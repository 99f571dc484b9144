"""What every call has in common: a secret key, a JSON body of bounded size, and errors that are documented JSON."""

from collections.abc import Sequence
from typing import Any, cast

from django.http import HttpRequest
from ninja import Router
from ninja.parser import Parser

from engage.management_api.schemas import Error, Problems
from engage.models import Segment
from identity.endpoints import read_body, secret_key_caller
from identity.models import Application
from identity.payloads import BATCH_LIMIT, BODY_LIMIT, Refused, read_json

IMPORT_LIMIT = BATCH_LIMIT


class Call(HttpRequest):
    """A request as the calls get it: by whom, and with which body."""

    auth: Application
    document: dict[str, Any]


class Invalid(Exception):
    """A call that is understood and can't be done as it is: 422, with each thing that is wrong."""

    def __init__(self, code: str, message: str, errors: Sequence[dict[str, Any]]) -> None:
        super().__init__(message)
        self.code, self.message, self.errors = code, message, errors


class SecretKey:
    """Finds the application of the secret key; and reads the body, before anything else looks at it."""

    openapi_security_schema = {
        "type": "http",
        "scheme": "bearer",
        "description": "A secret key of the application, `co_sec_…`, from Settings > Keys. Public keys are refused.",
    }

    def __init__(self, limit: int = BODY_LIMIT) -> None:
        self.limit = limit

    def __call__(self, request: HttpRequest) -> Application:
        caller = secret_key_caller(request)
        application = Application.objects.filter(pk=caller.application_id).first()
        if application is None:  # deleted in the seconds for which its keys are remembered
            raise Refused(401, "invalid_key", "The key is unknown or revoked.")
        if request.method in ("POST", "PUT", "PATCH"):
            body = read_body(request, self.limit)
            document = read_json(body)
            if not isinstance(document, dict):
                raise Refused(400, "invalid_body", "The body must be a JSON object.")
            cast(Call, request).document = document
            request._body = body  # Django would look for it anew, in what is read already
        return application


class ReadAlready(Parser):
    """Hands over the body that was read with the key."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        return cast(Call, request).document


class Group(Router):
    """The calls about one thing."""

    def __init__(self, tag: str) -> None:
        super().__init__(tags=[tag])


def errors(*statuses: int) -> dict[int, Any]:
    """The errors that a call answers, by status: those of all calls, and these."""
    return {status: Problems if status == 422 else Error for status in sorted({401, 405, 429, 503, *statuses})}


# Of calls with a body.
BODY = (400, 413, 415, 422)


def find_segment(request: Call, slug: str) -> Segment:
    """A segment of the caller's application. Raises Refused."""
    found = Segment.objects.select_related("changed_by").filter(application=request.auth, slug=slug).first()
    if found is None:
        raise Refused(404, "not_found", "There is no such segment.")
    return found
