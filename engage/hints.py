"""What may have gone wrong in a list of rules, and how to mend it. Pure: made of the rules, and of figures that were
counted for them."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from engage.contradictions import contradict, implies
from engage.operators import OPERATORS, InvalidValue, Moment, Operator
from engage.operators.equality import Equals, IsAnyOf
from engage.rules import RULES_LIMIT, Rule, Rules
from identity.values import Kind, Value, convert, kind_of

STALE_AFTER = timedelta(days=30)
# How many values of one rule that nobody has are named.
VALUES_NAMED = 3
# To compare two texts takes time that grows with the product of their lengths.
COMPARED_LENGTH = 100
SHOWN_LENGTH = 60

_KIND_WORDS = {
    Kind.STRING: "text",
    Kind.NUMBER: "a number",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "a date",
}


@dataclass(frozen=True, slots=True)
class TraitFacts:
    """What is known of a trait that rules read."""

    # Users by the kind of their value.
    received: Mapping[Kind, int]
    last_seen: datetime | None
    # Users by text: those of the rules that somebody has, and the most frequent. None if nobody looked.
    texts: Mapping[str, int] | None = None

    @property
    def users(self) -> int:
        return sum(self.received.values())


@dataclass(frozen=True, slots=True)
class Fix:
    """One click: by the index of a rule what stands in its place, which may be nothing, or it and another."""

    label: str
    instead: Mapping[int, Rules]


@dataclass(frozen=True, slots=True)
class Hint:
    text: str
    fixes: tuple[Fix, ...] = ()
    # The trait to look at, where the rules alone can't be mended.
    trait: str = ""


def hints(
    rules: Rules, lacking: Sequence[int | None], facts: Mapping[str, TraitFacts], moment: Moment
) -> Iterator[Hint]:
    """What to say of a list of rules, the gravest first; each is looked for when it is asked for. `lacking` says of
    each rule how many users it matches only for want of the trait. What needs facts that are not there is left out."""
    yield from _contradictions(rules, moment)
    yield from _unsent(rules, facts, moment)
    yield from _unobserved(rules, facts)
    yield from _mismatched(rules, facts)
    yield from _repeats(rules, moment)
    yield from _lacking(rules, lacking)
    yield from _stale(rules, facts, moment)


def named_texts(rule: Rule) -> list[str]:
    """The texts that a rule names in full, so that it can be said whether anybody has them."""
    if not isinstance(rule.operator, (Equals, IsAnyOf)):
        return []
    return [value for value in _values(rule) if isinstance(value, str)]


def _contradictions(rules: Rules, moment: Moment) -> Iterator[Hint]:
    for number, rule in enumerate(rules):
        before = next((other for other in range(number) if contradict(rules[other], rule, moment)), None)
        if before is None:
            continue
        fixes = [Fix(f"Remove {_quoted(rules[index])}", {index: ()}) for index in (number, before)]
        if either := _either(rules[before], rule):
            fixes.insert(0, Fix(f"Ask for {_quoted(either)}", {before: (either,), number: ()}))
        text = f"{_quoted(rules[before])} and {_quoted(rule)} contradict each other: no user matches both."
        yield Hint(text, tuple(fixes))


def _either(one: Rule, other: Rule) -> Rule | None:
    """The rule that matches whoever has a value of one or the other; None if no rule does."""
    if {one.operator.key, other.operator.key} <= {Equals.key, IsAnyOf.key}:
        return _rule(one.trait, OPERATORS[IsAnyOf.key], [*_values(one), *_values(other)])
    return None


def _repeats(rules: Rules, moment: Moment) -> Iterator[Hint]:
    for number, rule in enumerate(rules):
        for index, other in enumerate(rules):
            if index == number or not implies(other, rule, moment):
                continue
            if index > number and implies(rule, other, moment):
                continue  # they say the same, and the first of them stays
            fix = Fix(f"Remove {_quoted(rule)}", {number: ()})
            if rule == other:
                yield Hint(f"{_quoted(rule)} stands here more than once.", (fix,))
            else:
                yield Hint(f"{_quoted(rule)} changes nothing: {_quoted(other)} says as much.", (fix,))
            break


def _unsent(rules: Rules, facts: Mapping[str, TraitFacts], moment: Moment) -> Iterator[Hint]:
    for key, known in _facts_of(rules, facts):
        if known.users:
            continue
        if known.last_seen is None:
            yield Hint(f"No one sends {_quoted(key)} yet.", trait=key)
        else:
            days = _days_since(known.last_seen, moment)
            yield Hint(f"No user has {_quoted(key)} any more. It was last seen {days}.", trait=key)


def _stale(rules: Rules, facts: Mapping[str, TraitFacts], moment: Moment) -> Iterator[Hint]:
    for key, known in _facts_of(rules, facts):
        if known.users and known.last_seen and moment.now - known.last_seen > STALE_AFTER:
            yield Hint(f"{_quoted(key)} was last seen {_days_since(known.last_seen, moment)}.", trait=key)


def _unobserved(rules: Rules, facts: Mapping[str, TraitFacts]) -> Iterator[Hint]:
    for number, rule in enumerate(rules):
        texts = known.texts if (known := facts.get(rule.trait)) else None
        if not texts:  # nobody looked, or nobody has any
            continue
        unobserved = [text for text in named_texts(rule) if text not in texts]
        for text in unobserved[:VALUES_NAMED]:
            yield _nobody_has(text, number, rule, texts)


def _nobody_has(text: str, number: int, rule: Rule, texts: Mapping[str, int]) -> Hint:
    said = f"No user has {_quoted(text)} as {_quoted(rule.name)}."
    others = [value for value in _values(rule) if value != text]
    near = nearest(text, [observed for observed in texts if observed not in others])
    if near is not None:
        meant = [near if value == text else value for value in _values(rule)]
        fixes = _fixes(f"Use {_quoted(near)}", number, _rule(rule.trait, rule.operator, meant))
        return Hint(f"{said} Did you mean {_quoted(near)} ({_users(texts[near])})?", fixes)
    if others:
        return Hint(said, _fixes(f"Remove {_quoted(text)}", number, _rule(rule.trait, rule.operator, others)))
    return Hint(said, trait=rule.trait)


def nearest(text: str, observed: Sequence[str]) -> str | None:
    """The observed text that was meant, as far as spelling tells: the same but for case and blanks, or else nearly the
    same. Of several the first."""
    by_spelling: dict[str, str] = {}
    for other in observed:
        by_spelling.setdefault(_spelled(other), other)
    spelled = _spelled(text)
    if spelled in by_spelling:
        return by_spelling[spelled]
    if len(spelled) > COMPARED_LENGTH:
        return None
    comparable = [other for other in by_spelling if len(other) <= COMPARED_LENGTH]
    near = difflib.get_close_matches(spelled, comparable, n=1)
    return by_spelling[near[0]] if near else None


def _spelled(text: str) -> str:
    """A text without what people do not see as a difference: case, blanks, and the strokes that stand for blanks."""
    return "".join(text.casefold().replace("-", " ").replace("_", " ").split())


def _mismatched(rules: Rules, facts: Mapping[str, TraitFacts]) -> Iterator[Hint]:
    said = set()
    for number, rule in enumerate(rules):
        kind, known = rule.operator.reads(rule.value), facts.get(rule.trait)
        if kind is None or known is None or (rule.trait, kind) in said:
            continue
        others = _unread(kind, known.received)
        if not others:
            continue
        said.add((rule.trait, kind))
        most = max(others, key=lambda other: others[other])
        as_other = _KIND_WORDS[most] if len(others) == 1 else "another kind of value"
        seen = "still matches them" if rule.operator.matches_missing else "does not see them"
        count = sum(others.values())
        text = (
            f"{_have(count)} {_quoted(rule.trait)} as {as_other}, not as {_KIND_WORDS[kind]}: {_quoted(rule)} {seen}."
        )
        asks = _as_kind(rule, most) if others[most] > known.users / 2 else None
        fixes = _fixes(f"Compare with {_KIND_WORDS[most]}", number, asks)
        yield Hint(text, fixes, trait="" if fixes else rule.trait)


def _unread(kind: Kind, received: Mapping[Kind, int]) -> dict[Kind, int]:
    """The values that a rule of a kind does not look at. To a rule that looks for texts, dates are texts."""
    read = {Kind.STRING, Kind.DATE} if kind is Kind.STRING else {kind}
    return {other: users for other, users in received.items() if users and other not in read}


def _as_kind(rule: Rule, kind: Kind) -> Rule | None:
    """The same comparison with values of another kind; None if it is of one kind alone, or something would be lost."""
    if not isinstance(rule.operator, (Equals, IsAnyOf)):
        return None
    converted = [convert(value, kind) for value in _values(rule)]
    return _rule(rule.trait, rule.operator, converted) if {kind_of(value) for value in converted} == {kind} else None


def _lacking(rules: Rules, lacking: Sequence[int | None]) -> Iterator[Hint]:
    """Of several rules about one trait the last says it, after which the fewest users are left."""
    asked = {rule.trait for rule in rules if not rule.operator.matches_missing}
    last = {rule.trait: number for number, rule in enumerate(rules)}
    for number, (rule, users) in enumerate(zip(rules, lacking, strict=True)):
        if not users or rule.trait in asked or last[rule.trait] != number:
            continue
        is_set = Rule(rule.trait, OPERATORS["is_set"], None)
        fixes = _fixes(f"Add {_quoted(is_set)}", number, rule, is_set) if len(rules) < RULES_LIMIT else ()
        yield Hint(f"{_quoted(rule)} includes {_users(users)} without {_quoted(rule.name)}.", fixes)


def _facts_of(rules: Rules, facts: Mapping[str, TraitFacts]) -> Iterator[tuple[str, TraitFacts]]:
    return ((key, facts[key]) for key in dict.fromkeys(rule.trait for rule in rules) if key in facts)


def _values(rule: Rule) -> list[Value]:
    return [] if rule.value is None else list(rule.value) if isinstance(rule.value, tuple) else [rule.value]


def _rule(trait: str, operator: Operator[Any], values: Sequence[Value]) -> Rule | None:
    """The rule with these values, or None if its operator does not take them."""
    with suppress(InvalidValue):
        return Rule(trait, operator, operator.check(list(values) if isinstance(operator, IsAnyOf) else values[0]))
    return None


def _fixes(label: str, number: int, *instead: Rule | None) -> tuple[Fix, ...]:
    rules = tuple(rule for rule in instead if rule)
    return (Fix(label, {number: rules}),) if rules else ()


def _quoted(what: Rule | str) -> str:
    """In quotes, not too long, and apart from what is around it, whichever way it runs."""
    text = str(what)
    shown = text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 1]}…"
    return f"“\N{FIRST STRONG ISOLATE}{shown}\N{POP DIRECTIONAL ISOLATE}”"


def _users(count: int) -> str:
    return f"{count:,} user{'' if count == 1 else 's'}"


def _have(count: int) -> str:
    return f"{_users(count)} {'has' if count == 1 else 'have'}"


def _days_since(then: datetime, moment: Moment) -> str:
    days = (moment.now - then).days
    return f"{days:,} day{'' if days == 1 else 's'} ago" if days > 0 else "today"
