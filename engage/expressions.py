"""The few pieces of SQL that rules compile to. Django's JSON look-ups are not among them: they take the keys "2024" and
"1_000" for positions in an array, and their `gt` lets true pass for a number."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, IntegerField, JSONField, TextField, Value
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

from identity.values import Value as CanonicalValue


@dataclass(frozen=True, slots=True)
class Field:
    """A property of a person as operators see it: NULL where the person lacks it."""

    json: Expression  # jsonb
    text: Expression  # the same as text, also numbers and booleans; compares by code point
    is_present: Expression  # without a look at the value, which takes twice as long


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


class IsType(Comparison):
    """Whether a jsonb value is of the JSON type named: string, number, boolean."""

    def __init__(self, json: Expression, json_type: str) -> None:
        super().__init__(Func(json, function="jsonb_typeof", output_field=TextField()), "=", Text(json_type))


class ContainsText(Func):
    """Whether the first text contains the second: no pattern, so there is nothing to escape."""

    output_field = BooleanField()
    template = "(strpos(%(expressions)s) > 0)"


class StartsWithText(Func):
    """Whether the first text begins with the second."""

    output_field = BooleanField()
    function = "starts_with"


class HasShape(All):
    """Whether a whole text is of a regular shape, whose length is always the same and looked at first, being cheap."""

    def __init__(self, text: Expression, shape: str, length: int) -> None:
        measured = Func(text, function="length", output_field=IntegerField())
        super().__init__(Comparison(measured, "=", Value(length)), Comparison(text, "~", Text(f"^{shape}$")))


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


class _ToJson(Func):
    output_field = JSONField()
    function = "to_jsonb"


def trait_field(column: F, key: str) -> Field:
    """The trait `key` in the jsonb object `column`. A key is always text, also one that looks like a number."""
    return Field(
        json=_Member(column, Text(key)),
        text=_MemberText(column, Text(key)),
        is_present=_HasMember(column, Text(key)),
    )


def text_field(column: Expression | F) -> Field:
    """A text, or NULL, as if it were a trait."""
    return Field(json=_ToJson(column), text=_ByCodePoint(column), is_present=_IsNotNull(column))
