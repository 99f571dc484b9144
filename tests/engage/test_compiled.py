"""Compiled segments: as fresh as a second, compiled once for each change, and of one application."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from engage import compiled
from engage.compiled import CompiledSegment, compiled_segments
from engage.models import Segment
from engage.operators import Moment
from engage.rules import parse
from identity.models import Application
from tests import factories

pytestmark = pytest.mark.django_db

NOON = Moment.at(datetime(2025, 8, 15, 12, 0, tzinfo=UTC), ZoneInfo("UTC"))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The worker's clock, in seconds, which stands until it is set."""
    compiled.forget()
    now = [0.0]
    monkeypatch.setattr("engage.compiled.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def application() -> Application:
    return factories.new_application().application


def rules(plan: str) -> Any:
    return parse([{"trait": "plan", "operator": "equals", "value": plan}])


def create(application: Application, name: str, plan: str = "pro") -> Segment:
    return Segment.objects.create_with_rules(application, name=name, rules=rules(plan))


def change(segment: Segment, plan: str) -> None:
    segment.change(name=segment.name, rules=rules(plan), changed_by=factories.teammate(segment.application).user)


def matching(application: Application, plan: str) -> list[str]:
    found = compiled_segments(application.pk)
    return [segment.slug for segment in found if segment.matches({"plan": plan}, NOON)]


def test_they_match_as_their_rules_do(application: Application) -> None:
    create(application, "Pro")
    create(application, "Free", "free")
    other = factories.new_application("Other").application
    create(other, "Theirs")
    assert matching(application, "pro") == ["everyone", "pro"]
    assert matching(application, "free") == ["everyone", "free"]
    assert matching(other, "pro") == ["everyone", "theirs"]


def test_a_change_is_seen_after_a_second(application: Application, clock: list[float]) -> None:
    pro = create(application, "Pro")
    assert matching(application, "pro") == ["everyone", "pro"]
    change(pro, "free")
    new = create(application, "New")
    clock[0] = 0.9
    assert matching(application, "pro") == ["everyone", "pro"]
    clock[0] = 1.0
    assert matching(application, "pro") == ["everyone", "new"]
    assert matching(application, "free") == ["everyone", "pro"]
    new.delete()
    clock[0] = 2.0
    assert matching(application, "pro") == ["everyone"]


def test_what_did_not_change_is_not_compiled_again(
    application: Application, clock: list[float], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    def by_slug() -> dict[str, CompiledSegment]:
        return {segment.slug: segment for segment in compiled_segments(application.pk)}

    pro = create(application, "Pro")
    create(application, "Free", "free")
    before = by_slug()
    with django_assert_num_queries(0):
        assert by_slug() == before
    change(pro, "team")
    clock[0] = 1.0
    with django_assert_num_queries(2):  # what there is, and what of it is new
        after = by_slug()
    assert after["free"] is before["free"]
    assert after["pro"] is not before["pro"]


def test_it_forgets_when_told(application: Application) -> None:
    assert matching(application, "pro") == ["everyone"]
    create(application, "Pro")
    compiled.forget()
    assert matching(application, "pro") == ["everyone", "pro"]
