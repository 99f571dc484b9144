"""Engage > Segments > Traits."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from engage import tasks
from engage.census import record_census
from engage.guide import GUIDE
from engage.models import RecordedCensus
from identity import tally
from identity.models import Trait
from tests import factories
from tests.engage.views.conftest import SignedIn, segment
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
    assert '<span class="pill">string</span><span class="pill warn">1 does not fit</span>' in page


def test_an_empty_page_shows_how_to_send_the_first_trait(editor: SignedIn) -> None:
    page = text(editor.client.get(editor.path("traits/")))
    assert "No traits yet" in page
    for advice in GUIDE:
        assert f'<span class="name mono">{advice.key}</span>' in page
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
    # session, user, teammates; both tabs; segments; traits, size, common values, the pass; key
    with django_assert_num_queries(11):
        page = text(editor.client.get(editor.path("traits/")))
    assert "1–50 of 60" in page


def shown(page: str) -> list[str]:
    """The keys in the list, in its order."""
    return [
        part.split("<", 1)[0] for part in page.split('class="name mono cover"')[1:] for part in [part.split(">", 1)[1]]
    ]


@pytest.fixture
def various(editor: SignedIn) -> SignedIn:
    """Traits for each of the filters."""
    for size in ("n/a", 10, 20):
        factories.person(editor.application, {"teamSize": size, "plan": "pro"})
    factories.person(editor.application, {"old": True, "plan": "free"})
    tally.flush()
    Trait.objects.filter(key="old").update(last_seen=timezone.now() - timedelta(days=31))
    Trait.objects.create(application=editor.application, key="later", declared_kind="date")
    segment(editor.application)
    return editor


@pytest.mark.parametrize(
    ("show", "keys"),
    [
        ("", ["later", "old", "plan", "teamSize"]),
        ("mismatched", ["teamSize"]),
        ("quiet", ["old"]),
        ("unused", ["later", "old", "teamSize"]),
        ("unseen", ["later"]),
        ("no such filter", ["later", "old", "plan", "teamSize"]),
    ],
)
def test_filters(various: SignedIn, show: str, keys: list[str]) -> None:
    page = text(various.client.get(various.path("traits/"), {"show": show}))
    assert shown(page) == keys
    assert 'Gone quiet <span class="count">1</span>' in page
    assert 'Unused <span class="count">3</span>' in page


def test_search_keeps_the_filter(various: SignedIn) -> None:
    page = text(various.client.get(various.path("traits/"), {"show": "unused", "q": "o"}))
    assert shown(page) == ["old"]
    assert '<input type="hidden" name="show" value="unused">' in page
    page = text(various.client.get(various.path("traits/"), {"show": "quiet", "q": "plan"}))
    assert "here only of some traits" in page


@pytest.mark.parametrize(
    ("sort", "keys"),
    [
        ("key", ["later", "old", "plan", "teamSize"]),
        ("-key", ["teamSize", "plan", "old", "later"]),
        ("-users", ["plan", "teamSize", "old", "later"]),
        ("users", ["later", "old", "teamSize", "plan"]),
        ("seen", ["later", "old"]),
        ("nonsense", ["later", "old", "plan", "teamSize"]),
    ],
)
def test_sorting(various: SignedIn, sort: str, keys: list[str]) -> None:
    page = text(various.client.get(various.path("traits/"), {"sort": sort}))
    assert shown(page)[: len(keys)] == keys


def test_a_row_tells_the_top_value_and_who_uses_the_trait(various: SignedIn) -> None:
    page = text(various.client.get(various.path("traits/"), {"q": "plan"}))
    assert '<bdi class="one-line" title="pro">pro</bdi> <span class="soft percent">75.0 %</span>' in page
    assert '<span title="Pro users">1 segment</span>' in page
    assert "all different" in text(various.client.get(various.path("traits/"), {"q": "teamSize"}))


def test_a_filter_that_leaves_nothing_says_so(editor: SignedIn) -> None:
    factories.person(editor.application, {"plan": "pro"})
    page = text(editor.client.get(editor.path("traits/"), {"show": "mismatched"}))
    assert "All values fit" in page


# Large applications


def test_a_large_application_is_estimated_until_it_is_counted(large: SignedIn) -> None:
    page = text(large.client.get(large.path("traits/")))
    assert "from a sample" in page
    assert "Count all</button>" in page
    record_census(large.application, now=timezone.now() - timedelta(hours=3))
    page = text(large.client.get(large.path("traits/")))
    assert "300 users · counted" in page
    assert "3 hours ago" in page
    assert "Recount</button>" in page


def test_recounting_runs_in_the_background_and_is_shown(large: SignedIn) -> None:
    page = large.path("traits/")
    assert large.client.post(large.path("traits/recount/")).url == page  # type: ignore[attr-defined]
    assert "Counting…" in text(large.client.get(page))
    assert "Counting…" in text(large.client.post(large.path("traits/recount/"), headers=HTMX))
    assert large.client.get(large.path("traits/recounting/"), headers=HTMX).status_code == 204
    assert not RecordedCensus.objects.exists()
    tasks.record_census(str(large.application.pk))
    assert RecordedCensus.objects.get().application == large.application


def test_when_the_census_is_there_the_page_is_shown_anew(large: SignedIn) -> None:
    answer = large.client.get(large.path("traits/recounting/"), headers=HTMX)
    assert answer.headers["HX-Refresh"] == "true"


def test_the_builder_reads_the_recorded_census(large: SignedIn) -> None:
    record_census(large.application, now=timezone.now())
    factories.person(large.application, {"new": 1})
    page = text(large.client.get(large.path("create/")))
    assert 'data-note="string · 300 users · 100 %"' in page.replace("\N{NO-BREAK SPACE}", " ")
    assert 'value="new" data-note="number · ' in page


def test_who_only_reads_may_not_recount(viewer: SignedIn) -> None:
    factories.person(viewer.application, {"plan": "pro"})
    assert viewer.client.get(viewer.path("traits/")).status_code == 200
    assert viewer.client.post(viewer.path("traits/recount/")).status_code == 403
    assert "Define trait" not in text(viewer.client.get(viewer.path("traits/")))


@pytest.mark.parametrize(("page", "wrong"), [("recount/", "get"), ("recounting/", "post")])
def test_strangers_and_wrong_methods(editor: SignedIn, viewer: SignedIn, page: str, wrong: str) -> None:
    right = {"get": "post", "post": "get"}[wrong]
    assert getattr(editor.client, wrong)(editor.path(f"traits/{page}")).status_code == 405
    assert getattr(viewer.client, right)(editor.path(f"traits/{page}")).status_code == 404
