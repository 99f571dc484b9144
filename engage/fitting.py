"""Whether a rule looks for values of the kind that its trait is declared to have. Pure."""

from engage.operators import InvalidValue
from engage.operators.equality import Equals, IsAnyOf
from engage.rules import Rule, Rules
from identity.values import Kind, convert, fits


def fitted(rules: Rules, key: str, kind: Kind) -> Rules | None:
    """The rules with the values of those about the trait `key` converted as the values of users are, so that they ask
    for the same users as before; None where one of them looks for another kind and would lose what it means."""
    found = [_fitted(rule, kind) if rule.trait == key else rule for rule in rules]
    known = tuple(rule for rule in found if rule is not None)
    return known if len(known) == len(found) else None


def _fitted(rule: Rule, kind: Kind) -> Rule | None:
    if rule.operator.reads(rule.value) in (None, kind):
        return rule
    if not isinstance(rule.operator, Equals | IsAnyOf) or rule.value is None:
        return None
    made = [convert(value, kind) for value in (rule.value if isinstance(rule.value, tuple) else (rule.value,))]
    if not all(fits(value, kind) for value in made):
        return None
    try:
        value = rule.operator.check(made if isinstance(rule.value, tuple) else made[0])
    except InvalidValue:  # a list has no booleans
        return None
    return Rule(rule.trait, rule.operator, value)
