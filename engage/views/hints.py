"""The hints beside the builder: what they are made of, and what a click on one does to its rows."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils import timezone

from engage.audience import Audience, common_strings, strings_among
from engage.forms import Kinds, Row, RuleSet
from engage.hints import Fix, TraitFacts, hints, named_texts
from engage.operators import Moment
from engage.operators.equality import Equals
from engage.rules import RULES_LIMIT, dump, parse
from identity.models import Application, Trait
from identity.values import Kind

# What the button of a hint sends begins so; the rest is JSON: by the id of a row the rules that stand in its place.
APPLY = "apply "
# More would hide the audience. Those that are left out come when others are done.
HINTS_SHOWN = 5
# Among so many texts, which most users have, the one that was meant is looked for.
TEXTS_COMPARED = 200


@dataclass(frozen=True, slots=True)
class Button:
    """One click that mends the rows."""

    label: str
    sends: str
    # The row to go on with.
    row_id: str


@dataclass(frozen=True, slots=True)
class ShownHint:
    text: str
    buttons: list[Button]
    trait: str


@dataclass(frozen=True, slots=True)
class ShownHints:
    shown: list[ShownHint]
    are_more: bool


def hints_for(application: Application, rule_set: RuleSet, found: Audience) -> ShownHints:
    """What to say of the rules whose audience was found. What takes a query, or what a user outside of a sample could
    belie, is said only if kinds were counted."""
    row_ids = [row.id for row in rule_set.rows if row.id not in rule_set.errors]
    facts = _facts(application, found)
    moment = Moment.at(timezone.now(), application.zone)
    said = hints(rule_set.rules, [step.lacking for step in found.steps], facts, moment)
    shown = [
        ShownHint(hint.text, [_button(fix, row_ids) for fix in hint.fixes], hint.trait)
        for hint in itertools.islice(said, HINTS_SHOWN)
    ]
    return ShownHints(shown, next(said, None) is not None)


def _button(fix: Fix, row_ids: Sequence[str]) -> Button:
    instead = {row_ids[index]: dump(rules) for index, rules in fix.instead.items()}
    first = next(iter(fix.instead))
    stay = [index for index in range(len(row_ids)) if fix.instead.get(index) != ()]
    nearest = min(stay, key=lambda index: abs(index - first), default=None)
    return Button(fix.label, APPLY + json.dumps(instead), "" if nearest is None else row_ids[nearest])


def _facts(application: Application, found: Audience) -> dict[str, TraitFacts]:
    if not found.received:
        return {}
    traits = Trait.objects.filter(application=application, key__in=found.received)
    seen = dict(traits.values_list("key", "last_seen"))
    return {
        key: TraitFacts(received, seen.get(key), _texts(application, key, found))
        for key, received in found.received.items()
    }


def _texts(application: Application, key: str, found: Audience) -> dict[str, int] | None:
    """The texts that users have as a trait, if a rule names one that perhaps nobody has."""
    named = [
        text
        for step in found.steps
        if step.rule.trait == key and not (step.rule.operator.key == Equals.key and step.count)
        for text in named_texts(step.rule)
    ]
    if not named or not found.received[key].get(Kind.STRING):
        return None
    texts = dict(common_strings(application, key, TEXTS_COMPARED))
    if len(texts) == TEXTS_COMPARED and (sought := [text for text in named if text not in texts]):
        texts |= strings_among(application, key, sought)
    return texts


def applied(rows: Sequence[Row], sent: str, kinds: Kinds) -> list[Row]:
    """The rows after a click on the hint that sends this. A row that is gone meanwhile stays gone, and what no hint can
    have sent changes nothing."""
    try:
        instead = {row_id: parse(rules) if rules else () for row_id, rules in json.loads(sent).items()}
    except (ValueError, AttributeError, RecursionError):
        return list(rows)
    made = []
    for row in rows:
        if row.id not in instead:
            made.append(row)
            continue
        new = [Row.of(rule, kinds) for rule in instead[row.id]]
        made += [replace(first, id=row.id) for first in new[:1]] + new[1:]
    return made[: RULES_LIMIT + 1]  # one too many, so that it is said
