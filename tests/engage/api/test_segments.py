"""List, create, read, replace and delete segments."""

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from engage import compiled
from engage.models import Segment
from engage.rules import RULES_LIMIT
from tests import factories
from tests.engage.api.calls import NOT_PRO, PRO, Api, assert_invalid, assert_refused


def test_a_segment_is_created_with_a_slug_of_its_own(api: Api) -> None:
    factories.person(api.application, {"plan": "pro"})
    factories.person(api.application, {"plan": "free"})
    answer = api.post("/segments", {"name": " Pro users ", "rules": PRO})
    assert answer.status == 201
    assert answer.json == {
        "slug": "pro-users",
        "name": "Pro users",
        "rules": PRO,
        "is_everyone": False,
        "users": 1,
        "changed_at": answer.json["changed_at"],
        "changed_by": None,
    }
    assert api.get("/segments/pro-users").json == answer.json
    assert Segment.objects.get(slug="pro-users").changed_by is None


@pytest.mark.parametrize("name", ["Preview", "export", "IMPORT", "Create", "!!!"])
def test_no_slug_hides_a_call(api: Api, name: str) -> None:
    slug = api.post("/segments", {"name": name, "rules": PRO}).json["slug"]
    assert api.get(f"/segments/{slug}").json["name"] == name


def test_rules_come_back_as_they_are_kept(api: Api) -> None:
    rules = [
        {"trait": "plan", "operator": "any_of", "value": ["pro", "team", "pro"]},
        {"trait": "teamSize", "operator": "between", "value": [1.0, 10]},
        {"trait": "beta", "operator": "equals", "value": True},
        {"trait": "$email", "operator": "is_set"},
    ]
    kept = api.post("/segments", {"name": "All sorts", "rules": rules}).json["rules"]
    assert kept[0]["value"] == ["pro", "team"]
    assert kept[1:] == rules[1:]
    assert '"value": [1, 10]' in api.get("/segments/all-sorts").text


@pytest.mark.parametrize("name", ["Pro users", "PRO USERS", "everyone", " Everyone "])
def test_a_name_that_is_taken_is_a_conflict(api: Api, name: str) -> None:
    api.segment()
    other = api.segment("Other")
    assert_refused(api.post("/segments", {"name": name, "rules": PRO}), 409, "name_taken", "name")
    assert_refused(api.put("/segments/other", {"name": name, "rules": NOT_PRO}), 409, "name_taken", "name")
    other.refresh_from_db()
    assert (other.name, other.rules) == ("Other", PRO)
    assert Segment.objects.filter(application=api.application).count() == 3


@pytest.mark.parametrize("name", ["", " ", "a" * 101, "a\0b", "a\nb", "\u202e", "\ud800", "\u200b"])
def test_a_name_that_nobody_could_read_is_refused(api: Api, name: str) -> None:
    assert_invalid(api.post("/segments", {"name": name, "rules": PRO}), "invalid_name", {"field": "name"})


@pytest.mark.parametrize("name", [None, 1, True, ["a"], {}])
def test_a_name_is_a_text(api: Api, name: object) -> None:
    assert_invalid(api.post("/segments", {"name": name, "rules": PRO}), "invalid_request", {"field": "name"})


def test_each_rule_that_is_wrong_is_named_with_its_field(api: Api) -> None:
    api.segment()
    rules = [
        *PRO,
        {"trait": "$plan", "operator": "equals", "value": "pro"},
        {"trait": "plan", "operator": "like", "value": "pro"},
        {"trait": "age", "operator": "between", "value": [2, 1]},
        "plan is pro",
        {"trait": "a\0", "operator": "is_set"},
    ]
    named = [
        {"index": 1, "field": "trait"},
        {"index": 2, "field": "operator"},
        {"index": 3, "field": "value"},
        {"index": 4, "field": "rule"},
        {"index": 5, "field": "trait"},
    ]
    for answer in (
        api.post("/segments", {"name": "Wrong", "rules": rules}),
        api.put("/segments/pro-users", {"name": "Wrong", "rules": rules}),
        api.post("/segments/preview", {"rules": rules}),
    ):
        assert_invalid(answer, "invalid_rules", *[dict(error) for error in named])
    assert not Segment.objects.filter(name="Wrong").exists()


@pytest.mark.parametrize("rules", [None, "", {}, [], PRO * (RULES_LIMIT + 1)])
def test_a_segment_has_one_to_twenty_rules(api: Api, rules: object) -> None:
    answer = api.post("/segments", {"name": "Wrong", "rules": rules})
    assert_invalid(answer, "invalid_rules", {"index": None, "field": "rules"})


def test_name_and_rules_are_replaced_and_the_slug_stays(api: Api) -> None:
    segment = api.segment()
    segment.change(name="Pros", rules=segment.parsed_rules, changed_by=factories.teammate(api.application).user)
    by_hand = api.get("/segments/pro-users").json
    assert by_hand["changed_by"].endswith("@example.com")
    factories.person(api.application)
    answer = api.put("/segments/pro-users", {"name": "Others", "rules": NOT_PRO})
    assert answer.status == 200
    assert answer.json == by_hand | {
        "name": "Others",
        "rules": NOT_PRO,
        "users": 1,
        "changed_by": None,
        "changed_at": answer.json["changed_at"],
    }
    assert answer.json["changed_at"] > by_hand["changed_at"]
    assert api.get("/segments/pro-users").json == answer.json


def test_only_the_case_of_a_name_may_change(api: Api) -> None:
    api.segment()
    assert api.put("/segments/pro-users", {"name": "PRO users", "rules": PRO}).json["name"] == "PRO users"


def test_a_replacement_is_whole(api: Api) -> None:
    api.segment()
    assert_invalid(api.put("/segments/pro-users", {"name": "Pro"}), "invalid_request", {"field": "rules"})
    assert_refused(api.put("/segments/nothing", {"name": "Pro", "rules": PRO}), 404, "not_found")


def test_a_deleted_segment_is_gone(api: Api) -> None:
    api.segment()
    answer = api.delete("/segments/pro-users")
    assert (answer.status, answer.text) == (204, "")
    assert_refused(api.get("/segments/pro-users"), 404, "not_found")
    assert_refused(api.delete("/segments/pro-users"), 404, "not_found")


def test_everyone_stays_as_it_is(api: Api) -> None:
    assert_refused(api.delete("/segments/everyone"), 409, "built_in_segment")
    assert_refused(api.put("/segments/everyone", {"name": "All", "rules": PRO}), 409, "built_in_segment")
    assert (api.get("/segments/everyone").json["is_everyone"], api.get("/segments/everyone").json["rules"]) == (
        True,
        [],
    )


def test_the_same_slug_in_two_applications_is_two_segments(api: Api, stranger: Api) -> None:
    api.segment()
    stranger.segment("Pro users", NOT_PRO)
    assert stranger.delete("/segments/pro-users").status == 204
    assert api.get("/segments/pro-users").json["rules"] == PRO


def test_a_change_is_obeyed_at_once(
    api: Api, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    factories.person(api.application, {"plan": "pro"}, id="42")
    assert api.get("/users/42").json["segments"] == ["everyone"]
    for method, path, body, slugs in (
        ("POST", "/segments", {"name": "Pro users", "rules": PRO}, ["everyone", "pro-users"]),
        ("PUT", "/segments/pro-users", {"name": "Others", "rules": NOT_PRO}, ["everyone"]),
        ("PUT", "/segments/pro-users", {"name": "Others", "rules": PRO}, ["everyone", "pro-users"]),
        ("DELETE", "/segments/pro-users", None, ["everyone"]),
    ):
        with django_capture_on_commit_callbacks(execute=True):
            assert api.call(method, path, body).status < 300
        assert api.get("/users/42").json["segments"] == slugs
    compiled.forget()


# The list


def test_the_list_counts_all_segments_in_one_pass(
    api: Api, stranger: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for plan in ("pro", "pro", "free", None):
        factories.person(api.application, {"plan": plan})
    factories.person(stranger.application, {"plan": "pro"})
    for number in range(20):
        api.segment(f"Pro {number:02}")
    api.segment("Others", NOT_PRO)
    stranger.segment("Theirs")
    with django_assert_num_queries(5):  # key, secrets, application, segments, users
        answer = api.get("/segments")
    assert answer.json["next"] is None
    counted = {segment["slug"]: segment["users"] for segment in answer.json["segments"]}
    assert counted == {"everyone": 4, "others": 2, **{f"pro-{number:02}": 2 for number in range(20)}}


def test_pages_of_the_list_hold_each_segment_once(api: Api) -> None:
    for number in range(6):
        api.segment(f"Pro {number}")
    slugs: list[str] = []
    page: str | None = ""
    while page is not None:
        answer = api.get(f"/segments?limit=3{page}").json
        slugs += [segment["slug"] for segment in answer["segments"]]
        page = f"&after={answer['next']}" if answer["next"] else None
    assert slugs == ["everyone", *(f"pro-{number}" for number in range(6))]
    api.delete("/segments/pro-1")
    assert api.get("/segments?after=pro-1&limit=1").json["segments"][0]["slug"] == "pro-2"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("limit=" + "9" * 5_000, "limit"),
        ("after=%00", "after"),
        (f"after={'a' * 61}", "after"),
    ],
)
def test_what_is_no_page_is_refused(api: Api, query: str, field: str) -> None:
    assert_invalid(api.get(f"/segments?{query}"), "invalid_request", {"field": field})
