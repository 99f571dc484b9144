"""What every call under /v1/ has in common: its method, its key, a body of bounded size, and errors as JSON. The
session cookie is not read here, and nothing that a client sends becomes a 5xx."""

import functools
from collections.abc import Callable
from typing import BinaryIO, cast

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from identity import caches, tally
from identity.payloads import Refused

View = Callable[[HttpRequest], HttpResponse]

RETRY_AFTER_SECONDS = 5


def answers(method: str) -> Callable[[View], View]:
    """A view of the ingestion API that takes one method: what it raises as Refused becomes the JSON answer, and a
    database that is away becomes a 503 that asks to try again."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            try:
                if request.method != method and not (method == "GET" and request.method == "HEAD"):
                    raise Refused(405, "method_not_allowed", f"This call takes {method}.")
                return view(request)
            except Refused as refused:
                response = refusal(refused)
                if refused.status == 405:
                    response["Allow"] = method
                if refused.status == 401:
                    response["WWW-Authenticate"] = 'Bearer realm="Callout"'
                return response
            except SuspiciousOperation:  # Django's own limits, such as a thousand parameters in the address
                return refusal(Refused(400, "invalid_request", "This call can't be read."))
            except (OperationalError, InterfaceError):
                response = refusal(Refused(503, "unavailable", "The database does not answer. Try again in a moment."))
                response["Retry-After"] = str(RETRY_AFTER_SECONDS)
                return response

        return answer

    return decorate


def refusal(refused: Refused) -> JsonResponse:
    return JsonResponse(refused.as_json(), status=refused.status)


def authenticate(request: HttpRequest) -> caches.Caller:
    """Who calls, by `Authorization: Bearer KEY`, or by `?key=` for public keys, which are in every page anyway. Raises
    Refused."""
    header = request.headers.get("Authorization", "")
    scheme, _, key = header.partition(" ")
    if header and scheme.lower() != "bearer":
        raise Refused(401, "invalid_key", "Send the key as Authorization: Bearer KEY.")
    caller = caches.caller((key if header else request.GET.get("key", "")).strip())
    if caller is None:
        raise Refused(401, "invalid_key", "The key is missing, unknown or revoked.")
    if caller.is_secret and not header:  # an address ends up in logs
        raise Refused(401, "invalid_key", "A secret key is taken only from the Authorization header.")
    tally.note_key(caller.key_id, timezone.now())
    return caller


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The body, never more than `limit` bytes of it. Raises Refused."""
    if (request.content_type or "").startswith("multipart/"):
        raise Refused(415, "unsupported_media_type", "Send the body as JSON.")
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise Refused(415, "unsupported_encoding", "This Content-Encoding is not supported.")
    length = request.headers.get("Content-Length", "")
    # To Python a text of thousands of digits is no int.
    if length.isdecimal() and (len(length) > 20 or int(length) > limit):
        raise _too_large(limit)
    try:
        if length.isdecimal():
            return request.read(int(length))
        # A chunked body: Django would take it for empty, but the server marks where it ends.
        stream = cast(BinaryIO, request.META["wsgi.input"])
        body = stream.read(limit + 1) if request.META.get("wsgi.input_terminated") else b""
    except (OSError, ParseException) as error:  # whoever sent it is gone, or can't count its chunks
        raise Refused(400, "invalid_body", "The body did not arrive whole.") from error
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> Refused:
    return Refused(413, "too_large", f"The body has at most {limit // 1024:,} KiB.")
