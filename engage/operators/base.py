"""What every operator is: two evaluators side by side, the words for them, and what may be typed for its value."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

from django.db.models.expressions import Expression

from engage.fields import Field
from engage.operators.moments import Moment
from identity import values
from identity.values import Kind, Value

# A rule's value: canonical, or several of them, or None where there is nothing to compare with.
RuleValue = Value | tuple[Value, ...] | None

# Whether a user matches who has this canonical value, or lacks it (None), at this moment.
Test = Callable[[Value | None, Moment], bool]

V = TypeVar("V", bound=RuleValue)

# Numbers do, and objects and lists, which no user has.
_OTHERS_BEGIN = tuple("-0123456789{[")


class InvalidValue(ValueError):
    """Raised for a value that an operator can't compare with; the message says what it wants."""


class Takes(StrEnum):
    """How many values stand in a rule."""

    NONE = "none"
    ONE = "one"
    LIST = "list"
    RANGE = "range"


class Operator(ABC, Generic[V]):
    """One way to compare, with values of type V."""

    key: ClassVar[str]
    # Between trait and value in a rule's sentence; and the same of whoever does not match.
    label: ClassVar[str]
    opposite: ClassVar[str]
    # Whom it matches, in one sentence.
    explanation: ClassVar[str]
    # The kinds of trait that it is offered for.
    kinds: ClassVar[frozenset[Kind]]
    takes: ClassVar[Takes] = Takes.ONE
    # What the value counts, where that is not plain.
    unit: ClassVar[str] = ""
    # Whether users match whose trait is missing, or of another kind than the rule's.
    matches_missing: ClassVar[bool] = False

    @abstractmethod
    def value_kind(self, trait_kind: Kind) -> Kind | None:
        """The kind of value to ask for beside a trait of `trait_kind`; None when there is nothing to ask."""

    def reads(self, value: V) -> Kind | None:
        """The kind of values that a rule with this value looks at; None for all kinds."""
        return next(iter(self.kinds)) if len(self.kinds) == 1 else None

    @abstractmethod
    def check(self, raw: object) -> V:
        """The canonical form of a rule's value as JSON gives it. Raises InvalidValue."""

    @abstractmethod
    def test(self, value: V) -> Test:
        """The Python evaluator for one user. All that depends on the rule alone is done here, once; what comes back is
        called for every page that a visitor opens."""

    @abstractmethod
    def condition(self, field: Field, value: V, moment: Moment) -> Expression:
        """The same in SQL: true for users who match, false or NULL for all others."""

    def edges(self, value: V, moment: Moment) -> tuple[Value, ...]:
        """The values of the kind that it reads at which its answer changes: from one to the next it stays the same. Of
        texts to search, what is searched for."""
        if value is None:
            return ()
        return value if isinstance(value, tuple) else (value,)

    def value_text(self, value: V) -> str:
        """The value as the end of the rule's sentence: pro, 10, true, 7 days."""
        return "" if value is None or isinstance(value, tuple) else in_words(value)


def in_words(value: Value, *, in_list: bool = False) -> str:
    """One canonical value in a sentence."""
    if not isinstance(value, str):
        return json.dumps(value)
    # Without quotes, blanks at its ends would not be seen, and a comma would part it.
    return f"“{value}”" if value != value.strip() or (in_list and "," in value) else value


def may_begin_another_kind(text: str) -> bool:
    """Whether a value that is no string can begin with this text, when it is written as one."""
    return "true".startswith(text) or "false".startswith(text) or text.startswith(_OTHERS_BEGIN)


def checked(raw: object) -> Value:
    """A rule's value, made canonical as the values that it is compared with are. Nothing is cut or replaced here: a
    rule that would mean something else than it says is refused. Raises InvalidValue."""
    try:
        made = values.canonical(raw)
    except values.NotAValue as error:
        if error.problem.code == "number_out_of_range":
            raise InvalidValue(f"Enter a number of at most {values.NUMBER_LIMIT:,}.") from error
        raise InvalidValue(error.problem.message) from error
    if made.value is None:
        raise InvalidValue("Enter a value.")
    if made.problems:
        raise InvalidValue(f"Enter a text of at most {values.STRING_LENGTH:,} ordinary characters.")
    return made.value


def checked_text(raw: object) -> str:
    """Raises InvalidValue, as `checked` does, and for what is no text."""
    value = checked(raw)
    if not isinstance(value, str):
        raise InvalidValue("Enter a text.")
    return value


def checked_number(raw: object) -> int | float:
    """Raises InvalidValue, as `checked` does, and for what is no number."""
    value = checked(raw)
    if isinstance(value, (str, bool)):
        raise InvalidValue("Enter a number.")
    return value
