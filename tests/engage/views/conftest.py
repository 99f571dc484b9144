from dataclasses import dataclass

import pytest
from django.test import Client

from engage.models import Segment
from engage.rules import parse
from identity.models import Application, Role, Teammate
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
