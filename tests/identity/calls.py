"""Calls of the ingestion API, the way that a customer's app makes them."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client

from identity.models import Application, Person, Trait
from identity.values import Value
from tests import factories

# Stands in all that is sent and refused; no answer may repeat it.
VALUE = "never repeat this"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Any
    text: str
    json: Any


@dataclass(frozen=True)
class Api:
    """Calls the way a customer's app makes them."""

    client: Client
    application: Application
    public_key: str
    secret_key: str

    def call(self, path: str, body: object, *, method: str = "POST", **headers: str) -> Answer:
        """Send a document as JSON, or bytes as they are."""
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.public_key}"} | headers
        content_type = headers.pop("Content-Type")
        response = self.client.generic(method, path, sent, content_type, headers=headers)
        text = response.content.decode()
        found = json.loads(text) if response["Content-Type"] == "application/json" and text else None
        return Answer(response.status_code, response.headers, text, found)

    def identify(self, body: object, **headers: str) -> Answer:
        return self.call("/v1/identify", body, **headers)

    def batch(self, *messages: object, **headers: str) -> Answer:
        return self.call("/v1/batch", {"batch": messages}, **headers)

    def stored(self) -> dict[str, dict[str, Value]]:
        return dict(self.application.people.values_list("external_id", "traits"))


def make_api(client: Client) -> Api:
    made = factories.new_application()
    return Api(client, made.application, made.public_key, made.secret_key)


def nothing_is_stored() -> bool:
    return not Person.objects.exists() and not Trait.objects.exists()


def assert_refused(answer: Answer, status: int, code: str, field: str | None = None) -> None:
    """An error says what is wrong and where, repeats no value, and nothing of the call was kept."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json.keys() == {"code", "message"} | ({"field"} if field else set())
    assert (answer.json["code"], answer.json.get("field")) == (code, field)
    assert answer.json["message"].endswith(".")
    assert VALUE not in answer.text
    assert nothing_is_stored()
