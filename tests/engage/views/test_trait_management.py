"""What a teammate does to a trait: details, kind, archive, deletion, and the history of all that."""

import pytest
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import DjangoAssertNumQueries

from engage.models import Segment
from identity import rewriting
from identity.models import Trait, TraitEvent, TraitRewrite, TraitState
from tests import factories
from tests.conftest import fail_jobs
from tests.engage.views.conftest import SignedIn, segment

POSTED = ["trait_manage", "trait_again", "trait_delete", "trait_kind", "trait_state"]
READ = ["trait_manage", "trait_progress", "trait_delete", "trait_kind"]
HOSTILE = "a/b?<b>né</b> & 'x'"


def text(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


@pytest.fixture
def trait(editor: SignedIn) -> Trait:
    for seats in ("12", "n/a", 5):
        factories.person(editor.application, {"seats": seats})
    return editor.application.traits.get()


def address(name: str, trait: Trait) -> str:
    return reverse(name, args=[trait.application.slug, trait.pk])


# Details


def test_the_page_shows_all_that_can_be_done(
    editor: SignedIn, trait: Trait, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # session, user, teammates; trait, rewrite, events
    with django_assert_num_queries(6):
        page = text(editor.client.get(address("trait_manage", trait)))
    assert all(shown in page for shown in ("Save details", "See what changes…", "Archive trait", "Delete trait…"))
    assert "Nobody has changed anything about it yet." in page


def test_details_are_saved_and_stand_in_the_history(editor: SignedIn, trait: Trait) -> None:
    sent = {"label": " Team <b>size</b> ", "description": "How many seats", "server_only": "on"}
    page = text(editor.client.post(address("trait_manage", trait), sent, follow=True))
    trait.refresh_from_db()
    assert (trait.label, trait.description, trait.server_only) == ("Team <b>size</b>", "How many seats", True)
    assert "Changed the label to “Team &lt;b&gt;size&lt;/b&gt;”." in page
    assert "Only calls from a server write it." in page
    assert f"by {editor.teammate.user.email}" in page
    editor.client.post(address("trait_manage", trait), {"label": "Team <b>size</b>", "description": ""})
    assert TraitEvent.objects.latest("pk").sentences == [
        "Removed the description “How many seats”.",
        "All calls write it.",
    ]
    count = TraitEvent.objects.count()
    editor.client.post(address("trait_manage", trait), {"label": "Team <b>size</b>"})
    assert TraitEvent.objects.count() == count


def test_details_that_can_not_be_are_errors_at_their_field(editor: SignedIn, trait: Trait) -> None:
    response = editor.client.post(address("trait_manage", trait), {"label": "x" * 101, "description": "x" * 301})
    assert response.status_code == 422
    assert text(response).count("Ensure this value has at most") == 2
    assert not TraitEvent.objects.exists()


def test_a_hostile_key_is_only_text(editor: SignedIn) -> None:
    factories.person(editor.application, {HOSTILE: "1"})
    trait = editor.application.traits.get()
    editor.client.post(address("trait_kind", trait), {"kind": "number"})
    for name in READ:
        page = text(editor.client.get(address(name, trait), {"kind": "number"}))
        assert "<b>né" not in page
        assert name == "trait_progress" or "a/b?&lt;b&gt;né&lt;/b&gt;" in page


# Kind


def test_declaring_says_first_what_it_does(
    editor: SignedIn, trait: Trait, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    segment(editor.application, "Twelve", trait="seats", operator="not_equals", value="12")
    # session, user, teammates; trait, segments, values
    with django_assert_num_queries(6):
        page = text(editor.client.get(address("trait_kind", trait), {"kind": "number"}))
    assert "<dt>Fit already</dt><dd>1</dd>" in page
    assert "<dt>Will convert</dt><dd>1</dd>" in page
    assert "<dt>Stay as they are</dt><dd>1</dd>" in page
    assert '<bdi class="mono act two-lines">n/a</bdi>' in page
    assert "Twelve" in page
    trait.refresh_from_db()
    assert (trait.declared_kind, TraitRewrite.objects.count()) == ("", 0)


def test_declaring_converts_users_and_rules(editor: SignedIn, trait: Trait) -> None:
    asked = segment(editor.application, "Twelve", trait="seats", operator="equals", value="12")
    page = text(editor.client.post(address("trait_kind", trait), {"kind": "number"}, follow=True))
    assert "Declared the kind number." in page
    assert "Converting to number" in page
    asked.refresh_from_db()
    assert asked.parsed_rules[0].value == 12
    assert (asked.version, asked.changed_by) == (2, editor.teammate.user)
    rewriting.run(trait.pk, must_stop=lambda: TraitRewrite.objects.get().is_sweep)
    values = editor.application.people.values_list("traits__seats", flat=True)
    assert sorted(values, key=str) == [12, 5, "n/a"]


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_rule_in_the_way_is_named(editor: SignedIn, trait: Trait, method: str) -> None:
    segment(editor.application, "Not <b>known</b>", trait="seats", operator="contains", value="n/")
    also = segment(editor.application, "Twelve", trait="seats", operator="equals", value="12")
    response = getattr(editor.client, method)(address("trait_kind", trait), {"kind": "number"})
    assert response.status_code == (200 if method == "get" else 409)
    page = text(response)
    assert "Not &lt;b&gt;known&lt;/b&gt;" in page
    assert "Declare number" not in page
    trait.refresh_from_db()
    also.refresh_from_db()
    assert (trait.declared_kind, also.parsed_rules[0].value, also.version) == ("", "12", 1)
    assert not TraitEvent.objects.exists()


def test_a_declaration_can_be_taken_back(editor: SignedIn, trait: Trait) -> None:
    editor.client.post(address("trait_kind", trait), {"kind": "number"})
    assert "Take the declaration back" in text(editor.client.get(address("trait_kind", trait), {"kind": ""}))
    page = text(editor.client.post(address("trait_kind", trait), {"kind": ""}, follow=True))
    trait.refresh_from_db()
    assert trait.declared_kind == ""
    assert "Left the kind to what most users have." in page


def test_there_are_four_kinds(editor: SignedIn, trait: Trait) -> None:
    assert editor.client.get(address("trait_kind", trait), {"kind": "list"}).status_code == 404
    assert editor.client.post(address("trait_kind", trait), {"kind": "list"}).status_code == 404


# Progress


def test_progress_is_shown_until_it_is_done(editor: SignedIn, trait: Trait) -> None:
    editor.client.post(address("trait_kind", trait), {"kind": "number"})
    progress = address("trait_progress", trait)
    assert "It begins in a moment" in text(editor.client.get(progress))
    rewriting.run(trait.pk, must_stop=lambda: True)
    page = text(editor.client.get(progress))
    assert "One more look in a few seconds" in page
    assert 'hx-trigger="every 1s"' in page
    TraitRewrite.objects.update(begun_at="2020-01-01T00:00:00Z")
    rewriting.run(trait.pk, must_stop=lambda: False)
    page = text(editor.client.get(progress))
    assert "Converted the values of 1 user," in page
    assert "hx-trigger" not in page


def test_what_failed_can_be_taken_up_again(editor: SignedIn, trait: Trait) -> None:
    editor.client.post(address("trait_kind", trait), {"kind": "number"})
    fail_jobs()
    assert "Something went wrong on our side" in text(editor.client.get(address("trait_manage", trait)))
    page = text(editor.client.post(address("trait_again", trait), follow=True))
    assert "Converting to number" in page
    assert ProcrastinateJob.objects.filter(status="todo").count() == 1


# Archive


def test_an_archived_trait_is_not_offered_and_its_rules_keep_working(editor: SignedIn, trait: Trait) -> None:
    asked = segment(editor.application, "Twelve", trait="seats", operator="equals", value="12")
    offered = '<option value="seats" data-note'
    assert offered in text(editor.client.get(editor.path("create/")))
    page = text(editor.client.post(address("trait_state", trait), {"state": "archived"}, follow=True))
    assert "Take out of the archive" in page
    assert offered not in text(editor.client.get(editor.path("create/")))
    assert "Not known" not in text(editor.client.get(editor.path(f"{asked.slug}/edit/")))
    assert factories.person(editor.application, {"seats": "12"}).traits == {"seats": "12"}
    assert "Archived</span>" in text(editor.client.get(editor.path("traits/")))
    page = text(editor.client.post(address("trait_state", trait), {"state": "active"}, follow=True))
    assert "Taken out of the archive." in page
    assert offered in text(editor.client.get(editor.path("create/")))
    assert editor.client.post(address("trait_state", trait), {"state": "deleted"}).status_code == 404


# Deletion


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_trait_in_use_is_not_deleted(editor: SignedIn, trait: Trait, method: str) -> None:
    segment(editor.application, "Twelve", trait="seats", operator="equals", value="12")
    response = getattr(editor.client, method)(address("trait_delete", trait), {"afterwards": "ignore"})
    assert response.status_code == (200 if method == "get" else 409)
    assert "This trait is in use" in text(response)
    assert "Twelve" in text(response)
    trait.refresh_from_db()
    assert (trait.state, TraitRewrite.objects.count()) == ("active", 0)


def test_deleting_says_what_goes_and_asks_what_comes_after(
    editor: SignedIn, trait: Trait, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # session, user, teammates; trait, users, segments
    with django_assert_num_queries(6):
        page = text(editor.client.get(address("trait_delete", trait)))
    assert "3 users have it; the value is removed from all of them" in page
    response = editor.client.post(address("trait_delete", trait), {})
    assert (response.status_code, "Choose what becomes of it." in text(response)) == (422, True)


def test_a_deleted_trait_that_is_ignored_stays_to_say_so(editor: SignedIn, trait: Trait) -> None:
    page = text(editor.client.post(address("trait_delete", trait), {"afterwards": "ignore"}, follow=True))
    assert "Callout ignores this key" in page
    assert "Stop ignoring" in page
    page = text(editor.client.post(address("trait_state", trait), {"state": "active"}, follow=True))
    assert "No longer ignored." in page


def test_a_deleted_trait_that_is_forgotten_goes(editor: SignedIn, trait: Trait) -> None:
    page = text(editor.client.post(address("trait_delete", trait), {"afterwards": "forget"}, follow=True))
    assert "Being deleted" in page
    assert "Stop ignoring" not in page
    for name, sent in (("trait_delete", {"afterwards": "ignore"}), ("trait_kind", {"kind": "number"})):
        response = editor.client.post(address(name, trait), sent)
        assert (response.status_code, "This trait is being deleted." in text(response)) == (409, True)
    response = editor.client.post(address("trait_manage", trait), {"label": "x"})
    assert (response.status_code, "This trait is being removed" in text(response)) == (422, True)
    editor.client.post(address("trait_state", trait), {"state": "active"})
    trait.refresh_from_db()
    assert (trait.state, trait.label) == (TraitState.DELETED, "")
    TraitRewrite.objects.update(begun_at="2020-01-01T00:00:00Z")
    rewriting.run(trait.pk, must_stop=lambda: False)
    progress = address("trait_progress", trait)
    assert "no user has it any more" in text(editor.client.get(progress, {"key": "seats"}))
    assert editor.client.get(progress, {"key": "another\0"}).status_code == 404
    assert editor.client.get(address("trait_manage", trait)).status_code == 404


# Who may


def test_a_viewer_reads_and_changes_nothing(viewer: SignedIn) -> None:
    factories.person(viewer.application, {"seats": 1})
    trait = viewer.application.traits.get()
    page = text(viewer.client.get(address("trait_manage", trait)))
    assert "History" in page
    assert "<form method" not in page.partition("<main")[2]
    for name in POSTED:
        assert viewer.client.post(address(name, trait), {"kind": "number", "state": "archived"}).status_code == 403
    assert not TraitEvent.objects.exists()


def test_strangers_find_nothing(editor: SignedIn, viewer: SignedIn) -> None:
    factories.person(viewer.application, {"seats": 1})
    theirs = viewer.application.traits.get()
    for name in [*POSTED, *READ]:
        own_address = reverse(name, args=[editor.application.slug, theirs.pk])
        for path in (address(name, theirs), own_address):
            call = editor.client.post if name in POSTED else editor.client.get
            assert call(path, {"kind": "number", "state": "archived"}).status_code == 404
        assert Client().get(own_address).status_code in (302, 405)
    assert not TraitEvent.objects.exists()
    assert not Segment.objects.exclude(is_everyone=True).exists()


def test_other_methods_are_refused(editor: SignedIn, trait: Trait) -> None:
    for name in ("trait_again", "trait_state"):
        assert editor.client.get(address(name, trait)).status_code == 405
    for name in ("trait_manage", "trait_kind", "trait_delete"):
        assert editor.client.delete(address(name, trait)).status_code == 405
    assert editor.client.post(address("trait_progress", trait)).status_code == 405
