"""What stands between the builder and a save: someone else's, and experiences that are live; and what a new segment
begins with."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from pytest_django import DjangoAssertNumQueries

from engage.models import Segment, Status
from engage.rules import parse
from engage.views import segments as segments_views
from identity.models import Role
from tests import factories
from tests.engage.views.conftest import Fields, SignedIn, form, segment, sign_in
from tests.engage.views.test_segments import LARGE, PLAN_IS_PRO, text

FREE = {"trait": "plan", "operator": "equals", "value": "free"}


@pytest.fixture
def edited(editor: SignedIn) -> Segment:
    """Someone else changed it after the builder was opened with version 1."""
    made = segment(editor.application)
    other = factories.teammate(editor.application).user
    made.change(name="Theirs", rules=parse([FREE]), changed_by=other)
    return made


# Two people at once


@pytest.mark.parametrize("task", ["save", "confirm"])
def test_who_saves_second_is_told_and_overwrites_nothing(editor: SignedIn, edited: Segment, task: str) -> None:
    typed = form(LARGE, name="Mine", version="1", do=task)
    response = editor.client.post(editor.path("pro-users/edit/"), typed)
    page = text(response)
    assert response.status_code == 409
    assert f"<b>{edited.changed_by}</b> saved this segment" in page
    assert 'Renamed from “<span dir="auto">Pro users</span>” to “<span dir="auto">Theirs</span>”' in page
    assert '<span class="pill accent">Changed</span>' in page
    # All that was typed is there, and is still of version 1.
    sent = Fields.of(response.content.decode())
    assert (sent["name"], sent["version"], sent["value-00000000"]) == ("Mine", "1", "10")
    edited.refresh_from_db()
    assert (edited.name, edited.version) == ("Theirs", 2)
    assert editor.client.post(editor.path("pro-users/edit/"), sent | {"do": "save"}).status_code == 409


def test_who_saved_first_need_not_be_known(editor: SignedIn) -> None:
    made = segment(editor.application)
    made.change(name="Theirs", rules=made.parsed_rules)
    page = text(editor.client.post(editor.path("pro-users/edit/"), form(LARGE, name="Mine", version="1", do="save")))
    assert "<p>This segment was saved <time" in page


@pytest.mark.parametrize(
    ("typed", "name"), [("Mine", "Mine"), ("pro users", "pro users"), ("theirs", "Copy of Theirs")]
)
def test_what_was_typed_is_saved_as_a_copy(editor: SignedIn, edited: Segment, typed: str, name: str) -> None:
    sent = form(LARGE, name=typed, version="1", do="copy")
    response = editor.client.post(editor.path("pro-users/edit/"), sent, follow=True)
    assert f"Created “{name}”: 0 users now." in text(response)
    copy = Segment.objects.get(application=editor.application, name=name)
    assert copy.rules == [{"trait": "teamSize", "operator": "greater_than", "value": 10}]
    edited.refresh_from_db()
    assert (edited.name, edited.version) == ("Theirs", 2)


def test_a_copy_that_can_not_be_saved_stays_the_builder_of_the_segment(editor: SignedIn, edited: Segment) -> None:
    response = editor.client.post(editor.path("pro-users/edit/"), form(LARGE, name="", version="1", do="copy"))
    page = text(response)
    assert response.status_code == 422
    assert "Give the segment a name." in page
    assert "Save mine as a copy" in page
    assert "Save changes</button>" in page


def test_a_builder_that_does_not_say_what_it_saw_saves_nothing(editor: SignedIn, edited: Segment) -> None:
    for version in ("", "x", "-1", "9" * 30):
        typed = form(LARGE, name="Mine", version=version)
        assert editor.client.post(editor.path("pro-users/edit/"), typed).status_code == 409
    assert edited.version == 2


# Experiences that are live


def test_what_live_experiences_show_is_confirmed_first(editor: SignedIn) -> None:
    made = segment(editor.application)
    factories.experience("Welcome tour", made)
    for number in range(12):
        factories.person(editor.application, {"plan": "pro"}, name=f"Leaving {number}")
    factories.person(editor.application, {"plan": "free"}, name="Coming <i>")
    typed = form({**FREE, "trait-before": "plan"}, name="Pro <b>", version="1", do="save")
    response = editor.client.post(editor.path("pro-users/edit/"), typed)
    page = text(response)
    assert response.status_code == 200
    assert "adds 1 user</span> and <span" in page
    assert "removes 12 users" in page
    assert page.count('title="Leaving') == 10
    assert "Coming &lt;i&gt;" in page
    assert "Welcome tour" in page
    assert made.version == 1
    sent = Fields.of(response.content.decode())
    assert sent["name"] == "Pro <b>"
    back = text(editor.client.post(editor.path("pro-users/edit/"), sent | {"do": "update"}))
    assert 'value="Pro &lt;b&gt;"' in back
    saved = editor.client.post(editor.path("pro-users/edit/"), sent | {"do": "confirm"}, follow=True)
    assert "1 user now, 1 added, 12 removed." in text(saved)
    made.refresh_from_db()
    assert (made.name, made.rules, made.version) == ("Pro <b>", [FREE], 2)


@pytest.mark.parametrize("status", [Status.DRAFT, Status.PAUSED, None])
def test_what_is_not_live_is_saved_at_once(editor: SignedIn, status: Status | None) -> None:
    made = segment(editor.application)
    if status:
        factories.experience("Welcome tour", made, status=status)
    factories.person(editor.application, {"plan": "pro"})
    typed = form(FREE, name="Free", version="1")
    assert editor.client.post(editor.path("pro-users/edit/"), typed).status_code == 302
    assert made.version == 2


def test_a_new_name_alone_is_saved_at_once(editor: SignedIn) -> None:
    factories.experience("Welcome tour", segment(editor.application))
    factories.person(editor.application, {"plan": "pro"})
    typed = form(PLAN_IS_PRO, name="Professionals", version="1")
    assert editor.client.post(editor.path("pro-users/edit/"), typed).status_code == 302


# What a new segment begins with


def test_an_application_without_segments_offers_examples_with_counts(editor: SignedIn) -> None:
    for plan in ("free", "free", "pro"):
        factories.person(editor.application, {"plan": plan})
    page = text(editor.client.get(editor.path()))
    assert "Start from an example" in page
    offer = page.split("create/?example=free-plan")[1].split("</li>")[0]
    assert "<b>2</b>" in offer
    opened = text(editor.client.get(editor.path("create/?example=free-plan")))
    assert 'value="Free plan"' in opened
    assert '<p class="big">2</p>' in opened
    assert Segment.objects.filter(application=editor.application).count() == 1
    segment(editor.application)
    assert "Start from an example" not in text(editor.client.get(editor.path()))


def test_the_examples_of_a_large_application_are_made_from_a_sample(
    large: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Segment.objects.filter(application=large.application, is_everyone=False).delete()
    # session, user, teammates; the counts of both tabs; whether it is large; paging, segments, sizes; where they are
    # used, sizes over time; total; traits, texts, counts
    with django_assert_num_queries(15) as counted:
        assert "?example=free-plan" in text(large.client.get(large.path()))
    texts = [query["sql"] for query in counted.captured_queries if "GROUP BY" in query["sql"]]
    assert texts
    assert all('"identity_person"."id" <' in sql for sql in texts)


def test_viewers_and_those_without_users_are_offered_no_example(
    editor: SignedIn, viewer: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(segments_views, "examples_for")  # none are made
    factories.person(viewer.application, {"plan": "free"})
    for who in (editor, viewer):
        assert "Say who should see what" in text(who.client.get(who.path()))
        assert "?example=" not in text(who.client.get(who.path()))


def test_a_duplicate_begins_with_name_and_rules_of_what_it_copies(editor: SignedIn) -> None:
    segment(editor.application)
    segment(editor.application, "Copy of Pro users")
    sent = Fields.of(editor.client.get(editor.path("create/?copy=pro-users")).content.decode())
    assert sent["name"] == "Copy of Pro users 2"
    assert "version" not in sent
    editor.client.post(editor.path("create/"), sent | {"do": "save"})
    assert Segment.objects.get(name="Copy of Pro users 2").rules == [PLAN_IS_PRO]


@pytest.mark.parametrize("query", ["copy=theirs", "copy=%00", "example=no-such", "example=free-plan"])
def test_what_is_not_there_can_not_be_begun_with(editor: SignedIn, viewer: SignedIn, query: str) -> None:
    segment(viewer.application, "Theirs")
    assert editor.client.get(editor.path(f"create/?{query}")).status_code == 404


def test_a_builder_never_takes_old_rules_for_the_latest(editor: SignedIn, edited: Segment) -> None:
    before = edited.version

    def save_meanwhile(execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if "identity_trait" in sql and edited.version == before:
            edited.change(name=edited.name, rules=parse([{"trait": "new", "operator": "is_set"}]))
        return execute(sql, *arguments)

    with connection.execute_wrapper(save_meanwhile):
        page = editor.client.get(editor.path(f"{edited.slug}/edit/"))
    assert edited.version == before + 1
    assert Fields.of(page.content.decode())["version"] == str(before)


def test_a_segment_is_deleted_after_who_changes_it(transactional_db: None) -> None:
    editor = sign_in(Role.EDITOR)
    made = segment(editor.application)
    with ThreadPoolExecutor(1) as other:
        with transaction.atomic():
            made.change(name="Changed", rules=made.parsed_rules)
            deleting = other.submit(post_and_close, editor, f"{made.slug}/delete/")
            with pytest.raises(TimeoutError):
                deleting.result(timeout=0.5)
        assert deleting.result().status_code == 302
    assert not Segment.objects.filter(pk=made.pk).exists()


def post_and_close(editor: SignedIn, page: str) -> HttpResponse:
    try:
        return editor.client.post(editor.path(page))  # type: ignore[return-value]
    finally:
        connection.close()


def test_what_was_typed_for_a_segment_that_is_gone_is_not_lost(editor: SignedIn, edited: Segment) -> None:
    edited.delete()
    typed = form(LARGE, name="Mine", version="1")
    response = editor.client.post(editor.path("pro-users/edit/"), typed)
    assert response.status_code == 404
    assert "Someone deleted this segment meanwhile." in text(response)
    assert f'action="{editor.path("create/")}"' in text(response)
    editor.client.post(editor.path("create/"), Fields.of(response.content.decode()))
    assert Segment.objects.get(name="Mine").rules == [{"trait": "teamSize", "operator": "greater_than", "value": 10}]
    assert editor.client.get(editor.path("pro-users/edit/")).status_code == 404
