"""How two lists of rules differ, rule by rule. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from engage.rules import Rule, Rules, dump, is_same


@dataclass(frozen=True, slots=True)
class Difference:
    """A rule that was added (there is none before), removed (none after), or changed."""

    before: Rule | None
    after: Rule | None


def differences(before: Rules, after: Rules) -> list[Difference]:
    """What became of each rule: first those changed and removed, in the order of `before`, then those added. A rule is
    changed when one over the same trait takes its place; which order the rules stand in makes no difference."""
    added = _without(after, before)
    found = []
    for rule in _without(before, after):
        in_its_place = next((other for other in added if other.trait == rule.trait), None)
        if in_its_place:
            added.remove(in_its_place)
        found.append(Difference(rule, in_its_place))
    return found + [Difference(None, rule) for rule in added]


def _without(rules: Sequence[Rule], others: Sequence[Rule]) -> list[Rule]:
    """The rules that are not among the others; of two alike, as many as are more."""
    left = dump(tuple(others))
    found = []
    for rule, dumped in zip(rules, dump(tuple(rules)), strict=True):
        same = next((place for place, other in enumerate(left) if is_same(dumped, other)), None)
        if same is None:
            found.append(rule)
        else:
            del left[same]
    return found
