"""Erased users stay erased: late retries are refused on every road for 48 hours, and nobody else is."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import time_machine
from django.core.management import call_command
from django.utils import timezone

from identity.erasure import erase
from identity.models import Erasure, Person
from identity.tasks import sweep_erased_users
from tests import factories
from tests.identity.calls import Api

ANN, BOB = {"id": "ann", "traits": {"plan": "pro"}}, {"id": "bob", "traits": {"plan": "free"}}


def test_all_that_is_stored_goes(api: Api) -> None:
    other = factories.new_application("Other").application
    factories.person(other, id="ann")
    api.batch(ANN, BOB)
    assert erase(api.application, external_id="ann")
    assert api.stored().keys() == {"bob"}
    assert Person.objects.filter(application=other, external_id="ann").exists()
    assert not erase(api.application, external_id="ann")
    assert not erase(api.application, external_id="nobody")
    [mark] = Erasure.objects.all()
    assert "ann" not in str(mark)


def test_late_calls_are_refused(api: Api) -> None:
    api.batch(ANN, BOB)
    erase(api.application, external_id="ann")
    late = api.identify(ANN)
    assert (late.status, late.json["code"], late.json["field"]) == (410, "user_erased", "id")
    late_batch = api.batch(BOB, ANN, {"id": "cid"}, ANN)
    assert late_batch.status == 200
    assert (late_batch.json["applied"], [entry["index"] for entry in late_batch.json["rejected"]]) == (2, [1, 3])
    assert {entry["code"] for entry in late_batch.json["rejected"]} == {"user_erased"}
    assert api.stored().keys() == {"bob", "cid"}


def test_late_rows_of_a_file_are_refused(transactional_db: None, api: Api, tmp_path: Path) -> None:
    api.identify(ANN)
    erase(api.application, external_id="ann")
    file = tmp_path / "users.csv"
    file.write_text("id,plan\nnull,\nann,pro\nbob,free\n0,x\n")
    call_command("import_users", str(file), "--application", api.application.slug)
    refused = (tmp_path / "users.refused.csv").read_text().splitlines()
    assert [line.split(",")[-2] for line in refused] == ["id", "null", "ann", "0"]
    assert "This user was erased" in refused[2]
    assert api.stored().keys() == {"bob"}


def test_after_two_days_they_may_come_back(api: Api) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        api.identify(ANN)
        erase(api.application, external_id="ann")
        clock.move_to(now + timedelta(hours=47, minutes=59))
        assert api.identify(ANN).status == 410
        clock.move_to(now + timedelta(hours=48, seconds=1))
        assert api.identify(ANN).status == 200
        sweep_erased_users(0)
        assert api.stored().keys() == {"ann"}
        assert not Erasure.objects.exists()


def test_an_unchanged_user_costs_no_look_at_the_marks(api: Api, django_assert_num_queries: Any) -> None:
    api.identify(ANN)
    with django_assert_num_queries(1):
        api.identify(ANN)


def test_whoever_came_back_in_the_moment_of_their_erasure_goes(api: Api) -> None:
    """A call that began before it did not see the mark, and wrote the user after it."""
    api.batch(ANN, BOB)
    ann = Person.objects.get(external_id="ann")
    erase(api.application, external_id="ann")
    ann.save(force_insert=True)
    sweep_erased_users(0)
    assert api.stored().keys() == {"bob"}
    assert Erasure.objects.exists()


def test_whoever_may_come_back_stays_though_clocks_differ(api: Api) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        api.identify(ANN)
        erase(api.application, external_id="ann")
        clock.move_to(now + timedelta(hours=48, seconds=2))
        assert api.identify(ANN).status == 200
        clock.move_to(now + timedelta(hours=48, seconds=-3))  # of the worker
        sweep_erased_users(0)
        assert api.stored().keys() == {"ann"}
