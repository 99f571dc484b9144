"""Hints beside the builder: in its page and its preview, and what a click on one does without script."""

import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from engage.models import Segment
from identity.models import Trait
from tests import factories
from tests.engage.views.conftest import Fields, SignedIn, form, segment

HTMX = {"HX-Request": "true"}
TYPO = {"trait": "plan", "operator": "equals", "value": "fre"}
NOT_PRO = {"trait": "plan", "operator": "not_equals", "value": "pro"}


@pytest.fixture
def editor(editor: SignedIn) -> SignedIn:
    """With users of whom two are free, one is pro, and one has no plan."""
    for plan in ("free", "free", "pro", None):
        factories.person(editor.application, {"plan": plan, "teamSize": "n/a" if plan == "pro" else 10})
    return editor


def text(page: str) -> str:
    return re.sub("[\N{FIRST STRONG ISOLATE}\N{POP DIRECTIONAL ISOLATE}]", "", unescape(page))


def said(page: str) -> list[str]:
    return re.findall(r'<li class="hint">\s*<p>(.*?)</p>', text(page))


def preview(by: SignedIn, *rows: dict[str, str], exact: str = "") -> str:
    return by.client.post(by.path(f"preview/{exact}"), form(*rows), headers=HTMX).content.decode()


def buttons(page: str) -> list[str]:
    """What the buttons of the hints send."""
    return [unescape(sent) for sent in re.findall(r'name="do" value="(apply [^"]*)"', page)]


def click(by: SignedIn, *rows: dict[str, str]) -> str:
    """The builder after a click on the first button of the preview of its rows."""
    sent = buttons(preview(by, *rows))[0]
    answer = by.client.post(by.path("create/"), form(*rows, do=sent, name="Free users"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_preview_hints(editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    # session, user, teammates; whether it is large; counts (nobody matches, so no sample); seen; texts
    with django_assert_num_queries(7):
        answer = preview(editor, TYPO)
    assert said(answer) == ["No user has “fre” as “plan”. Did you mean “free” (2 users)?"]
    assert "0 of 4 users match. 1 hint." in text(answer)
    assert 'data-hint-row="00000000"' in text(answer)


def test_the_texts_of_a_trait_are_not_looked_for_where_the_value_is_found(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # session, user, teammates; whether it is large; counts, sample; seen
    with django_assert_num_queries(7):
        assert said(preview(editor, TYPO | {"value": "free"})) == []


def test_a_value_that_few_have_is_found_among_many(editor: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engage.views.hints.TEXTS_COMPARED", 1)
    named = {"operator": "any_of", "value": "pro\nfre"}
    assert said(preview(editor, TYPO | named)) == ["No user has “fre” as “plan”. Did you mean “free” (2 users)?"]


def test_the_page_hints_as_well(editor: SignedIn) -> None:
    segment(editor.application, "Not pro", **NOT_PRO)
    assert said(editor.client.get(editor.path("not-pro/edit/")).content.decode()) == [
        "“plan is not pro” includes 1 user without “plan”."
    ]


def test_every_hint_is_said(editor: SignedIn) -> None:
    Trait.objects.filter(key="plan").update(last_seen=timezone.now() - timedelta(days=34, hours=1))
    size = {"trait": "teamSize", "operator": "greater_than", "value": "5", "kind": "number"}
    free = TYPO | {"value": "free"}
    assert said(preview(editor, free, TYPO | {"value": "pro"}, size, size)) == [
        "“plan is free” and “plan is pro” contradict each other: no user matches both.",
        "1 user has “teamSize” as text, not as a number: “teamSize is greater than 5” does not see them.",
        "“teamSize is greater than 5” stands here more than once.",
        "“plan” was last seen 34 days ago.",
    ]
    assert said(preview(editor, {"trait": "new", "operator": "is_set"})) == ["No one sends “new” yet."]


def test_a_hint_that_mends_no_rule_leads_to_the_trait(editor: SignedIn) -> None:
    answer = preview(editor, {"trait": "new & old", "operator": "is_set"})
    assert f'href="{editor.path("traits/")}?q=new%20%26%20old"' in text(answer)


def test_many_hints_do_not_hide_the_audience(editor: SignedIn) -> None:
    answer = preview(editor, *[TYPO | {"value": "free"}] * 9)
    assert len(said(answer)) == 5
    assert "More come" not in text(preview(editor, *[TYPO | {"value": "free"}] * 6))
    assert "More come when these are done." in text(answer)


def test_what_is_estimated_is_not_said_to_be_nobody(large: SignedIn) -> None:
    assert said(preview(large, TYPO, TYPO)) == ["“plan is fre” stands here more than once."]
    assert len(said(preview(large, TYPO, TYPO, exact="?exact=1"))) == 3


def test_a_click_mends_the_row_and_saves_nothing(editor: SignedIn) -> None:
    answer = click(editor, TYPO)
    fields = Fields.of(answer)
    assert fields["value-00000000"] == "free"
    assert fields["name"] == "Free users"
    assert '<p class="big">2</p>' in text(answer)
    assert not Segment.objects.filter(application=editor.application, is_everyone=False).exists()


def test_a_click_adds_a_rule_behind_its_row_and_keeps_what_is_not_finished(editor: SignedIn) -> None:
    rows = [NOT_PRO, {"trait": "role", "operator": "equals", "value": ""}]
    answer = click(editor, *rows)
    asked = re.findall(r'name="trait-before-[0-9a-f]{8}" value="(\w*)"', text(answer))
    assert asked[:3] == ["plan", "plan", "role"]
    assert "plan is set" in text(answer)
    assert said(answer) == []


def test_a_click_removes_a_rule(editor: SignedIn) -> None:
    free = TYPO | {"value": "free"}
    answer = click(editor, free, free)
    assert "value-00000000" in Fields.of(answer)
    assert "value-00000001" not in Fields.of(answer)


def test_the_last_of_the_rules_that_stay_is_gone_on_with(editor: SignedIn) -> None:
    free = TYPO | {"value": "free"}
    answer = preview(editor, {"trait": "teamSize", "operator": "is_set"}, free, free)
    assert 'data-hint-row="00000001"' in text(answer)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "{",
        "[]",
        "1",
        "[" * 100_000,
        '{"00000000": 1}',
        '{"00000000": [1]}',
        '{"00000000": [{"trait": "$x", "operator": "is_set"}]}',
        '{"00000000": [{"trait": "plan\\u0000", "operator": "is_set"}]}',
        '{"0000000f": []}',
    ],
)
def test_what_no_hint_can_have_sent_changes_nothing(editor: SignedIn, sent: str) -> None:
    answer = editor.client.post(editor.path("create/"), form(TYPO, do=f"apply {sent}"))
    assert answer.status_code == 200
    assert Fields.of(answer.content.decode())["value-00000000"] == "fre"


def test_hostile_values_are_escaped(editor: SignedIn) -> None:
    factories.person(editor.application, {"plan": '"><b>x'})
    answer = preview(editor, TYPO | {"value": '"><b>'})
    assert "<b>x" not in answer
    assert json.loads(buttons(answer)[0].removeprefix("apply "))["00000000"][0]["value"] == '"><b>x'


def test_a_viewer_can_not_apply_a_hint(viewer: SignedIn) -> None:
    segment(viewer.application)
    sent = form(TYPO, do='apply {"00000000": []}')
    assert viewer.client.post(viewer.path("create/"), sent).status_code == 403
    assert viewer.client.post(viewer.path("pro-users/edit/"), sent).status_code == 403


def test_a_stranger_is_told_nothing(editor: SignedIn) -> None:
    other = factories.new_application("Other").application
    factories.person(other, {"plan": "secret"})
    path = f"/{other.slug}/engage/segments/preview/"
    assert editor.client.post(path, form(TYPO), headers=HTMX).status_code == 404
    assert "secret" not in text(preview(editor, TYPO | {"value": "secre"}))


def test_no_click_makes_more_rows_than_a_segment_has_rules(editor: SignedIn) -> None:
    sent = json.dumps({f"{number:08x}": [NOT_PRO] * 20 for number in range(20)})
    answer = editor.client.post(editor.path("create/"), form(*[TYPO] * 20, do=f"apply {sent}"))
    assert answer.content.decode().count('name="rule"') == 21 + 1  # with the blank one that script copies
