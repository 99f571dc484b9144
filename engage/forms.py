"""The rule builder: from what was typed to checked rules, or to errors that stand at their field."""

import json
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from engage.models import Segment
from engage.models.segment import NAME_LENGTH
from engage.operators import OPERATORS, Operator, offered_for
from engage.rules import RULES_LIMIT, Rule, RuleError, Rules, parse_rule
from identity.models import Application
from identity.values import INVISIBLE_CONTROLS, UNSTORABLE, Kind, Value

# From the key of a trait or built-in property to its kind, as far as that is known.
Kinds = Callable[[str], Kind | None]

NAME_TAKEN = "There is a segment with this name."

# What a row is before its trait says otherwise, or when nothing says of which kind a trait is.
DEFAULT_KIND = Kind.STRING

_row_id = re.compile("[0-9a-f]{8}")
_number = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the builder, as text. Its kind says which operators it offers and how its value is read."""

    id: str
    kind: Kind = DEFAULT_KIND
    trait: str = ""
    operator: str = ""
    value: str = ""

    @classmethod
    def blank(cls, row_id: str = "") -> "Row":
        return cls(row_id or _new_row_id(), operator=offered_for(DEFAULT_KIND)[0].key)

    @classmethod
    def of(cls, rule: Rule, kinds: Kinds) -> "Row":
        """A saved rule. Its own kind comes before the trait's, so that opening a rule never changes what it means."""
        kind = rule.operator.reads(rule.value) or kinds(rule.trait) or DEFAULT_KIND
        value = "" if rule.value is None else _typed(rule.value)
        return cls(_new_row_id(), kind, rule.trait, rule.operator.key, value)

    @classmethod
    def sent(cls, row_id: str, data: QueryDict, kinds: Kinds) -> "Row":
        """A row as it was posted. With another trait than the one that its kind was for, it takes the new trait's kind,
        keeps the operator if that is still offered, and forgets the value."""
        trait = _key_sent(data, f"trait-{row_id}")
        operator = data.get(f"operator-{row_id}", "")
        value = data.get(f"value-{row_id}", "")
        kind = data.get(f"kind-{row_id}", "")
        trait_before = _key_sent(data, f"trait-before-{row_id}")
        if trait == trait_before and kind in set(Kind):
            row = cls(row_id, Kind(kind), trait, operator, value)
        else:
            row = cls(row_id, kinds(trait) or DEFAULT_KIND, trait, operator, "" if trait_before else value)
        if row.operator not in {offered.key for offered in row.operators}:
            # Without its value, so that nothing is saved that nobody chose.
            row = cls(row.id, row.kind, trait, row.operators[0].key)
        return row

    @property
    def operators(self) -> list[Operator[Any]]:
        return offered_for(self.kind)

    @property
    def value_kind(self) -> Kind | None:
        """The kind of value to type; None when the operator takes none or is not chosen yet."""
        return OPERATORS[self.operator].value_kind(self.kind) if self.operator in OPERATORS else None

    @property
    def unit(self) -> str:
        return OPERATORS[self.operator].unit if self.operator in OPERATORS else ""

    @property
    def is_finished(self) -> bool:
        return bool(self.trait and self.operator and (self.value_kind is None or self.value.strip()))

    def read(self) -> Rule | RuleError:
        """The rule in this row, or the first thing that is wrong with it."""
        if not self.trait:
            return RuleError(None, "trait", "Choose a trait.")
        value: object = None
        if self.value_kind is not None:
            value = _read(self.value, self.value_kind)
            if value is None:
                return RuleError(None, "value", _WANTED[self.value_kind])
        return parse_rule({"trait": self.trait, "operator": self.operator, "value": value})


_WANTED = {
    Kind.STRING: "Enter a value.",
    Kind.NUMBER: "Enter a number.",
    Kind.BOOLEAN: "Choose true or false.",
    Kind.DATE: "Enter a date.",
}


def row_ids(data: QueryDict) -> list[str]:
    """The ids of the rows of a posted builder, in its order."""
    return list(dict.fromkeys(row_id for row_id in data.getlist("rule") if _row_id.fullmatch(row_id)))


def _key_sent(data: QueryDict, name: str) -> str:
    """A trait's key out of a form, which sends line breaks as CR LF; without what no key can have."""
    return UNSTORABLE.sub("", data.get(name, "").replace("\r\n", "\n"))


def _new_row_id() -> str:
    return secrets.token_hex(4)


def _read(typed: str, kind: Kind) -> Value | None:
    """What was typed as a value of `kind`; None if it isn't one."""
    text = typed.strip()
    if kind is Kind.NUMBER:
        if not _number.fullmatch(text):
            return None
        return float(text) if set(text) & set(".eE") else int(text)
    if kind is Kind.BOOLEAN:
        return {"true": True, "false": False}.get(text)
    return typed if text else None


def _typed(value: Value) -> str:
    """A value as one would type it."""
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """What the rows of a builder come to: the rules that can be counted already, and errors by the id of their row."""

    rows: list[Row]
    rules: Rules
    errors: dict[str, RuleError]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "RuleSet":
        rows = list(rows)
        read = {row.id: row.read() for row in rows}
        return cls(
            rows,
            tuple(rule for rule in read.values() if isinstance(rule, Rule)),
            {row_id: error for row_id, error in read.items() if isinstance(error, RuleError)},
        )

    @classmethod
    def sent(cls, data: QueryDict, kinds: Kinds) -> "RuleSet":
        """The rows of a posted builder, in its order."""
        return cls.of(Row.sent(row_id, data, kinds) for row_id in row_ids(data)[: RULES_LIMIT + 1])

    @property
    def unfinished(self) -> int:
        """How many rows still miss something; they are not wrong, and not counted."""
        return sum(not row.is_finished for row in self.rows)

    @property
    def has_room(self) -> bool:
        return len(self.rows) < RULES_LIMIT

    def errors_while_typing(self) -> dict[str, RuleError]:
        """The errors of finished rows: nobody is told of what they are about to type."""
        return {row.id: self.errors[row.id] for row in self.rows if row.is_finished and row.id in self.errors}


class SegmentForm(forms.Form):
    """A segment's name; and its rules, which come as a RuleSet."""

    name = forms.CharField(
        max_length=NAME_LENGTH,
        error_messages={"required": "Give the segment a name."},
        widget=forms.TextInput(attrs={"class": "field", "autocomplete": "off", "dir": "auto"}),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        application: Application,
        segment: Segment | None,
        rule_set: RuleSet,
        initial: dict[str, str] | None = None,
    ) -> None:
        super().__init__(data, initial=initial or ({"name": segment.name} if segment else None))
        self.application, self.segment, self.rule_set = application, segment, rule_set

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if INVISIBLE_CONTROLS.search(name) or not any(
            character.isprintable() and character != " " for character in name
        ):
            raise forms.ValidationError("Use letters that can be seen, without control characters.")
        others = Segment.objects.filter(application=self.application, name__iexact=name)
        if self.segment:
            others = others.exclude(pk=self.segment.pk)
        if others.exists():
            raise forms.ValidationError(NAME_TAKEN)
        return name

    def clean(self) -> None:
        if not self.rule_set.rows:
            raise forms.ValidationError("Add at least one rule: a segment without rules would be everyone.")
        if len(self.rule_set.rows) > RULES_LIMIT:
            raise forms.ValidationError(f"A segment has at most {RULES_LIMIT} rules.")
        if self.rule_set.errors:
            raise forms.ValidationError("Finish the rules that are marked.")
