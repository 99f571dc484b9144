"""The list of users: found by how they begin, narrowed down, page by page."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from engage.views import users as users_views
from tests import factories
from tests.engage.views.conftest import SignedIn, segment
from tests.engage.views.test_segments import HTMX, text

HOSTILE = '<b>&amp;</b> "🦄" مرحبا ' * 5


def address(who: SignedIn) -> str:
    return f"/{who.application.slug}/users/"


def shown(page: str) -> list[str]:
    """The ids in the table."""
    return re.findall(r'<td class="small mono hide-s" dir="auto">(\S+)</td>', page)


def found(who: SignedIn, **asked: str) -> set[str]:
    return set(shown(text(who.client.get(address(who), asked))))


def test_strangers_are_kept_out(editor: SignedIn, viewer: SignedIn) -> None:
    factories.person(viewer.application, id="theirs")
    assert Client().get(address(viewer)).status_code == 302
    assert editor.client.get(address(viewer)).status_code == 404
    assert found(editor) == set()
    assert found(editor, q="theirs") == set()
    assert found(viewer) == {"theirs"}


def test_the_list_takes_no_posts(editor: SignedIn) -> None:
    assert editor.client.post(address(editor)).status_code == 405


def test_an_application_without_users_says_how_they_come(editor: SignedIn) -> None:
    page = text(editor.client.get(address(editor)))
    assert "No users yet" in page
    assert f"/{editor.application.slug}/engage/segments/traits/" in page


def test_users_lead_to_their_pages_and_names_are_only_text(editor: SignedIn) -> None:
    person = factories.person(editor.application, id="ada", name=HOSTILE, email="<i>@example.com")
    page = text(editor.client.get(address(editor)))
    assert f'href="{address(editor)}{person.pk}/"' in page
    assert "&lt;b&gt;&amp;amp;" in page
    assert "<b>" not in page
    assert "<i>" not in page


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("ADA", {"ada", "2", "3"}),
        ("ada@", {"2"}),
        (" ada l", {"3"}),
        ("Éa", {"4"}),
        ("a%", {"5"}),
        ("a_", {"6"}),
        ("\\", {"7"}),
        ("lovelace", set()),
        ("\0ada", {"ada", "2", "3"}),
        ("'", set()),
    ],
)
def test_users_are_found_by_how_id_mail_or_name_begins(editor: SignedIn, typed: str, ids: set[str]) -> None:
    for id_, email, name in (
        ("ada", "x@x.test", "Countess"),
        ("2", "Ada@x.test", "Two"),
        ("3", "c@x.test", "ada Lovelace"),
        ("4", "d@x.test", "ÉA"),
        ("5", "a%b@x.test", ""),
        ("6", "", "A_b"),
        ("7", "", "\\n"),
        ("8", "canada@x.test", "Xada"),
    ):
        factories.person(editor.application, id=id_, email=email, name=name)
    assert found(editor, q=typed) == ids


def test_users_are_narrowed_down_to_a_segment(editor: SignedIn) -> None:
    segment(editor.application)
    for id_, plan in (("ada", "pro"), ("ben", "free"), ("bea", "pro")):
        factories.person(editor.application, {"plan": plan}, id=id_)
    assert found(editor, segment="pro-users") == {"ada", "bea"}
    assert found(editor, segment="pro-users", q="b") == {"bea"}
    assert found(editor, segment="everyone") == {"ada", "ben", "bea"}
    page = text(editor.client.get(address(editor), {"segment": "pro-users"}))
    assert '<option value="pro-users" selected>Pro users</option>' in page


@pytest.mark.parametrize(
    ("trait", "value", "ids"),
    [
        ("size", "10", {"number", "text"}),
        ("size", "10.0", {"number"}),
        ("size", "", {"number", "text", "yes", "spelled"}),
        ("size", "true", {"yes", "spelled"}),
        ("size", "1", set()),
        ("size", "<b>", set()),
        ("other", "", {"other"}),
        ("nothing", "10", {"number", "text", "yes", "spelled", "other"}),  # there is no such trait
    ],
)
def test_users_are_narrowed_down_to_a_value_of_whichever_kind(
    editor: SignedIn, trait: str, value: str, ids: set[str]
) -> None:
    for id_, size in (("number", 10), ("text", "10"), ("yes", True), ("spelled", "true")):
        factories.person(editor.application, {"size": size}, id=id_)
    factories.person(editor.application, {"other": 10}, id="other")
    assert found(editor, trait=trait, value=value) == ids


def test_a_segment_of_another_application_narrows_nothing(editor: SignedIn, viewer: SignedIn) -> None:
    segment(viewer.application)
    factories.person(editor.application, {"plan": "free"}, id="ada")
    assert found(editor, segment="pro-users") == {"ada"}


def test_htmx_gets_the_list_alone(editor: SignedIn) -> None:
    factories.person(editor.application, id="ada")
    fragment = editor.client.get(address(editor), {"q": "a"}, headers=HTMX)
    assert "<html" not in text(fragment)
    assert shown(text(fragment)) == ["ada"]
    assert "HX-Request" in fragment["Vary"]
    assert "Nobody begins with “<bdi>&lt;b&gt;</bdi>”" in text(editor.client.get(address(editor), {"q": "<b>"}))


def test_users_come_in_pages_each_of_them_once(editor: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users_views, "USERS_PER_PAGE", 2)
    made = {factories.person(editor.application, {"plan": "pro"}, id=f"u{number}").external_id for number in range(5)}
    factories.person(editor.application, {"plan": "free"}, id="u9")
    path, seen, pages = address(editor) + "?q=u&trait=plan&value=pro", [], 0
    while path:
        page = editor.client.get(path).content.decode()
        seen += shown(page)
        pages += 1
        following = re.search(r'rel="next" href="([^"]*)"', page)
        path = address(editor) + following[1].replace("&amp;", "&") if following else ""
    assert (pages, len(seen), set(seen)) == (3, 5, made)


def test_of_many_who_begin_alike_the_one_who_is_meant_comes_first(
    editor: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users_views, "USERS_PER_PAGE", 2)
    for number in range(20, 25):
        factories.person(editor.application, id=str(number))
    meant = factories.person(editor.application, id="2", name="Meant")
    page = text(editor.client.get(address(editor), {"q": "2"}))
    assert f'Exactly “<bdi>2</bdi>”: <a class="link" href="{address(editor)}{meant.pk}/" dir="auto">Meant</a>' in page
    assert "Exactly" not in text(editor.client.get(address(editor), {"q": "24"}))  # in sight already


@pytest.mark.parametrize("query", ["?after=x", "?after=%00", "?q=%00", f"?after={'f' * 32}", "?trait=%00&value=%00"])
def test_odd_addresses_are_answered(editor: SignedIn, query: str) -> None:
    factories.person(editor.application)
    assert editor.client.get(address(editor) + query).status_code == 200


def test_the_list_takes_few_queries(editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    segment(editor.application)
    for _ in range(5):
        factories.person(editor.application, {"plan": "pro"})
    # session, user, teammates; segments, traits; how far to walk, the users
    with django_assert_num_queries(7):
        editor.client.get(address(editor), {"q": "user", "segment": "pro-users", "trait": "plan", "value": "pro"})
