"""Identity verification: who may say who the user is; and traits that only a server may write."""

import hashlib
import hmac
from collections.abc import Callable

import pytest

from identity import caches, tally
from identity.models import Application, IdentitySecret, Person, Trait, Verification
from identity.signatures import sign
from tests import factories
from tests.identity.calls import VALUE, Api, assert_refused


@pytest.fixture(autouse=True)
def nothing_noted(db: None) -> None:
    tally.flush()


def verify(application: Application, mode: Verification) -> None:
    Application.objects.filter(pk=application.pk).update(verification=mode)
    caches.forget()


def add_secret(application: Application) -> str:
    text = IdentitySecret.objects.add(application).text
    caches.forget()
    assert text is not None
    return text


def unsigned(application: Application) -> tuple[int, bool]:
    tally.flush()
    application.refresh_from_db()
    return application.unsigned_calls, application.last_unsigned_at is not None


def test_a_signature_is_the_hmac_of_the_id() -> None:
    # As anyone computes it with the tools of their own language.
    assert sign("secret", "ann") == hmac.new(b"secret", b"ann", hashlib.sha256).hexdigest()


Sign = Callable[[str], object]
WRONG: dict[str, Sign] = {
    "missing": lambda secret: None,
    "empty": lambda secret: "",
    "wrong": lambda secret: "0" * 64,
    "another id's": lambda secret: sign(secret, "u2"),
    "of another secret": lambda secret: sign("co_ids_other", "u1"),
    "a number": lambda secret: 5,
    "a list": lambda secret: [sign(secret, "u1")],
    "an object": lambda secret: {"signature": sign(secret, "u1")},
    "true": lambda secret: True,
    "a beginning": lambda secret: sign(secret, "u1")[:32],
    "the secret itself": lambda secret: secret,
    "not ASCII": lambda secret: "é" * 64,
    "a lone surrogate": lambda secret: "\ud800" * 64,
    "NUL after it": lambda secret: sign(secret, "u1") + "\0",
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_required_refuses_whatever_is_not_signed(api: Api, wrong: Sign) -> None:
    secret = add_secret(api.application)
    verify(api.application, Verification.REQUIRED)
    call = {"id": "u1", "name": VALUE, "signature": wrong(secret)}
    answer = api.identify(call)
    assert_refused(answer, 401, "invalid_signature", "signature")
    assert secret not in answer.text
    rejected = api.batch(call).json["rejected"]
    assert [(entry["index"], entry["code"]) for entry in rejected] == [(0, "invalid_signature")]
    assert not Person.objects.exists()
    assert unsigned(api.application) == (2, True)


def test_required_takes_what_is_signed_in_each_place(api: Api) -> None:
    secret = add_secret(api.application)
    verify(api.application, Verification.REQUIRED)
    signed = [
        {"id": "u1", "signature": sign(secret, "u1")},
        {"id": " u2 ", "signature": sign(secret, "u2").upper()},
        {"id": 3, "signature": sign(secret, "3")},
        {"userId": "u4", "type": "identify", "context": {"signature": sign(secret, "u4")}},
        {"userId": "u5", "signature": sign(secret, "u5"), "context": {"traits": {"a": 1}}},
        {"id": "Zoë 👋", "context": {"signature": sign(secret, "Zoë 👋")}},
    ]
    assert [api.identify(call).status for call in signed] == [200] * 6
    assert set(api.stored()) == {"u1", "u2", "3", "u4", "u5", "Zoë 👋"}
    assert unsigned(api.application) == (0, False)


def test_in_a_batch_each_message_is_signed_for_itself(api: Api) -> None:
    secret = add_secret(api.application)
    verify(api.application, Verification.REQUIRED)
    answer = api.batch(
        {"id": "u1"},
        {"id": "u2", "signature": sign(secret, "u2")},
        {"type": "track", "userId": "u9"},
        {"id": "null"},
        {"type": "identify", "anonymousId": "a"},
        {"id": "u3", "signature": sign(secret, "u2")},
    )
    assert (answer.json["applied"], answer.json["ignored"]) == (1, 2)
    assert [(entry["index"], entry["code"]) for entry in answer.json["rejected"]] == [
        (0, "invalid_signature"),
        (3, "invalid_user_id"),
        (5, "invalid_signature"),
    ]
    assert api.stored() == {"u2": {}}


def test_a_secret_key_needs_no_signature(api: Api) -> None:
    verify(api.application, Verification.REQUIRED)
    secret = {"Authorization": f"Bearer {api.secret_key}"}
    assert api.identify({"id": "u1", "signature": "wrong"}, **secret).status == 200
    assert api.batch({"id": "u2"}, **secret).json["applied"] == 1
    assert unsigned(api.application) == (0, False)


def test_report_counts_and_refuses_nothing(api: Api) -> None:
    secret = add_secret(api.application)
    verify(api.application, Verification.REPORT)
    api.identify({"id": "u1"})
    api.identify({"id": "u1", "signature": sign(secret, "u1")})
    api.batch({"id": "u2"}, {"id": "u3", "signature": "wrong"}, {"id": "u4", "signature": sign(secret, "u4")})
    assert set(api.stored()) == {"u1", "u2", "u3", "u4"}
    assert unsigned(api.application) == (3, True)


def test_off_asks_for_nothing(api: Api) -> None:
    add_secret(api.application)
    assert api.identify({"id": "u1", "signature": ["wrong"]}).json["warnings"] == []
    assert unsigned(api.application) == (0, False)


def test_two_secrets_are_good_until_one_is_retired(api: Api) -> None:
    old, new = add_secret(api.application), add_secret(api.application)
    verify(api.application, Verification.REQUIRED)
    assert old != new
    assert api.identify({"id": "u1", "signature": sign(old, "u1")}).status == 200
    assert api.identify({"id": "u1", "signature": sign(new, "u1")}).status == 200
    api.application.identity_secrets.earliest("id").delete()
    caches.forget()
    assert api.identify({"id": "u1", "signature": sign(old, "u1")}).json["code"] == "invalid_signature"
    assert api.identify({"id": "u1", "signature": sign(new, "u1")}).status == 200


def test_the_secret_of_another_application_signs_nothing(api: Api) -> None:
    add_secret(api.application)
    theirs = add_secret(factories.new_application("Other").application)
    verify(api.application, Verification.REQUIRED)
    assert api.identify({"id": "u1", "signature": sign(theirs, "u1")}).status == 401


def test_without_a_secret_required_lets_nobody_in(api: Api) -> None:
    verify(api.application, Verification.REQUIRED)
    assert api.identify({"id": "u1", "signature": sign("", "u1")}).status == 401


# Traits that only a server may write


def test_a_trait_that_is_only_from_a_server_is_dropped_from_public_calls(api: Api) -> None:
    Trait.objects.create(application=api.application, key="plan", server_only=True)
    secret = {"Authorization": f"Bearer {api.secret_key}"}
    assert api.identify({"id": "u1", "traits": {"plan": "pro"}}, **secret).json["warnings"] == []
    for sent in ("enterprise", None, ""):
        answer = api.identify({"id": "u1", "traits": {"plan": sent, "seats": 3}})
        assert [(warning["code"], warning["field"]) for warning in answer.json["warnings"]] == [("server_only", "plan")]
        assert api.stored() == {"u1": {"plan": "pro", "seats": 3}}
    api.batch({"id": "u1", "traits": {"plan": None}})
    assert api.stored() == {"u1": {"plan": "pro", "seats": 3}}
    api.identify({"id": "u1", "traits": {"plan": None}}, **secret)
    assert api.stored() == {"u1": {"seats": 3}}


# New names of traits


def test_public_calls_add_fifty_names_an_hour(api: Api) -> None:
    Trait.objects.create(application=api.application, key="declared")
    secret = {"Authorization": f"Bearer {api.secret_key}"}
    api.identify({"id": "u1", "traits": {f"server{n}": n for n in range(20)}}, **secret)  # counts for nothing here
    assert api.identify({"id": "u1", "traits": {f"a{n}": n for n in range(49)}}).json["warnings"] == []
    answer = api.identify({"id": "u1", "traits": {"b1": 1, "b2": 2, "declared": 3, "a0": 4}})
    assert [(warning["code"], warning["field"]) for warning in answer.json["warnings"]] == [
        ("too_many_trait_names", "b2")
    ]
    stored = api.stored()["u1"]
    assert (stored["b1"], stored["declared"], stored["a0"]) == (1, 3, 4)
    assert "b2" not in stored
    assert api.identify({"id": "u1", "traits": {"b2": 2}}, **secret).json["warnings"] == []
    assert api.identify({"id": "u1", "traits": {"b2": 3}}).json["warnings"] == []


def test_after_an_hour_there_is_room_again(api: Api) -> None:
    api.identify({"id": "u1", "traits": {f"a{n}": n for n in range(50)}})
    assert api.identify({"id": "u1", "traits": {"b": 1}}).json["warnings"] != []
    for trait in api.application.traits.all():
        trait.created_at = trait.created_at.replace(year=2020)
        trait.save()
    assert api.identify({"id": "u1", "traits": {"b": 1}}).json["warnings"] == []


def test_another_application_has_fifty_of_its_own(api: Api) -> None:
    api.identify({"id": "u1", "traits": {f"a{n}": n for n in range(50)}})
    other = factories.new_application("Other")
    answer = api.identify({"id": "u1", "traits": {"b": 1}}, Authorization=f"Bearer {other.public_key}")
    assert answer.json["warnings"] == []
