"""Estimates from samples: none of small applications, and the truth lies within the error as often as is said."""

import random
from uuid import UUID

import pytest

from engage import sampling
from engage.audience import audience
from engage.models import Segment
from engage.sampling import Sample, draw_sample
from engage.sizes import sizes
from identity.models import Application, Person
from identity.models.person import person_id
from tests.engage.test_audience import NOON, PRO, arrive, rules

pytestmark = pytest.mark.django_db

NOBODY = rules(("plan", "equals", "gold"))


@pytest.fixture
def application() -> Application:
    return Application.objects.create(name="Acme", slug="acme")


def populate(application: Application, users: int, pro: int) -> None:
    """Users with keys drawn by lot, as those are that identify derives; always the same."""
    chance = random.Random(1)
    Person.objects.bulk_create(
        Person(
            id=UUID(int=chance.getrandbits(128)),
            application=application,
            external_id=str(number),
            traits={"plan": "pro" if number < pro else "free"},
            first_seen=NOON,
            last_seen=NOON,
        )
        for number in range(users)
    )


@pytest.fixture
def large(application: Application, monkeypatch: pytest.MonkeyPatch) -> Application:
    """4,000 users, of whom 1,000 are pro, are many; a sample has 500."""
    monkeypatch.setattr(sampling, "LARGE", 1_000)
    monkeypatch.setattr(sampling, "SAMPLE_USERS", 500)
    monkeypatch.setattr(sampling, "_PROBE", 1 / 4)
    populate(application, 4_000, 1_000)
    return application


def test_small_application_has_no_sample(application: Application) -> None:
    assert draw_sample(application) is None
    arrive(application, *[{"plan": "pro"}] * 50)
    assert draw_sample(application) is None


def test_sample_is_of_about_the_size_that_is_asked_for(large: Application) -> None:
    sample = draw_sample(large)
    assert sample
    assert sample.people.count() == pytest.approx(500, rel=0.15)
    assert sample.fraction == pytest.approx(500 / 4000, rel=0.15)


def test_users_of_another_application_are_not_in_the_sample(large: Application) -> None:
    other = Application.objects.create(name="Other", slug="other")
    assert draw_sample(other) is None
    arrive(other, *[{"plan": "pro"}] * 50)
    assert draw_sample(other) is None
    sample = draw_sample(large)
    assert sample
    assert {person.application_id for person in sample.people} == {large.pk}


def test_estimated_audience_and_sizes_say_by_how_much_they_may_be_wrong(large: Application) -> None:
    sample = draw_sample(large)
    found = audience(large, PRO, now=NOON, of=sample)
    assert found.error
    assert abs(found.count - 1_000) <= found.error < 250
    assert found.total == pytest.approx(4_000, rel=0.15)
    assert [step.count for step in found.steps] == [found.count]
    assert {member.person.traits["plan"] for member in found.sample} == {"pro"}
    pro = Segment.objects.create_with_rules(large, name="Pro", rules=PRO)
    [size] = sizes(large, [pro], now=NOON, of=sample)
    assert (size.count, size.share, size.error) == (found.count, found.share, found.error)


def test_nobody_found_is_not_nobody(large: Application) -> None:
    found = audience(large, NOBODY, now=NOON, of=draw_sample(large))
    assert (found.count, found.sample) == (0, [])
    assert found.error == pytest.approx(3 * 4000 / 500, rel=0.15)  # the rule of three


@pytest.mark.parametrize(("fraction", "least"), [(0.2, 0.93), (0.05, 0.93), (0.01, 0.9), (0.001, 0.95)])
def test_true_count_lies_within_the_error_of_nineteen_in_twenty_samples(fraction: float, least: float) -> None:
    true_count = 1_000
    sample = Sample(Person.objects.none(), fraction)
    end = int(2**128 * fraction)
    applications = [UUID(int=number) for number in range(300)]
    within = 0
    for application in applications:  # each of which gives the same users other keys
        found = sum(person_id(application, str(number)).int < end for number in range(true_count))
        count = sample.scaled(found)
        within += abs(count - true_count) <= sample.error(count)
    assert within / len(applications) >= least
