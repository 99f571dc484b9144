"""The ranges in which numbers and dates are counted for a picture."""

from decimal import Decimal

import pytest

from engage.spread import AFTER, BEFORE, NumberScale, date_scale, number_scale, span_text


def numbers(*ends: float, is_whole: bool = True) -> NumberScale:
    lowest, low, high, highest = (Decimal(str(end)) for end in ends)
    return number_scale(lowest, low, high, highest, is_whole=is_whole)


@pytest.mark.parametrize(
    ("ends", "start", "step", "count"),
    [
        ((1, 1, 9, 9), 1, 1, 9),
        ((7, 7, 7, 7), 7, 1, 1),
        ((3, 3, 95, 98), 0, 5, 20),
        ((-40, -40, 60, 60), -40, 5, 21),
        ((1, 10, 900, 1_000_000), 0, 50, 19),  # the millions are few, and far away
        ((-1_000_000, 10, 90, 95), 10, 5, 18),
        ((1, 1, 1, 10), 1, 1, 10),
        ((0, 0, 2**53, 2**53), 0, 5 * 10**14, 19),
    ],
)
def test_whole_numbers_stand_in_ranges_that_people_count_in(
    ends: tuple[int, ...], start: int, step: int, count: int
) -> None:
    scale = numbers(*ends)
    assert (int(scale.start), int(scale.step), scale.count) == (start, step, count)


def test_fractions_are_not_rounded() -> None:
    scale = numbers(0.1, 0.1, 0.9, 0.9, is_whole=False)
    assert (scale.start, scale.step, scale.count) == (Decimal("0.1"), Decimal("0.05"), 17)
    assert [bucket.label for bucket in scale.buckets({})][:2] == ["0.1 to 0.15", "0.15 to 0.2"]


def test_ranges_are_named_after_the_whole_numbers_in_them() -> None:
    labels = [bucket.label for bucket in numbers(1000, 1000, 1400, 1400).buckets({})]
    assert labels[:2] == ["1,000–1,019", "1,020–1,039"]
    assert [bucket.label for bucket in numbers(1, 1, 3, 3).buckets({})] == ["1", "2", "3"]


def test_what_lies_far_out_comes_together() -> None:
    buckets = NumberScale(Decimal(0), Decimal(10), 2, is_whole=True).buckets({-1: 3, 0: 5, 2: 4})
    assert [(bucket.label, bucket.users) for bucket in buckets] == [
        ("under 0", 3),
        ("0–9", 5),
        ("10–19", 0),
        ("20 and more", 4),
    ]


@pytest.mark.parametrize(
    ("ends", "first", "last", "length"),
    [
        (("2025-01-01", "2025-01-02", "2025-02-27", "2025-02-28T23:00:00.000Z"), "2025-01-01", "2025-02-28", 10),
        (("2023-01-01", "2023-01-02", "2025-02-27", "2025-02-28"), "2023-01", "2025-02", 7),
        (("1990-01-01", "2001-01-02", "2025-02-27", "2025-02-28"), "1990", "2025", 4),
        (("2025-01-01", "2025-01-02", "2025-02-27", "9999-12-31"), "2025-01-02", "2025-02-27", 10),
        (("1000-01-01", "1000-01-02", "1600-02-27", "9999-12-31"), "100", "160", 3),
        (("1000-01-01", "1000-01-02", "9999-02-27", "9999-12-31"), "10", "99", 2),
        (("2025-02-30", "2025-02-30", "2025-02-30", "2025-02-30"), "2025-02", "2025-02", 7),
        (("0000-99-99", "0000-99-99", "9999-99-99", "9999-99-99"), "00", "99", 2),
    ],
)
def test_dates_stand_in_the_shortest_spans_that_are_not_too_many(
    ends: tuple[str, str, str, str], first: str, last: str, length: int
) -> None:
    scale = date_scale(*ends)
    assert (scale.first, scale.last, scale.length) == (first, last, length)
    assert scale.buckets({})


def test_every_span_shows_and_what_is_on_no_calendar_where_it_sorts() -> None:
    scale = date_scale("2025-11-30", "2025-11-30", "2026-02-28", "2026-02-28")
    days = scale.buckets({})
    assert (len(days) > 60, scale.length) == (False, 7)
    months = scale.buckets({"2026-01": 2, "2025-99": 1, BEFORE: 4, AFTER: 5})
    assert [(bucket.label, bucket.users) for bucket in months] == [
        ("before Nov 2025", 4),
        ("Nov 2025", 0),
        ("Dec 2025", 0),
        ("2025-99", 1),
        ("Jan 2026", 2),
        ("Feb 2026", 0),
        ("after Feb 2026", 5),
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("2025-08-05", "5 Aug 2025"),
        ("2025-08", "Aug 2025"),
        ("2025", "2025"),
        ("202", "2020s"),
        ("20", "2000s"),
        ("2025-02-30", "2025-02-30"),
        ("0000", "0000"),
    ],
)
def test_spans_in_words(name: str, words: str) -> None:
    assert span_text(name) == words
