"""The few pieces of SQL that rules compile to. Django's JSON look-ups are not among them: they take the keys "2024" and
"1_000" for positions in an array, and their `gt` lets true pass for a number."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, DateTimeField, Func, JSONField, TextField, Value
from django.db.models.expressions import Expression
from django.db.models.sql.compiler import SQLCompiler

from identity.values import Value as CanonicalValue

# What a date or a number is compared with: operators of SQL, each with a canonical value, and all of them hold.
Bounds = Sequence[tuple[str, str]]
NumberBounds = Sequence[tuple[str, int | float]]

NUMERIC: "models.Field[Any, Any]" = models.DecimalField()


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


class Numeric(Value):
    """A number as numeric, in which it is what it is in jsonb, and compared in a fifth of the time."""

    def __init__(self, value: float) -> None:
        super().__init__(json.dumps(value), output_field=NUMERIC)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "%s::numeric", [self.value]


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


class ExactlyOne(Func):
    """Whether one of two conditions is true and the other false. PostgreSQL expects that an equation holds for few, and
    sends workers to look for them; and that `<>` holds for half of all, who would be too many to hand on."""

    output_field = BooleanField()
    template = "(%(expressions)s::int = 1)"
    arg_joiner = "::int + "


class IsNotTrue(Func):
    """The exact complement of a condition: true where it is false, and where it is NULL."""

    output_field = BooleanField()
    template = "((%(expressions)s) IS NOT TRUE)"


class IsNotNull(Func):
    output_field = BooleanField()
    template = "(%(expressions)s IS NOT NULL)"


class HasMember(Func):
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


class ToNumeric(Func):
    """A jsonb number as numeric."""

    output_field = NUMERIC
    template = "(%(expressions)s)::numeric"


class IsNumber(Comparison):
    """Whether a jsonb value is a number within bounds. A path compares numbers with nothing else; a strict one does not
    look into lists."""

    def __init__(self, json: Expression, bounds: NumberBounds) -> None:
        super().__init__(json, "@@", _Path(bounds))


class _Path(Value):
    def __init__(self, bounds: NumberBounds) -> None:
        super().__init__("strict " + " && ".join(f"$ {operator} {json.dumps(bound)}" for operator, bound in bounds))

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return "%s::jsonpath", [self.value]


class ContainsText(Func):
    """Whether the first text contains the second: no pattern, so there is nothing to escape."""

    output_field = BooleanField()
    template = "(strpos(%(expressions)s) > 0)"


class StartsWithText(Func):
    """Whether the first text begins with the second."""

    output_field = BooleanField()
    function = "starts_with"


class LooksLike(Comparison):
    """Whether a text has the marks of a shape such as `____-__-__`, with any characters for its blanks."""

    def __init__(self, text: Expression, shape: str) -> None:
        super().__init__(text, "LIKE", Text(shape))


class HasDigits(All):
    """Whether a text that looks like a shape has digits for its blanks: it has no other characters than digits and
    those of the shape, and none of these more often. A regular expression of the whole takes twice as long."""

    def __init__(self, text: Expression, shape: str) -> None:
        counts = Counter(shape.replace("_", ""))
        # The hyphen last, or it would mean a range.
        others = Comparison(text, "!~", Text(f"[^0-9{''.join(sorted(counts, reverse=True))}]"))
        too_often = (f"%{f'{mark}%' * (count + 1)}" for mark, count in counts.items())
        super().__init__(*(Comparison(text, "NOT LIKE", Text(pattern)) for pattern in too_often), others)


class FoldAscii(Func):
    """A text with A-Z as a-z and all else as it is, which is what lower() does by code point."""

    output_field = TextField()
    template = 'lower((%(expressions)s) COLLATE "C")'


def last_characters(text: Expression, number: int) -> Expression:
    # A pattern would be quicker, but PostgreSQL takes it to match next to nobody.
    return Func(text, number, function="right", output_field=TextField())


class Member(Func):
    """The value of a key in a jsonb object, as jsonb."""

    output_field = JSONField()
    template = "(%(expressions)s)"
    arg_joiner = " -> "


class MemberText(Func):
    """The value of a key in a jsonb object, as text that compares by code point."""

    output_field = TextField()
    template = '((%(expressions)s) COLLATE "C")'
    arg_joiner = " ->> "


class ScalarText(Func):
    """A jsonb scalar as text that compares by code point."""

    output_field = TextField()
    template = """((%(expressions)s #>> '{}') COLLATE "C")"""


class InstantText(Func):
    """A timestamp as a canonical value; to_char cuts what is finer than milliseconds, as format_instant does."""

    output_field = TextField()
    template = """to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""


class ByCodePoint(Func):
    output_field = TextField()
    template = '((%(expressions)s) COLLATE "C")'


class Itself(Func):
    output_field = DateTimeField()
    template = "%(expressions)s"


class ToJson(Func):
    output_field = JSONField()
    function = "to_jsonb"


class Column(Expression):
    """A column of a subquery, by its name."""

    def __init__(self, name: str, output_field: "models.Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        return connection.ops.quote_name(self.name), []
