"""Identify: the writer of users and their traits. One read, and one write where something changed."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson
from django.db import connection, transaction

from identity import caches, tally
from identity.models.erasure import MARK_KEPT
from identity.models.person import person_key
from identity.models.trait import PUBLIC_TRAITS_PER_HOUR, TRAITS_PER_APPLICATION
from identity.payloads import CallWarning, Identify, Profile, Refused
from identity.values import NotAValue, Problem, Value, canonical, kind_of, same

# What a user's traits may take up, as compact JSON in UTF-8.
TRAITS_BYTES = 32 * 1024
# Between two writes of `last_seen` for a user of whom nothing else changed.
LAST_SEEN_STEP = timedelta(minutes=5)

TOO_MANY_NAMES = Problem(
    "too_many_trait_names", f"The application has {TRAITS_PER_APPLICATION} traits already; this new one was left out."
)
TOO_MANY_NEW_NAMES = Problem(
    "too_many_trait_names",
    f"Calls with a public key can add {PUBLIC_TRAITS_PER_HOUR} traits an hour; this new one was left out.",
)
SERVER_ONLY = Problem("server_only", "Only calls with a secret key can write this trait; it was left out.")
IGNORED = Problem("ignored_trait", "A teammate has deleted this trait, and Callout ignores it; it was left out.")
TOO_LARGE = Problem("traits_too_large", f"A user's traits take up at most {TRAITS_BYTES // 1024} KiB; it was left out.")

USER_ERASED = Refused(
    410, "user_erased", "This user was erased. For two days after that no call brings them back.", "id"
)

# Canonical values by key; None removes.
Patch = dict[str, Value | None]
# The traits of the application by key, as this worker knows them.
KnownTraits = dict[str, caches.KnownTrait]


@dataclass(frozen=True, slots=True)
class Prepared:
    """Calls and, of each, the primary key of its user, its canonical traits, and its warnings so far."""

    calls: Sequence[Identify]
    ids: Sequence[str]
    patches: Sequence[Patch]
    warnings: list[list[CallWarning]]


@dataclass(frozen=True, slots=True)
class Saved:
    """What became of calls: the warnings of each, and the places of those whose user was erased and stays so."""

    warnings: list[list[CallWarning]]
    erased: frozenset[int] = frozenset()


class _Stored(NamedTuple):
    """What is stored of a user: a row of its own kind, since a model takes as long to make as all the rest."""

    email: str
    name: str
    traits: dict[str, Value]
    first_seen: datetime
    last_seen: datetime


@dataclass(slots=True)
class _Change:
    """What the calls of one batch say of one user, folded: of two things said, the last counts."""

    id: str
    external_id: str
    first_seen: datetime
    last_seen: datetime
    last_call: int
    profile: Profile
    traits: Patch

    def fold(self, index: int, call: Identify, patch: Patch) -> None:
        self.first_seen = min(self.first_seen, call.seen_at)
        self.last_seen = max(self.last_seen, call.seen_at)
        self.last_call = index
        self.profile = {**self.profile, **call.profile}
        self.traits = self.traits | patch

    @property
    def values(self) -> dict[str, Value]:
        return {key: value for key, value in self.traits.items() if value is not None}

    @property
    def removals(self) -> list[str]:
        return [key for key, value in self.traits.items() if value is None]

    def as_row(self) -> tuple[object, ...]:
        """The values of the columns that `_write` names."""
        email, name = self.profile.get("email", ""), self.profile.get("name", "")
        return self.id, self.external_id, email, name, self.values, self.first_seen, self.last_seen

    def alters(self, stored: _Stored) -> bool:
        """Whether there is anything to write for a user who is stored like this."""
        for key, value in self.traits.items():
            if not same(stored.traits.get(key), value):
                return True
        return (
            self.profile.get("email", stored.email) != stored.email
            or self.profile.get("name", stored.name) != stored.name
            or self.first_seen < stored.first_seen
            or self.last_seen >= stored.last_seen + LAST_SEEN_STEP
        )


def identify(application_id: uuid.UUID, call: Identify, *, now: datetime, public: bool = False) -> list[CallWarning]:
    """Create or update one user, as `identify_many`. Returns warnings for what was dropped or changed. Raises Refused
    when the user was erased lately."""
    saved = identify_many(application_id, [call], now=now, public=public)
    if saved.erased:
        raise USER_ERASED
    return saved.warnings[0]


def identify_many(
    application_id: uuid.UUID, calls: Sequence[Identify], *, now: datetime, public: bool = False
) -> Saved:
    """Create or update users, all or none but those who were erased lately. Of two calls for one user, the later one
    counts where both say something. `public` calls came with a key that anyone can read in a page: some traits are not
    theirs to write, and few are theirs to add."""
    known = caches.traits(application_id)
    prepared = prepare(application_id, calls, known, public=public)
    return save(application_id, prepared, now=now, public=public)


def prepare(
    application_id: uuid.UUID, calls: Sequence[Identify], known: KnownTraits, *, public: bool = False
) -> Prepared:
    """The first half of `identify_many`: all that can be done without the database. `known` are the application's
    traits, of `caches`."""
    warnings = [list(call.warnings) for call in calls]
    patches = [canonical_traits(call, known, noted, public) for call, noted in zip(calls, warnings, strict=True)]
    ids = [person_key(application_id, call.external_id) for call in calls]
    return Prepared(calls, ids, patches, warnings)


def save(
    application_id: uuid.UUID,
    prepared: Prepared,
    *,
    now: datetime,
    public: bool = False,
    arrival_is_a_visit: bool = True,
) -> Saved:
    """The second half of `identify_many`: compare with what is stored, and write what changes it. Where their arrival
    is no visit, calls without a time of their own don't move when a known user was last seen."""
    patches, warnings = prepared.patches, prepared.warnings
    known = caches.traits(application_id)
    known = _register_new_names(application_id, known, patches, warnings, now=now, public=public)
    changes: dict[str, _Change] = {}
    for index, (call, pk, patch) in enumerate(zip(prepared.calls, prepared.ids, patches, strict=True)):
        if pk in changes:
            changes[pk].fold(index, call, patch)
        else:
            changes[pk] = _Change(pk, call.external_id, call.seen_at, call.seen_at, index, call.profile, patch)
    stored = _read(changes) if changes else {}
    to_write = []
    for pk, change in changes.items():
        person = stored.get(pk)
        if person and not arrival_is_a_visit and change.last_seen == now:
            change.last_seen = person.last_seen
        if person and not change.alters(person):
            continue
        dropped = _drop_what_does_not_fit(change, person.traits if person else {})
        warnings[change.last_call].extend(CallWarning.of(TOO_LARGE, key) for key in dropped)
        if person and dropped and not change.alters(person):  # nothing is left of it
            continue
        to_write.append(change)
    erased = _write(application_id, to_write, now) if to_write else set()
    arrived = {key for patch in patches for key, value in patch.items() if value is not None}
    tally.note_traits((known[key].id for key in arrived if key in known), now)
    return Saved(warnings, frozenset(index for index, pk in enumerate(prepared.ids) if pk in erased))


def _read(ids: Iterable[str]) -> dict[str, _Stored]:
    with connection.cursor() as cursor:
        # One array: of a thousand parameters each would be looked at by itself.
        cursor.execute(
            "SELECT id::text, email, name, traits::text, first_seen, last_seen"
            " FROM identity_person WHERE id = ANY(%s::uuid[])",
            [_array(ids)],
        )
        return {
            pk: _Stored(email, name, orjson.loads(traits), first_seen, last_seen)
            for pk, email, name, traits, first_seen, last_seen in cursor.fetchall()
        }


def _json(document: object) -> str:
    return orjson.dumps(document).decode()


def _array(ids: Iterable[str]) -> str:
    """PostgreSQL's text of an array of UUIDs: for a list, psycopg would look at each by itself."""
    return "{" + ",".join(ids) + "}"


def canonical_traits(call: Identify, known: KnownTraits, warnings: list[CallWarning], public: bool) -> Patch:
    """The traits of a call as they are stored. What can't be is left out, with a warning added."""
    patch: Patch = {}
    for key, raw in call.traits.items():
        trait = known.get(key)
        if trait and trait.is_ignored:
            warnings.append(CallWarning.of(IGNORED, key))
            continue
        if public and trait and trait.server_only:
            warnings.append(CallWarning.of(SERVER_ONLY, key))
            continue
        try:
            made = canonical(raw, trait.declared_kind if trait else None)
        except NotAValue as error:
            warnings.append(CallWarning.of(error.problem, key))
            continue
        if made.problems:
            warnings.extend(CallWarning.of(problem, key) for problem in made.problems)
        patch[key] = made.value
    return patch


def _register_new_names(
    application_id: uuid.UUID,
    known: KnownTraits,
    patches: Sequence[Patch],
    warnings: Sequence[list[CallWarning]],
    *,
    now: datetime,
    public: bool,
) -> KnownTraits:
    """Observe the traits that the application has not seen before, and return all that it has then. Those past its
    limit leave the patches again."""
    new: dict[str, Value] = {}
    for patch in patches:
        for key, value in patch.items():
            if key not in known and value is not None:
                new.setdefault(key, value)
    if not new:
        return known
    if len(known) < TRAITS_PER_APPLICATION:
        inserted = _insert_names(application_id, new, now, public)
        known.update(inserted)
        if len(inserted) < len(new):  # another worker was first, or there was no room for all
            known = caches.reload_traits(application_id)
    left_out = TOO_MANY_NAMES if len(known) >= TRAITS_PER_APPLICATION else TOO_MANY_NEW_NAMES
    for patch, noted in zip(patches, warnings, strict=True):
        for key in [key for key in patch if key in new and key not in known]:
            del patch[key]
            noted.append(CallWarning.of(left_out, key))
    return known


def _insert_names(application_id: uuid.UUID, new: Mapping[str, Value], now: datetime, public: bool) -> KnownTraits:
    """Add names in the order in which they came while there is room."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Of two calls that add names at once the second waits, and then counts those of the first. It is no lock of a
        # row, which would be written to the disk by each call that finds no room.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"traits:{application_id}"])
        cursor.execute(
            """
            INSERT INTO identity_trait (
                application_id, key, label, declared_kind, first_kind, description, server_only, came_publicly,
                created_at, first_seen, last_seen
            )
            SELECT %(application)s, key, '', '', kind, '', FALSE, %(public)s, %(now)s, %(now)s, %(now)s
            FROM (
                SELECT key, kind
                FROM unnest(%(keys)s::text[], %(kinds)s::text[]) WITH ORDINALITY AS new (key, kind, place)
                ORDER BY place
                LIMIT (
                    SELECT GREATEST(0, LEAST(
                        %(limit)s - count(*),
                        %(limit_of_hour)s - count(*) FILTER (WHERE came_publicly AND created_at > %(hour_ago)s)
                    ))
                    FROM identity_trait WHERE application_id = %(application)s
                )
            ) AS fitting
            ORDER BY key  -- always the same order, so that two such calls never deadlock
            ON CONFLICT DO NOTHING
            RETURNING key, id
            """,
            {
                "application": application_id,
                "now": now,
                "keys": list(new),
                "kinds": [str(kind_of(value)) for value in new.values()],
                "public": public,
                "limit": TRAITS_PER_APPLICATION,
                "limit_of_hour": PUBLIC_TRAITS_PER_HOUR if public else None,  # LEAST passes over NULL
                "hour_ago": now - timedelta(hours=1),
            },
        )
        return {key: caches.KnownTrait(pk, None) for key, pk in cursor.fetchall()}


def _drop_what_does_not_fit(change: _Change, stored: Mapping[str, Value]) -> list[str]:
    """Take out of a change, last first, values that need more room than the user has, and return their keys."""
    merged = {**stored, **change.values}
    for key in change.removals:
        merged.pop(key, None)
    dropped = []
    size = _size(merged)
    for key, value in reversed(list(change.values.items())):
        if size <= TRAITS_BYTES:
            break
        # Without it the old value stays, or else a comma goes too.
        gain = _size({key: value}) - (_size({key: stored[key]}) if key in stored else 1)
        if gain > 0:
            size -= gain
            del change.traits[key]
            dropped.append(key)
    return dropped[::-1]


def _size(traits: Mapping[str, Value]) -> int:
    return len(orjson.dumps(traits))


def _write(application_id: uuid.UUID, changes: Sequence[_Change], now: datetime) -> set[str]:
    """Merge the changes into what is stored by now, whoever wrote it meanwhile: a single statement, which locks the
    rows in key order, so that batches never deadlock. Returns the keys of users who were erased lately, and stay so."""
    erased_since = now - MARK_KEPT
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO identity_person AS stored (
                application_id, id, external_id, email, name, traits, first_seen, last_seen
            )
            SELECT
                %(application)s, (sent ->> 0)::uuid AS key, sent ->> 1, sent ->> 2, sent ->> 3, sent -> 4,
                (sent ->> 5)::timestamptz, (sent ->> 6)::timestamptz
            FROM jsonb_array_elements(%(changes)s) AS sent
            WHERE NOT EXISTS (
                SELECT FROM identity_erasure WHERE person_id = (sent ->> 0)::uuid AND erased_at > %(erased_since)s
            )
            ORDER BY key
            ON CONFLICT (id) DO UPDATE SET
                email = CASE WHEN excluded.id = ANY(%(with_email)s::uuid[]) THEN excluded.email ELSE stored.email END,
                name = CASE WHEN excluded.id = ANY(%(with_name)s::uuid[]) THEN excluded.name ELSE stored.name END,
                traits = (stored.traits || excluded.traits)
                    - ARRAY(SELECT jsonb_array_elements_text(%(removals)s::jsonb -> excluded.id::text)),
                first_seen = LEAST(stored.first_seen, excluded.first_seen),
                last_seen = GREATEST(stored.last_seen, excluded.last_seen)
            """,
            {
                "application": application_id,
                # One text: arrays of texts would be put together one by one, in Python.
                "changes": _json([change.as_row() for change in changes]),
                "with_email": _array(change.id for change in changes if "email" in change.profile),
                "with_name": _array(change.id for change in changes if "name" in change.profile),
                "removals": _json({change.id: change.removals for change in changes if change.removals}),
                "erased_since": erased_since,
            },
        )
        if cursor.rowcount == len(changes):
            return set()
        cursor.execute(
            "SELECT person_id::text FROM identity_erasure WHERE person_id = ANY(%s::uuid[]) AND erased_at > %s",
            [_array(change.id for change in changes), erased_since],
        )
        return {pk for (pk,) in cursor.fetchall()}
