"""What every call under /v1/ has in common: its method, its key, a body of bounded size, errors as JSON, and browsers
on the sites of others. The session cookie is not read here, and nothing that a client sends becomes a 5xx."""

import base64
import binascii
import functools
from collections.abc import Callable
from typing import BinaryIO, cast

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from identity import caches, rate_limits, tally
from identity.client_address import client_address
from identity.models.application import SECRET_KEY_PREFIX
from identity.payloads import Refused, read_json, too_large, unpack

View = Callable[[HttpRequest], HttpResponse]

RETRY_AFTER_SECONDS = 5
# Browsers ask again after two hours at the latest, whatever is said here.
PREFLIGHT_SECONDS = 7200
ORIGIN_NOT_ALLOWED = "origin_not_allowed"


def answers(method: str) -> Callable[[View], View]:
    """A view of the ingestion API that takes one method: what it raises as Refused becomes the JSON answer, and a
    database that is away becomes a 503 that asks to try again."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @functools.wraps(view)
        def answer(request: HttpRequest) -> HttpResponse:
            if request.method == "OPTIONS":
                return _preflight(method)
            try:
                if request.method != method and not (method == "GET" and request.method == "HEAD"):
                    raise Refused(405, "method_not_allowed", f"This call takes {method}.")
                response = view(request)
            except Refused as refused:
                response = refusal(refused)
                if refused.status == 405:
                    response["Allow"] = f"{method}, OPTIONS"
                if refused.code == ORIGIN_NOT_ALLOWED:  # the browser keeps the answer from the page, too
                    return response
            except SuspiciousOperation:  # Django's own limits, such as a thousand parameters in the address
                response = refusal(Refused(400, "invalid_request", "This call can't be read."))
            except (OperationalError, InterfaceError):
                response = refusal(unavailable())
            return readable_by_browsers(request, response)

        return answer

    return decorate


def unavailable() -> Refused:
    """The answer while the database is away."""
    message = "The database does not answer. Try again in a moment."
    return Refused(503, "unavailable", message, retry_after=RETRY_AFTER_SECONDS)


def refusal(refused: Refused) -> JsonResponse:
    response = JsonResponse(refused.as_json(), status=refused.status)
    if refused.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Callout"'
    if refused.retry_after is not None:
        response["Retry-After"] = str(refused.retry_after)
    return response


def _preflight(method: str) -> HttpResponse:
    """What browsers ask before they send JSON to another site. It carries no key, so it can't tell the application."""
    return HttpResponse(
        status=204,
        headers={
            "Allow": f"{method}, OPTIONS",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": method,
            "Access-Control-Allow-Headers": "authorization, content-type, x-retry-count",
            "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
        },
    )


def readable_by_browsers(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response, for the page that asked to read, whichever site it is on; never with its cookies."""
    patch_vary_headers(response, ["Origin"])
    if "Origin" in request.headers:
        response["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response["Access-Control-Expose-Headers"] = "Retry-After"
    return response


def read_call(request: HttpRequest, limit: int) -> tuple[caches.Caller, object]:
    """Who calls, and the JSON document that was sent, of at most `limit` bytes. The key comes as `Authorization: Bearer
    KEY`, as the user name of Basic, as `?key=`, or as `writeKey` in the document. Raises Refused."""
    header = request.headers.get("Authorization", "")
    key = _key_in(header) if header else request.GET.get("key") or None
    if not header or not _is_secret(key):
        rate_limits.by_address.spend(client_address(request))
    if key is not None:
        caller = _authenticate(request, key)
        return caller, read_json(read_body(request, limit))
    document = read_json(read_body(request, limit))
    return _authenticate(request, document.get("writeKey") if isinstance(document, dict) else None), document


def secret_key_caller(request: HttpRequest) -> caches.Caller:
    """Who calls with a secret key, which comes as `Authorization: Bearer KEY` and in no other way. Raises Refused."""
    scheme, _, credentials = request.headers.get("Authorization", "").strip().partition(" ")
    key = credentials.strip() if scheme.lower() == "bearer" else ""
    caller = caches.caller(key) if _is_secret(key) else None
    if caller is None or not caller.is_secret:
        rate_limits.by_address.spend(client_address(request))
        raise Refused(401, "invalid_key", "Call with a live secret key, as Authorization: Bearer KEY.")
    rate_limits.by_secret_key.spend(caller.key_id)
    tally.note_key(caller.key_id, timezone.now())
    return caller


def _key_in(header: str) -> str:
    """The key in an Authorization header; empty when there is none."""
    scheme, _, credentials = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":  # Segment's way: the key is the user name, and there is no password
        try:
            return base64.b64decode(credentials, validate=True).decode().partition(":")[0].strip()
        except (binascii.Error, ValueError):
            return ""
    return ""


def _is_secret(key: object) -> bool:
    return isinstance(key, str) and key.startswith(SECRET_KEY_PREFIX)


def _authenticate(request: HttpRequest, key: object) -> caches.Caller:
    if _is_secret(key) and not request.headers.get("Authorization"):  # an address ends up in logs, a body in pages
        raise Refused(401, "invalid_key", "A secret key is taken only from the Authorization header.")
    caller = caches.caller(key) if isinstance(key, str) else None
    if caller is None:
        if _is_secret(key):  # known by now to be nobody's, so it has no limit of its own
            rate_limits.by_address.spend(client_address(request))
        raise Refused(401, "invalid_key", "The key is missing, unknown or revoked.")
    if caller.is_secret:
        rate_limits.by_secret_key.spend(caller.key_id)
    elif caller.origins and request.headers.get("Origin", "") not in (caller.origins | {""}):
        raise Refused(403, ORIGIN_NOT_ALLOWED, "The application does not list this origin.")
    tally.note_key(caller.key_id, timezone.now())
    return caller


def read_body(request: HttpRequest, limit: int) -> bytes:
    """The body, unpacked, never more than `limit` bytes of it. Raises Refused."""
    if (request.content_type or "").startswith("multipart/"):
        raise Refused(415, "unsupported_media_type", "Send the body as JSON.")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip"):
        raise Refused(415, "unsupported_encoding", "This Content-Encoding is not supported.")
    length = request.headers.get("Content-Length", "")
    # To Python a text of thousands of digits is no int.
    if length.isdecimal() and (len(length) > 20 or int(length) > limit):
        raise too_large(limit)
    try:
        if length.isdecimal():
            body = request.read(int(length))
        else:  # a chunked body: Django would take it for empty, but the server marks where it ends
            stream = cast(BinaryIO, request.META["wsgi.input"])
            body = stream.read(limit + 1) if request.META.get("wsgi.input_terminated") else b""
    except (OSError, ParseException) as error:  # whoever sent it is gone, or can't count its chunks
        raise Refused(400, "invalid_body", "The body did not arrive whole.") from error
    if len(body) > limit:
        raise too_large(limit)
    return unpack(body, limit) if encoding == "gzip" else body
