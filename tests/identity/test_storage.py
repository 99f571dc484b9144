"""What the database itself sees to, whoever writes."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from identity.models import Application, Person, Role, Teammate, Trait, User
from identity.models.application import RESERVED_SLUGS
from identity.models.person import person_id, person_key
from tests import factories


@pytest.fixture
def application(db: None) -> Application:
    return factories.new_application().application


def one(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.django_db
def test_traits_stay_in_the_row() -> None:
    """Documents of over 2 KB that are moved out of it make counting many times slower."""
    column = "attrelid = 'identity_person'::regclass AND attname = 'traits'"
    assert one(f"SELECT attstorage::text FROM pg_attribute WHERE {column}") == "m"  # noqa: S608 - it is right above
    assert set(one("SELECT reloptions FROM pg_class WHERE oid = 'identity_person'::regclass")) == {
        "toast_tuple_target=8160",
        "fillfactor=85",
    }


@pytest.mark.django_db
def test_last_seen_has_no_index() -> None:
    """It moves with nearly every call, which should touch no index at all."""
    indexes = "SELECT string_agg(indexdef, ';') FROM pg_indexes WHERE tablename = 'identity_person'"
    assert "last_seen" not in one(indexes)
    assert "traits" not in one(indexes)


@given(st.uuids(), st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_key_is_a_uuid_of_version_5(application_id: uuid.UUID, external_id: str) -> None:
    assert person_key(application_id, external_id) == str(uuid.uuid5(application_id, external_id))
    assert person_id(application_id, external_id) == uuid.uuid5(application_id, external_id)


def person(application: Application, **fields: Any) -> Person:
    now = timezone.now()
    new = {"id": person_id(application.pk, "u1"), "external_id": "u1", "first_seen": now, "last_seen": now}
    return Person.objects.create(application=application, **new | fields)


@pytest.mark.parametrize("traits", [[], ["plan"], "plan", 1, True, None, [{}]])
def test_traits_are_an_object(application: Application, traits: object) -> None:
    with pytest.raises(IntegrityError, match=r"person_traits_are_an_object|null value"), transaction.atomic():
        person(application, traits=traits)
    new = person(application, traits={"plan": "pro"})
    with pytest.raises(IntegrityError, match="person_traits_are_an_object"), connection.cursor() as cursor:
        cursor.execute("UPDATE identity_person SET traits = %s WHERE id = %s", [json.dumps(traits), new.pk])


def test_a_user_is_there_once(application: Application) -> None:
    person(application)
    with pytest.raises(IntegrityError, match="identity_person_pkey"):
        person(application)


REFUSED: dict[str, tuple[str, Callable[[Application], object]]] = {
    "a trait without a key": ("trait_key_is_allowed", lambda application: application.traits.create(key="")),
    "a trait that begins with $": ("trait_key_is_allowed", lambda application: application.traits.create(key="$x")),
    "a kind that is none": (
        "trait_declared_kind",
        lambda application: application.traits.create(key="plan", declared_kind="list"),
    ),
    "a first kind that is none": (
        "trait_first_kind",
        lambda application: application.traits.create(key="plan", first_kind="list"),
    ),
    "a trait twice": (
        "trait_key",
        lambda application: Trait.objects.bulk_create(Trait(application=application, key="plan") for _ in range(2)),
    ),
    "an address in capital letters": ("user_email_is_lower_case", lambda _: User.objects.create(email="A@example.com")),
    "an account twice": (
        "identity_user_email",
        lambda _: [User.objects.create_user(email) for email in ("Ann@Example.com ", "ann@example.com")],
    ),
    "a teammate twice": (
        "teammate_once",
        lambda application: Teammate.objects.create(
            application=application, user=factories.teammate(application).user, role=Role.VIEWER
        ),
    ),
    "a role that is none": (
        "teammate_role",
        lambda application: Teammate.objects.update_or_create(application=application, defaults={"role": "king"}),
    ),
    "a slug twice": (
        "identity_application_slug",
        lambda application: Application.objects.create(name="Other", slug=application.slug),
    ),
}


@pytest.mark.parametrize(("constraint", "write"), REFUSED.values(), ids=REFUSED)
def test_the_database_refuses(
    application: Application, constraint: str, write: Callable[[Application], object]
) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        write(application)


@pytest.mark.parametrize("slug", ["v1", "api", "sdk", "static", "sign-in", "sign-out", "admin", "password"])
def test_the_database_refuses_a_slug_that_would_shadow_a_path(db: None, slug: str) -> None:
    assert slug in RESERVED_SLUGS
    with pytest.raises(ValidationError, match="used by Callout itself"):
        Application(name="Acme", slug=slug).full_clean()
    with pytest.raises(IntegrityError, match="application_slug_is_free"):
        Application.objects.create(name="Acme", slug=slug)


def test_keys_of_traits_that_differ_in_case_are_two(application: Application) -> None:
    application.traits.create(key="plan")
    application.traits.create(key="Plan")
    assert list(application.traits.values_list("key", flat=True)) == ["Plan", "plan"]  # in the order of code points


def test_a_key_of_a_trait_has_at_most_100_characters(application: Application) -> None:
    application.traits.create(key="👋" * 100)
    with pytest.raises(DataError):
        application.traits.create(key="x" * 101)
