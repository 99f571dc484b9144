"""How figures are written on pages."""

from django import template

register = template.Library()


@register.filter
def percent(share: float) -> str:
    """A share between 0 and 1 as people read it: 3.9 %. Only none is 0 %, and only all is 100 %."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", "\N{NO-BREAK SPACE}%")
    shown = min(max(round(share * 100, 1), 0.1), 99.9)
    return f"{shown:.1f}\N{NO-BREAK SPACE}%"


@register.filter
def width(share: float) -> str:
    """A share between 0 and 1 as the width of a bar: 3.9%."""
    return f"{share * 100:.2f}%"


@register.filter
def initials(name: str) -> str:
    """The first letters of the first and the last word, at most two."""
    words = name.split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper()
