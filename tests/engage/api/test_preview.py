"""Whom rules would match, before they are saved."""

import pytest

from engage.models import Segment
from tests import factories
from tests.engage.api.calls import NOT_PRO, PRO, Api, assert_invalid

LARGE = {"trait": "teamSize", "operator": "greater_than", "value": 10}
SET = {"trait": "role", "operator": "is_not_set"}


@pytest.fixture
def filled(api: Api, stranger: Api) -> Api:
    sent: list[dict[str, object]] = [
        {"plan": "pro", "teamSize": 12},
        {"plan": "free", "teamSize": 12},
        {"plan": "free", "teamSize": 2, "role": "admin"},
        {"teamSize": 30},
        {},
    ]
    for traits in sent:
        factories.person(api.application, traits)
    factories.person(stranger.application, {"plan": "free"})
    return api


def test_each_rule_narrows_the_count(filled: Api) -> None:
    answer = filled.post("/segments/preview", {"rules": [*NOT_PRO, LARGE, SET]})
    assert answer.status == 200
    sample = answer.json["sample"]
    assert answer.json == {
        "sample": sample,
        "count": 2,
        "total": 5,
        "funnel": [
            NOT_PRO[0] | {"count": 4, "lacking": 2},
            LARGE | {"count": 2},
            SET | {"value": None, "count": 2},
        ],
    }
    assert sorted(user["traits"]["teamSize"] for user in sample) == [12, 30]
    assert sample[0].keys() == {"id", "email", "name", "first_seen", "last_seen", "traits"}


def test_the_sample_has_up_to_five_users(filled: Api) -> None:
    for _ in range(6):
        factories.person(filled.application, {"plan": "pro"})
    answer = filled.post("/segments/preview", {"rules": PRO})
    assert (answer.json["count"], len(answer.json["sample"])) == (7, 5)


def test_nobody_at_all(api: Api) -> None:
    answer = api.post("/segments/preview", {"rules": PRO})
    assert answer.json == {"count": 0, "total": 0, "sample": [], "funnel": [PRO[0] | {"count": 0}]}


def test_nothing_is_saved(filled: Api) -> None:
    before = list(Segment.objects.values_list("pk", "changed_at"))
    filled.post("/segments/preview", {"rules": PRO})
    assert list(Segment.objects.values_list("pk", "changed_at")) == before


def test_without_rules_there_is_nothing_to_count(api: Api) -> None:
    answer = api.post("/segments/preview", {"rules": []})
    assert_invalid(answer, "invalid_rules", {"index": None, "field": "rules"})
    assert_invalid(api.post("/segments/preview", {}), "invalid_request", {"field": "rules"})
