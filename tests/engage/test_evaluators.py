"""The two evaluators of a rule, Python and SQL, are of one meaning: over generated users, rules and moments they agree
for every user, and both agree with examples worked out by hand."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.db.models import Value
from hypothesis import HealthCheck, given, settings

from engage.applications import create_application
from engage.audience import matches, matching
from engage.operators import Moment
from identity import caches, ingest
from identity.models import Application, Person
from tests.engage.strategies import Case, cases

pytestmark = pytest.mark.django_db

EXAMPLES = 150


@pytest.fixture
def application() -> Application:
    return create_application(name="Acme", owner_email="owner@example.com").application


@contextmanager
def forgotten(application: Application) -> Iterator[None]:
    """Whatever is written is rolled back at the end, so that each example begins with no users."""
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        caches.reload_traits(application.pk)


def assert_evaluators_agree(application: Application, case: Case) -> None:
    application.time_zone = case.zone
    moment = Moment.at(case.now, application.zone)
    with forgotten(application):
        ingest.identify_many(application.pk, case.calls, now=case.now)
        people = list(Person.objects.filter(application=application))
        in_python = {
            (number, person.external_id)
            for number, rules in enumerate(case.rules)
            for person in people
            if matches(person, rules, moment=moment)
        }
        first, *others = (
            matching(application, rules, now=case.now).values_list(Value(number), "external_id")
            for number, rules in enumerate(case.rules)
        )
        assert in_python == set(first.union(*others, all=True))


@given(case=cases())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_evaluators_agree(application: Application, case: Case) -> None:
    assert_evaluators_agree(application, case)
