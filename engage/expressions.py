"""The few pieces of SQL that rules compile to. Django's JSON look-ups are not among them: they take the keys "2024" and
"1_000" for positions in an array, and their `gt` lets true pass for a number."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, DateTimeField, F, Func, JSONField, TextField, Value
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

from identity.values import Value as CanonicalValue

# What a date is compared with: an operator of SQL and a canonical text, and all of them hold.
Bounds = Sequence[tuple[str, str]]
DAY_SHAPE = "____-__-__"
INSTANT_SHAPE = "____-__-__T__:__:__.___Z"


class Text(Value):
    """A text that is handed over beside the statement, and need not be guessed to be one."""

    def __init__(self, text: str) -> None:
        super().__init__(text, output_field=TextField())

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "%s::text", [self.value]


class Json(Value):
    """A canonical value as jsonb, handed over in the same way."""

    def __init__(self, value: CanonicalValue) -> None:
        super().__init__(json.dumps(value), output_field=JSONField())

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "%s::jsonb", [self.value]


class AnyText(Value):
    """Any one of some texts, at the right of a comparison. PostgreSQL looks for many in a hash table."""

    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__(list(texts), output_field=TextField())

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "ANY (%s::text[])", [self.value]


class AnyJson(Value):
    """Any one of some canonical values as jsonb, in the same way."""

    def __init__(self, values: Sequence[CanonicalValue]) -> None:
        super().__init__([json.dumps(value) for value in values], output_field=JSONField())

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "ANY (%s::jsonb[])", [self.value]


class Comparison(Func):
    """`left operator right`, true, false or NULL."""

    output_field = BooleanField()

    def __init__(self, left: Expression, operator: str, right: Expression) -> None:
        super().__init__(left, right, template="(%(expressions)s)", arg_joiner=f" {operator} ")


class All(Func):
    """True when every condition is."""

    output_field = BooleanField()
    template = "(%(expressions)s)"
    arg_joiner = " AND "


class AnyOf(Func):
    """True when some condition is."""

    output_field = BooleanField()
    template = "(%(expressions)s)"
    arg_joiner = " OR "


class Then(Func):
    """True when both conditions are, like All; but the second is only looked at where the first is true. PostgreSQL is
    free to change the order in which it looks at the conditions of an AND, and thinks that a regular expression costs
    no more than a comparison."""

    output_field = BooleanField()
    template = "(CASE WHEN %(expressions)s ELSE false END)"
    arg_joiner = " THEN "


class IsTrue(Func):
    """A condition that is never NULL."""

    output_field = BooleanField()
    template = "((%(expressions)s) IS TRUE)"


class IsNotTrue(Func):
    """The exact complement of a condition: true where it is false, and where it is NULL."""

    output_field = BooleanField()
    template = "((%(expressions)s) IS NOT TRUE)"


class _IsNotNull(Func):
    output_field = BooleanField()
    template = "(%(expressions)s IS NOT NULL)"


class _HasMember(Func):
    """Whether a jsonb object has a key."""

    output_field = BooleanField()
    template = "(%(expressions)s)"
    arg_joiner = " ? "


class JsonType(Func):
    """The JSON type of a jsonb value by its name: string, number, boolean."""

    output_field = TextField()
    function = "jsonb_typeof"


class IsType(Comparison):
    """Whether a jsonb value is of the JSON type named."""

    def __init__(self, json: Expression, json_type: str) -> None:
        super().__init__(JsonType(json), "=", Text(json_type))


class ContainsText(Func):
    """Whether the first text contains the second: no pattern, so there is nothing to escape."""

    output_field = BooleanField()
    template = "(strpos(%(expressions)s) > 0)"


class StartsWithText(Func):
    """Whether the first text begins with the second."""

    output_field = BooleanField()
    function = "starts_with"


class _HasShape(Then):
    """Whether a text has a shape such as `____-__-__`, with digits for its blanks: whether it looks so, has no other
    characters than digits and those of the shape, and none of these more often. A regular expression of the whole
    takes twice as long."""

    def __init__(self, text: Expression, shape: str) -> None:
        counts = Counter(shape.replace("_", ""))
        # The hyphen last, or it would mean a range.
        others = Comparison(text, "!~", Text(f"[^0-9{''.join(sorted(counts, reverse=True))}]"))
        too_often = (f"%{f'{mark}%' * (count + 1)}" for mark, count in counts.items())
        once_more = (Comparison(text, "NOT LIKE", Text(pattern)) for pattern in too_often)
        super().__init__(Comparison(text, "LIKE", Text(shape)), All(*once_more, others))


class FoldAscii(Func):
    """A text with A-Z as a-z and all else as it is, which is what lower() does by code point."""

    output_field = TextField()
    template = 'lower((%(expressions)s) COLLATE "C")'


def last_characters(text: Expression, number: int) -> Expression:
    return Func(text, number, function="right", output_field=TextField())


class _Member(Func):
    """The value of a key in a jsonb object, as jsonb."""

    output_field = JSONField()
    template = "(%(expressions)s)"
    arg_joiner = " -> "


class _MemberText(Func):
    """The value of a key in a jsonb object, as text that compares by code point."""

    output_field = TextField()
    template = '((%(expressions)s) COLLATE "C")'
    arg_joiner = " ->> "


class _ByCodePoint(Func):
    output_field = TextField()
    template = '((%(expressions)s) COLLATE "C")'


class _Itself(Func):
    output_field = DateTimeField()
    template = "%(expressions)s"


class _ToJson(Func):
    output_field = JSONField()
    function = "to_jsonb"


class Column(Expression):
    """A column of a subquery, by its name."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return connection.ops.quote_name(self.name), []


@dataclass(frozen=True)
class Field:
    """A property of a person as operators see it: NULL where the person lacks it."""

    json: Expression  # jsonb
    text: Expression  # the same as text, also numbers and booleans; compares by code point
    folded: Expression  # the text with A-Z as a-z
    is_present: Expression  # without a look at the value, which takes twice as long

    # Of what kind it is: made of the parts above, and looked at only where a comparison holds.

    @property
    def is_string(self) -> Expression:
        return IsType(self.json, "string")

    @property
    def is_number(self) -> Expression:
        return IsType(self.json, "number")

    @property
    def is_date(self) -> Expression:
        return AnyOf(_HasShape(self.text, INSTANT_SHAPE), _HasShape(self.text, DAY_SHAPE))

    def is_dated(self, instants: Bounds, days: Bounds) -> Expression:
        """Whether it is a date within the bounds for its shape."""

        def within(bounds: Bounds, has_shape: Expression) -> Expression:
            return Then(All(*(Comparison(self.text, operator, Text(bound)) for operator, bound in bounds)), has_shape)

        # Nothing but a string has these shapes. The bounds for both are nearly the same, so what is outside of all of
        # them is done with sooner.
        wider = [
            (">=", min(instant, day)) if operator in (">", ">=") else ("<=", max(instant, day))
            for (operator, instant), (_, day) in zip(instants, days, strict=False)
        ]
        dated = AnyOf(
            within(instants, _HasShape(self.text, INSTANT_SHAPE)), within(days, _HasShape(self.text, DAY_SHAPE))
        )
        return within(wider, dated)

    def parts(self) -> dict[str, Expression]:
        """The expressions that it is made of, by name."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    def of_columns(self, suffix: str) -> Self:
        """The same, made of the columns that have the names of its parts and this at their end."""
        columns = {part: Column(f"{part}{suffix}", made.output_field) for part, made in self.parts().items()}
        return replace(self, **columns)


class StringField(Field):
    """A text, or NULL, as if it were a trait."""

    @property
    def is_string(self) -> Expression:
        return Value(True, output_field=BooleanField())


@dataclass(frozen=True)
class InstantField(StringField):
    """A timestamp as if it were a trait. As a text it is cut to milliseconds, and takes long to make."""

    instant: Expression

    def is_dated(self, instants: Bounds, days: Bounds) -> Expression:
        return All(*(self._compared(operator, datetime.fromisoformat(bound)) for operator, bound in instants))

    def _compared(self, operator: str, bound: datetime) -> Expression:
        """As the texts compare by one of <, <=, >=, >. Timestamps have whole microseconds."""
        if operator in ("<=", ">"):
            bound += timedelta(microseconds=999)
        return Comparison(self.instant, operator, Value(bound, output_field=DateTimeField()))


def trait_field(column: Expression | F, key: str) -> Field:
    """The trait `key` in the jsonb object `column`. A key is always text, also one that looks like a number."""
    text = _MemberText(column, Text(key))
    return Field(
        json=_Member(column, Text(key)),
        text=text,
        folded=FoldAscii(text),
        is_present=_HasMember(column, Text(key)),
    )


def text_field(column: Expression | F) -> Field:
    """A text, or NULL, as if it were a trait."""
    text = _ByCodePoint(column)
    return StringField(json=_ToJson(column), text=text, folded=FoldAscii(text), is_present=_IsNotNull(column))


class _InstantText(Func):
    """A timestamp as a canonical value; to_char cuts what is finer than milliseconds, as format_instant does."""

    output_field = TextField()
    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


def instant_field(column: F) -> InstantField:
    """A timestamp as if it were a trait."""
    text = text_field(_InstantText(column))
    return InstantField(**text.parts() | {"is_present": _IsNotNull(column)}, instant=_Itself(column))
