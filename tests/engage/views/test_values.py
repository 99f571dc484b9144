"""What is suggested while a value is typed."""

from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from engage import sampling
from identity.models import Person
from tests import factories
from tests.engage.views.conftest import SignedIn

PAGE = "traits/values/"


def suggested(editor: SignedIn, **query: str) -> str:
    response = editor.client.get(editor.path(PAGE), query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_values_come_with_their_users_the_most_frequent_first(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for plan in ("pro", "free", "pro", '"><b>'):
        factories.person(editor.application, {"plan": plan})
    # session, user, teammates; whether it is large; values
    with django_assert_num_queries(5):
        assert suggested(editor, trait="plan") == (
            '<datalist data-all><option value="pro" data-note="2 users"></option>'
            '<option value="&quot;&gt;&lt;b&gt;" data-note="1 user"></option>'
            '<option value="free" data-note="1 user"></option></datalist>'
        )


def test_what_is_typed_is_searched_among_all_values(editor: SignedIn) -> None:
    for number in range(30):
        factories.person(editor.application, {"company": f"Company {number:02}"})
    first = suggested(editor, trait="company")
    assert first.count("<option") == 20
    assert "data-all" not in first
    assert "Company 29" not in first
    assert suggested(editor, trait="company", q="y 29") == (
        '<datalist data-all><option value="Company 29" data-note="1 user"></option></datalist>'
    )


def test_of_a_large_application_values_are_estimated_and_rare_ones_found_all_the_same(
    editor: SignedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "LARGE", 200)
    monkeypatch.setattr(sampling, "SAMPLE_USERS", 64)
    now = timezone.now()
    Person.objects.bulk_create(
        Person(
            id=UUID(int=number << 120),  # spread evenly, so that the sample is the first quarter
            application=editor.application,
            external_id=str(number),
            traits={"plan": "rare" if number == 255 else "pro"},
            first_seen=now,
            last_seen=now,
        )
        for number in range(256)
    )
    assert suggested(editor, trait="plan", q="pr") == (
        '<datalist><option value="pro" data-note="about 256 users"></option></datalist>'
    )
    assert suggested(editor, trait="plan", q="rar") == (
        '<datalist data-all><option value="rare" data-note="1 user"></option></datalist>'
    )
    assert "<option" not in suggested(editor, trait="plan", q="nobody")


def test_built_in_properties_are_suggested_once_something_is_typed(editor: SignedIn) -> None:
    factories.person(editor.application, email="ada@example.com")
    assert suggested(editor, trait="$email") == "<datalist></datalist>"
    assert "ada@example.com" in suggested(editor, trait="$email", q="Ada")


@pytest.mark.parametrize("query", [{}, {"trait": "nope"}, {"trait": "\0", "q": "\0"}, {"trait": "plan", "q": "%s' --"}])
def test_there_is_nothing_of_what_is_not_there(editor: SignedIn, query: dict[str, str]) -> None:
    assert "<option" not in suggested(editor, **query)


def test_a_viewer_reads_them_too(viewer: SignedIn) -> None:
    factories.person(viewer.application, {"plan": "pro"})
    assert "pro" in suggested(viewer, trait="plan")


def test_strangers_get_nothing(editor: SignedIn, viewer: SignedIn) -> None:
    factories.person(viewer.application, {"plan": "pro"})
    assert editor.client.get(viewer.path(PAGE), {"trait": "plan"}).status_code == 404
    assert "<option" not in suggested(editor, trait="plan")
    assert Client().get(editor.path(PAGE)).status_code == 302


def test_a_post_is_refused(editor: SignedIn) -> None:
    assert editor.client.post(editor.path(PAGE)).status_code == 405
