"""The ingestion API: a customer's app says who its users are."""

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from identity import ingest
from identity.endpoints import answers, authenticate, read_body, refusal
from identity.payloads import BATCH_LIMIT, BODY_LIMIT, Refused, parse_batch, parse_identify, read_json


@answers("POST")
def identify(request: HttpRequest) -> HttpResponse:
    caller = authenticate(request)
    now = timezone.now()
    call = parse_identify(read_json(read_body(request, BODY_LIMIT)), now=now)
    warnings = ingest.identify(caller.application_id, call, now=now)
    return JsonResponse({"success": True, "applied": True, "warnings": [warning.as_json() for warning in warnings]})


@answers("POST")
def batch(request: HttpRequest) -> HttpResponse:
    caller = authenticate(request)
    now = timezone.now()
    sent = parse_batch(read_json(read_body(request, BATCH_LIMIT)), now=now)
    ingest.identify_many(caller.application_id, [call for _, call in sent.calls], now=now)
    rejected = [{"index": index, "code": refused.code, "message": refused.message} for index, refused in sent.refused]
    return JsonResponse({"success": True, "applied": len(sent.calls), "ignored": sent.ignored, "rejected": rejected})


@answers("GET")
def health(request: HttpRequest) -> HttpResponse:
    """200 when the database answers, else 503."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"status": "ok"})


@csrf_exempt
def not_found(request: HttpRequest) -> HttpResponse:
    """Every other path under /v1/: no page and no redirect, since clients count a 3xx as delivered."""
    return refusal(Refused(404, "not_found", "There is no such call."))
