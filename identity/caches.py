"""What a worker remembers for a few seconds, so that an identify call reads one row and nothing else."""

import threading
import uuid
from dataclasses import dataclass

from cachetools import TTLCache

from identity.models import Key, Trait
from identity.models.application import digest
from identity.values import Kind

# For so long a revoked key, or a kind that was declared meanwhile, may go unseen by a worker.
SECONDS = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an application, through one of its keys."""

    application_id: uuid.UUID
    key_id: int
    is_secret: bool


@dataclass(frozen=True, slots=True)
class KnownTrait:
    id: int
    declared_kind: Kind | None


# Callers found are remembered, misses are not: a new key works at once.
_callers: TTLCache[str, Caller] = TTLCache(maxsize=10_000, ttl=SECONDS)
_callers_lock = threading.Lock()
_traits: TTLCache[uuid.UUID, dict[str, KnownTrait]] = TTLCache(maxsize=1_000, ttl=SECONDS)
_traits_lock = threading.Lock()


def caller(key: str) -> Caller | None:
    """Whom a live key belongs to; None for any other text."""
    stored = digest(key)
    with _callers_lock:
        known = _callers.get(stored)
    if known is None:
        row = Key.objects.live().filter(digest=stored).first()
        if row is None:
            return None
        known = Caller(row.application_id, row.pk, row.is_secret)
        with _callers_lock:
            _callers[stored] = known
    return known


def traits(application_id: uuid.UUID) -> dict[str, KnownTrait]:
    """The traits of an application by key. Whoever adds a trait adds it to this dictionary too."""
    with _traits_lock:
        known = _traits.get(application_id)
    return reload_traits(application_id) if known is None else known


def reload_traits(application_id: uuid.UUID) -> dict[str, KnownTrait]:
    """The same, asked of the database now."""
    rows = Trait.objects.filter(application_id=application_id).values_list("key", "id", "declared_kind")
    known = {key: KnownTrait(pk, Kind(kind) if kind else None) for key, pk, kind in rows}
    with _traits_lock:
        _traits[application_id] = known
    return known
