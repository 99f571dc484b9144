"""What users have as one trait: values, spread, and what does not fit."""

import pytest
from django.db.models import QuerySet

from engage.received import common_values, mismatched, spread
from identity.models import Application, Person
from identity.values import Kind
from tests import factories
from tests.engage.test_audience import arrive

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    arrive(factories.new_application("Other").application, {"plan": "theirs", "size": 1_000_000})
    return factories.new_application().application


def everyone(application: Application) -> QuerySet[Person]:
    return Person.objects.filter(application=application)


def test_values_of_all_kinds_the_most_common_first(application: Application) -> None:
    arrive(application, *({"plan": plan} for plan in ("free", "pro", "free", 10, "10", True, "free", 10, "%s")), {})
    found = common_values(everyone(application), "plan", 3)
    assert found.shown[:2] == [("free", 3), (10, 2)]
    assert (len(found.shown), found.different) == (3, 6)
    shown = common_values(everyone(application), "plan", 50).shown
    assert sorted((type(value).__name__, value, users) for value, users in shown if users == 1) == [
        ("bool", True, 1),
        ("str", "%s", 1),
        ("str", "10", 1),
        ("str", "pro", 1),
    ]


def test_values_are_searched_in_any_case(application: Application) -> None:
    arrive(application, {"plan": "Pro"}, {"plan": "improved"}, {"plan": "free"}, {"plan": 150}, {"plan": "100 %"})
    for search, values in (("PRO", {"Pro", "improved"}), ("%", {"100 %"}), ("5", {150}), ("nothing", set())):
        found = common_values(everyone(application), "plan", 50, containing=search)
        assert {value for value, _ in found.shown} == values
        assert found.different == len(values)


def test_what_does_not_fit_and_whose_it_is(application: Application) -> None:
    arrive(application, {"size": 1}, {"size": "n/a"}, {"size": "2025-08-15"}, {"size": True}, {})
    found = mismatched(everyone(application), "size", Kind.NUMBER, 10, share=0.6)
    assert {person.external_id: value for person, value in found} == {"1": "n/a", "2": "2025-08-15", "3": True}
    found = mismatched(everyone(application), "size", Kind.STRING, 10, share=0.6)
    assert {person.external_id for person, _ in found} == {"0", "2", "3"}
    assert len(mismatched(everyone(application), "size", Kind.NUMBER, 2, share=0.6)) == 2


def test_numbers_spread_over_ranges(application: Application) -> None:
    arrive(application, *({"size": size} for size in (1, 2, 2, 3, 5, "4", "n/a", True)))
    found = spread(everyone(application), "size", Kind.NUMBER)
    assert found
    assert [(bucket.label, bucket.users) for bucket in found.buckets] == [
        ("1", 1),
        ("2", 2),
        ("3", 1),
        ("4", 0),
        ("5", 1),
    ]
    assert found.facts == [("Lowest", "1"), ("Median", "2"), ("Middle half", "2 to 3"), ("Highest", "5")]


def test_a_number_far_out_does_not_flatten_the_rest(application: Application) -> None:
    arrive(application, *({"size": size} for size in [*range(100), *range(100), 9_000_000]))
    found = spread(everyone(application), "size", Kind.NUMBER)
    assert found
    assert sum(bucket.users for bucket in found.buckets) == 201
    assert (found.buckets[0].label, found.buckets[0].users) == ("0–4", 10)
    assert (found.buckets[-1].label, found.buckets[-1].users) == ("100 and more", 1)


def test_dates_spread_over_time(application: Application) -> None:
    dates = ("2025-08-15", "2025-08-16T09:30Z", "2025-08-16", "2025-08-18", "2025-8-15", "n/a", 2025)
    arrive(application, *({"since": since} for since in dates))
    found = spread(everyone(application), "since", Kind.DATE)
    assert found
    assert [(bucket.label, bucket.users) for bucket in found.buckets] == [
        ("15 Aug 2025", 1),
        ("16 Aug 2025", 2),
        ("17 Aug 2025", 0),
        ("18 Aug 2025", 1),
    ]
    assert found.facts[0] == ("First", "15 Aug 2025")


def test_a_date_far_out_does_not_flatten_the_rest(application: Application) -> None:
    dates = [f"2025-08-{day:02}" for day in range(1, 32)] * 4
    arrive(application, *({"ends": end} for end in [*dates, "9999-12-31"]))
    found = spread(everyone(application), "ends", Kind.DATE)
    assert found
    assert (found.buckets[0].label, found.buckets[0].users) == ("before 2 Aug 2025", 4)
    assert (found.buckets[-1].label, found.buckets[-1].users) == ("after 30 Aug 2025", 5)
    assert sum(bucket.users for bucket in found.buckets) == len(dates) + 1


def test_other_kinds_do_not_spread(application: Application) -> None:
    arrive(application, {"plan": "pro", "beta": True})
    for key, kind in (
        ("plan", Kind.STRING),
        ("beta", Kind.BOOLEAN),
        ("plan", None),
        ("plan", Kind.NUMBER),
        ("plan", Kind.DATE),
    ):
        assert spread(everyone(application), key, kind) is None
