"""Read a user, erase a user."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.utils import timezone

from identity.models import Erasure
from identity.values import format_instant
from tests import factories
from tests.engage.api.calls import NOT_PRO, Api, assert_refused

IDS = [
    "42",
    "a/b",
    "/a/",
    "a b",
    "👋",
    "a?b=c#d",
    "100%",
    "ада",
    "ada@example.com",
    "a//b",
    "auth0|123",
    "a+b",
    "x/members",
]


def test_a_user_with_all_that_is_known(api: Api) -> None:
    api.segment()
    api.segment("Others", NOT_PRO)
    api.segment("New", [{"trait": "$first_seen", "operator": "within_last_days", "value": 7}])
    now = timezone.now()
    factories.person(
        api.application,
        {"plan": "pro", "n": 1.5, "ok": True},
        id="42",
        email="ada@example.com",
        name="Ada",
        now=now - timedelta(days=30),
    )
    answer = api.get("/users/42")
    assert answer.status == 200
    assert answer.json == {
        "id": "42",
        "email": "ada@example.com",
        "name": "Ada",
        "first_seen": format_instant(now - timedelta(days=30)),
        "last_seen": format_instant(now - timedelta(days=30)),
        "traits": {"plan": "pro", "n": 1.5, "ok": True},
        "segments": ["everyone", "pro-users"],
    }


def test_of_whom_little_is_known(api: Api) -> None:
    factories.person(api.application, id="42")
    answer = api.get("/users/42").json
    assert (answer["email"], answer["name"], answer["traits"]) == (None, None, {})


@pytest.mark.parametrize("external_id", IDS)
def test_an_id_may_have_anything_in_it(api: Api, external_id: str) -> None:
    factories.person(api.application, id=external_id)
    path = f"/users/{quote(external_id, safe='')}"
    assert api.get(path).json["id"] == external_id
    assert api.delete(path).status == 204
    assert_refused(api.get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["43", "42/", "42%20", "%00", "%0A", "%ED%A0%80", "%FF", "a" * 5_000])
def test_who_is_not_there(api: Api, path: str) -> None:
    factories.person(api.application, id="42")
    assert_refused(api.get(f"/users/{path}"), 404, "not_found")
    assert_refused(api.delete(f"/users/{path}"), 404, "not_found")
    assert api.get("/users/42").status == 200


def test_an_erased_user_stays_erased(api: Api) -> None:
    factories.person(api.application, {"plan": "pro"}, id="42")
    factories.person(api.application, {"plan": "pro"}, id="43")
    answer = api.delete("/users/42")
    assert (answer.status, answer.text) == (204, "")
    assert_refused(api.get("/users/42"), 404, "not_found")
    assert_refused(api.delete("/users/42"), 404, "not_found")
    assert api.get("/users/43").status == 200
    assert Erasure.objects.count() == 1


def test_the_same_id_in_two_applications_is_two_users(api: Api, stranger: Api) -> None:
    factories.person(api.application, {"plan": "pro"}, id="42")
    factories.person(stranger.application, {"plan": "free"}, id="42")
    assert stranger.get("/users/42").json["traits"] == {"plan": "free"}
    assert stranger.delete("/users/42").status == 204
    assert api.get("/users/42").json["traits"] == {"plan": "pro"}
