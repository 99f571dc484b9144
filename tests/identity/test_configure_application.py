"""`manage.py configure_application`: what stands, and what changes."""

import io
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from identity import caches
from identity.models import Application, IdentitySecret, Key
from identity.signatures import sign
from tests import factories
from tests.identity.calls import Api


def configure(slug: str, *options: str) -> str:
    out = io.StringIO()
    call_command("configure_application", slug, *options, stdout=out)
    caches.forget()  # nothing is committed in a test
    return out.getvalue()


def as_json(slug: str, *options: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(configure(slug, "--json", *options))
    return found


def test_it_shows_what_stands(api: Api) -> None:
    stands = as_json("acme")
    (public,) = stands.pop("public_keys")
    (secret,) = stands.pop("secret_keys")
    assert stands == {
        "slug": "acme",
        "name": "Acme",
        "time_zone": "UTC",
        "verification": "off",
        "origins": [],
        "public_key": api.public_key,
        "identity_secrets": [],
        "last_identify_at": None,
        "unsigned_calls": 0,
        "last_unsigned_at": None,
    }
    assert (public["key"], public["prefix"], public["last_used_at"]) == (api.public_key, api.public_key[:12], None)
    assert secret.keys() == {"prefix", "created_at", "last_used_at"}
    assert api.secret_key not in configure("acme") + configure("acme", "--json")


def test_it_changes_what_is_named_and_nothing_else(api: Api) -> None:
    before = as_json("acme")
    after = as_json(
        "acme", "--time-zone", "Europe/Berlin", "--verification", "report", "--origin", "https://A.example/"
    )
    changed = {"time_zone": "Europe/Berlin", "verification": "report", "origins": ["https://a.example"]}
    assert after == before | changed
    assert as_json("acme", "--origin", "http://b.example", "https://c.example")["origins"] == [
        "http://b.example",
        "https://c.example",
    ]
    assert as_json("acme")["origins"] == ["http://b.example", "https://c.example"]
    assert as_json("acme", "--origin")["origins"] == []


def test_a_new_secret_key_works_and_is_shown_once(api: Api) -> None:
    made = as_json("acme", "--add-secret-key")
    assert made["secret_key"].startswith("co_sec_")
    assert len(made["secret_keys"]) == 2
    assert "secret_key" not in as_json("acme")
    assert api.identify({"id": "u1"}, Authorization=f"Bearer {made['secret_key']}").status == 200
    text = configure("acme", "--add-secret-key")
    assert "New secret key:  co_sec_" in text


def test_a_revoked_key_stops(api: Api) -> None:
    for options in (
        ["--revoke-key", api.secret_key[:12]],
        ["--revoke-key", as_json("acme", "--add-secret-key")["secret_key"]],
    ):
        configure("acme", *options)
    assert as_json("acme")["secret_keys"] == []
    assert api.identify({"id": "u1"}, Authorization=f"Bearer {api.secret_key}").status == 401


def test_a_public_key_is_rotated(api: Api) -> None:
    newer = Key.objects.create_public(api.application)
    assert as_json("acme")["public_key"] == newer.public_text
    assert as_json("acme", "--revoke-key", api.public_key)["public_key"] == newer.public_text
    assert api.identify({"id": "u1"}).status == 401
    assert api.identify({"id": "u1"}, Authorization=f"Bearer {newer.public_text}").status == 200


def test_identity_secrets_come_and_go(api: Api) -> None:
    (first,) = as_json("acme", "--add-identity-secret", "--verification", "required")["identity_secrets"]
    assert as_json("acme")["identity_secrets"] == [first]
    assert first["secret"] not in configure("acme")
    assert api.identify({"id": "u1", "signature": sign(first["secret"], "u1")}).status == 200
    # In one call the old one makes room for the new one.
    as_json("acme", "--add-identity-secret")
    second = as_json("acme", "--add-identity-secret", "--retire-identity-secret", str(first["id"]))["identity_secrets"]
    assert len(second) == 2
    assert first not in second
    assert api.identify({"id": "u1", "signature": sign(first["secret"], "u1")}).status == 401
    assert api.identify({"id": "u1", "signature": sign(second[1]["secret"], "u1")}).status == 200


def test_the_count_of_unsigned_calls_begins_anew_with_another_mode(api: Api) -> None:
    Application.objects.filter(pk=api.application.pk).update(verification="report", unsigned_calls=5)
    assert as_json("acme", "--verification", "report")["unsigned_calls"] == 5
    assert as_json("acme", "--verification", "required")["unsigned_calls"] == 0


WRONG: dict[str, tuple[list[str], str]] = {
    "zone": (["--time-zone", "Mars/Olympus"], "There is no time zone “Mars/Olympus”"),
    "origin": (["--origin", "https://a.example", "a.example"], "“a.example” is not an origin"),
    "identity secret": (["--retire-identity-secret", "999999"], "no live identity secret 999999; live are: none"),
    "key": (["--revoke-key", "co_sec_nothing"], "No live key begins with “co_sec_nothing”; live are: co_"),
    "several keys": (["--revoke-key", "co_"], "Several keys begin with “co_”"),
    "the only public key": (["--revoke-key", "co_pub_"], "This is the only public key"),
    "no prefix": (["--revoke-key", ""], "Several keys begin"),
    "verification": (["--verification", "maybe"], "invalid choice"),
}


@pytest.mark.parametrize(("options", "says"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_changes_nothing_at_all(api: Api, options: list[str], says: str) -> None:
    before = as_json("acme")
    with pytest.raises(CommandError, match=says):
        configure("acme", "--add-secret-key", "--add-identity-secret", *options)
    assert as_json("acme") == before


def test_a_third_identity_secret_is_refused(api: Api) -> None:
    configure("acme", "--add-identity-secret")
    configure("acme", "--add-identity-secret")
    with pytest.raises(CommandError, match="Two identity secrets are live already"):
        configure("acme", "--add-identity-secret")


def test_another_applications_keys_and_secrets_are_out_of_reach(api: Api) -> None:
    other = factories.new_application("Other")
    secret = IdentitySecret.objects.add(other.application)
    for options in (["--revoke-key", other.secret_key], ["--retire-identity-secret", str(secret.pk)]):
        with pytest.raises(CommandError):
            configure("acme", *options)
    assert other.application.keys.live().count() == 2


def test_an_unknown_application_is_named(db: None) -> None:
    with pytest.raises(CommandError, match="There is no application “acme”"):
        configure("acme")


def test_without_a_lasting_secret_key_no_identity_secret_is_made(api: Api, settings: Settings) -> None:
    settings.SECRET_KEY_IS_KEPT = False
    with pytest.raises(CommandError, match="Set SECRET_KEY"):
        configure("acme", "--add-identity-secret")
    assert not api.application.identity_secrets.exists()
