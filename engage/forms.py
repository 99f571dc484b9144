"""The rule builder: from what was typed to checked rules, or to errors that stand at their field."""

import json
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.http import QueryDict

from engage.models import Segment
from engage.models.segment import NAME_LENGTH, checked_name
from engage.operators import OPERATORS, InvalidValue, Operator, Takes, offered_for
from engage.rules import BUILT_IN_PROPERTIES, RULES_LIMIT, Rule, RuleError, Rules, parse_rule
from identity.models import Application
from identity.values import UNSTORABLE, Kind, Value

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
    value_to: str = ""  # the other end of a range

    @classmethod
    def blank(cls, row_id: str = "") -> "Row":
        return cls(row_id or _new_row_id(), operator=offered_for(DEFAULT_KIND)[0].key)

    @classmethod
    def of(cls, rule: Rule, kinds: Kinds) -> "Row":
        """A saved rule. Its own kind comes before the trait's, so that opening a rule never changes what it means."""
        kind = rule.operator.reads(rule.value) or kinds(rule.trait) or DEFAULT_KIND
        return cls(_new_row_id(), kind, rule.trait, rule.operator.key, *_typed(rule))

    @classmethod
    def sent(cls, row_id: str, data: QueryDict, kinds: Kinds) -> "Row":
        """A row as it was posted. With another trait than the one that its kind was for, it takes the new trait's kind,
        keeps the operator if that is still offered, and forgets the value."""
        trait = _key_sent(data, f"trait-{row_id}")
        operator = data.get(f"operator-{row_id}", "")
        values = _text_sent(data, f"value-{row_id}"), _text_sent(data, f"to-{row_id}")
        kind = data.get(f"kind-{row_id}", "")
        trait_before = _key_sent(data, f"trait-before-{row_id}")
        if trait == trait_before and kind in set(Kind):
            row = cls(row_id, Kind(kind), trait, operator, *values)
        else:
            row = cls(row_id, kinds(trait) or DEFAULT_KIND, trait, operator, *(("", "") if trait_before else values))
        if row.operator not in {offered.key for offered in row.operators}:
            # Without its value, so that nothing is saved that nobody chose.
            row = cls(row.id, row.kind, trait, row.operators[0].key)
        return row._after(data.get(f"operator-before-{row_id}", ""))

    def _after(self, operator_before: str) -> "Row":
        """The row with its value as its operator takes it, if it was typed for another one."""
        before, now = OPERATORS.get(operator_before), OPERATORS[self.operator]
        if before is None or before is now or Takes.NONE in (before.takes, now.takes):
            return self
        if before.value_kind(self.kind) != now.value_kind(self.kind):  # a date is no number of days
            return replace(self, value="", value_to="")
        if before.takes is Takes.LIST and now.takes is not Takes.LIST:
            return replace(self, value=next(iter(_lines(self.value)), ""), value_to="")
        if now.takes is Takes.LIST and before.takes is not Takes.LIST:
            return replace(self, value=_line(self.value), value_to="")
        return self

    @property
    def operators(self) -> list[Operator[Any]]:
        return offered_for(self.kind)

    @property
    def value_kind(self) -> Kind | None:
        """The kind of value to type; None when the operator takes none or is not chosen yet."""
        return OPERATORS[self.operator].value_kind(self.kind) if self.operator in OPERATORS else None

    @property
    def takes(self) -> Takes:
        return OPERATORS[self.operator].takes if self.operator in OPERATORS else Takes.NONE

    @property
    def unit(self) -> str:
        return OPERATORS[self.operator].unit if self.operator in OPERATORS else ""

    @property
    def name(self) -> str:
        """What the row asks about, as people call it."""
        return BUILT_IN_PROPERTIES[self.trait].label if self.trait in BUILT_IN_PROPERTIES else self.trait

    @property
    def has_line_breaks(self) -> bool:
        """Whether a field of one line would drop some of the value."""
        return "\n" in self.value

    @property
    def is_finished(self) -> bool:
        typed = [self.value, self.value_to] if self.takes is Takes.RANGE else [self.value]
        return bool(self.trait and self.operator and (self.value_kind is None or all(text.strip() for text in typed)))

    def read(self) -> Rule | RuleError:
        """The rule in this row, or the first thing that is wrong with it."""
        if not self.trait:
            return RuleError(None, "trait", "Choose a trait.")
        try:
            value = self._read_value()
        except InvalidValue as error:
            return RuleError(None, "value", str(error))
        return parse_rule({"trait": self.trait, "operator": self.operator, "value": value})

    def _read_value(self) -> Value | list[Value] | None:
        """What was typed as JSON would bring it. Raises InvalidValue."""
        kind = self.value_kind
        if kind is None:
            return None
        if self.takes is Takes.LIST:
            lines = _lines(self.value)
            if not lines:
                raise InvalidValue("Enter a value.")
            return [_read(line, kind, f"“{line:.50}” is not a {kind}.") for line in lines]
        if self.takes is Takes.RANGE:
            return [_read(typed, kind, "Enter two numbers.") for typed in (self.value, self.value_to)]
        return _read(self.value, kind, _WANTED[kind])


_WANTED = {
    Kind.STRING: "Enter a value.",
    Kind.NUMBER: "Enter a number.",
    Kind.BOOLEAN: "Choose true or false.",
    Kind.DATE: "Enter a date.",
}


def row_ids(data: QueryDict) -> list[str]:
    """The ids of the rows of a posted builder, in its order."""
    return list(dict.fromkeys(row_id for row_id in data.getlist("rule") if _row_id.fullmatch(row_id)))


def rearranged(rows: Sequence[Row], task: str) -> list[Row]:
    """The rows after one of their buttons was pressed: `add`, or one of up, down, duplicate and remove with the id of
    a row, as in `up-0123abcd`. Whatever else the task is, and what there is no room for, leaves them as they are."""
    made = list(rows)
    verb, _, row_id = task.partition("-")
    place = next((place for place, row in enumerate(made) if row.id == row_id), None)
    has_room = len(made) < RULES_LIMIT
    if verb == "add" and has_room:
        made.append(Row.blank())
    elif place is None:
        pass
    elif verb == "remove":
        del made[place]
    elif verb == "duplicate" and has_room:
        made.insert(place + 1, replace(made[place], id=_new_row_id()))
    elif verb in ("up", "down"):
        made.insert(max(place - 1, 0) if verb == "up" else place + 1, made.pop(place))
    return made


def _key_sent(data: QueryDict, name: str) -> str:
    """A trait's key out of a form, which sends line breaks as CR LF; without what no key can have."""
    return UNSTORABLE.sub("", data.get(name, "").replace("\r\n", "\n"))


def _text_sent(data: QueryDict, name: str) -> str:
    """A value out of a form, with the line breaks that were typed."""
    return data.get(name, "").replace("\r\n", "\n")


def _new_row_id() -> str:
    return secrets.token_hex(4)


def _read(typed: str, kind: Kind, wanted: str) -> Value:
    """What was typed as a value of `kind`. Raises InvalidValue, with what is wanted, if it isn't one."""
    text = typed.strip()
    value: Value | None = None
    if kind is Kind.NUMBER:
        if _number.fullmatch(text):
            value = float(text) if set(text) & set(".eE") else int(text)
    elif kind is Kind.BOOLEAN:
        value = {"true": True, "false": False}.get(text)
    elif text:
        value = text if kind is Kind.DATE else typed
    if value is None:
        raise InvalidValue(wanted)
    return value


def _typed(rule: Rule) -> tuple[str, ...]:
    """A rule's value as one would type it, in one field or two."""
    if rule.value is None:
        return ()
    if not isinstance(rule.value, tuple):
        return (_as_text(rule.value),)
    texts = [_as_text(value) for value in rule.value]
    return ("\n".join(map(_line, texts)),) if rule.operator.takes is Takes.LIST else tuple(texts)


def _as_text(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


# A list has one value a line. A value with line breaks of its own stands there in quotes, as JSON writes it, and so
# does whatever would be taken for that.


def _line(value: str) -> str:
    if not value:  # nothing was typed yet
        return ""
    is_plain = "\n" not in value and "\r" not in value and _lines(value) == [value]
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def _lines(typed: str) -> list[str]:
    """The values in the lines that are not blank."""
    return [_quoted(line) or line for line in re.split("\r\n|\n|\r", typed) if line.strip()]


def _quoted(line: str) -> str:
    """The text that a line is as JSON writes it, or nothing."""
    try:
        text = json.loads(line) if line[0] == '"' == line[-1] else ""
    except ValueError:
        return ""
    return text if isinstance(text, str) else ""


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
    def has_trait(self) -> bool:
        """Whether a trait is chosen in any row."""
        return any(row.trait for row in self.rows)

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
        name = checked_name(self.cleaned_data["name"])
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
