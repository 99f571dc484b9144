import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import IntegrityError, connection
from pytest_django import Settings

from identity import caches
from identity.encryption import Undecryptable, decrypt, encrypt
from identity.models import IdentitySecret
from tests import factories
from tests.identity.calls import Api


def test_what_is_encrypted_is_decrypted_and_tells_nothing() -> None:
    token = encrypt("co_ids_é")
    assert decrypt(token) == "co_ids_é"
    assert "co_ids" not in token
    assert encrypt("co_ids_é") != token


def test_another_key_decrypts_nothing(settings: Settings) -> None:
    token = encrypt("secret")
    settings.SECRET_KEY = "another"
    with pytest.raises(Undecryptable):
        decrypt(token)
    with pytest.raises(Undecryptable):
        decrypt("no token")


def test_a_key_from_before_still_decrypts(settings: Settings) -> None:
    settings.SECRET_KEY = "old"
    token = encrypt("secret")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["older", "old"]
    assert decrypt(token) == "secret"
    newer = encrypt("secret")
    settings.SECRET_KEY_FALLBACKS = []
    assert decrypt(newer) == "secret"


def test_nothing_is_encrypted_under_a_key_that_ends_with_the_process(settings: Settings) -> None:
    settings.SECRET_KEY_IS_KEPT = False
    with pytest.raises(ImproperlyConfigured):
        encrypt("secret")


def test_identity_secrets_are_stored_encrypted(api: Api) -> None:
    secret = IdentitySecret.objects.add(api.application)
    assert secret.text is not None
    assert secret.text.startswith("co_ids_")
    with connection.cursor() as cursor:
        cursor.execute("SELECT ciphertext FROM identity_identitysecret")
        assert secret.text not in str(cursor.fetchall())
    caches.forget()
    caller = caches.caller(api.public_key)
    assert caller is not None
    assert caller.identity_secrets == (secret.text,)
    assert secret.text not in repr(caller)


def test_a_secret_of_another_key_signs_nobody_and_stops_nothing(api: Api, settings: Settings) -> None:
    secret = IdentitySecret.objects.add(api.application)
    settings.SECRET_KEY = "another"
    caches.forget()
    assert IdentitySecret.objects.get(pk=secret.pk).text is None
    assert api.identify({"id": "u1"}).status == 200


def test_two_secrets_can_be_live(api: Api) -> None:
    first = IdentitySecret.objects.add(api.application)
    IdentitySecret.objects.add(api.application)
    with pytest.raises(ValidationError):
        IdentitySecret.objects.add(api.application)
    IdentitySecret.objects.add(factories.new_application("Other").application)
    first.delete()
    IdentitySecret.objects.add(api.application)
    assert api.application.identity_secrets.count() == 2


@pytest.mark.parametrize("slot", [0, 1, 3])
def test_the_database_keeps_them_two(api: Api, slot: int) -> None:
    IdentitySecret.objects.add(api.application)
    with pytest.raises(IntegrityError):
        IdentitySecret.objects.create(application=api.application, slot=slot, ciphertext="x")
