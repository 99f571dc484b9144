"""Figures on the pages of segments: estimates before exact counts, what a save would change, and who lacks a trait."""

import re

from tests import factories
from tests.engage.views.conftest import SignedIn, form, segment
from tests.engage.views.test_segments import HTMX, PLAN_IS_PRO, text

# Large applications: a sample first, then all users


def test_a_large_list_is_estimated_first(large: SignedIn) -> None:
    page = text(large.client.get(large.path(), {"q": "o"}))
    assert re.search(r"about \d+ users", page)
    assert re.search(r'about</span> <b title="± \d+">\d+</b>', page)
    assert f'hx-get="{large.path()}?exact=1&amp;q=o&amp;page=1" hx-trigger="load"' in page
    exact = text(large.client.get(large.path(), {"exact": "1", "q": "o"}, headers=HTMX))
    assert "<b>150</b>" in exact
    assert "300 users · counted just now" in exact
    assert "about" not in exact
    assert "hx-trigger" not in exact


def test_a_large_preview_is_estimated_first(large: SignedIn) -> None:
    typed = form({"trait": "plan", "operator": "not_equals", "value": "free"})
    page = text(large.client.post(large.path("preview/"), typed, headers=HTMX))
    assert re.search(r"about</span> \d+</p>.*, ± \d+</p>", page)
    assert f'hx-post="{large.path("preview/")}?exact=1" hx-include="#builder"' in page
    exact = text(large.client.post(large.path("preview/?exact=1"), typed, headers=HTMX))
    assert '<p class="big">150</p>' in exact
    assert "Counting exactly" not in exact


def test_what_is_typed_is_counted_exactly_without_script(large: SignedIn) -> None:
    typed = form({"trait": "plan", "operator": "equals", "value": "free"}, do="update", name="Typed")
    page = text(large.client.post(large.path("create/"), typed))
    button = page.split(">Count exactly<")[0].rsplit("<", 1)[1]
    assert button == 'button class="link" form="builder" name="do" value="update" formaction="?exact=1" formnovalidate'
    exact = text(large.client.post(large.path("create/?exact=1"), typed))
    assert 'value="Typed"' in exact
    assert '<p class="big">150</p>' in exact
    assert "Count exactly" not in exact


def test_a_large_segment_is_estimated_first_for_those_who_read(large: SignedIn) -> None:
    page = text(large.client.get(large.path("everyone/")))
    assert '<a class="link" href="?exact=1">Count exactly</a>' in page
    assert f'hx-get="{large.path("everyone/")}?exact=1" hx-select="#audience > *"' in page
    assert '<p class="big">300</p>' in text(large.client.get(large.path("everyone/"), {"exact": "1"}))


def test_the_exact_count_of_a_large_segment_says_what_saving_changes(large: SignedIn) -> None:
    typed = form({"trait": "plan", "operator": "equals", "value": "free"})
    page = text(large.client.post(large.path("preview/?segment=pro-users"), typed, headers=HTMX))
    assert f'hx-post="{large.path("preview/")}?exact=1&amp;segment=pro-users"' in page
    assert "About " in page  # also to those who hear it
    exact = text(large.client.post(large.path("preview/?exact=1&segment=pro-users"), typed, headers=HTMX))
    assert '<span class="plus">adds 150</span>, <span class="minus">removes 150</span>' in exact


# What a save would change


def test_the_preview_of_a_saved_segment_says_what_saving_changes(editor: SignedIn) -> None:
    segment(editor.application)
    for name, plan in (("Ann", "pro"), ("<b>Bob</b>", "free"), ("Cid", "free")):
        factories.person(editor.application, {"plan": plan}, name=name)
    path = editor.path("preview/?segment=pro-users")
    page = text(editor.client.post(path, form({"trait": "plan", "operator": "equals", "value": "free"}), headers=HTMX))
    assert '<span class="plus">adds 2</span>, <span class="minus">removes 1</span> users' in page
    assert "&lt;b&gt;Bob&lt;/b&gt;" in page
    same = text(editor.client.post(path, form({"trait": "plan", "operator": "equals", "value": "pro"}), headers=HTMX))
    assert "Saving changes nobody’s membership" in same
    unfinished = form({"trait": "plan", "operator": "equals", "value": ""})
    assert "Saving" not in text(editor.client.post(path, unfinished, headers=HTMX))
    other = factories.new_application("Other").application
    segment(other, "Theirs")
    theirs = editor.path("preview/?segment=theirs")
    assert "Saving" not in text(editor.client.post(theirs, form(PLAN_IS_PRO), headers=HTMX))


def test_no_slug_that_can_not_be_is_looked_for(editor: SignedIn) -> None:
    answer = editor.client.post(editor.path("preview/?segment=%00pro"), form(PLAN_IS_PRO), headers=HTMX)
    assert answer.status_code == 200
    assert "Saving" not in text(answer)


def test_the_funnel_says_who_is_in_for_want_of_a_trait(viewer: SignedIn) -> None:
    users: list[dict[str, object]] = [{"plan": "pro"}, {"plan": "free"}, {}, {}]
    for traits in users:
        factories.person(viewer.application, traits)
    segment(viewer.application)
    segment(viewer.application, "Not free", trait="plan", operator="not_equals", value="free")
    page = text(viewer.client.get(viewer.path("not-free/")))
    assert 'Includes 2 users without <span dir="auto">plan</span>' in page
    assert "Includes" not in text(viewer.client.get(viewer.path("pro-users/")))
