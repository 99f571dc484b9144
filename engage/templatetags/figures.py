"""How figures are written on pages."""

import json

from django import template

from identity.values import Value, is_instant

register = template.Library()


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
