"""One pass for many lists of rules counts what each of them alone would, and is shared among processes."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings

from engage import audience
from engage.audience import count_each, matches
from engage.operators import Moment
from identity import ingest
from identity.models import Application, Person
from tests.engage.strategies import Case, cases
from tests.engage.test_audience import NOON, PRO, arrive, rules
from tests.engage.test_evaluators import forgotten

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return Application.objects.create(name="Acme", slug="acme")


@pytest.mark.parametrize("keys_read_once", [0, 1, 300])
def test_pass_agrees_with_python(
    application: Application, keys_read_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audience, "KEYS_READ_ONCE", keys_read_once)

    @given(case=cases())
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def agree(case: Case) -> None:
        application.time_zone = case.zone
        moment = Moment.at(case.now, application.zone)
        with forgotten(application):
            ingest.identify_many(application.pk, case.calls, now=case.now)
            people = Person.objects.filter(application=application)
            everybody = list(people)
            expected = [sum(matches(person, asked, moment=moment) for person in everybody) for asked in case.rules]
            assert count_each(people, case.rules, moment) == (len(everybody), expected)

    agree()


def test_parallel_workers_take_part_in_the_pass(application: Application) -> None:
    arrive(application, {"plan": "pro", "size": 5}, {"plan": "pro"}, *[{}] * 98)
    people = Person.objects.filter(application=application)
    lists = [PRO, rules(("size", "at_least", 5)), rules(("$last_seen", "within_last_days", 7)), ()]
    with CaptureQueriesContext(connection) as asked:
        assert count_each(people, lists, Moment.at(NOON, application.zone)) == (100, [2, 1, 100, 100])
    with connection.cursor() as cursor:
        # So few users would not be worth a worker.
        cursor.execute("ANALYZE identity_person")
        cursor.execute("SET LOCAL parallel_setup_cost = 0; SET LOCAL min_parallel_table_scan_size = 0")
        # Pages left empty by other tests would cost as much with workers as without.
        cursor.execute("SET LOCAL seq_page_cost = 0")
        cursor.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN {asked.captured_queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Partial Aggregate" in plan
    assert "Parallel Seq Scan" in plan
