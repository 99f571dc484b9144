"""The OpenAPI document: served, committed, and true of what the calls answer."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import settings as site
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from engage.management_api.api import document
from tests import factories
from tests.engage.api.calls import Api

FILE = site.BASE_DIR / "docs" / "openapi.json"
OPERATIONS = [operation for calls in document()["paths"].values() for operation in calls.values()]


def test_the_committed_document_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """After a change: uv run manage.py openapi > docs/openapi.json"""
    call_command("openapi")
    assert FILE.read_text("utf-8") == capsys.readouterr().out


def test_the_document_is_served_without_a_key() -> None:
    answer = Client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json() == json.loads(FILE.read_text("utf-8"))
    assert Client().post("/api/v1/openapi.json").status_code == 405


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation["operationId"] for operation in OPERATIONS])
def test_every_call_is_documented(operation: dict[str, object]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["security"] == [{"SecretKey": []}]
    responses = operation["responses"]
    assert isinstance(responses, dict)
    assert responses.keys() >= {"401", "405", "429", "503"}
    assert ("requestBody" in operation) == ({"400", "413", "415", "422"} <= responses.keys())
    for status, answer in responses.items():
        assert ("content" in answer) == (status != "204")


# schemathesis: what the document allows and forbids, against WSGI and PostgreSQL

schema = schemathesis.openapi.from_path(FILE)
schema.app = get_wsgi_application()


@pytest.fixture
def one_connection(db: None) -> Iterator[None]:
    """Requests leave the test's transaction open, as those of Django's own client do."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def filled(one_connection: None, api: Api) -> Api:
    api.segment()
    factories.person(api.application, {"plan": "pro", "teamSize": 12}, id="42")
    return api


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Always the same examples, in some 15 seconds of a processor.
bounded = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
KNOWN = {"slug": "pro-users", "key": "plan", "id": "42"}


def call(case: "schemathesis.Case[Any]", api: Api) -> None:
    """Raises an AssertionError for an answer that the document does not know."""
    case.call_and_validate(headers={"Authorization": f"Bearer {api.secret_key}", "Host": "localhost"}, checks=CHECKS)


@schema.parametrize()
@bounded
def test_answers_are_those_of_the_document(case: "schemathesis.Case[Any]", filled: Api) -> None:
    call(case, filled)


@schema.include(path_regex="{").parametrize()
@bounded
def test_answers_about_what_is_there_are_too(case: "schemathesis.Case[Any]", filled: Api) -> None:
    case.path_parameters = {name: KNOWN[name] for name in case.path_parameters}
    call(case, filled)
