"""The values that users have of one trait, brought to what was last said of it: converted to its declared kind, or
removed. Slice after slice, each one transaction with the note of how far it came, so that whoever takes over goes on
from there; and once more from the beginning after every worker has seen the change."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import orjson
from django.db import connection, transaction
from django.utils import timezone

from identity import caches
from identity.models import Person, Trait, TraitRewrite, TraitState
from identity.values import Kind, Value, convert, fits, same

USERS_AT_ONCE = 2_000
# After it no call is under way that began without knowing of the change.
SETTLED = timedelta(seconds=2 * caches.SECONDS)
# Between two looks whether the worker must stop.
LOOK_SECONDS = 0.5
EXAMPLES = 5

_FIRST_KEY, _LAST_KEY = uuid.UUID(int=0), uuid.UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What declaring a kind does to the values that users have: how many fit already, become others, and stay as they
    are; and of those that stay the most frequent, each with its users."""

    fitting: int
    converting: int
    staying: int
    examples: list[tuple[Value, int]]


def count_conversion(trait: Trait, kind: Kind) -> Conversion:
    """Count it now, in one pass over all users."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT CASE WHEN jsonb_typeof(value) <> %(kind)s THEN value::text END AS other, count(*)
            FROM (SELECT traits -> %(key)s::text AS value FROM identity_person WHERE application_id = %(application)s) v
            WHERE value IS NOT NULL
            GROUP BY other ORDER BY count(*) DESC, other
            """,
            {"key": trait.key, "application": trait.application_id, "kind": kind},
        )
        # Values of its JSON type fit and need no look at each, which may be as many as there are users.
        counted = dict(cursor.fetchall())
    fitting = counted.pop(None, 0)
    others = [(orjson.loads(text), users) for text, users in counted.items()]
    fitting += sum(users for value, users in others if fits(value, kind))
    staying = [(value, users) for value, users in others if not fits(convert(value, kind), kind)]
    stay = sum(users for _, users in staying)
    converting = sum(users for value, users in others if not fits(value, kind)) - stay
    return Conversion(fitting, converting, stay, staying[:EXAMPLES])


def count_users(trait: Trait) -> int:
    """How many users have the trait."""
    return Person.objects.filter(application=trait.application_id, traits__has_key=trait.key).count()


def run(trait_id: int, *, must_stop: Callable[[], bool]) -> bool:
    """Go on until nothing is left to do; False when `must_stop` said so before. Two that run at once share the work."""
    while (wait := _next_slice(trait_id)) is not None:
        until = time.monotonic() + wait
        while not (stopped := must_stop()) and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, LOOK_SECONDS))
        if stopped:
            return False
    return True


@transaction.atomic
def _next_slice(trait_id: int) -> float | None:
    """Rewrite a slice, or find that it is too early for the sweep. Returns in how many seconds to go on; None when
    nothing is left."""
    # The lock keeps what is said of the trait as it is until the slice is written.
    trait = Trait.objects.select_for_update(no_key=True).filter(pk=trait_id).first()
    rewrite = TraitRewrite.objects.filter(trait_id=trait_id, finished_at=None).first()
    if trait is None or rewrite is None:
        return None
    if rewrite.is_sweep and rewrite.position is None:
        early = (rewrite.begun_at + SETTLED - timezone.now()).total_seconds()
        if early > 0:
            return early
    end, users = _end_of_slice(trait, rewrite.position or _FIRST_KEY)
    span = rewrite.position or _FIRST_KEY, end or _LAST_KEY
    rewrite.changed += _remove(trait, span) if trait.is_ignored else _convert(trait, span)
    rewrite.looked_at += users
    rewrite.position = end
    if end is None and rewrite.is_sweep:
        _finish(trait, rewrite)
        return None
    rewrite.is_sweep = rewrite.is_sweep or end is None
    rewrite.save(update_fields=["changed", "looked_at", "position", "is_sweep"])
    return 0


def _end_of_slice(trait: Trait, after: uuid.UUID) -> tuple[uuid.UUID | None, int]:
    """The key of the last user of the next slice, None when there are no more after it; and how many users it has."""
    people = Person.objects.filter(application=trait.application_id, pk__gt=after).order_by("pk")
    last_and_next = people.values_list("pk", flat=True)[USERS_AT_ONCE - 1 : USERS_AT_ONCE + 1]
    if len(last_and_next) == 2:
        return last_and_next[0], USERS_AT_ONCE
    return None, people.count()


# Those keys of users after the first and up to the second.
_Span = tuple[uuid.UUID, uuid.UUID]


def _parameters(trait: Trait, span: _Span) -> dict[str, str | uuid.UUID]:
    return {"key": trait.key, "application": trait.application_id, "after": span[0], "end": span[1]}


def _convert(trait: Trait, span: _Span) -> int:
    """Convert the values of some users. Returns how many became others."""
    if not trait.declared_kind:
        return 0
    kind = Kind(trait.declared_kind)
    given = _parameters(trait, span)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT (traits -> %(key)s::text)::text FROM identity_person
            WHERE application_id = %(application)s AND id > %(after)s AND id <= %(end)s AND traits ? %(key)s::text
            """,
            given,
        )
        values = [orjson.loads(text) for (text,) in cursor.fetchall()]
        pairs = [(old, new) for old in values if not same(old, new := convert(old, kind))]
        if not pairs:
            return 0
        # A value that a call changed meanwhile is not the old one any more, and stays. Rows are locked in key order, as
        # calls lock them, so that neither waits for the other in a circle.
        cursor.execute(
            """
            WITH converted AS (
                SELECT pair -> 0 AS old, pair -> 1 AS new FROM jsonb_array_elements(%(pairs)s) AS pair
            ), locked AS (
                SELECT id FROM identity_person
                WHERE application_id = %(application)s AND id > %(after)s AND id <= %(end)s
                  AND traits -> %(key)s::text IN (SELECT old FROM converted)
                ORDER BY id FOR NO KEY UPDATE
            )
            UPDATE identity_person AS person SET traits = traits || jsonb_build_object(%(key)s::text, new)
            FROM locked, converted
            WHERE person.id = locked.id AND traits -> %(key)s::text = old
            """,
            given | {"pairs": orjson.dumps(pairs).decode()},
        )
        return int(cursor.rowcount)


def _remove(trait: Trait, span: _Span) -> int:
    """Remove the trait from some users. Returns how many had it."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH locked AS (
                SELECT id FROM identity_person
                WHERE application_id = %(application)s AND id > %(after)s AND id <= %(end)s AND traits ? %(key)s::text
                ORDER BY id FOR NO KEY UPDATE
            )
            UPDATE identity_person AS person SET traits = traits - %(key)s::text
            FROM locked WHERE person.id = locked.id
            """,
            _parameters(trait, span),
        )
        return int(cursor.rowcount)


def _finish(trait: Trait, rewrite: TraitRewrite) -> None:
    if trait.state == TraitState.DELETED:
        trait.delete()
        transaction.on_commit(caches.forget)
        return
    if trait.is_ignored:  # nobody has it any more, as if it had never come
        trait.first_kind, trait.first_seen, trait.last_seen = "", None, None
        trait.save(update_fields=["first_kind", "first_seen", "last_seen"])
    rewrite.finished_at = timezone.now()
    rewrite.save(update_fields=["changed", "looked_at", "position", "finished_at"])
