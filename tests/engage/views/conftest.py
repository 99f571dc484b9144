import re
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import timezone

from engage import sampling
from engage.models import Segment
from engage.rules import parse
from identity import ingest
from identity.models import Application, Role, Teammate
from identity.payloads import Identify
from tests import factories


@dataclass(frozen=True)
class SignedIn:
    """A teammate's browser, and the application it is in."""

    client: Client
    teammate: Teammate

    @property
    def application(self) -> Application:
        return self.teammate.application

    def path(self, rest: str = "") -> str:
        return f"/{self.application.slug}/engage/segments/{rest}"


def sign_in(role: Role) -> SignedIn:
    teammate = factories.teammate(factories.new_application().application, role)
    client = Client()
    client.force_login(teammate.user)
    return SignedIn(client, teammate)


@pytest.fixture
def editor(db: None) -> SignedIn:
    return sign_in(Role.EDITOR)


@pytest.fixture
def viewer(db: None) -> SignedIn:
    return sign_in(Role.VIEWER)


@pytest.fixture
def large(editor: SignedIn, monkeypatch: pytest.MonkeyPatch) -> SignedIn:
    """An application of 300 users that counts as large, of which a half is pro; samples have 100 of them."""
    calls = [Identify(f"u{n}", {}, {"plan": "pro" if n % 2 else "free"}, timezone.now()) for n in range(300)]
    ingest.identify_many(editor.application.pk, calls, now=timezone.now())
    monkeypatch.setattr(sampling, "LARGE", 1)
    monkeypatch.setattr(sampling, "_PROBE", 0.5)
    monkeypatch.setattr(sampling, "SAMPLE_USERS", 100)
    segment(editor.application)
    return editor


def segment(application: Application, name: str = "Pro users", **rule: object) -> Segment:
    rule = rule or {"trait": "plan", "operator": "equals", "value": "pro"}
    return Segment.objects.create_with_rules(application, name=name, rules=parse([rule]))


def form(*rows: dict[str, str], **fields: str) -> dict[str, object]:
    """A posted builder: rows of trait, operator, value and kind, all chosen before."""
    data: dict[str, object] = {"rule": [f"{number:08x}" for number in range(len(rows))], **fields}
    for number, row in enumerate(rows):
        sent = {"trait-before": row.get("trait", ""), "kind": "string", **row}
        data |= {f"{name}-{number:08x}": text for name, text in sent.items()}
    return data


class Fields(HTMLParser):
    """What a browser would post of a page's forms: the fields as they stand, with line breaks as forms send them."""

    def __init__(self) -> None:
        super().__init__()
        self.data: dict[str, str] = {}
        self.select = self.textarea = ""
        self.inside = self.copied = False

    @classmethod
    def of(cls, page: str) -> dict[str, str]:
        fields = cls()
        fields.feed(page)
        return fields.data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("form", "template"):
            self.inside = self.inside or tag == "form"
            self.copied = tag == "template"
        elif not self.inside or self.copied:
            return
        elif tag == "input" and "name" in given:
            self._put(given["name"], given.get("value", ""))
        elif tag == "select":
            self.select = given["name"]
        elif tag == "option" and "selected" in given:
            self._put(self.select, given.get("value", ""))
        elif tag == "textarea":
            self.textarea = given["name"]
            self.data[self.textarea] = ""

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self._put(self.textarea, self.data[self.textarea] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self.textarea:
            # The first line break of a text area is not part of it.
            self.data[self.textarea] = self.data[self.textarea].removeprefix("\r\n")
            self.textarea = ""
        elif tag == "template":
            self.copied = False
        elif tag == "form":
            self.inside = False

    def _put(self, name: str, value: str) -> None:
        self.data[name] = "\r\n".join(re.split("\r\n|\n|\r", value))
