"""Whether two rules about one trait exclude each other, or one says what the other says already. Pure.

Between the edges of both rules neither changes its answer, so a few values stand for all there are: the edges, and what
lies right beside them. The rules themselves are asked about each of them."""

from collections.abc import Iterator, Sequence, Set
from math import inf, nextafter

from engage.operators import Moment
from engage.rules import Rule
from identity.values import Kind, Value, is_day, is_instant

# More characters than all values of two rules have, and none that is a letter.
_PRIVATE_USE = range(0xE000, 0x110000)


def contradict(one: Rule, other: Rule, moment: Moment) -> bool:
    """Whether no user can match both rules."""
    return _are_comparable(one, other) and not any(
        one.test(value, moment) and other.test(value, moment) for value in _witnesses(one, other, moment)
    )


def implies(one: Rule, other: Rule, moment: Moment) -> bool:
    """Whether every user who matches `one` matches `other` too, which then changes nothing."""
    return _are_comparable(one, other) and not any(
        one.test(value, moment) and not other.test(value, moment) for value in _witnesses(one, other, moment)
    )


def _are_comparable(one: Rule, other: Rule) -> bool:
    """Rules about one trait, but for two cases: what holds of days in the calendar and of days counted from now may not
    hold tomorrow, and a date that is searched as a text is both."""
    if one.trait != other.trait:
        return False
    kinds = {rule.operator.reads(rule.value) for rule in (one, other)}
    if kinds == {Kind.DATE}:
        return one.operator.value_kind(Kind.DATE) is other.operator.value_kind(Kind.DATE)
    return kinds != {Kind.DATE, Kind.STRING}


def _witnesses(one: Rule, other: Rule, moment: Moment) -> Iterator[Value | None]:
    """Values of which one answers both rules as any other would that is left out. None is the missing value. Whatever
    no rule names is answered as true is, or false."""
    yield from (None, True, False)
    dated = Kind.DATE in (one.operator.reads(one.value), other.operator.reads(other.value))
    edges = [edge for rule in (one, other) for edge in rule.operator.edges(rule.value, moment)]
    for edge in edges:
        yield edge
        if isinstance(edge, (int, float)):
            yield from (nextafter(edge, -inf), nextafter(edge, inf))
        elif dated:
            yield from _dates_beside(edge)
    searched = [str(rule.value) for rule in (one, other) if rule.operator.kinds == {Kind.STRING}]
    yield from _texts_around(searched, set().union(*map(str, edges)))


def _dates_beside(text: str) -> Iterator[str]:
    """The dates of the same shape right before and after one. A date is one by its shape, also 2025-02-30."""
    if not (is_day(text) or is_instant(text)):
        return
    digits = "".join(filter(str.isdigit, text))
    for number in (int(digits) - 1, int(digits) + 1):
        beside = iter(f"{number:0{len(digits)}}")
        yield "".join(next(beside) if character.isdigit() else character for character in text)


def _texts_around(searched: Sequence[str], used: Set[str]) -> Iterator[str]:
    """Texts that have what is searched for at an end or between characters that are not `used`, and one searched text
    after another."""
    unused = next(character for character in map(chr, _PRIVATE_USE) if character not in used)
    for text in searched:
        yield from (f"{text}{unused}", f"{unused}{text}", f"{unused}{text}{unused}")
        yield from (f"{text}{other}" for other in searched)
