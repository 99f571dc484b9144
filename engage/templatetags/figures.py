"""How figures are written on pages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django import template

from engage.spread import Bucket
from identity.values import Value, is_instant

register = template.Library()

# So many days a line of sizes reaches back from its end.
LINE_DAYS = 30
LINE_MARGIN = 3
# How high a bar is at least, and which part of its room it leaves free.
BAR_LEAST = 2
BAR_GAP = 0.15


@register.filter
def percent(share: float) -> str:
    """A share between 0 and 1 as people read it: 3.9 %. Only none is 0 %, and only all is 100 %."""
    if share in (0, 1):
        shown = f"{share * 100:.0f}"
    elif share < 0.001:
        shown = "<\N{NO-BREAK SPACE}0.1"
    else:
        shown = f"{min(round(share * 100, 1), 99.9):.1f}"
    return f"{shown}\N{NO-BREAK SPACE}%"


@register.filter
def width(share: float) -> str:
    """A share between 0 and 1 as the width of a bar: 3.9%."""
    return f"{share * 100:.2f}%"


@register.filter
def value_text(value: Value) -> str:
    """A trait's value in small room: true, 10.5, and of a moment its day."""
    if isinstance(value, str):
        return value[:10] if is_instant(value) else value
    return json.dumps(value)


@register.filter
def initials(name: str) -> str:
    """The first letters of the first and the last word, at most two."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()


@register.filter
def line(sizes: list[tuple[date, int]], box: str) -> str:
    """Sizes on days as the points of an SVG line in a box, given as its width and height: "96 26". The last day is at
    the right edge, LINE_DAYS before it the left; the smallest size lies at the bottom, the largest at the top."""
    width, height = map(int, box.split())
    last, users = sizes[-1][0], [size for _, size in sizes]
    low, high = min(users), max(users)
    room = height - 2 * LINE_MARGIN
    points = (
        (
            width - (last - day).days / LINE_DAYS * width,
            height - LINE_MARGIN - ((size - low) / (high - low) * room if high > low else room / 2),
        )
        for day, size in sizes
    )
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


@dataclass(frozen=True, slots=True)
class Bar:
    """An upright bar of a picture, with what it says."""

    x: str
    y: str
    width: str
    height: str
    bucket: Bucket


@register.filter
def bars(buckets: Sequence[Bucket], box: str) -> list[Bar]:
    """Buckets as bars side by side in a box, given as its width and height: "600 120". The largest reaches its top, and
    none that has any users is too low to be seen."""
    width, height = map(int, box.split())
    most = max((bucket.users for bucket in buckets), default=0)
    room = width / max(len(buckets), 1)
    made = []
    for number, bucket in enumerate(buckets):
        size = max(bucket.users / most * height, BAR_LEAST) if bucket.users else 0
        made.append(
            Bar(
                f"{number * room + room * BAR_GAP / 2:.1f}",
                f"{height - size:.1f}",
                f"{room * (1 - BAR_GAP):.1f}",
                f"{size:.1f}",
                bucket,
            )
        )
    return made


@register.filter
def range_of(sizes: list[tuple[date, int]]) -> tuple[int, int]:
    """The smallest and the largest of sizes on days."""
    users = [size for _, size in sizes]
    return min(users), max(users)
