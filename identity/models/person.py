"""A person is an identified end user of an application: what the product calls a user."""

import hashlib
import uuid
from typing import Any

from django.db import models
from django.db.models import Func, Q, TextField, Value
from django.db.models.lookups import Exact, StartsWith

from identity.models.application import Application
from identity.values import format_instant

EXTERNAL_ID_LENGTH = 200
NAME_LENGTH = 200


class Folded(Func):
    """A text with A-Z as a-z and all else as it is, compared by code point."""

    output_field = TextField()
    template = 'lower((%(expressions)s) COLLATE "C")'


def begins_with(text: str) -> Q:
    """That the id, the e-mail address or the name begins with it, in upper or lower case. An index serves each."""
    columns = ("external_id", "email", "name")
    return Q(*(StartsWith(Folded(column), Folded(Value(text))) for column in columns), _connector=Q.OR)


def has_email(address: str) -> Q:
    """That this is the whole e-mail address, in upper or lower case."""
    return Q(Exact(Folded("email"), Folded(Value(address))))


class Person(models.Model):
    # Derived from application and external id (`person_id`): identify needs no look-up, and repeating it is harmless.
    id = models.UUIDField(primary_key=True, editable=False)
    # No index of its own: the one below begins with it.
    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="people", db_index=False)
    external_id = models.CharField(max_length=EXTERNAL_ID_LENGTH)
    email = models.CharField(max_length=254, blank=True)
    name = models.CharField(max_length=NAME_LENGTH, blank=True)
    # One flat object of canonical values (identity/values.py); written only by identity/ingest.py and, all
    # users' values of one trait at a time, by identity/rewriting.py.
    traits = models.JSONField(default=dict)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["application", "id"], name="person_application"),
            models.Index("application", Folded("external_id"), name="person_search_id"),
            models.Index("application", Folded("email"), name="person_search_email"),
            models.Index("application", Folded("name"), name="person_search_name"),
        ]
        constraints = [
            # `@>` with an empty object is true of objects alone.
            models.CheckConstraint(condition=Q(traits__contains={}), name="person_traits_are_an_object"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.external_id

    @property
    def stored(self) -> dict[str, Any]:
        """All that is kept of the user, as JSON takes it: what calls answer, and what a user may ask to see."""
        return {
            "id": self.external_id,
            "email": self.email or None,
            "name": self.name or None,
            "first_seen": format_instant(self.first_seen),
            "last_seen": format_instant(self.last_seen),
            "traits": self.traits,
        }


def person_id(application_id: uuid.UUID, external_id: str) -> uuid.UUID:
    """The primary key of a user: a UUIDv5 (RFC 9562) of the external id in the namespace of its application."""
    return uuid.UUID(person_key(application_id, external_id))


def person_key(application_id: uuid.UUID, external_id: str) -> str:
    """The same as PostgreSQL writes it: made in a third of the time that `uuid.uuid5` takes for it."""
    digest = hashlib.sha1(application_id.bytes + external_id.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANTS[digest[16]]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


# Of its first hexadecimal digit, a UUID's variant takes up the two highest bits.
_VARIANTS = {f"{digit:x}": f"{digit & 0b0011 | 0b1000:x}" for digit in range(16)}
