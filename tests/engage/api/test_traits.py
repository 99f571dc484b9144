"""What users really send, and what is said of it."""

from urllib.parse import quote

import pytest
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from identity import caches, rewriting
from identity.models import Trait, TraitRewrite, TraitState
from identity.models.trait import TRAITS_PER_APPLICATION
from identity.values import Kind
from tests import factories
from tests.engage.api.calls import Api, assert_invalid, assert_refused

KEYS = ["plan", "a/b", "/a", "company.name", "a b", "👋", "a?b=c#d", "100%", "%2F", "a\nb", "ключ", "..a", "a//b", "+"]


def test_traits_are_counted_by_kind(api: Api, stranger: Api) -> None:
    sent: list[dict[str, object]] = [
        {"plan": "pro", "n": 1},
        {"plan": "2026-01-01", "n": 2},
        {"plan": True, "n": "x"},
        {"plan": "a"},
        {},
    ]
    for traits in sent:
        factories.person(api.application, traits)
    factories.person(stranger.application, {"theirs": 1})
    answer = api.get("/traits")
    assert (answer.status, answer.json["total"]) == (200, 5)
    n, plan = answer.json["traits"]
    assert plan == {
        "key": "plan",
        "label": "",
        "description": "",
        "kind": "string",
        "declared": False,
        "server_only": False,
        "users": {"string": 2, "date": 1, "boolean": 1},
        "first_seen": plan["first_seen"],
        "last_seen": plan["last_seen"],
    }
    assert plan["first_seen"].endswith("Z")
    assert (n["key"], n["kind"], n["users"]) == ("n", "number", {"number": 2, "string": 1})


def test_the_list_takes_as_many_queries_for_many_traits(
    api: Api, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    factories.person(api.application, {f"trait{number}": number for number in range(90)})
    assert caches.caller(api.secret_key)
    with django_assert_num_queries(3):
        assert len(api.get("/traits").json["traits"]) == 90


@pytest.mark.parametrize("kind", Kind)
def test_a_declared_kind_is_that_of_what_arrives_and_of_what_is_stored(
    api: Api, kind: Kind, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    before = factories.person(api.application, {"size": "1767225600"})
    with django_capture_on_commit_callbacks(execute=True):
        answer = api.patch("/traits/size", {"kind": kind})
    assert answer.status == 200
    assert (answer.json["kind"], answer.json["declared"], answer.json["users"]) == (kind, True, {"string": 1})
    after = factories.person(api.application, {"size": "1767225600"})
    converted = {"number": 1767225600, "date": "2026-01-01T00:00:00.000Z"}
    assert after.traits == {"size": converted.get(kind, "1767225600")}
    rewriting.run(Trait.objects.get().pk, must_stop=lambda: TraitRewrite.objects.get().is_sweep)
    before.refresh_from_db()
    assert before.traits == after.traits


def test_a_kind_changes_the_values_in_rules_or_names_the_segment_in_the_way(api: Api) -> None:
    factories.person(api.application, {"seats": "12"})
    segment = api.segment("Twelve", [{"trait": "seats", "operator": "equals", "value": "12"}])
    assert api.patch("/traits/seats", {"kind": "number"}).status == 200
    segment.refresh_from_db()
    assert segment.rules == [{"trait": "seats", "operator": "equals", "value": 12}]
    api.segment("Large", [{"trait": "seats", "operator": "at_least", "value": 50}])
    refused = api.patch("/traits/seats", {"kind": "date", "label": "Seats"})
    assert_invalid(refused, "trait_in_use", {"field": "kind"})
    assert "“Large”" in refused.json["message"]
    assert (Trait.objects.get().declared_kind, Trait.objects.get().label) == ("number", "")
    assert api.patch("/traits/seats", {"kind": "number"}).status == 200


def test_what_is_being_deleted_is_not_changed(api: Api) -> None:
    Trait.objects.create(application=api.application, key="plan", state=TraitState.DELETED)
    assert_invalid(api.patch("/traits/plan", {"label": "Plan"}), "invalid_request", {"field": "key"})


def test_null_takes_a_declaration_back(api: Api) -> None:
    factories.person(api.application, {"size": "12"})
    api.patch("/traits/size", {"kind": "number"})
    answer = api.patch("/traits/size", {"kind": None})
    assert (answer.json["kind"], answer.json["declared"]) == ("string", False)


def test_what_is_left_out_stays(api: Api) -> None:
    factories.person(api.application, {"size": 12})
    said = {"kind": "number", "label": "Team size", "description": "How many seats.", "server_only": True}
    assert said.items() <= api.patch("/traits/size", said).json.items()
    for change in ({}, {"label": ""}, {"server_only": False}, {"description": " new "}):
        said |= {name: text.strip() if isinstance(text, str) else text for name, text in change.items()}
        assert said.items() <= api.patch("/traits/size", change).json.items()
    assert said.items() <= api.get("/traits").json["traits"][0].items()


def test_only_a_server_writes_a_trait_that_is_so(
    api: Api, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    factories.person(api.application, {"plan": "free"}, id="42")
    with django_capture_on_commit_callbacks(execute=True):
        api.patch("/traits/plan", {"server_only": True})
    api.client.post(
        "/v1/identify",
        {"id": "42", "traits": {"plan": "pro"}},
        "application/json",
        headers={"Authorization": f"Bearer {api.public_key}"},
    )
    assert api.get("/users/42").json["traits"] == {"plan": "free"}


@pytest.mark.parametrize("key", KEYS)
def test_a_key_may_have_anything_in_it(api: Api, key: str) -> None:
    path = f"/traits/{quote(key, safe='')}"
    created = api.patch(path, {"label": "New"})
    assert (created.status, created.json["key"], created.json["label"]) == (201, key, "New")
    assert (created.json["kind"], created.json["users"], created.json["first_seen"]) == (None, {}, None)
    factories.person(api.application, {key: "x"})
    changed = api.patch(path, {"label": "Known"})
    assert (changed.status, changed.json["label"], changed.json["users"]) == (200, "Known", {"string": 1})
    assert [trait["key"] for trait in api.get("/traits").json["traits"]] == [key]


def test_a_slash_too_many_defines_no_trait(api: Api) -> None:
    factories.person(api.application, {"plan": "pro", "b/": 1})
    assert_refused(api.patch("/traits/plan/", {"label": "Plan"}), 404, "not_found")
    assert api.patch("/traits/b%2F", {"label": "With a slash"}).json["label"] == "With a slash"
    assert Trait.objects.filter(application=api.application).count() == 2


@pytest.mark.parametrize("key", ["$email", "%00", "__proto__", "%20", "a" * 101, "a%00"])
def test_a_key_that_no_trait_can_have_is_refused(api: Api, key: str) -> None:
    assert_invalid(api.patch(f"/traits/{key}", {"label": "x"}), "invalid_key_name", {"field": "key"})
    assert not Trait.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "text"),
        ("kind", ""),
        ("kind", 1),
        ("label", None),
        ("label", "a" * 101),
        ("label", "\0"),
        ("label", "\ud800"),
        ("description", "a" * 301),
        ("description", 1),
        ("server_only", "true"),
        ("server_only", None),
        ("key", "other"),
    ],
)
def test_what_cannot_be_said_of_a_trait_is_refused(api: Api, name: str, value: object) -> None:
    factories.person(api.application, {"plan": "pro"})
    assert_invalid(api.patch("/traits/plan", {name: value}), "invalid_request", {"field": name})


def test_another_applications_trait_stays_as_it_is(api: Api, stranger: Api) -> None:
    factories.person(stranger.application, {"plan": "pro"})
    assert api.patch("/traits/plan", {"label": "Ours"}).status == 201
    assert Trait.objects.get(application=stranger.application, key="plan").label == ""


def test_a_name_of_which_nothing_is_said_defines_nothing(api: Api) -> None:
    assert api.patch("/traits/typo", {}).status == 404
    assert not Trait.objects.exists()
    Trait.objects.create(application=api.application, key="known")
    assert api.patch("/traits/known", {}).status == 200


def test_declared_traits_always_have_a_place(api: Api) -> None:
    keys = [f"k{number}" for number in range(TRAITS_PER_APPLICATION)]
    Trait.objects.bulk_create(Trait(application=api.application, key=key) for key in keys)
    assert api.patch("/traits/more", {"kind": "number"}).status == 201
