"""Calls of the management API, the way that a customer's server makes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.test import Client

from engage.models import Segment
from engage.rules import parse
from identity.models import Application
from tests import factories

PRO = [{"trait": "plan", "operator": "equals", "value": "pro"}]
NOT_PRO = [{"trait": "plan", "operator": "not_equals", "value": "pro"}]
# Stands in all that is sent and refused; no answer may repeat it.
SECRET = "never repeat this"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Api:
    client: Client
    application: Application
    public_key: str
    secret_key: str

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a document as JSON, or bytes as they are; headers replace those that a call has."""
        sent = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret_key}"} | headers
        content_type = headers.pop("Content-Type")
        response: Any = self.client.generic(method, f"/api/v1{path}", sent, content_type, headers=headers)
        content = b"".join(response.streaming_content) if response.streaming else response.content
        return Answer(response.status_code, response.headers, content.decode())

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: object) -> Answer:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: object) -> Answer:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def segment(self, name: str = "Pro users", rules: object = None) -> Segment:
        return Segment.objects.create_with_rules(self.application, name=name, rules=parse(rules or PRO))


def make_api() -> Api:
    made = factories.new_application()
    return Api(Client(), made.application, made.public_key, made.secret_key)


def assert_refused(answer: Answer, status: int, code: str, field: str | None = None) -> None:
    """An error says what is wrong, and repeats nothing."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json.keys() == {"code", "message"} | ({"field"} if field else set())
    assert (answer.json["code"], answer.json.get("field")) == (code, field)
    assert answer.json["message"].endswith(".")
    assert SECRET not in answer.text


def assert_invalid(answer: Answer, code: str, *errors: Mapping[str, object]) -> None:
    """Each thing that is wrong has its place, and a reason in words."""
    assert (answer.status, answer.headers["Content-Type"]) == (422, "application/json")
    assert answer.json.keys() == {"code", "message", "errors"}
    assert answer.json["code"] == code
    found = answer.json["errors"]
    assert all(error.pop("message").endswith(".") for error in found)
    assert found == list(errors)
