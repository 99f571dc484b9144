"""The history of a segment, and the way back to an earlier version."""

import re

import pytest
from pytest_django import DjangoAssertNumQueries

from engage.models import Segment
from engage.rules import parse
from engage.views import history as history_views
from tests import factories
from tests.engage.views.conftest import SignedIn, segment
from tests.engage.views.test_segments import text

FREE = [{"trait": "plan", "operator": "equals", "value": "free"}]
ADMINS = [{"trait": "role", "operator": "equals", "value": "admin"}]


@pytest.fixture
def pro(editor: SignedIn) -> Segment:
    """Pro users, later those who are free, then renamed, then admins too."""
    made = segment(editor.application)
    user = editor.teammate.user
    made.change(name="Pro users", rules=parse(FREE), changed_by=user)
    made.change(name="<b>Free</b>", rules=parse(FREE), changed_by=user)
    made.change(name="<b>Free</b>", rules=parse([*ADMINS, *FREE]), changed_by=user)
    return made


def entries(page: str) -> list[str]:
    return [re.sub(r"<[^>]*>", " ", entry) for entry in page.split('<div class="version-head">')[1:]]


def test_each_version_says_what_it_changed_by_whom(editor: SignedIn, pro: Segment) -> None:
    page = text(editor.client.get(editor.path("pro-users/history/")))
    shown = [" ".join(entry.split()) for entry in entries(page)]
    email = editor.teammate.user.email
    assert re.search(rf"Version 4 Current now by {email} Added role is admin", shown[0])
    assert f"by {email} Restore… Renamed from “ Pro users ” to “ &lt;b&gt;Free&lt;/b&gt; ”" in shown[1]
    assert "Changed plan is pro → to plan is free" in shown[2]
    assert "Version 1 now Restore… Created “ Pro users ”: plan is pro" in shown[3]


def test_a_viewer_sees_no_way_back(viewer: SignedIn) -> None:
    made = segment(viewer.application)
    made.change(name="Pro users", rules=parse(FREE))
    page = text(viewer.client.get(viewer.path("pro-users/history/")))
    assert "Version 2" in page
    assert "Restore" not in page


def test_versions_come_in_pages(editor: SignedIn, pro: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_views, "VERSIONS_PER_PAGE", 3)
    first = text(editor.client.get(editor.path("pro-users/history/")))
    assert [entry[:11].strip() for entry in map(str.strip, entries(first))] == ["Version 4", "Version 3", "Version 2"]
    # The last on the page is compared with the first of the next.
    assert "Changed" in entries(first)[2]
    assert 'rel="next" href="?before=2"' in first
    second = text(editor.client.get(editor.path("pro-users/history/?before=2")))
    assert len(entries(second)) == 1
    assert "Created “" in second
    for odd in ("x", "-1", "9" * 30, "%00"):
        assert len(entries(text(editor.client.get(editor.path(f"pro-users/history/?before={odd}"))))) == 3


def test_many_versions_take_no_more_queries(
    editor: SignedIn, pro: Segment, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # session, user, teammates; segment with its number; versions
    with django_assert_num_queries(5):
        editor.client.get(editor.path("pro-users/history/"))


def test_a_version_is_restored_after_saying_what_changes(editor: SignedIn, pro: Segment) -> None:
    factories.person(editor.application, {"plan": "pro"}, name="Ada")
    factories.person(editor.application, {"plan": "free", "role": "admin"}, name="Bob")
    factories.experience("Welcome tour", pro)
    page = text(editor.client.get(editor.path("pro-users/history/1/restore/")))
    assert "adds 1 user" in page
    assert "removes 1 user" in page
    assert 'title="Ada"' in page
    assert 'title="Bob"' in page
    assert "Welcome tour" in page
    response = editor.client.post(editor.path("pro-users/history/1/restore/"), {"version": "4"}, follow=True)
    assert "Restored the rules of version 1." in text(response)
    pro.refresh_from_db()
    assert (pro.name, pro.version, pro.rules) == (
        "<b>Free</b>",
        5,
        [{"trait": "plan", "operator": "equals", "value": "pro"}],
    )
    assert pro.changed_by == editor.teammate.user


@pytest.mark.parametrize("seen", ["3", "", "x", "-1", "9" * 30])
def test_nothing_is_restored_over_what_was_not_seen(editor: SignedIn, pro: Segment, seen: str) -> None:
    response = editor.client.post(editor.path("pro-users/history/1/restore/"), {"version": seen})
    assert response.status_code == 409
    assert "saved version 4 after you opened this page" in text(response)
    assert 'name="version" value="4"' in text(response)
    assert pro.version == 4


def test_what_is_as_it_was_need_not_be_restored(editor: SignedIn, pro: Segment) -> None:
    page = text(editor.client.get(editor.path("pro-users/history/4/restore/")))
    assert "there is nothing to restore" in page
    assert "Restore rules</button>" not in page


@pytest.mark.parametrize("number", ["9", "0", "9" * 30])
def test_a_version_that_is_not_there_is_not_there(editor: SignedIn, pro: Segment, number: str) -> None:
    assert editor.client.get(editor.path(f"pro-users/history/{number}/restore/")).status_code == 404


@pytest.mark.parametrize("page", ["everyone/history/", "pro-users/history/?before=1", "pro-users/history/?before=0"])
def test_where_there_is_no_version_none_is_shown(editor: SignedIn, pro: Segment, page: str) -> None:
    response = editor.client.get(editor.path(page))
    assert response.status_code == 200
    assert entries(text(response)) == []
