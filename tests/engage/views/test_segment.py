"""The pages of one segment: overview, users, why a user is in it, and its end."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from engage.models import RecordedSize, Segment, Status
from engage.rules import parse
from engage.views import segment as segment_views
from tests import factories
from tests.engage.views.conftest import SignedIn, segment
from tests.engage.views.test_segments import HTMX, text

PAGES = ["", "members/", "members/csv/", "why/", "history/", "history/1/restore/", "delete/", "edit/"]
# What only those who may change segments see.
EDITING = ["delete/", "edit/", "history/1/restore/"]


@pytest.mark.parametrize("page", PAGES)
def test_strangers_are_kept_out(editor: SignedIn, viewer: SignedIn, page: str) -> None:
    theirs = segment(viewer.application)
    path = viewer.path(f"pro-users/{page}")
    assert Client().get(path).status_code == 302
    assert editor.client.get(path).status_code == 404
    assert editor.client.get(editor.path(f"pro-users/{page}")).status_code == 404
    assert editor.client.post(path).status_code in (404, 405)
    assert theirs.versions.count() == 1


@pytest.mark.parametrize("page", PAGES)
def test_viewers_only_read(viewer: SignedIn, page: str) -> None:
    mine = segment(viewer.application)
    path = viewer.path(f"pro-users/{page}")
    assert viewer.client.get(path).status_code == (403 if page in EDITING else 200)
    assert viewer.client.post(path).status_code == (403 if page in EDITING else 405)
    mine.refresh_from_db()
    assert mine.version == 1


@pytest.mark.parametrize("page", EDITING)
def test_nobody_changes_everyone(editor: SignedIn, page: str) -> None:
    assert editor.client.get(editor.path(f"everyone/{page}")).status_code == 403
    assert editor.client.post(editor.path(f"everyone/{page}")).status_code == 403


@pytest.mark.parametrize("page", ["pro-users/", "pro-users/members/", "pro-users/why/", "pro-users/history/"])
def test_pages_to_read_take_no_posts(editor: SignedIn, page: str) -> None:
    segment(editor.application)
    assert editor.client.post(editor.path(page)).status_code == 405


# Overview


def test_the_overview_says_who_and_where_and_when(editor: SignedIn) -> None:
    made = segment(editor.application)
    factories.person(editor.application, {"plan": "pro"})
    factories.person(editor.application, {"plan": "free"})
    factories.experience("Welcome <b>tour</b>", made)
    factories.experience("Old tour", made, status=Status.PAUSED)
    page = text(editor.client.get(editor.path("pro-users/")))
    assert '<span class="t" dir="auto">plan</span> is <span class="v" dir="auto">pro</span>' in page
    assert '<p class="big">1</p>' in page
    assert "50.0 % of 2 users" in page
    assert "Welcome &lt;b&gt;tour&lt;/b&gt;" in page
    assert '<span class="pill good">Live</span>' in page
    assert '<span class="pill">Paused</span>' in page
    assert re.search(r"Changed <time [^>]*>now</time>\.", page)  # nobody knows by whom
    made.change(name="Pros", rules=made.parsed_rules, changed_by=editor.teammate.user)
    assert f"</time> by {editor.teammate.user}." in text(editor.client.get(editor.path("pro-users/")))
    assert "A line shows here from the second day on." in page


def test_sizes_over_time_are_a_line_and_a_table(editor: SignedIn) -> None:
    made = segment(editor.application)
    today = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    for days, users in ((1, 10), (2, 5), (2.1, 7), (40, 99)):
        RecordedSize.objects.create(segment=made, recorded_at=today - timedelta(days=days), users=users)
    page = text(editor.client.get(editor.path("pro-users/")))
    [points] = re.findall(r'<polyline points="([^"]*)"', page)
    assert points == "580.0,117.0 600.0,3.0"  # of the day before yesterday its first size, which is the smallest
    assert "at least 7, at most 10" in page
    cells = re.findall(r'<td class="r">(\d+)</td>', page)
    assert cells == ["10", "7"]


def test_everyone_has_a_page_without_an_end(editor: SignedIn) -> None:
    page = text(editor.client.get(editor.path("everyone/")))
    assert "It can’t be changed or deleted." in page
    assert "/delete/" not in page
    assert "/edit/" not in page


def test_the_overview_takes_few_queries(editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    factories.experience("Tour", segment(editor.application))
    factories.person(editor.application, {"plan": "pro"})
    # session, user, teammates; segment; whether it is large; counts, sample; sizes over time; experiences
    with django_assert_num_queries(9):
        editor.client.get(editor.path("pro-users/"))


# Users


def test_users_are_searched_by_how_id_mail_or_name_begins(editor: SignedIn) -> None:
    segment(editor.application)
    for number, (id_, email, name) in enumerate(
        [("ada", "a@x.test", "Countess"), ("2", "Ada@x.test", "Two"), ("3", "c@x.test", "ada lovelace")]
    ):
        factories.person(editor.application, {"plan": "pro"}, id=id_, email=email, name=name)
        factories.person(editor.application, {"plan": "free"}, id=f"ada-free-{number}")
    factories.person(editor.application, {"plan": "pro"}, id="canada", name="A%da")
    page = text(editor.client.get(editor.path("pro-users/members/"), {"q": "ADA"}))
    assert page.count('class="name cover"') == 3
    assert page.count(f'href="{editor.path("pro-users/why/")}?user=') == 3
    assert "canada" not in page
    fragment = text(editor.client.get(editor.path("pro-users/members/"), {"q": "a%"}, headers=HTMX))
    assert "<html" not in fragment
    assert fragment.count('class="name cover"') == 1
    nobody = text(editor.client.get(editor.path("pro-users/members/"), {"q": "<b>"}))
    assert "Nobody in this segment begins with “&lt;b&gt;”" in nobody


def test_users_come_in_pages_each_of_them_once(editor: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment_views, "MEMBERS_PER_PAGE", 2)
    segment(editor.application)
    made = {factories.person(editor.application, {"plan": "pro"}).external_id for _ in range(5)}
    address, seen = editor.path("pro-users/members/?q=user"), []
    while address:
        page = editor.client.get(address).content.decode()
        seen += re.findall(r'<td class="small mono hide-s" dir="auto">(\S+)</td>', page)
        found = re.search(r'rel="next" href="([^"]*)"', page)
        address = editor.path("pro-users/members/") + found[1].replace("&amp;", "&") if found else ""
    assert len(seen) == 5
    assert set(seen) == made


def test_users_are_downloaded_as_a_file(editor: SignedIn) -> None:
    segment(editor.application)
    factories.person(editor.application, {"plan": "pro", "note": "=1+1"}, id="ada")
    factories.person(editor.application, {"plan": "free"}, id="bob")
    response = editor.client.get(editor.path("pro-users/members/csv/"))
    assert response["Content-Disposition"] == 'attachment; filename="pro-users.csv"'
    content = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert content.startswith("id,email,name,first_seen,last_seen,note,plan")
    assert "'=1+1,pro" in content
    assert "bob" not in content


@pytest.mark.parametrize("query", ["?after=x", "?after=%00", "?q=%00", f"?after={'f' * 32}"])
def test_odd_pages_of_users_are_answered(editor: SignedIn, query: str) -> None:
    segment(editor.application)
    factories.person(editor.application, {"plan": "pro"})
    assert editor.client.get(editor.path(f"pro-users/members/{query}")).status_code == 200


def test_a_page_of_users_takes_few_queries(editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    segment(editor.application)
    for _ in range(5):
        factories.person(editor.application, {"plan": "pro"})
    # session, user, teammates; segment; how far to walk, the users
    with django_assert_num_queries(6):
        editor.client.get(editor.path("pro-users/members/"), {"q": "user"})


# Why


def test_each_rule_is_explained_in_words(editor: SignedIn) -> None:
    rules = [{"trait": "plan", "operator": "equals", "value": "pro"}, {"trait": "beta", "operator": "is_set"}]
    made = segment(editor.application)
    made.change(name="Pro users", rules=parse(rules))
    factories.person(editor.application, {"plan": "free", "beta": True}, id="ada", name="Ada <b>")
    page = text(editor.client.get(editor.path("pro-users/why/"), {"user": "ada"}))
    assert "Ada &lt;b&gt;</a> is not in this segment" in page
    assert "is &quot;free&quot;, which is not pro" in page
    assert page.count("Does not</span>") == 1
    assert page.count("Matches</span>") == 1


def test_a_user_is_found_by_address_whatever_its_case(editor: SignedIn) -> None:
    segment(editor.application)
    factories.person(editor.application, {"plan": "pro"}, id="ada", email="Ada@Example.com")
    page = text(editor.client.get(editor.path("pro-users/why/"), {"user": " ada@example.COM "}))
    assert "is in this segment" in page


def test_of_several_users_with_one_address_one_is_chosen(editor: SignedIn) -> None:
    segment(editor.application)
    for id_ in ("one/1", "two"):
        factories.person(editor.application, {"plan": "pro"}, id=id_, email="shared@example.com")
    page = text(editor.client.get(editor.path("pro-users/why/"), {"user": "shared@example.com"}))
    assert "2 users have this address. Which one?" in page
    assert 'href="?user=one%2F1"' in page
    assert "is in this segment" not in page


@pytest.mark.parametrize("typed", ["nobody", "\0", "<b>", "x" * 300])
def test_a_user_that_is_not_there_is_said_so(editor: SignedIn, viewer: SignedIn, typed: str) -> None:
    segment(editor.application)
    factories.person(viewer.application, {"plan": "pro"}, id="nobody")  # of another application
    page = text(editor.client.get(editor.path("pro-users/why/"), {"user": f"a{typed}" if typed == "\0" else typed}))
    assert "has the id or e-mail address" in page
    assert "<b></bdi>" not in page


# The end


def test_a_segment_is_deleted_after_saying_what_goes(editor: SignedIn) -> None:
    segment(editor.application)
    factories.person(editor.application, {"plan": "pro"})
    page = text(editor.client.get(editor.path("pro-users/delete/")))
    assert "It has 1 user now." in page
    assert Segment.objects.filter(slug="pro-users").exists()
    response = editor.client.post(editor.path("pro-users/delete/"), follow=True)
    assert "Deleted “Pro users”." in text(response)
    assert not Segment.objects.filter(application=editor.application, slug="pro-users").exists()


def test_a_segment_in_use_stays_and_says_by_what(editor: SignedIn) -> None:
    used = segment(editor.application)
    factories.experience("Draft of a <tour>", used, status=Status.DRAFT)
    page = text(editor.client.get(editor.path("pro-users/delete/")))
    assert "Draft of a &lt;tour&gt;" in page
    assert "Delete segment</button>" not in page
    response = editor.client.post(editor.path("pro-users/delete/"))
    assert response.status_code == 409
    assert "can’t be deleted as long as an experience shows to it" in text(response)
    assert Segment.objects.filter(pk=used.pk).exists()
