"""The ingestion API: a customer's app, its server, or a customer-data platform says who its users are."""

from datetime import datetime

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from identity import ingest, tally
from identity.caches import Caller
from identity.endpoints import answers, read_call, readable_by_browsers, refusal
from identity.models import Verification
from identity.payloads import BATCH_LIMIT, BODY_LIMIT, Identify, Refused, parse_batch, parse_message
from identity.signatures import is_signed


@answers("POST")
def identify(request: HttpRequest) -> HttpResponse:
    caller, document = read_call(request, BODY_LIMIT)
    now = timezone.now()
    call = parse_message(document, now=now)
    if call is None:
        return _ignored()
    check_signature(caller, call, now)
    warnings = ingest.identify(caller.application_id, call, now=now, public=not caller.is_secret)
    tally.note_identify(caller.application_id, now)
    return JsonResponse({"success": True, "applied": True, "warnings": [warning.as_json() for warning in warnings]})


@answers("POST")
def other(request: HttpRequest) -> HttpResponse:
    """One of Segment's events that says nothing of who a user is: accepted, so that its sender is content."""
    _, document = read_call(request, BODY_LIMIT)
    if not isinstance(document, dict):
        raise Refused(400, "invalid_body", "The body must be a JSON object.")
    return _ignored()


def _ignored() -> HttpResponse:
    return JsonResponse({"success": True, "applied": False, "warnings": []})


@answers("POST")
def batch(request: HttpRequest) -> HttpResponse:
    caller, document = read_call(request, BATCH_LIMIT)
    now = timezone.now()
    sent = parse_batch(document, now=now)
    calls, refused = [], sent.refused
    for index, call in sent.calls:
        try:
            check_signature(caller, call, now)
        except Refused as error:
            refused.append((index, error))
        else:
            calls.append((index, call))
    saved = ingest.identify_many(
        caller.application_id, [call for _, call in calls], now=now, public=not caller.is_secret
    )
    refused += [(calls[place][0], ingest.USER_ERASED) for place in saved.erased]
    if calls:
        tally.note_identify(caller.application_id, now)
    rejected = [
        {"index": index, "code": error.code, "message": error.message}
        for index, error in sorted(refused, key=lambda entry: entry[0])
    ]
    return JsonResponse(
        {"success": True, "applied": len(calls) - len(saved.erased), "ignored": sent.ignored, "rejected": rejected}
    )


def check_signature(caller: Caller, call: Identify, now: datetime) -> None:
    """Raise Refused where a call with a public key must be signed and is not, and note it where that is to be known."""
    if caller.is_secret or caller.verification == Verification.OFF:
        return
    if is_signed(call.external_id, call.signature, caller.identity_secrets):
        return
    tally.note_unsigned(caller.application_id, now)
    if caller.verification == Verification.REQUIRED:
        message = "The signature is missing, or is not that of this user."
        raise Refused(401, "invalid_signature", message, "signature")


@answers("GET")
def health(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@csrf_exempt
def not_found(request: HttpRequest) -> HttpResponse:
    """Every other path under /v1/: no page and no redirect, since clients count a 3xx as delivered."""
    return readable_by_browsers(request, refusal(Refused(404, "not_found", "There is no such call.")))
