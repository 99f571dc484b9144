"""The list of segments: its order, what it says beside the rules, and estimates where there is much to count."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from engage import sampling
from engage import sizes as size_queries
from engage.models import RecordedSize, Segment
from engage.views import segments as list_views
from identity import ingest
from identity.payloads import Identify
from tests import factories
from tests.engage.views.conftest import SignedIn, segment
from tests.engage.views.test_segments import text


def listed(page: str) -> list[str]:
    return re.findall(r'<a class="name cover"[^>]*>([^<]*)</a>', page)


@pytest.fixture
def five(editor: SignedIn, monkeypatch: pytest.MonkeyPatch) -> SignedIn:
    """Segments that 3, 1, 5, 1 and 0 of five users are in, changed in turn; three of them fit on a page."""
    monkeypatch.setattr(list_views, "PER_PAGE", 3)
    for size in range(1, 6):
        factories.person(editor.application, {"n": size})
    now = timezone.now()
    for minutes, (name, at_least) in enumerate([("C", 3), ("d", 5), ("A", 1), ("B", 5), ("E", 6)]):
        made = segment(editor.application, name, trait="n", operator="at_least", value=at_least)
        Segment.objects.filter(pk=made.pk).update(changed_at=now + timedelta(minutes=minutes))
    return editor


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("", ["Everyone", "A", "B", "C", "d", "E"]),
        ("nonsense", ["Everyone", "A", "B", "C", "d", "E"]),
        ("--name", ["Everyone", "A", "B", "C", "d", "E"]),
        ("-name", ["Everyone", "E", "d", "C", "B", "A"]),
        ("-users", ["Everyone", "A", "C", "B", "d", "E"]),
        ("users", ["E", "B", "d", "C", "Everyone", "A"]),
        ("-changed", ["Everyone", "E", "B", "A", "d", "C"]),
        ("changed", ["Everyone", "C", "d", "A", "B", "E"]),
    ],
)
@pytest.mark.parametrize("lists_at_once", [2, 1_000])
def test_the_list_is_in_order_across_its_pages(
    five: SignedIn, monkeypatch: pytest.MonkeyPatch, sort: str, expected: list[str], lists_at_once: int
) -> None:
    monkeypatch.setattr(size_queries, "LISTS_AT_ONCE", lists_at_once)
    found = []
    for number in (1, 2):
        found += listed(five.client.get(five.path(), {"sort": sort, "page": number}).content.decode())
    assert found == expected


def test_heads_of_columns_say_how_it_is_sorted_and_turn_it_round(five: SignedIn) -> None:
    page = text(five.client.get(five.path(), {"sort": "-users", "q": "", "page": "2"}))
    heads = re.findall(r'aria-sort="(\w+)"><a class="sort" href="([^"]*)">(\w+)', page)
    assert heads == [
        ("none", "?sort=name&amp;q=", "Segment"),
        ("descending", "?sort=users&amp;q=", "Users"),
        ("none", "?sort=-changed&amp;q=", "Changed"),
    ]
    assert '<input type="hidden" name="sort" value="-users">' in page
    assert 'rel="prev" href="?sort=-users&amp;q=&amp;page=1"' in page


def test_many_segments_are_sorted_by_an_estimate_first(five: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [Identify(f"u{n}", {}, {"n": n % 5 + 1}, timezone.now()) for n in range(300)]
    ingest.identify_many(five.application.pk, calls, now=timezone.now())
    monkeypatch.setattr(sampling, "LISTS", 3)
    monkeypatch.setattr(sampling, "SAMPLE_USERS", 100)
    monkeypatch.setattr(sampling, "_PROBE", 0.5)
    page = text(five.client.get(five.path(), {"sort": "-users"}))
    assert "about" in page
    assert f'hx-get="{five.path()}?exact=1&amp;sort=-users&amp;page=1" hx-trigger="load"' in page
    # By name only the page is counted, which is not much.
    assert "about" not in text(five.client.get(five.path()))
    assert "about" not in text(five.client.get(five.path(), {"sort": "-users", "exact": "1"}))


def test_rows_say_where_segments_are_used_and_how_they_grew(editor: SignedIn) -> None:
    one, two = segment(editor.application, "One"), segment(editor.application, "Two")
    factories.experience("Welcome <tour>", one, two)
    factories.experience("Banner", two)
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
    for days, users in ((2, 1), (1, 3)):
        RecordedSize.objects.create(segment=one, recorded_at=noon - timedelta(days=days), users=users)
    page = text(editor.client.get(editor.path()))
    rows = page.split("<tr>")
    assert "not used" in rows[2]
    assert "Welcome &lt;tour&gt;" in rows[3]
    assert '<polyline points="92.8,23.0 96.0,3.0"/>' in rows[3]
    assert 'title="Banner, Welcome &lt;tour&gt;">2 experiences' in rows[4]
    assert "polyline" not in rows[4]


def test_only_who_may_change_segments_is_offered_to(editor: SignedIn, viewer: SignedIn) -> None:
    for who, offered in ((editor, True), (viewer, False)):
        segment(who.application)
        page = text(who.client.get(who.path()))
        for path in ("create/?copy=pro-users", "pro-users/delete/", "pro-users/edit/", "segments/import/"):
            assert (path in page) == offered
        assert "segments/export/" in page
        assert "everyone/delete/" not in page
