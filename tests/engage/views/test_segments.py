"""Engage > Segments: the list, the builder, its preview and its rows."""

import re
from datetime import UTC, datetime

import pytest
from django.http import QueryDict
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from engage.forms import Row, RuleSet, SegmentForm
from engage.models import Segment
from engage.rules import parse
from engage.views import builder
from identity.models import Application
from identity.values import Kind
from identity.views.access import Access
from tests import factories
from tests.engage.views.conftest import Fields, SignedIn, form, segment

PLAN_IS_PRO = {"trait": "plan", "operator": "equals", "value": "pro"}
LARGE = {"trait": "teamSize", "operator": "greater_than", "value": "10", "kind": "number"}
HTMX = {"HX-Request": "true"}

PAGES = ["", "create/", "everyone/", "traits/"]
POSTS = ["create/", "preview/", "rule/"]


def text(response: object) -> str:
    return " ".join(response.content.decode().split())  # type: ignore[attr-defined]


def rows(page: str) -> int:
    """How many rules a page shows; after them comes the blank one to copy."""
    return page.split("<template")[0].count('class="rule"')


# Who may come in


@pytest.mark.parametrize("page", PAGES)
def test_everyone_signs_in_first(editor: SignedIn, page: str) -> None:
    response = Client().get(editor.path(page))
    assert response.status_code == 302
    assert response["Location"] == f"/sign-in/?next={editor.path(page)}"


@pytest.mark.parametrize("page", PAGES)
def test_another_application_is_not_there(editor: SignedIn, viewer: SignedIn, page: str) -> None:
    assert editor.client.get(viewer.path(page)).status_code == 404
    assert editor.client.get(f"/no-such-application/engage/segments/{page}").status_code == 404


@pytest.mark.parametrize("page", POSTS)
def test_another_application_takes_no_posts(editor: SignedIn, viewer: SignedIn, page: str) -> None:
    assert editor.client.post(viewer.path(page), form(PLAN_IS_PRO, name="Mine")).status_code == 404
    assert not Segment.objects.filter(name="Mine").exists()


def test_a_segment_of_another_application_is_not_there(editor: SignedIn, viewer: SignedIn) -> None:
    segment(viewer.application, "Theirs")
    assert editor.client.get(editor.path("theirs/")).status_code == 404
    assert editor.client.post(editor.path("theirs/edit/"), form(PLAN_IS_PRO, name="Mine")).status_code == 404


def test_a_viewer_reads_and_changes_nothing(viewer: SignedIn) -> None:
    mine = segment(viewer.application)
    assert "Create segment" not in text(viewer.client.get(viewer.path()))
    page = text(viewer.client.get(viewer.path("pro-users/")))
    assert "Ask an owner to make you an editor" in page
    assert "<form class" not in page
    assert "/edit/" not in page
    assert viewer.client.get(viewer.path("create/")).status_code == 403
    assert viewer.client.post(viewer.path("create/"), form(PLAN_IS_PRO, name="New")).status_code == 403
    assert viewer.client.post(viewer.path("pro-users/edit/"), form(LARGE, name="New")).status_code == 403
    assert viewer.client.post(viewer.path("rule/"), form()).status_code == 403
    mine.refresh_from_db()
    assert mine.name == "Pro users"


def test_nobody_changes_everyone(editor: SignedIn) -> None:
    page = text(editor.client.get(editor.path("everyone/")))
    assert "It can’t be changed or deleted." in page
    assert editor.client.post(editor.path("everyone/edit/"), form(PLAN_IS_PRO, name="Nobody")).status_code == 403


@pytest.mark.parametrize(("page", "wrong"), [("", "post"), ("traits/", "post"), ("preview/", "get"), ("rule/", "get")])
def test_wrong_methods_are_refused(editor: SignedIn, page: str, wrong: str) -> None:
    assert getattr(editor.client, wrong)(editor.path(page)).status_code == 405


def test_posts_need_the_token_of_the_page(editor: SignedIn) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(editor.teammate.user)
    for page in POSTS:
        assert client.post(editor.path(page), form(PLAN_IS_PRO, name="New")).status_code == 403


# The list


def test_the_list_says_who_and_how_many(editor: SignedIn) -> None:
    segment(editor.application)
    factories.person(editor.application, {"plan": "pro"})
    factories.person(editor.application, {"plan": "free"})
    page = text(editor.client.get(editor.path()))
    assert '<span class="t" dir="auto">plan</span> is <span class="v" dir="auto">pro</span>' in page
    assert "<b>1</b>" in page
    assert "50.0 %" in page
    assert "every identified user" in page
    assert 'class="one-line by"' not in page  # nobody knows who made it


def test_the_list_takes_as_many_queries_for_many_segments(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        segment(editor.application, f"Segment {number}")
    # session, user, teammates; the counts of both tabs; whether it is large; paging, segments, sizes; where they are
    # used, sizes over time; total
    with django_assert_num_queries(12):
        editor.client.get(editor.path())


def test_search_finds_by_name_and_answers_htmx_with_the_table_alone(editor: SignedIn) -> None:
    segment(editor.application, "Pro users")
    segment(editor.application, "Free users")
    page = text(editor.client.get(editor.path(), {"q": "pro"}))
    assert "Pro users" in page
    assert "Free users" not in page
    fragment = editor.client.get(editor.path(), {"q": "pro"}, headers=HTMX)
    assert "<html" not in text(fragment)
    assert "HX-Request" in fragment["Vary"]
    assert "No segment is called “&lt;b&gt;”" in text(editor.client.get(editor.path(), {"q": "<b>"}))


def test_the_list_pages(editor: SignedIn) -> None:
    for number in range(60):
        segment(editor.application, f"Segment {number:02}")
    first, second = (text(editor.client.get(editor.path(), {"page": page})) for page in (1, 2))
    assert "1–50 of 61" in first
    assert "Segment 59" not in first
    assert "Segment 59" in second


def test_names_and_values_are_escaped(editor: SignedIn) -> None:
    hostile = "<script>alert(1)</script>"
    segment(editor.application, hostile, trait=hostile, operator="equals", value=hostile)
    factories.person(editor.application, {hostile: hostile}, name=hostile)
    slug = Segment.objects.get(name=hostile).slug
    for page in ("", "traits/", f"{slug}/"):
        content = text(editor.client.get(editor.path(page)))
        assert hostile not in content
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in content


# The builder


def test_a_segment_is_created_with_what_was_typed(editor: SignedIn) -> None:
    factories.person(editor.application, {"plan": "pro", "teamSize": 11})
    response = editor.client.post(editor.path("create/"), form(PLAN_IS_PRO, LARGE, name=" Big pros "), follow=True)
    assert "Created “Big pros”: 1 user now." in text(response)
    made = Segment.objects.get(application=editor.application, slug="big-pros")
    assert made.rules == [PLAN_IS_PRO, {"trait": "teamSize", "operator": "greater_than", "value": 10}]
    assert made.changed_by == editor.teammate.user


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({"operator": "equals", "value": "10", "kind": "string"}, {"operator": "equals", "value": "10"}),
        ({"operator": "equals", "value": "10", "kind": "number"}, {"operator": "equals", "value": 10}),
        ({"operator": "equals", "value": "1e3", "kind": "number"}, {"operator": "equals", "value": 1000}),
        ({"operator": "less_than", "value": "-0.5", "kind": "number"}, {"operator": "less_than", "value": -0.5}),
        ({"operator": "equals", "value": "true", "kind": "boolean"}, {"operator": "equals", "value": True}),
        ({"operator": "not_equals", "value": "false", "kind": "boolean"}, {"operator": "not_equals", "value": False}),
        ({"operator": "within_last_days", "value": "7", "kind": "date"}, {"operator": "within_last_days", "value": 7}),
        ({"operator": "is_set", "kind": "date"}, {"operator": "is_set"}),
        ({"operator": "contains", "value": " a ", "kind": "string"}, {"operator": "contains", "value": " a "}),
        (
            {"operator": "any_of", "value": "pro\r\n\r\nfree \r\npro\n", "kind": "string"},
            {"operator": "any_of", "value": ["pro", "free "]},
        ),
        ({"operator": "none_of", "value": "10\n1e3", "kind": "number"}, {"operator": "none_of", "value": [10, 1000]}),
        (
            {"operator": "any_of", "value": '"a\\nb"\n"a', "kind": "string"},
            {"operator": "any_of", "value": ["a\nb", '"a']},
        ),
        (
            {"operator": "between", "value": "5", "to": "10.5", "kind": "number"},
            {"operator": "between", "value": [5, 10.5]},
        ),
        (
            {"operator": "before", "value": "2025-08-15", "kind": "date"},
            {"operator": "before", "value": "2025-08-15"},
        ),
        ({"operator": "equals", "value": "a\r\nb", "kind": "string"}, {"operator": "equals", "value": "a\nb"}),
    ],
)
def test_a_value_is_read_as_the_kind_of_its_row(editor: SignedIn, row: dict[str, str], rule: dict[str, object]) -> None:
    editor.client.post(editor.path("create/"), form({"trait": "x", **row}, name="New"))
    assert Segment.objects.get(name="New").rules == [{"trait": "x", **rule}]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, "Choose a trait."),
        ({"trait": "plan", "operator": "equals", "value": " "}, "Enter a value."),
        ({"trait": "n", "operator": "greater_than", "value": "ten", "kind": "number"}, "Enter a number."),
        (
            {"trait": "n", "operator": "equals", "value": "9" * 20, "kind": "number"},
            "Enter a number of at most 9,007,199,254,740,992.",
        ),
        ({"trait": "b", "operator": "equals", "value": "", "kind": "boolean"}, "Choose true or false."),
        ({"trait": "d", "operator": "within_last_days", "value": "0", "kind": "date"}, "whole number of days"),
        ({"trait": "d", "operator": "within_last_days", "value": "1.5", "kind": "date"}, "whole number of days"),
        ({"trait": "$nope", "operator": "is_set"}, "Names that begin with $ are Callout"),
        ({"trait": "p", "operator": "any_of", "value": " \n", "kind": "string"}, "Enter a value."),
        ({"trait": "n", "operator": "any_of", "value": "1\nten", "kind": "number"}, "“ten” is not a number."),
        (
            {"trait": "p", "operator": "any_of", "value": "\n".join(map(str, range(251))), "kind": "string"},
            "Enter 1 to 250 values.",
        ),
        ({"trait": "n", "operator": "between", "value": "5", "kind": "number"}, "Enter two numbers."),
        ({"trait": "n", "operator": "between", "to": "5", "kind": "number"}, "Enter two numbers."),
        (
            {"trait": "n", "operator": "between", "value": "10", "to": "5", "kind": "number"},
            "Enter the smaller number first.",
        ),
        ({"trait": "d", "operator": "on", "value": "", "kind": "date"}, "Enter a date."),
        ({"trait": "d", "operator": "on", "value": "2025-02-30", "kind": "date"}, "There is no such day"),
        ({"trait": "d", "operator": "on", "value": "9999-01-01", "kind": "date"}, "in the years 1000 to 9998"),
    ],
)
def test_errors_stand_at_their_row_and_nothing_is_saved(editor: SignedIn, row: dict[str, str], message: str) -> None:
    response = editor.client.post(editor.path("create/"), form(row, name="New"))
    assert response.status_code == 422
    assert message in text(response).split('id="error-00000000">')[1].split("</p>")[0]
    assert 'aria-invalid="true"' in text(response)
    assert not Segment.objects.filter(name="New").exists()


@pytest.mark.parametrize(
    ("fields", "rows", "message"),
    [
        ({"name": ""}, [PLAN_IS_PRO], "Give the segment a name."),
        ({"name": "x" * 101}, [PLAN_IS_PRO], "at most 100 characters"),
        ({"name": "PRO USERS"}, [PLAN_IS_PRO], "There is a segment with this name."),
        ({"name": "Everyone"}, [PLAN_IS_PRO], "There is a segment with this name."),
        ({"name": "New"}, [], "Add at least one rule"),
        ({"name": "New"}, [PLAN_IS_PRO] * 21, "at most 20 rules"),
    ],
)
def test_a_form_that_does_not_do_says_why(
    editor: SignedIn, fields: dict[str, str], rows: list[dict[str, str]], message: str
) -> None:
    segment(editor.application)
    response = editor.client.post(editor.path("create/"), form(*rows, **fields))
    assert response.status_code == 422
    assert message in text(response)
    assert Segment.objects.filter(application=editor.application).count() == 2


def test_a_segment_keeps_its_slug_when_it_changes(editor: SignedIn) -> None:
    segment(editor.application)
    factories.person(editor.application, {"plan": "pro"})
    page = text(editor.client.get(editor.path("pro-users/edit/")))
    assert 'value="Pro users"' in page
    assert 'value="pro"' in page
    response = editor.client.post(
        editor.path("pro-users/edit/"), form(LARGE, name="pro USERS", version="1"), follow=True
    )
    assert "Saved “pro USERS”: 0 users now, 1 removed." in text(response)
    assert Segment.objects.get(slug="pro-users").name == "pro USERS"


def test_opening_a_rule_never_changes_what_it_means(editor: SignedIn) -> None:
    """A rule that looks for the text "10" stays one, though the trait is a number by now."""
    factories.person(editor.application, {"teamSize": 10})
    segment(editor.application, "Text", trait="teamSize", operator="equals", value="10")
    row = text(editor.client.get(editor.path("text/edit/"))).split('class="rule"')[1]
    row_id = row.split('name="rule" value="')[1].split('"')[0]
    kind = row.split(f'name="kind-{row_id}" value="')[1].split('"')[0]
    assert kind == "string"
    sent = form({"trait": "teamSize", "operator": "equals", "value": "10", "kind": kind}, name="Text", version="1")
    editor.client.post(editor.path("text/edit/"), sent)
    assert Segment.objects.get(slug="text").rules == [{"trait": "teamSize", "operator": "equals", "value": "10"}]


SAVED = [
    ("any_of", ["pro", "free"]),
    ("none_of", ["a\nb", "c\r\nd", '"quoted"', '"', " blanks ", "<b>&amp;</b>", "\\", "1"]),
    ("any_of", [1, 10.5, -3]),
    ("between", [5, 10.5]),
    ("before", "2025-08-15"),
    ("after", "2025-08-15"),
    ("on", "2024-02-29"),
    ("more_than_days_ago", 30),
    ("within_next_days", 7),
    ("starts_with", " a"),
    ("ends_with", "two\nlines"),
    ("not_contains", "%_"),
    ("at_least", -0.5),
    ("is_not_set", None),
]


@pytest.mark.parametrize(("operator", "value"), SAVED)
def test_a_saved_rule_opens_as_it_was_saved(editor: SignedIn, operator: str, value: object) -> None:
    saved = segment(editor.application, "Saved", trait="trait", operator=operator, value=value)
    sent = Fields.of(editor.client.get(editor.path("saved/edit/")).content.decode())
    editor.client.post(editor.path("saved/edit/"), sent | {"name": "Again", "do": "save"})
    rules = saved.rules
    saved.refresh_from_db()
    assert (saved.name, saved.rules) == ("Again", rules)


@pytest.mark.parametrize(
    ("before", "value", "operator", "expected"),
    [
        ("equals", "pro", "any_of", "pro"),
        ("equals", "a\nb", "any_of", '"a\\nb"'),
        ("any_of", "pro\nfree", "equals", "pro"),
        ("any_of", "\n\n", "equals", ""),
        ("any_of", "pro\nfree", "none_of", "pro\nfree"),
        ("any_of", "pro\nfree", "is_set", "pro\nfree"),
        ("contains", " pro", "starts_with", " pro"),
        ("is_set", "pro", "equals", "pro"),
    ],
)
def test_a_value_follows_its_operator_as_far_as_it_can(before: str, value: str, operator: str, expected: str) -> None:
    sent = {"trait": "x", "trait-before": "x", "kind": "string", "operator-before": before, "operator": operator}
    data = QueryDict(mutable=True)
    data.update({f"{name}-00000000": text for name, text in (sent | {"value": value}).items()})
    assert Row.sent("00000000", data, lambda trait: None).value == expected


def test_a_number_of_days_is_no_date() -> None:
    data = QueryDict(
        "trait-00000000=x&trait-before-00000000=x&kind-00000000=date&operator-before-00000000=within_last_days"
        "&operator-00000000=before&value-00000000=7"
    )
    assert Row.sent("00000000", data, lambda trait: None).value == ""


# Without script


def test_rows_come_and_go_without_script(editor: SignedIn) -> None:
    sent = form(PLAN_IS_PRO, LARGE, name="New")
    added = text(editor.client.post(editor.path("create/"), sent | {"do": "add"}))
    assert rows(added) == 3
    assert 'value="New"' in added
    removed = text(editor.client.post(editor.path("create/"), sent | {"do": "remove-00000000"}))
    assert rows(removed) == 1
    assert 'value="10"' in removed
    assert not Segment.objects.filter(name="New").exists()


def test_an_update_without_script_follows_the_trait(editor: SignedIn) -> None:
    factories.person(editor.application, {"teamSize": 10})
    row = {"trait": "teamSize", "trait-before": "plan", "operator": "contains", "value": "pro"}
    page = text(editor.client.post(editor.path("create/"), form(row, name="New") | {"do": "update"}))
    assert 'name="kind-00000000" value="number"' in page
    assert "is greater than" in page
    assert 'value="pro"' not in page


# The preview and the row


def test_the_preview_counts_what_is_typed_and_saves_nothing(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.person(editor.application, {"plan": "pro", "teamSize": 20}, name="Ada Lovelace")
    factories.person(editor.application, {"plan": "pro"})
    factories.person(editor.application)
    unfinished = {"trait": "role", "operator": "equals", "value": ""}
    # session, user, teammates; whether it is large; counts, sample; when the traits were seen
    with django_assert_num_queries(7):
        response = editor.client.post(editor.path("preview/"), form(PLAN_IS_PRO, LARGE, unfinished), headers=HTMX)
    page = text(response)
    assert '<p class="big">1</p>' in page
    assert "33.3 % of 3 users" in page
    assert "plan is pro</span><b>2</b>" in page
    assert "Ada Lovelace" in page
    assert "One rule is not finished and not counted yet." in page
    assert "1 of 3 users match." in page
    assert Segment.objects.filter(application=editor.application).count() == 1


def test_the_preview_brings_the_errors_of_finished_rows(editor: SignedIn) -> None:
    wrong = {"trait": "d", "operator": "within_last_days", "value": "0", "kind": "date"}
    page = text(editor.client.post(editor.path("preview/"), form(wrong, {}), headers=HTMX))
    assert '<p id="error-00000000" hx-swap-oob="innerHTML">Enter a whole number of days' in page
    assert '<p id="error-00000001" hx-swap-oob="innerHTML"></p>' in page


def test_a_row_follows_the_kind_of_its_trait(editor: SignedIn) -> None:
    factories.person(editor.application, {"teamSize": 10, "joined": "2026-01-01", "beta": True})
    for trait, expected, unexpected in (
        ("teamSize", 'type="number"', "is within the last"),
        ("joined", "is within the last", "is greater than"),
        ("beta", '<option value="true"', "contains"),
        ("$email", "contains", "is greater than"),
        ("$first_seen", "is within the last", "contains"),
    ):
        row = {"trait": trait, "trait-before": "", "kind": "string"}
        response = editor.client.post(editor.path("rule/?row=00000000"), form(row), headers=HTMX)
        assert expected in text(response)
        assert unexpected not in text(response)
        assert "rules-changed" in response["HX-Trigger-After-Settle"]


def test_a_row_that_is_not_there_is_not_there(editor: SignedIn) -> None:
    for path in ("rule/", "rule/?row=99999999", "rule/?row=%00"):
        assert editor.client.post(editor.path(path), form(PLAN_IS_PRO), headers=HTMX).status_code == 404


def test_a_row_reads_the_kinds_of_its_trait_alone(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.person(editor.application, {"plan": "pro", "role": "admin"})
    # session, user, teammates; traits, whether there are many users, its kinds
    with django_assert_num_queries(6):
        row = {"trait": "plan", "trait-before": "role"}
        editor.client.post(editor.path("rule/?row=00000000"), form(row), headers=HTMX)


def test_the_page_holds_a_blank_row_to_copy(editor: SignedIn) -> None:
    page = text(editor.client.get(editor.path("create/")))
    assert page.split('<template id="new-rule"')[1].count('name="rule" value="ffffffff"') == 1


@pytest.mark.parametrize("name", ["\u200b", "\u202ebackwards", "two\nlines", "a\x07b"])
def test_names_that_cannot_be_read_are_refused(editor: SignedIn, name: str) -> None:
    response = editor.client.post(editor.path("create/"), form(PLAN_IS_PRO, name=name))
    assert response.status_code == 422
    assert not Segment.objects.filter(application=editor.application, is_everyone=False).exists()


def test_a_preview_of_someone_signed_out_leaves_the_page_alone(editor: SignedIn) -> None:
    response = Client().post(editor.path("preview/"), form(PLAN_IS_PRO), headers=HTMX)
    assert response.status_code == 401
    assert "HX-Redirect" not in response


# Hostile input


@pytest.mark.parametrize("page", ["", "traits/"])
@pytest.mark.parametrize(
    "query", ["?q=%00", "?q=%ED%A0%80", "?page=%00", "?page=-1", "?page=99999999999999999999", "?q=%25s"]
)
def test_odd_queries_are_answered(editor: SignedIn, page: str, query: str) -> None:
    factories.person(editor.application, {"plan": "pro"})
    assert editor.client.get(editor.path(page + query)).status_code == 200


@pytest.mark.parametrize("task", ["save", "add", "update"])
@pytest.mark.parametrize("field", ["trait", "operator", "value", "kind", "trait-before"])
def test_a_builder_with_nul_is_answered(editor: SignedIn, field: str, task: str) -> None:
    factories.person(editor.application, {"plan": "pro"})
    sent = form({**PLAN_IS_PRO, field: "\0"}, name="New", do=task)
    assert editor.client.post(editor.path("create/"), sent).status_code in (200, 302, 422)
    assert editor.client.post(editor.path("preview/"), sent).status_code == 200
    assert editor.client.post(editor.path("rule/?row=00000000"), sent).status_code == 200


def test_a_key_with_a_line_break_survives_the_form(editor: SignedIn) -> None:
    factories.person(editor.application, {"a\nb": "x"})
    row = {"trait": "a\r\nb", "operator": "equals", "value": "x"}
    editor.client.post(editor.path("create/"), form(row, name="New"))
    assert Segment.objects.get(name="New").rules == [{"trait": "a\nb", "operator": "equals", "value": "x"}]


def test_a_builder_reads_no_more_rows_than_it_may_have(editor: SignedIn) -> None:
    full = [PLAN_IS_PRO] * 20
    page = text(editor.client.post(editor.path("create/"), form(*full, name="New", do="add")))
    assert rows(page) == 20
    page = text(editor.client.post(editor.path("create/"), form(*full * 5, name="New")))
    assert rows(page) == 21


# What else must hold


def test_two_applications_may_use_the_same_name(editor: SignedIn, viewer: SignedIn) -> None:
    segment(viewer.application, "Power users")
    response = editor.client.post(editor.path("create/"), form(PLAN_IS_PRO, name="Power users"))
    assert response.status_code == 302
    assert Segment.objects.filter(name="Power users").count() == 2


def test_a_name_that_is_taken_between_check_and_save_is_an_error_of_the_form(editor: SignedIn) -> None:
    rules = RuleSet.of([Row("00000000", Kind.STRING, "plan", "equals", "pro")])
    data = QueryDict("name=Power users")
    built = SegmentForm(data, application=editor.application, segment=None, rule_set=rules)
    assert built.is_valid()
    segment(editor.application, "Power users")
    access = Access(editor.application, editor.teammate, [editor.application])
    assert not builder.save(access, built)
    assert built.errors["name"] == ["There is a segment with this name."]


def test_the_builder_takes_as_many_queries_for_many_rules(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.person(editor.application, {"plan": "pro"})
    rules = parse([{"trait": "plan", "operator": "not_equals", "value": str(number)} for number in range(20)])
    Segment.objects.create_with_rules(editor.application, name="Many", rules=rules)
    # session, user, teammates; segment; kinds, total, traits; whether it is large; counts, sample;
    # when the trait was seen, its texts
    with django_assert_num_queries(12):
        editor.client.get(editor.path("many/edit/"))


def test_times_are_those_of_the_application(editor: SignedIn) -> None:
    Application.objects.filter(pk=editor.application.pk).update(time_zone="Asia/Tokyo")
    made = segment(editor.application)
    Segment.objects.filter(pk=made.pk).update(changed_at=datetime(2026, 1, 1, 20, 0, tzinfo=UTC))
    assert 'title="2 Jan 2026, 05:00:00 Asia/Tokyo"' in text(editor.client.get(editor.path()))


@pytest.mark.parametrize("operator", ["contains", "nonsense", ""])
def test_an_operator_that_does_not_fit_is_never_saved_as_another(editor: SignedIn, operator: str) -> None:
    """Without script, a new row's comparison and value are chosen before the server has seen the kind of its trait."""
    factories.person(editor.application, {"teamSize": 10})
    row = {"trait": "teamSize", "trait-before": "", "operator": operator, "value": "10"}
    response = editor.client.post(editor.path("create/"), form(row, name="New"))
    assert response.status_code == 422
    assert "is greater than" in text(response)
    assert not Segment.objects.filter(name="New").exists()


def test_a_row_is_answered_without_a_look_at_the_others(
    editor: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.person(editor.application, {"plan": "pro", "role": "admin"})
    changed = {"trait": "plan", "trait-before": "role"}
    # session, user, teammates; traits, whether there are many users, its kinds
    with django_assert_num_queries(6):
        editor.client.post(editor.path("rule/?row=00000000"), form(changed, *[changed] * 9), headers=HTMX)


def test_a_list_begins_empty(editor: SignedIn) -> None:
    factories.person(editor.application, {"plan": "pro"})
    typed = form({"trait": "plan", "operator": "any_of", "value": ""})
    row = text(editor.client.post(editor.path("rule/?row=00000000"), typed, headers=HTMX))
    assert re.search(r"<textarea[^>]*>\s*</textarea>", row)
    assert "Everyone, so far." in text(editor.client.post(editor.path("preview/"), typed, headers=HTMX))
