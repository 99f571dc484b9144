import hashlib
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from identity import caches
from identity.models import Application, Key, Verification
from tests import factories


@pytest.fixture
def application(db: None) -> Application:
    return factories.new_application().application


def test_a_public_key_is_kept_as_it_is(application: Application) -> None:
    key = Key.objects.create_public(application)
    assert key.public_text.startswith("co_pub_")
    assert not key.is_secret
    assert str(key) == key.public_text[:12] + "…"


def test_of_a_secret_key_only_its_digest_is_kept(application: Application) -> None:
    key, text = Key.objects.create_secret(application)
    assert text.startswith("co_sec_")
    assert key.is_secret
    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM identity_key AS k WHERE id = %s", [key.pk])
        row = cursor.fetchone()[0]
    assert text[12:] not in row
    assert hashlib.sha256(text.encode()).hexdigest() in row


def test_keys_are_long_and_never_the_same(application: Application) -> None:
    texts = {Key.objects.create_secret(application)[1] for _ in range(20)}
    assert len(texts) == 20
    assert all(len(text) >= len("co_sec_") + 43 for text in texts)  # 32 bytes


def test_several_keys_can_be_live_and_a_revoked_one_is_not(application: Application) -> None:
    first, second, revoked = (Key.objects.create_secret(application)[0] for _ in range(3))
    revoked.revoked_at = timezone.now() - timedelta(days=1)
    revoked.save()
    live = set(Key.objects.live().filter(application=application))
    assert {first, second} <= live
    assert revoked not in live


def test_a_key_tells_whose_call_it_is(application: Application) -> None:
    public = Key.objects.create_public(application)
    secret, text = Key.objects.create_secret(application)
    for key, called in ((public, public.public_text), (secret, text)):
        assert caches.caller(called) == caches.Caller(
            application_id=application.pk,
            key_id=key.pk,
            is_secret=key is secret,
            verification=Verification.OFF,
            origins=frozenset(),
            identity_secrets=(),
        )


@pytest.mark.parametrize("text", ["", "co_pub_", "co_sec_", "\0", "é", "x" * 10_000])
def test_any_other_text_is_nobodys(application: Application, text: str) -> None:
    assert caches.caller(text) is None


def test_a_new_key_works_at_once_even_when_it_was_tried_before(application: Application) -> None:
    key, text = Key.objects.create_secret(application)
    key.delete()
    assert caches.caller(text) is None
    key.save(force_insert=True)
    assert caches.caller(text) is not None


def test_the_database_keeps_no_secret(application: Application) -> None:
    key, text = Key.objects.create_secret(application)
    key.public_text = text
    with pytest.raises(IntegrityError, match="key_keeps_no_secret"):
        key.save()


def test_a_public_key_has_its_text(application: Application) -> None:
    key = Key.objects.create_public(application)
    key.public_text = ""
    with pytest.raises(IntegrityError, match="key_keeps_no_secret"):
        key.save()


def test_no_two_keys_have_one_digest(application: Application) -> None:
    key = Key.objects.create_public(application)
    key.pk = None
    with pytest.raises(IntegrityError, match="digest"):
        key.save(force_insert=True)
