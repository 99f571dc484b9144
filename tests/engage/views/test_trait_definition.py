"""A trait is defined before the first user arrives with it: out of the builder, or on a page of its own."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from identity.models import Trait
from identity.models.trait import TRAITS_PER_APPLICATION
from identity.traits import define_trait
from identity.values import Kind
from tests import factories
from tests.engage.views.conftest import SignedIn

PAGE = "traits/define/"
HTMX = {"HX-Request": "true"}
TRIAL = {"key": "trialEndsAt", "kind": "date", "description": "When the <b>trial</b> ends"}


def text(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


def test_the_builder_gets_the_new_trait_as_an_option(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # session, user, teammates; begin, wait for others, how many there are, look, begin, insert, end, history, end
    with django_assert_num_queries(12):
        response = editor.client.post(editor.path(PAGE), TRIAL, headers=HTMX)
    assert text(response) == (
        '<option value="trialEndsAt" data-note="date · no user has it yet"'
        ' data-about="When the &lt;b&gt;trial&lt;/b&gt; ends">trialEndsAt</option>'
    )
    assert response["HX-Retarget"] == "#defined-trait"
    trait = editor.application.traits.get()
    assert (trait.key, trait.kind, trait.description) == ("trialEndsAt", Kind.DATE, TRIAL["description"])
    assert trait.first_seen is None


def test_a_defined_trait_converts_what_arrives(editor: SignedIn) -> None:
    editor.client.post(editor.path(PAGE), {"key": "seats", "kind": "number"}, headers=HTMX)
    assert factories.person(editor.application, {"seats": "12"}).traits == {"seats": 12}


def test_without_script_it_is_a_page(editor: SignedIn) -> None:
    assert "Define a trait" in text(editor.client.get(editor.path(PAGE)))
    response = editor.client.post(editor.path(PAGE), TRIAL, follow=True)
    assert "Defined trialEndsAt." in text(response)
    assert response.redirect_chain == [(editor.path("traits/"), 302)]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"key": " "}, "Enter the key."),
        ({"key": "plan"}, "There is a trait with this key."),
        ({"key": "$email"}, "Names that begin with $ are Callout"),
        ({"key": "__proto__"}, "a meaning of its own in JavaScript"),
        ({"key": "x" * 101}, "at most 100 characters"),
        ({"key": "a\0b"}, "Null characters are not allowed."),
        ({"kind": "list"}, "not one of the available choices"),
        ({"description": "x" * 301}, "at most 300 characters"),
    ],
)
@pytest.mark.parametrize("headers", [HTMX, {}])
def test_errors_stand_in_the_form_and_nothing_is_defined(
    editor: SignedIn, headers: dict[str, str], sent: dict[str, str], message: str
) -> None:
    factories.person(editor.application, {"plan": "pro"})
    response = editor.client.post(editor.path(PAGE), TRIAL | sent, headers=headers)
    assert response.status_code == 422
    assert message in text(response)
    assert ("<html" in text(response)) is (not headers)
    assert editor.application.traits.count() == 1


def test_an_application_has_so_many_traits_and_no_more(editor: SignedIn) -> None:
    keys = range(TRAITS_PER_APPLICATION - 1)
    Trait.objects.bulk_create(Trait(application=editor.application, key=f"t{key}") for key in keys)
    define_trait(editor.application, key="last", kind=Kind.STRING)
    response = editor.client.post(editor.path(PAGE), TRIAL, headers=HTMX)
    assert "The application has 500 traits already." in text(response)
    assert editor.application.traits.count() == TRAITS_PER_APPLICATION


def test_a_viewer_defines_nothing(viewer: SignedIn) -> None:
    assert viewer.client.get(viewer.path(PAGE)).status_code == 403
    assert viewer.client.post(viewer.path(PAGE), TRIAL, headers=HTMX).status_code == 403
    assert not viewer.application.traits.exists()


def test_strangers_define_nothing(editor: SignedIn, viewer: SignedIn) -> None:
    assert editor.client.post(viewer.path(PAGE), TRIAL, headers=HTMX).status_code == 404
    assert Client().get(editor.path(PAGE)).status_code == 302
    assert Client().post(editor.path(PAGE), TRIAL, headers=HTMX).status_code == 401
    assert not Trait.objects.exists()


def test_a_post_needs_the_token_of_the_page(editor: SignedIn) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor.teammate.user)
    assert client.post(editor.path(PAGE), TRIAL, headers=HTMX).status_code == 403


def test_other_methods_are_refused(editor: SignedIn) -> None:
    assert editor.client.delete(editor.path(PAGE)).status_code == 405
