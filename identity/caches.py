"""What a worker remembers for a few seconds, so that an identify call reads one row and nothing else."""

import logging
import threading
import uuid
from dataclasses import dataclass, field

from cachetools import TTLCache

from identity.models import Key, Trait, Verification
from identity.models.application import digest
from identity.values import Kind

log = logging.getLogger(__name__)

# For so long a revoked key, or a kind that was declared meanwhile, may go unseen by a worker.
SECONDS = 5


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an application, through one of its keys; and what it asks of its callers."""

    application_id: uuid.UUID
    key_id: int
    is_secret: bool
    verification: Verification
    origins: frozenset[str]
    identity_secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownTrait:
    id: int
    declared_kind: Kind | None
    server_only: bool = False
    is_ignored: bool = False


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
        row = Key.objects.live().select_related("application").filter(digest=stored).first()
        if row is None:
            return None
        known = _caller(row)
        with _callers_lock:
            _callers[stored] = known
    return known


def _caller(key: Key) -> Caller:
    application = key.application
    secrets = [secret.text for secret in application.identity_secrets.all()]
    if None in secrets:
        log.error("an identity secret of %s can't be decrypted: was SECRET_KEY changed?", application.slug)
    return Caller(
        application_id=application.pk,
        key_id=key.pk,
        is_secret=key.is_secret,
        verification=Verification(application.verification),
        origins=frozenset(application.origins),
        identity_secrets=tuple(text for text in secrets if text is not None),
    )


def traits(application_id: uuid.UUID) -> dict[str, KnownTrait]:
    """The traits of an application by key. Whoever adds a trait adds it to this dictionary too."""
    with _traits_lock:
        known = _traits.get(application_id)
    return reload_traits(application_id) if known is None else known


def reload_traits(application_id: uuid.UUID) -> dict[str, KnownTrait]:
    """The same, asked of the database now."""
    traits = Trait.objects.filter(application_id=application_id).only("key", "declared_kind", "server_only", "state")
    known = {
        trait.key: KnownTrait(
            trait.pk, Kind(trait.declared_kind) if trait.declared_kind else None, trait.server_only, trait.is_ignored
        )
        for trait in traits
    }
    with _traits_lock:
        _traits[application_id] = known
    return known


def forget() -> None:
    """Ask the database about everything again. This worker sees a change at once; the others within SECONDS."""
    with _callers_lock:
        _callers.clear()
    with _traits_lock:
        _traits.clear()
