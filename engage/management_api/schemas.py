"""What calls take and answer, as OpenAPI documents it."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import ConfigDict, Field, StrictBool, StrictStr, WithJsonSchema

from engage.exchange import VERSION
from engage.models.segment import NAME_LENGTH, SLUG_LENGTH
from engage.operators import OPERATORS
from engage.rules import RULES_LIMIT
from identity.models.trait import DESCRIPTION_LENGTH, LABEL_LENGTH
from identity.values import format_instant

_SCALAR = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
_RULE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "trait": {
            "type": "string",
            "minLength": 1,
            "description": "A trait's key, or $id, $email, $name, $first_seen, $last_seen.",
        },
        "operator": {"type": "string", "enum": list(OPERATORS)},
        "value": {
            "anyOf": [*_SCALAR, {"type": "array", "items": {"anyOf": _SCALAR}}, {"type": "null"}],
            "description": "What to compare with; left out where the operator takes none.",
        },
    },
    "required": ["trait", "operator"],
    "additionalProperties": False,
}
_RULES = {"type": "array", "items": _RULE, "maxItems": RULES_LIMIT}
_PRO = [{"trait": "plan", "operator": "equals", "value": "pro"}]
_SLUG = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$", "maxLength": SLUG_LENGTH}

# Checked by engage/rules.py and identity/values.py, whose errors say more.
SentRules = Annotated[
    Any, WithJsonSchema({**_RULES, "minItems": 1, "description": "All of them must match.", "examples": [_PRO]})
]
SentTraits = Annotated[
    dict[str, Any],
    WithJsonSchema({"type": "object", "additionalProperties": True, "examples": [{"plan": "pro", "teamSize": 12}]}),
]
SentName = Annotated[
    StrictStr,
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": NAME_LENGTH, "examples": ["Pro plan admins"]}),
]
# What is stored was checked once.
Rules = Annotated[Any, WithJsonSchema({**_RULES, "examples": [_PRO]})]
Value = Annotated[Any, WithJsonSchema(_RULE["properties"]["value"])]
Traits = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"anyOf": _SCALAR}, "examples": [{"plan": "pro", "teamSize": 12}]}
    ),
]
Instant = Annotated[
    str, WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-08-15T09:30:00.000Z"]})
]
Slug = Annotated[str, WithJsonSchema({**_SLUG, "examples": ["pro-plan-admins"]})]
KindName = Literal["string", "number", "boolean", "date"]


def _has_no_default(schema: dict[str, Any]) -> None:
    """Of a field that may be left out. A client that were told the value of before would send it."""
    schema.pop("default", None)


def optional(default: Any, **described: Any) -> Any:
    """A field that may be left out, which means something else than any value of it."""
    return Field(default, json_schema_extra=_has_no_default, **described)


def instant(moment: datetime) -> str:
    return format_instant(moment.astimezone(UTC))


class Sent(Schema):
    """What is not known is refused: a misspelt field would be passed over."""

    model_config = ConfigDict(extra="forbid")


class Error(Schema):
    code: str = Field(examples=["not_found"])
    message: str = Field(examples=["There is no such segment."])
    field: str = optional("", description="What of the call is meant, where that can be said.")


class Problem(Schema):
    segment: int = optional(0, description="The place of the segment in the document, from 0.")
    index: int | None = optional(None, description="The place of the rule, from 0; null where all of them are meant.")
    field: str = Field(examples=["operator"], description="A field, or the key of a trait.")
    message: str = Field(examples=["Choose how to compare."])


class Problems(Schema):
    code: str = Field(examples=["invalid_rules"])
    message: str = Field(examples=["These rules can't be used."])
    errors: list[Problem]


class SegmentIn(Sent):
    name: SentName
    rules: SentRules


class Segment(Schema):
    slug: Slug = Field(description="Stays when the name changes.")
    name: str
    rules: Rules = Field(description="Empty for Everyone alone.")
    is_everyone: bool
    users: int = Field(description="How many users match, counted now.", ge=0)
    changed_at: Instant
    changed_by: str | None = Field(description="The e-mail address of a teammate; null for changes by API.")


class SegmentPage(Schema):
    segments: list[Segment]
    next: Slug | None = Field(description="`after` of the next page; null on the last one.")


class RulesIn(Sent):
    rules: SentRules


class User(Schema):
    id: str
    email: str | None
    name: str | None
    first_seen: Instant
    last_seen: Instant
    traits: Traits


class UserInSegments(User):
    segments: list[str] = Field(description="The slugs of the segments that the user is in.", examples=[["everyone"]])


class UserPage(Schema):
    users: list[User]
    next: str | None = Field(description="`after` of the next page; null on the last one.")


class FunnelStep(Schema):
    trait: str
    operator: str
    value: Value
    count: int = Field(description="Users who match this rule and all before it.", ge=0)
    lacking: int = optional(
        0, description="How many of them lack the trait; only of rules that match users without it.", ge=0
    )


class Preview(Schema):
    count: int = Field(description="Users who match all rules.", ge=0)
    total: int = Field(description="All users of the application.", ge=0)
    sample: list[User] = Field(description="Up to five of those who match.")
    funnel: list[FunnelStep]


class ExplainIn(Sent):
    """A user, or the traits of one who may not be there yet."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"oneOf": [{"required": ["user"]}, {"required": ["traits"]}], "examples": [{"user": "42"}]},
    )

    user: StrictStr = optional("", description="The id of a user.")
    traits: SentTraits = optional({}, description="As in a call of identify.")


class ExplainedRule(Schema):
    trait: str
    operator: str
    value: Value
    actual: Value = Field(description="The user's value; null when there is none.")
    matches: bool
    reason: str = Field(examples=['`plan` is "free", which is not pro'])


class Explanation(Schema):
    matches: bool
    rules: list[ExplainedRule]


class DocumentSegment(Schema):
    model_config = ConfigDict(extra="forbid")

    slug: Slug
    name: SentName
    rules: SentRules


class Document(Schema):
    """Segments, as they move from one application to another."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = Field(examples=[VERSION])
    segments: list[DocumentSegment]


class Imported(Schema):
    created: list[Slug]
    changed: list[Slug]
    unchanged: list[Slug]


class TraitIn(Sent):
    kind: KindName | None = optional(
        None, description="Of what is stored and what arrives; null leaves it to what users have."
    )
    label: StrictStr = optional("", max_length=LABEL_LENGTH)
    description: StrictStr = optional("", max_length=DESCRIPTION_LENGTH)
    server_only: StrictBool = optional(False, description="Whether calls with a public key may not write it.")


class Trait(Schema):
    key: str = Field(examples=["teamSize"])
    label: str
    description: str
    kind: KindName | None = Field(description="Declared, or else the kind that most users have; null if nothing says.")
    declared: bool = Field(description="Whether the kind was declared.")
    server_only: bool
    users: dict[KindName, int] = Field(description="How many users have a value of which kind, counted now.")
    first_seen: Instant | None
    last_seen: Instant | None


class TraitList(Schema):
    total: int = Field(description="All users of the application.", ge=0)
    traits: list[Trait]
