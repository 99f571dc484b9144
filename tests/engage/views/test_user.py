"""The pages of one user: what is known, the segments, the file, and the end."""

import uuid

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from engage import compiled
from identity.models import Person, Trait
from tests import factories
from tests.engage.views.conftest import SignedIn, segment
from tests.engage.views.test_segments import text

PAGES = ["", "export/", "erase/"]


def address(who: SignedIn, person: Person, rest: str = "") -> str:
    return f"/{who.application.slug}/users/{person.pk}/{rest}"


@pytest.fixture(autouse=True)
def asked_anew() -> None:
    """Applications have the same segments in no two tests."""
    compiled.forget()


@pytest.fixture
def ada(editor: SignedIn) -> Person:
    return factories.person(
        editor.application, {"plan": "pro", "teamSize": 12, "beta": True}, id="ada", name="Ada", email="ada@example.com"
    )


@pytest.mark.parametrize("page", PAGES)
def test_strangers_are_kept_out(editor: SignedIn, viewer: SignedIn, page: str) -> None:
    theirs = factories.person(viewer.application)
    assert Client().get(address(viewer, theirs, page)).status_code == 302
    assert editor.client.get(address(viewer, theirs, page)).status_code == 404
    assert editor.client.get(address(editor, theirs, page)).status_code == 404
    assert editor.client.post(address(editor, theirs, "erase/")).status_code == 404
    assert Person.objects.filter(pk=theirs.pk).exists()


@pytest.mark.parametrize("page", PAGES)
def test_viewers_only_read(viewer: SignedIn, page: str) -> None:
    person = factories.person(viewer.application)
    assert viewer.client.get(address(viewer, person, page)).status_code == (403 if page == "erase/" else 200)
    assert viewer.client.post(address(viewer, person, page)).status_code == (403 if page == "erase/" else 405)
    assert Person.objects.filter(pk=person.pk).exists()
    assert "erase/" not in text(viewer.client.get(address(viewer, person)))


def test_nobody_is_not_found(editor: SignedIn) -> None:
    assert editor.client.get(f"/{editor.application.slug}/users/{uuid.uuid4()}/").status_code == 404
    assert editor.client.get(f"/{editor.application.slug}/users/ada/").status_code == 404


def test_a_user_has_identity_traits_and_segments(editor: SignedIn, ada: Person) -> None:
    segment(editor.application)
    segment(editor.application, "Free users", trait="plan", operator="equals", value="free")
    Trait.objects.filter(key="teamSize").update(label="Size of the team")
    page = text(editor.client.get(address(editor, ada)))
    assert "ada@example.com" in page
    assert '<span class="name" dir="auto">Size of the team</span>' in page
    assert '<span class="mono" dir="auto">12</span>' in page
    assert '<span class="mono" dir="auto">true</span>' in page
    assert '<span class="pill">boolean</span>' in page
    assert "In 2 segments" in page  # Everyone is one
    assert "Not in 1 other" in page
    why = f"{editor.path('pro-users/why/')}?user=ada"
    assert f'href="{why}"' in page
    assert "Matches every rule" in text(editor.client.get(why))
    assert f'href="{editor.path("free-users/why/")}?user=ada"' in page


def test_a_value_of_another_kind_than_declared_is_marked(editor: SignedIn, ada: Person) -> None:
    Trait.objects.filter(key="plan").update(declared_kind="number")
    page = text(editor.client.get(address(editor, ada)))
    assert '<span class="pill warn">string, not number</span>' in page
    assert '<span class="pill">number</span>' in page


def test_what_users_send_is_only_text(editor: SignedIn) -> None:
    person = factories.person(
        editor.application, {"<b>key": "<script>x</script>"}, id="</p>/ü", name="<i>Eve", email="<u>"
    )
    for page in ("", "erase/"):
        shown = text(editor.client.get(address(editor, person, page)))
        for tag in ("<b>", "<script>x", "<i>", "<u>", "</p>/"):
            assert tag not in shown, page
    assert "user=%3C%2Fp%3E%2F%C3%BC" not in shown  # the erase page leads to no segment


def test_a_long_value_is_cut_with_the_whole_behind(editor: SignedIn) -> None:
    person = factories.person(editor.application, {"note": "x" * 500, "short": "y" * 120})
    page = text(editor.client.get(address(editor, person)))
    assert f'{"x" * 119}…</span> <span class="link small">All 500 characters</span>' in page
    assert f'<p class="mono" dir="auto">{"x" * 500}</p>' in page
    assert page.count('<details class="cut"') == 1


def test_a_user_without_anything_is_shown(editor: SignedIn) -> None:
    page = text(editor.client.get(address(editor, factories.person(editor.application, id="bare"))))
    assert "No traits have arrived" in page
    assert page.count("not known") == 2


def test_all_that_is_stored_is_exported(editor: SignedIn) -> None:
    person = factories.person(editor.application, {"plan": "pro", "size": 1.5, "ünï": "🦄"}, id='a"; /../b', name="Ada")
    response = editor.client.get(address(editor, person, "export/"))
    assert response["Content-Disposition"] == f'attachment; filename="user-{person.pk}.json"'
    exported = response.json()
    columns = {field.name for field in Person._meta.concrete_fields} - {"application", "external_id"}
    assert exported.keys() == columns  # whoever adds a column exports it
    assert exported.pop("first_seen") == exported.pop("last_seen")
    assert exported == {
        "id": person.external_id,
        "email": None,
        "name": "Ada",
        "traits": {"plan": "pro", "size": 1.5, "ünï": "🦄"},
    }


def test_a_user_is_erased_after_saying_what_goes(editor: SignedIn, ada: Person) -> None:
    page = text(editor.client.get(address(editor, ada, "erase/")))
    assert "id, e-mail, name, when they were seen, and 3 traits." in page
    assert "For the next 48 hours" in page
    assert Person.objects.filter(pk=ada.pk).exists()
    response = editor.client.post(address(editor, ada, "erase/"), follow=True)
    assert response.redirect_chain == [(f"/{editor.application.slug}/users/", 302)]
    assert "Erased “Ada”." in text(response)
    assert not Person.objects.filter(pk=ada.pk).exists()
    assert editor.client.post(address(editor, ada, "erase/")).status_code == 404


def test_a_user_takes_few_queries(
    editor: SignedIn, ada: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    segment(editor.application)
    # session, user, teammates; the user; segments: which, and those that changed; traits
    with django_assert_num_queries(7):
        editor.client.get(address(editor, ada))
    for number in range(5):
        segment(editor.application, f"Segment {number}")
    compiled.forget()
    with django_assert_num_queries(7):
        editor.client.get(address(editor, ada))
