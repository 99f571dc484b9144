"""Values of a trait are converted or removed in all users, whatever arrives and whoever is killed meanwhile."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import cast

import pytest
from django.db import connection, transaction
from procrastinate import JobContext
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import JobAborted

from identity import caches, rewriting
from identity.models import Application, Person, Trait, TraitEvent, TraitRewrite, TraitState
from identity.models.person import person_id
from identity.models.user_import import State
from identity.tasks import rewrite_trait, start_rewrite
from identity.traits import change_trait
from identity.values import Kind, Value
from tests import factories
from tests.conftest import fail_jobs
from tests.identity.test_concurrency import LOCK_USER, identify_many, meet, traits, waiting

pytestmark = pytest.mark.django_db(transaction=True)

USERS = 25


@pytest.fixture(autouse=True)
def small_slices(no_jobs_left: None, monkeypatch: pytest.MonkeyPatch) -> None:
    caches.forget()
    monkeypatch.setattr(rewriting, "USERS_AT_ONCE", 4)
    monkeypatch.setattr(rewriting, "SETTLED", timedelta(0))


@pytest.fixture
def acme() -> Application:
    return factories.new_application().application


def seats(application: Application, *values: object, key: str = "seats") -> None:
    """Users u0, u1, … with one value each."""
    identify_many(application, *({"id": f"u{n}", "traits": {key: value}} for n, value in enumerate(values)))


def stored(application: Application, key: str = "seats") -> list[Value | None]:
    people = {person.external_id: person.traits.get(key) for person in application.people.all()}
    return [people[f"u{n}"] for n in range(len(people))]


def run(application: Application, key: str = "seats", *, stops_after: int = 1_000_000) -> bool:
    looks = iter(range(stops_after))
    trait = application.traits.get(key=key)
    return rewriting.run(trait.pk, must_stop=lambda: next(looks, None) is None)


def exact(values: list[Value | None]) -> list[tuple[type, Value | None]]:
    return [(type(value), value) for value in values]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Kind.NUMBER, [12, "007", 3.5, True, "n/a", 1767225600, "2026-01-01"]),
        (Kind.STRING, ["12", "007", "3.5", "true", "n/a", "1767225600", "2026-01-01"]),
        (Kind.BOOLEAN, ["12", "007", 3.5, True, "n/a", "1767225600", "2026-01-01"]),
        (Kind.DATE, ["12", "007", 3.5, True, "n/a", "2026-01-01T00:00:00.000Z", "2026-01-01"]),
    ],
)
def test_values_become_of_the_kind_where_nothing_is_lost(acme: Application, kind: Kind, expected: list[Value]) -> None:
    values: list[Value] = ["12", "007", 3.5, True, "n/a", "1767225600", "2026-01-01"]
    other = factories.new_application().application
    seats(acme, *values)
    seats(other, *values)
    trait, _ = change_trait(acme, key="seats", declared_kind=kind)
    counted = rewriting.count_conversion(trait, kind)
    assert run(acme)
    assert exact(stored(acme)) == exact([*expected])
    assert exact(stored(other)) == exact([*values])
    rewrite = TraitRewrite.objects.get()
    changed = sum(type(one) is not type(two) or one != two for one, two in zip(values, expected, strict=True))
    assert (rewrite.state, rewrite.changed, counted.converting) == (State.DONE, changed, changed)
    assert counted.fitting + counted.converting + counted.staying == len(values)


def test_what_will_not_convert_is_shown_with_the_most_frequent_first(acme: Application) -> None:
    seats(acme, "n/a", "none", "n/a", 1, "2", False)
    found = rewriting.count_conversion(acme.traits.get(), Kind.NUMBER)
    assert (found.fitting, found.converting, found.staying) == (1, 1, 4)
    assert found.examples[0] == ("n/a", 2)
    assert {value for value, _ in found.examples} == {"n/a", "none", False}


@pytest.mark.parametrize("key", ["2024", "1_000", "a.b", "100%", "{a,b}", 'say "x"', "a\\b", "ключ"])
def test_a_key_may_have_anything_in_it(acme: Application, key: str) -> None:
    seats(acme, "1", "x", key=key)
    trait, _ = change_trait(acme, key=key, declared_kind=Kind.NUMBER)
    assert rewriting.count_conversion(trait, Kind.NUMBER).converting == 1
    run(acme, key)
    assert traits(acme) == {"u0": {key: 1}, "u1": {key: "x"}}
    assert rewriting.count_users(trait) == 2
    change_trait(acme, key=key, state=TraitState.IGNORED)
    run(acme, key)
    assert traits(acme) == {"u0": {}, "u1": {}}


def test_whoever_takes_over_goes_on_from_where_it_stopped(acme: Application) -> None:
    seats(acme, *map(str, range(USERS)))
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    assert not run(acme, stops_after=2)
    rewrite = TraitRewrite.objects.get()
    assert (rewrite.looked_at, rewrite.changed, rewrite.state) == (12, 12, State.RUNNING)
    assert sum(isinstance(value, int) for value in stored(acme)) == 12
    assert run(acme)
    assert stored(acme) == list(range(USERS))
    rewrite.refresh_from_db()
    assert (rewrite.looked_at, rewrite.changed) == (2 * USERS, USERS)


def test_a_slice_and_the_note_of_it_are_written_together_or_not_at_all(
    acme: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the users were written and before the note was."""
    seats(acme, *map(str, range(USERS)))
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    assert not run(acme, stops_after=0)
    save = TraitRewrite.save

    def killed(self: TraitRewrite, *args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(TraitRewrite, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        run(acme)
    assert sum(isinstance(value, int) for value in stored(acme)) == 4
    monkeypatch.setattr(TraitRewrite, "save", save)
    run(acme)
    assert stored(acme) == list(range(USERS))
    assert TraitRewrite.objects.get().changed == USERS


def test_two_that_run_at_once_share_the_work(acme: Application) -> None:
    seats(acme, *map(str, range(USERS)))
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    together(lambda: run(acme), lambda: run(acme))
    assert stored(acme) == list(range(USERS))
    assert TraitRewrite.objects.get().changed == USERS


@pytest.mark.parametrize(("written", "expected"), [("2", 2), ('"5"', 5), ('"n/a"', "n/a"), ("null", None)])
def test_a_value_written_after_the_conversion_read_the_old_one_is_not_overwritten(
    acme: Application, written: str, expected: Value | None
) -> None:
    """It has read the old value, and waits for a call that is about to write another: one that fits, one that it knows
    from another user, one that does not convert, or none."""
    seats(acme, "1", "5")
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    other = connection.copy()
    other.set_autocommit(False)
    with other.cursor() as cursor:
        cursor.execute(
            "UPDATE identity_person SET traits = jsonb_strip_nulls(jsonb_build_object('seats', %s::jsonb))"
            " WHERE external_id = 'u0'",
            [written],
        )
    with ThreadPoolExecutor(1) as pool:
        converting = pool.submit(together, lambda: run(acme))
        deadline = time.monotonic() + 10
        while not waiting():
            assert time.monotonic() < deadline, "the conversion did not wait"
            time.sleep(0.01)
        other.commit()
        other.close()
        converting.result(timeout=10)
    assert stored(acme) == [expected, 5]


def rewriting_runs(application: Application) -> None:
    assert run(application)


def together(*calls: Callable[[], object]) -> None:
    """Run calls at once, each with a connection of its own. Raises what one of them raises."""
    problems: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            problems.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_a_value_that_a_call_wrote_meanwhile_stays(acme: Application) -> None:
    """The call and the conversion have both read the old value before either of them writes."""
    seats(acme, "1")
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    meet(
        LOCK_USER,
        [person_id(acme.pk, "u0")],
        lambda: identify_many(acme, {"id": "u0", "traits": {"seats": "2", "plan": "pro"}}),
        lambda: rewriting_runs(acme),
    )
    assert traits(acme) == {"u0": {"seats": 2, "plan": "pro"}}


def test_calls_and_conversion_of_the_same_users_do_not_wait_in_a_circle(acme: Application) -> None:
    seats(acme, *map(str, range(USERS)))
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)

    def call() -> None:
        for turn in range(15):
            order = range(USERS) if turn % 2 else reversed(range(USERS))
            identify_many(acme, *({"id": f"u{n}", "traits": {"seats": str(n + 100), "turn": turn}} for n in order))

    together(call, call, lambda: run(acme))
    assert stored(acme) == [n + 100 for n in range(USERS)]


def test_a_call_that_knew_of_nothing_is_converted_by_the_sweep(
    acme: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    seats(acme, "1", "2")
    unaware = caches.traits(acme.pk)
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    assert not run(acme, stops_after=0)  # all users were looked at once
    monkeypatch.setattr(caches, "traits", lambda application_id: unaware)
    seats(acme, "10", "20")
    assert stored(acme) == ["10", "20"]
    run(acme)
    assert stored(acme) == [10, 20]


def test_the_sweep_waits_until_every_worker_has_seen_the_change(
    acme: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(seconds=caches.SECONDS) < timedelta(seconds=2 * caches.SECONDS)
    monkeypatch.setattr(rewriting, "SETTLED", timedelta(hours=1))
    monkeypatch.setattr(rewriting, "LOOK_SECONDS", 0.01)
    seats(acme, "1")
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    assert not run(acme, stops_after=5)
    rewrite = TraitRewrite.objects.get()
    assert (rewrite.is_sweep, rewrite.position, rewrite.looked_at) == (True, None, 1)
    TraitRewrite.objects.update(begun_at=rewrite.begun_at - timedelta(hours=1))
    assert run(acme)


def test_another_kind_in_the_middle_begins_anew(acme: Application) -> None:
    seats(acme, *map(str, range(USERS)))
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    run(acme, stops_after=2)
    change_trait(acme, key="seats", declared_kind=Kind.STRING)
    run(acme)
    assert stored(acme) == list(map(str, range(USERS)))


def test_a_declaration_taken_back_in_the_middle_ends_it(acme: Application) -> None:
    seats(acme, *map(str, range(USERS)))
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    run(acme, stops_after=2)
    change_trait(acme, key="seats", declared_kind=None)
    assert run(acme)
    assert sum(isinstance(value, int) for value in stored(acme)) == 12


# Deletion


def test_a_deleted_trait_goes_with_its_values_and_the_next_call_brings_it_back(acme: Application) -> None:
    identify_many(acme, *({"id": f"u{n}", "traits": {"seats": n, "plan": "pro"}} for n in range(USERS)))
    trait, _ = change_trait(acme, key="seats", state=TraitState.DELETED)
    assert not run(acme, stops_after=1)
    seats(acme, "came meanwhile")
    assert rewriting.run(trait.pk, must_stop=lambda: False)
    assert traits(acme) == {f"u{n}": {"plan": "pro"} for n in range(USERS)}
    assert not acme.traits.filter(key="seats").exists()
    assert rewriting.run(trait.pk, must_stop=lambda: False)
    seats(acme, 7)
    assert acme.traits.get(key="seats").kind == Kind.NUMBER
    assert stored(acme)[0] == 7
    assert [event.sentences for event in TraitEvent.objects.filter(key="seats")] == [["Deleted."]]


def test_an_ignored_trait_is_left_out_of_calls(acme: Application) -> None:
    seats(acme, 1, 2)
    change_trait(acme, key="seats", state=TraitState.IGNORED)
    run(acme)
    seats(acme, 3)
    assert traits(acme) == {"u0": {}, "u1": {}}
    trait = acme.traits.get()
    assert (trait.kind, trait.first_seen) == (None, None)
    change_trait(acme, key="seats", state=TraitState.ACTIVE)
    seats(acme, 4)
    assert stored(acme) == [4, None]


def test_a_call_that_knew_of_no_deletion_is_swept_up(acme: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    seats(acme, 1, 2)
    unaware = caches.traits(acme.pk)
    change_trait(acme, key="seats", state=TraitState.IGNORED)
    assert not run(acme, stops_after=0)
    with monkeypatch.context() as patched:
        patched.setattr(caches, "traits", lambda application_id: unaware)
        seats(acme, 3)
    assert stored(acme) == [3, None]
    run(acme)
    assert stored(acme) == [None, None]


def test_a_deletion_in_the_middle_of_a_conversion_removes_all(acme: Application) -> None:
    seats(acme, *map(str, range(USERS)))
    change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    run(acme, stops_after=2)
    change_trait(acme, key="seats", state=TraitState.IGNORED)
    run(acme)
    assert stored(acme) == [None] * USERS


def test_the_job_is_made_together_with_what_is_said(acme: Application) -> None:
    seats(acme, "1")
    with transaction.atomic():
        change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
        transaction.set_rollback(True)
    assert not ProcrastinateJob.objects.exists()
    trait, _ = change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    job = ProcrastinateJob.objects.get()
    assert (job.task_name, job.args, job.lock) == (
        "identity.rewrite_trait",
        {"trait_id": trait.pk},
        f"rewrite:{trait.pk}",
    )
    assert TraitRewrite.objects.get().state is State.WAITING
    fail_jobs()
    assert TraitRewrite.objects.get().state is State.FAILED
    start_rewrite(Trait.objects.get())
    assert TraitRewrite.objects.get().state is State.WAITING


def test_a_worker_that_must_end_leaves_the_rest_to_the_next(acme: Application) -> None:
    class Context:
        must_end = True

        def should_abort(self) -> bool:
            return self.must_end

    seats(acme, *map(str, range(USERS)))
    trait, _ = change_trait(acme, key="seats", declared_kind=Kind.NUMBER)
    context = Context()
    with pytest.raises(JobAborted):
        rewrite_trait(cast(JobContext, context), trait.pk)
    assert TraitRewrite.objects.get().state is State.RUNNING
    context.must_end = False
    rewrite_trait(cast(JobContext, context), trait.pk)
    assert stored(acme) == list(range(USERS))


def test_only_what_changes_values_begins_a_rewrite(acme: Application) -> None:
    seats(acme, "1")
    change_trait(acme, key="seats", label="Seats", server_only=True, state=TraitState.ARCHIVED)
    change_trait(acme, key="new", declared_kind=Kind.NUMBER)
    change_trait(acme, key="new", declared_kind=Kind.NUMBER)
    assert not TraitRewrite.objects.exists()
    assert Person.objects.get().traits == {"seats": "1"}
