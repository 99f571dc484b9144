"""Engage > Segments > Traits."""

from pytest_django import DjangoAssertNumQueries

from identity import tally
from identity.models import Trait
from tests import factories
from tests.engage.views.conftest import SignedIn
from tests.engage.views.test_segments import HTMX, text


def test_traits_show_with_the_kind_that_most_users_have(editor: SignedIn) -> None:
    for size in ("n/a", 10, 20):
        factories.person(editor.application, {"teamSize": size})
    factories.person(editor.application)
    tally.flush()
    page = text(editor.client.get(editor.path("traits/")))
    assert '<span class="pill">number</span>' in page
    assert "1 does not fit" in page
    assert "<b>3</b>" in page
    assert "75.0 %" in page
    assert "now</time>" in page


def test_a_declared_kind_comes_first(editor: SignedIn) -> None:
    factories.person(editor.application, {"zip": 10115})
    Trait.objects.update(declared_kind="string")
    page = text(editor.client.get(editor.path("traits/")))
    assert '<span class="pill">string</span> <span class="pill warn">1 does not fit</span>' in page


def test_an_empty_page_shows_how_to_send_the_first_trait(editor: SignedIn) -> None:
    page = text(editor.client.get(editor.path("traits/")))
    assert "No traits yet" in page
    assert f"Bearer {editor.application.keys.get(public_text__gt='').public_text}" in page
    assert "co_sec_" not in page


def test_search_looks_at_keys_and_words(editor: SignedIn) -> None:
    factories.person(editor.application, {"plan": "pro", "role": "admin"})
    Trait.objects.filter(key="role").update(description="What they may do")
    for search, shown, hidden in (("PLA", "plan", "role"), ("may do", "role", "plan")):
        page = text(editor.client.get(editor.path("traits/"), {"q": search}, headers=HTMX))
        assert f'dir="auto">{shown}</a>' in page
        assert f'dir="auto">{hidden}</a>' not in page
    assert "No trait matches “nothing”" in text(editor.client.get(editor.path("traits/"), {"q": "nothing"}))


def test_another_applications_traits_do_not_show(editor: SignedIn, viewer: SignedIn) -> None:
    factories.person(viewer.application, {"secretTrait": 1})
    assert "secretTrait" not in text(editor.client.get(editor.path("traits/")))


def test_the_page_takes_as_many_queries_for_many_traits(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.person(editor.application, {f"trait{number}": number for number in range(60)})
    # session, user, teammates; both tabs; kinds, total, traits; key
    with django_assert_num_queries(9):
        page = text(editor.client.get(editor.path("traits/")))
    assert "1–50 of 60" in page
