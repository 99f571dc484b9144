"""Why a user is in a segment, or not."""

import pytest

from identity import caches
from identity.models import Trait
from tests import factories
from tests.engage.api.calls import NOT_PRO, Api, assert_invalid, assert_refused

LARGE = {"trait": "teamSize", "operator": "greater_than", "value": 10}


@pytest.fixture
def filled(api: Api) -> Api:
    api.segment("Large", [*NOT_PRO, LARGE])
    return api


def test_each_rule_is_explained_for_a_user(filled: Api) -> None:
    factories.person(filled.application, {"plan": "free", "teamSize": "many"}, id="42")
    answer = filled.post("/segments/large/explain", {"user": "42"})
    assert answer.status == 200
    assert answer.json == {
        "matches": False,
        "rules": [
            NOT_PRO[0] | {"actual": "free", "matches": True, "reason": '`plan` is "free", which is not pro'},
            LARGE | {"actual": "many", "matches": False, "reason": '`teamSize` is "many", which is not a number'},
        ],
    }


def test_traits_of_nobody_are_explained_too(filled: Api) -> None:
    answer = filled.post("/segments/large/explain", {"traits": {"teamSize": 12}})
    assert answer.json == {
        "matches": True,
        "rules": [
            NOT_PRO[0] | {"actual": None, "matches": True, "reason": "`plan` is not set, so it is not pro"},
            LARGE | {"actual": 12, "matches": True, "reason": "`teamSize` is 12, which is greater than 10"},
        ],
    }
    assert not filled.application.people.exists()
    assert not Trait.objects.filter(application=filled.application).exists()


def test_traits_are_made_canonical_as_at_the_door(filled: Api) -> None:
    Trait.objects.create(application=filled.application, key="teamSize", declared_kind="number")
    caches.forget()
    rules = [
        LARGE,
        {"trait": "company.name", "operator": "equals", "value": "Acme"},
        {"trait": "$email", "operator": "ends_with", "value": "@example.com"},
        {"trait": "$name", "operator": "is_set"},
        {"trait": "seen", "operator": "equals", "value": "2026-01-01T00:00:00.000Z"},
        {"trait": "gone", "operator": "is_not_set"},
    ]
    filled.segment("All sorts", rules)
    traits = {
        "teamSize": "12",
        "company": {"name": "Acme"},
        "email": "ada@example.com",
        "name": "Ada\0",
        "seen": "2026-01-01T01:00+01:00",
        "gone": " ",
    }
    answer = filled.post("/segments/all-sorts/explain", {"traits": traits})
    assert answer.status == 200
    assert answer.json["matches"]
    assert [rule["actual"] for rule in answer.json["rules"]] == [
        12,
        "Acme",
        "ada@example.com",
        "Ada\ufffd",
        "2026-01-01T00:00:00.000Z",
        None,
    ]


def test_what_cannot_be_stored_is_named(filled: Api) -> None:
    traits = {"list": [1], "a": {"b": {}}, "big": 2**54, "$id": "1", "": 1, "x" * 101: 1, "email": "no", "fine": 1}
    answer = filled.post("/segments/large/explain", {"traits": traits})
    fields = ["email", "$id", "", "x" * 101, "list", "a.b", "big"]
    assert_invalid(answer, "invalid_traits", *[{"field": field} for field in fields])


def test_a_user_who_is_not_there(filled: Api, stranger: Api) -> None:
    factories.person(stranger.application, id="theirs")
    for user in ("nobody", "theirs", "", "\0", "\ud800", "a" * 5_000):
        assert_refused(filled.post("/segments/large/explain", {"user": user}), 404, "not_found")


@pytest.mark.parametrize("body", [{}, {"user": "42", "traits": {}}])
def test_either_a_user_or_traits(filled: Api, body: object) -> None:
    assert_invalid(filled.post("/segments/large/explain", body), "invalid_request", {"field": "user"})


@pytest.mark.parametrize(
    ("body", "field"), [({"user": 42}, "user"), ({"user": None}, "user"), ({"traits": []}, "traits")]
)
def test_of_their_types(filled: Api, body: object, field: str) -> None:
    assert_invalid(filled.post("/segments/large/explain", body), "invalid_request", {"field": field})


def test_everyone_needs_no_reason(api: Api) -> None:
    assert api.post("/segments/everyone/explain", {"traits": {}}).json == {"matches": True, "rules": []}
    assert_refused(api.post("/segments/nothing/explain", {"traits": {}}), 404, "not_found")
