"""What happens to segments between the look at them and the write: others change and delete them. Each test lets it
happen just there, and all else is real."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from engage import compiled, history
from engage.compiled import compiled_segments
from engage.management_api import segments as calls
from engage.models import RecordedSize, Segment
from engage.rules import parse
from engage.views import builder
from tests import factories
from tests.engage.api.calls import NOT_PRO, PRO, Api
from tests.engage.views.conftest import form


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Lets something happen before, or after, a function of a module is called for the first time."""

    def meanwhile(module: Any, name: str, happens: Callable[[], object], *, after: bool = False) -> None:
        real = getattr(module, name)
        waiting = [happens]

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if waiting and not after:
                waiting.pop()()
            found = real(*args, **kwargs)
            if waiting:
                waiting.pop()()
            return found

        monkeypatch.setattr(module, name, wrapped)

    return meanwhile


def delete(segment: Segment) -> Callable[[], object]:
    return lambda: Segment.objects.filter(pk=segment.pk).delete()


def test_a_segment_that_is_gone_can_not_be_replaced(api: Api, meanwhile: Callable[..., None]) -> None:
    segment = api.segment()
    meanwhile(calls, "_checked", delete(segment))
    assert api.put(f"/segments/{segment.slug}", {"name": "Pro", "rules": NOT_PRO}).status == 404


def test_a_segment_that_is_gone_is_said_so_in_the_builder(
    api: Api, client: Client, meanwhile: Callable[..., None]
) -> None:
    segment = api.segment()
    client.force_login(factories.teammate(api.application).user)
    meanwhile(builder, "changes", delete(segment))
    typed = form({"trait": "plan", "operator": "equals", "value": "free"}, name="Pro", version="1")
    answer = client.post(f"/{api.application.slug}/engage/segments/{segment.slug}/edit/", typed)
    assert answer.status_code == 422
    assert "Someone deleted this segment meanwhile." in answer.content.decode()
    assert 'value="free"' in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_sizes_are_recorded_though_a_segment_is_deleted(meanwhile: Callable[..., None]) -> None:
    application = factories.new_application().application
    gone, _ = (Segment.objects.create_with_rules(application, name=name, rules=parse(PRO)) for name in "AB")
    meanwhile(history, "sizes", delete(gone), after=True)
    history.record_sizes(application, now=timezone.now())
    recorded = RecordedSize.objects.order_by("segment_id").values_list("segment__slug", flat=True)
    assert list(recorded) == ["everyone", "b"]


def test_a_segment_that_changes_twice_never_vanishes(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = api.segment("A")
    free, team = (parse([{"trait": "plan", "operator": "equals", "value": plan}]) for plan in ("free", "team"))
    assert len(compiled_segments(api.application.pk)) == 2
    monkeypatch.setattr(compiled, "SECONDS", 0)
    segment.change(name="A", rules=free)
    waiting = [team]

    def change_again(execute: Any, *query: Any) -> Any:
        found = execute(*query)
        if waiting and "changed_at" in query[0]:  # the first query, which lists what there is
            segment.change(name="A", rules=waiting.pop())
        return found

    with connection.execute_wrapper(change_again):
        found = compiled_segments(api.application.pk)
    assert [one.slug for one in found] == ["everyone", "a"]
    assert not waiting


def test_the_builder_is_obeyed_at_once_by_its_own_worker(
    api: Api, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    segment = api.segment()
    factories.person(api.application, {"plan": "free"}, id="ann")
    assert api.get("/users/ann").json["segments"] == ["everyone"]
    client.force_login(factories.teammate(api.application).user)
    typed = form({"trait": "plan", "operator": "equals", "value": "free"}, name="Free", version="1")
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"/{api.application.slug}/engage/segments/{segment.slug}/edit/", typed)
    assert api.get("/users/ann").json["segments"] == ["everyone", segment.slug]
