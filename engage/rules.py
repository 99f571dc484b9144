"""Rules as values: what a segment stores, checked. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engage.operators import OPERATORS, InvalidValue, Moment, Operator, RuleValue, Test
from identity.values import UNSTORABLE, Kind, Value, check_key

RULES_LIMIT = 20


@dataclass(frozen=True)
class Rule:
    """One question about a user. The value is canonical, and None if the operator takes none."""

    trait: str
    operator: Operator[Any]
    value: RuleValue

    @cached_property
    def test(self) -> Test:
        """The question put to one value, compiled once."""
        return self.operator.test(self.value)

    def matches(self, properties: Mapping[str, Value], moment: Moment) -> bool:
        return self.test(properties.get(self.trait), moment)

    @property
    def value_text(self) -> str:
        return self.operator.value_text(self.value)

    @property
    def name(self) -> str:
        """What the rule asks about, as people call it."""
        return BUILT_IN_PROPERTIES[self.trait].label if self.trait in BUILT_IN_PROPERTIES else self.trait

    def __str__(self) -> str:
        return f"{self.name} {self.operator.label} {self.value_text}".rstrip()


Rules = tuple[Rule, ...]


def compile_rules(rules: Rules) -> Callable[[Mapping[str, Value], Moment], bool]:
    """Whether one user matches every rule, from what is known of the user by key: for whoever asks again and again."""
    tests = [(rule.trait, rule.test) for rule in rules]

    def matches(properties: Mapping[str, Value], moment: Moment) -> bool:
        for trait, test in tests:  # noqa: SIM110 - all() with a generator takes half as long again
            if not test(properties.get(trait), moment):
                return False
        return True

    return matches


@dataclass(frozen=True, slots=True)
class BuiltInProperty:
    """Something known of every user, which stands beside the traits in rules."""

    key: str
    label: str
    kind: Kind


BUILT_IN_PROPERTIES = {
    prop.key: prop
    for prop in (
        BuiltInProperty("$id", "User id", Kind.STRING),
        BuiltInProperty("$email", "E-mail", Kind.STRING),
        BuiltInProperty("$name", "Name", Kind.STRING),
        BuiltInProperty("$first_seen", "First seen", Kind.DATE),
        BuiltInProperty("$last_seen", "Last seen", Kind.DATE),
    )
}


@dataclass(frozen=True, slots=True)
class RuleError:
    """What is wrong with a list of rules: where (`index` of the rule, or None for the list; and its field) and why."""

    index: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = self.field if self.index is None else f"rule {self.index}, {self.field}"
        return f"{place}: {self.message}"


class InvalidRules(ValueError):
    """Raised for rules that can't be accepted; `errors` names every one of them."""

    def __init__(self, errors: Sequence[RuleError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)


def parse(raw: object) -> Rules:
    """Rules out of what JSON gives, `[{"trait", "operator", "value"}, …]`. Raises InvalidRules."""
    if not isinstance(raw, list):
        raise InvalidRules([RuleError(None, "rules", "Rules are a list.")])
    if not 1 <= len(raw) <= RULES_LIMIT:
        raise InvalidRules([RuleError(None, "rules", f"A segment has 1 to {RULES_LIMIT} rules.")])
    rules, errors = [], []
    for index, item in enumerate(raw):
        parsed = parse_rule(item, index)
        if isinstance(parsed, Rule):
            rules.append(parsed)
        else:
            errors.append(parsed)
    if errors:
        raise InvalidRules(errors)
    return tuple(rules)


def parse_rule(raw: object, index: int = 0) -> Rule | RuleError:
    """One rule out of what JSON gives, or the first thing that is wrong with it."""
    if not isinstance(raw, dict):
        return RuleError(index, "rule", "A rule is an object.")
    if unknown := raw.keys() - {"trait", "operator", "value"}:
        return RuleError(index, "rule", f"A rule has no field “{UNSTORABLE.sub(chr(0xFFFD), min(unknown))}”.")
    trait, operator = raw.get("trait"), raw.get("operator")
    if not isinstance(trait, str) or not trait:
        return RuleError(index, "trait", "Choose a trait.")
    if trait not in BUILT_IN_PROPERTIES and (problem := check_key(trait)):
        return RuleError(index, "trait", problem.message)
    if not isinstance(operator, str) or not operator:
        return RuleError(index, "operator", "Choose how to compare.")
    if operator not in OPERATORS:
        return RuleError(index, "operator", f"There is no such comparison. There are {', '.join(OPERATORS)}.")
    try:
        return Rule(trait, OPERATORS[operator], OPERATORS[operator].check(raw.get("value")))
    except InvalidValue as error:
        return RuleError(index, "value", str(error))


def dump(rules: Rules) -> list[dict[str, Value | list[Value]]]:
    """The rules as JSON takes them; `parse` gives them back."""
    return [_dump_rule(rule) for rule in rules]


def _dump_rule(rule: Rule) -> dict[str, Value | list[Value]]:
    named: dict[str, Value | list[Value]] = {"trait": rule.trait, "operator": rule.operator.key}
    if rule.value is None:
        return named
    return named | {"value": list(rule.value) if isinstance(rule.value, tuple) else rule.value}


def is_same(one: object, other: object) -> bool:
    """Whether two dumped rules, or lists of them, are the same. As texts, since to Python 1 == True."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
