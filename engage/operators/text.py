"""Contains, does not contain, starts with, ends with. Case is ignored for ASCII alone, which is the same everywhere."""

from django.db.models.expressions import Expression

from engage.expressions import Comparison, ContainsText, IsNotTrue, StartsWithText, Text, last_characters
from engage.fields import Field
from engage.operators.base import Operator, Test, checked_text, may_begin_another_kind
from engage.operators.moments import Moment
from identity.values import Kind


class _TextSearch(Operator[str]):
    kinds = frozenset({Kind.STRING})

    def value_kind(self, trait_kind: Kind) -> Kind:
        return Kind.STRING

    def check(self, raw: object) -> str:
        return checked_text(raw)


class Contains(_TextSearch):
    key = "contains"
    label = "contains"
    opposite = "does not contain"
    explanation = "Users whose text has this in it; the case of A–Z is ignored."

    def test(self, value: str) -> Test:
        sought = _folded(value)
        return lambda actual, moment: isinstance(actual, str) and sought in _folded(actual)

    def condition(self, field: Field, value: str, moment: Moment) -> Expression:
        return field.of_string(ContainsText(field.folded, Text(_folded(value))))


class NotContains(Contains):
    key = "not_contains"
    label = "does not contain"
    opposite = "contains"
    explanation = "All users but those whose text has this in it; the case of A–Z is ignored."
    matches_missing = True

    def test(self, value: str) -> Test:
        sought = _folded(value)
        return lambda actual, moment: not isinstance(actual, str) or sought not in _folded(actual)

    def condition(self, field: Field, value: str, moment: Moment) -> Expression:
        return IsNotTrue(super().condition(field, value, moment))


class StartsWith(_TextSearch):
    key = "starts_with"
    label = "starts with"
    opposite = "does not start with"
    explanation = "Users whose text begins with this; the case of A–Z is ignored."

    def test(self, value: str) -> Test:
        sought, length = _folded(value), len(value)
        return lambda actual, moment: isinstance(actual, str) and _folded(actual[:length]) == sought

    def condition(self, field: Field, value: str, moment: Moment) -> Expression:
        sought = _folded(value)
        begins = StartsWithText(field.folded, Text(sought))
        return field.of_string(begins) if may_begin_another_kind(sought) else begins


class EndsWith(_TextSearch):
    key = "ends_with"
    label = "ends with"
    opposite = "does not end with"
    explanation = "Users whose text ends with this; the case of A–Z is ignored."

    def test(self, value: str) -> Test:
        sought, length = _folded(value), len(value)
        return lambda actual, moment: isinstance(actual, str) and _folded(actual[-length:]) == sought

    def condition(self, field: Field, value: str, moment: Moment) -> Expression:
        end = last_characters(field.folded, len(value))
        return field.of_string(Comparison(end, "=", Text(_folded(value))))


def _folded(text: str) -> str:
    """A text with A-Z as a-z and all else as it is: bytes.lower() folds just that, and str.lower() too in ASCII."""
    return text.lower() if text.isascii() else text.encode().lower().decode()
