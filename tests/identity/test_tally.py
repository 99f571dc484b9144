import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from identity import ingest, tally
from identity.models import Application, Key, Trait
from identity.payloads import parse_identify
from tests import factories

NOW = datetime(2025, 8, 15, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def application(db: None) -> Application:
    tally.flush()  # what other tests have left; none of it is in the database any more
    return factories.new_application().application


def identify(application: Application, now: datetime, **traits: object) -> None:
    ingest.identify(application.pk, parse_identify({"id": "u1", "traits": traits}, now=now), now=now)


def seen(application: Application) -> dict[str, datetime | None]:
    return dict(application.traits.values_list("key", "last_seen"))


def test_last_seen_of_traits_is_written_by_the_flush(application: Application) -> None:
    identify(application, NOW, plan="pro", seats=3)
    identify(application, LATER, plan="pro")
    assert seen(application) == {"plan": NOW, "seats": NOW}
    tally.flush()
    assert seen(application) == {"plan": LATER, "seats": NOW}


def test_removing_a_trait_is_no_sight_of_it(application: Application) -> None:
    identify(application, NOW, plan="pro")
    identify(application, LATER, plan=None)
    tally.flush()
    assert seen(application) == {"plan": NOW}


def test_a_trait_defined_before_is_first_seen_with_its_first_value(application: Application) -> None:
    trait = application.traits.create(key="plan")
    identify(application, NOW, plan="pro")
    identify(application, LATER, plan="pro")
    tally.flush()
    trait.refresh_from_db()
    assert (trait.first_seen, trait.last_seen) == (LATER, LATER)
    identify(application, LATER + timedelta(minutes=1), plan="pro")
    tally.flush()
    trait.refresh_from_db()
    assert trait.first_seen == LATER


def test_time_never_runs_backwards(application: Application) -> None:
    trait = application.traits.create(key="plan", first_seen=NOW, last_seen=LATER)
    tally.note_traits([trait.pk], LATER)
    tally.note_traits([trait.pk], NOW)
    tally.flush()
    assert seen(application) == {"plan": LATER}
    tally.note_traits([trait.pk], NOW)  # from a worker that is late
    tally.flush()
    assert seen(application) == {"plan": LATER}


def test_the_flush_is_one_statement_for_each_table(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    Trait.objects.bulk_create(Trait(application=application, key=f"t{n}") for n in range(100))
    traits = application.traits.values_list("pk", flat=True)
    tally.note_traits(traits, NOW)
    for key in application.keys.all():
        tally.note_key(key.pk, NOW)
    with django_assert_num_queries(2):
        tally.flush()
    assert set(seen(application).values()) == {NOW}
    assert set(application.keys.values_list("last_used_at", flat=True)) == {NOW}


def test_what_was_written_is_not_written_again(
    application: Application, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    identify(application, NOW, plan="pro")
    tally.flush()
    with django_assert_num_queries(0):
        tally.flush()


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_written_is_kept(
    application: Application, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    identify(application, NOW, plan="pro", seats=3)
    identify(application, LATER, plan="pro")
    (key, _) = application.keys.order_by("pk")
    tally.note_key(key.pk, LATER)
    connection.close()
    with monkeypatch.context() as patched:
        patched.setitem(connection.settings_dict, "HOST", str(tmp_path))
        with pytest.raises(OperationalError):
            tally.flush()
    identify(application, LATER + timedelta(seconds=1), seats=3)
    tally.flush()
    assert seen(application) == {"plan": LATER, "seats": LATER + timedelta(seconds=1)}
    key.refresh_from_db()
    assert key.last_used_at == LATER


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_writes_what_it_has_noted(
    application: Application, process_environment: dict[str, str]
) -> None:
    key = application.keys.earliest("pk")
    program = f"""
import datetime, django
django.setup()
from identity import tally
tally.start()
tally.note_key({key.pk}, datetime.datetime.fromisoformat("{NOW.isoformat()}"))
"""
    subprocess.run(
        [sys.executable, "-c", program], env=process_environment, cwd=settings.BASE_DIR, check=True, timeout=20
    )
    key.refresh_from_db()
    assert key.last_used_at == NOW


def test_a_trait_or_key_that_is_gone_does_no_harm(application: Application) -> None:
    identify(application, NOW, plan="pro", seats=3)
    identify(application, LATER, plan="pro", seats=3)
    tally.note_key(Key.objects.latest("pk").pk + 1, LATER)
    application.traits.get(key="plan").delete()
    tally.flush()
    assert seen(application) == {"seats": LATER}


def test_a_call_notes_the_use_of_its_key(application: Application, client: Client) -> None:
    made = factories.new_application()

    def call(key: str) -> None:
        client.post("/v1/identify", "no JSON", content_type="text/plain", headers={"Authorization": f"Bearer {key}"})

    def used() -> list[bool]:
        return [key.last_used_at is not None for key in made.application.keys.order_by("pk")]

    call(made.public_key)
    call("co_sec_unknown")
    tally.flush()
    assert used() == [True, False]
    call(made.secret_key)
    tally.flush()
    assert used() == [True, True]
