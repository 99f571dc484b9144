"""Why a user matches, or does not: each rule with the user's value, the answer, and the reason in words. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from engage.operators import Moment, Takes
from engage.rules import Rule, Rules
from identity.values import Kind, Value, kind_of

# More of a value than anybody reads.
SHOWN_LENGTH = 100


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    rule: Rule
    # The user's value; None when there is none.
    actual: Value | None
    matches: bool
    # The answer in words, without what is asked about: `is "pro", which is not enterprise`.
    verdict: str

    @property
    def reason(self) -> str:
        return f"{_subject(self.rule)} {self.verdict}"


@dataclass(frozen=True, slots=True)
class Explanation:
    matches: bool
    rules: list[RuleExplanation]


def explain(rules: Rules, properties: Mapping[str, Value], moment: Moment) -> Explanation:
    """Why a user of whom these properties are known matches the rules, or does not. Without rules everyone does."""
    explained = [_explain(rule, properties.get(rule.trait), moment) for rule in rules]
    return Explanation(all(one.matches for one in explained), explained)


def _explain(rule: Rule, actual: Value | None, moment: Moment) -> RuleExplanation:
    matches = rule.test(actual, moment)
    return RuleExplanation(rule, actual, matches, _verdict(rule, actual, matches))


def _subject(rule: Rule) -> str:
    return rule.name if rule.trait.startswith("$") else f"`{rule.name}`"


def _verdict(rule: Rule, actual: Value | None, matches: bool) -> str:
    compares = rule.operator.takes is not Takes.NONE
    answer = f"{rule.operator.label if matches else rule.operator.opposite} {rule.value_text}"
    if actual is None:
        return f"is not set, so it {answer}" if matches and compares else "is not set"
    kind = rule.operator.reads(rule.value)
    if kind is not None and not _is_of(actual, kind):
        return f"is {_shown(actual)}, which is not a {kind}"
    # That plan is pro, which is pro, need not be said.
    says_more = compares and answer != f"is {rule.value_text}"
    return f"is {_shown(actual)}, which {answer}" if says_more else f"is {_shown(actual)}"


def _is_of(actual: Value, kind: Kind) -> bool:
    # Comparisons of text see dates too, which are texts of a certain shape.
    return isinstance(actual, str) if kind is Kind.STRING else kind_of(actual) is kind


def _shown(actual: Value) -> str:
    if not isinstance(actual, str):
        return str(actual).lower() if isinstance(actual, bool) else str(actual)
    return f'"{actual}"' if len(actual) <= SHOWN_LENGTH else f'"{actual[:SHOWN_LENGTH]}…"'
