"""A person is an identified end user of an application: what the product calls a user."""

import hashlib
import uuid

from django.db import models
from django.db.models import Q

from identity.models.application import Application

EXTERNAL_ID_LENGTH = 200
NAME_LENGTH = 200


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
        indexes = [models.Index(fields=["application", "id"], name="person_application")]
        constraints = [
            # `@>` with an empty object is true of objects alone.
            models.CheckConstraint(condition=Q(traits__contains={}), name="person_traits_are_an_object"),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.external_id


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
