"""What every call would otherwise write: when keys were used and traits last seen, and the last call that named a user.
Calls note it in the worker's memory, and every ten seconds it is written down, one statement for each table. With a
killed worker at most those seconds are lost."""

import atexit
import logging
import os
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeVar

from django.db import DatabaseError, InterfaceError, connection

log = logging.getLogger(__name__)

SECONDS = 10

_Id = TypeVar("_Id", int, uuid.UUID)


@dataclass(slots=True)
class _Noted:
    """Moments by the ids of what they are noted of."""

    traits: dict[int, datetime] = field(default_factory=dict)
    keys: dict[int, datetime] = field(default_factory=dict)
    identifies: dict[uuid.UUID, datetime] = field(default_factory=dict)
    unsigned: dict[uuid.UUID, datetime] = field(default_factory=dict)
    # How many there were, for each of the unsigned.
    unsigned_calls: Counter[uuid.UUID] = field(default_factory=Counter)


_lock = threading.Lock()
_noted = _Noted()


def note_traits(ids: Iterable[int], seen_at: datetime) -> None:
    with _lock:
        _note(_noted.traits, ids, seen_at)


def note_key(key_id: int, used_at: datetime) -> None:
    with _lock:
        _note(_noted.keys, [key_id], used_at)


def note_identify(application_id: uuid.UUID, at: datetime) -> None:
    """A call has named a user of this application."""
    with _lock:
        _note(_noted.identifies, [application_id], at)


def note_unsigned(application_id: uuid.UUID, at: datetime) -> None:
    """A call has named a user without a valid signature, while signatures are asked for."""
    with _lock:
        _note(_noted.unsigned, [application_id], at)
        _noted.unsigned_calls[application_id] += 1


def _note(noted: dict[_Id, datetime], ids: Iterable[_Id], at: datetime) -> None:
    for pk in ids:
        if pk not in noted or noted[pk] < at:
            noted[pk] = at


def flush() -> None:
    """Write down what was noted since the last time. Raises DatabaseError or InterfaceError, and keeps what is not yet
    written, when that fails."""
    global _noted
    with _lock:
        taken, _noted = _noted, _Noted()
    try:
        _write("identity_trait", "last_seen", taken.traits, also="first_seen = COALESCE(first_seen, noted.at),")
        taken.traits.clear()
        _write("identity_key", "last_used_at", taken.keys)
        taken.keys.clear()
        _write("identity_application", "last_identify_at", taken.identifies, id_type="uuid")
        taken.identifies.clear()
        counts = [taken.unsigned_calls[pk] for pk in taken.unsigned]
        also = "unsigned_calls = unsigned_calls + noted.calls,"
        _write("identity_application", "last_unsigned_at", taken.unsigned, counts, also=also, id_type="uuid")
    except (DatabaseError, InterfaceError):
        with _lock:
            _keep(taken.traits, _noted.traits)
            _keep(taken.keys, _noted.keys)
            _keep(taken.identifies, _noted.identifies)
            _keep(taken.unsigned, _noted.unsigned)
            _noted.unsigned_calls += taken.unsigned_calls
        raise


def _keep(taken: Mapping[_Id, datetime], noted: dict[_Id, datetime]) -> None:
    for pk, at in taken.items():
        _note(noted, [pk], at)


def _write(
    table: str,
    column: str,
    noted: Mapping[_Id, datetime],
    calls: Sequence[int] = (),
    *,
    also: str = "",
    id_type: Literal["bigint", "uuid"] = "bigint",
) -> None:
    if not noted:
        return
    # Rows are locked in the order of their ids, so that workers that flush at once never wait in a circle.
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH noted AS (
                SELECT t.id, n.at, n.calls
                FROM {table} t
                JOIN unnest(%s::{id_type}[], %s::timestamptz[], %s::bigint[]) AS n (id, at, calls) USING (id)
                ORDER BY t.id FOR NO KEY UPDATE OF t
            )
            UPDATE {table} SET {also} {column} = GREATEST({column}, noted.at) FROM noted WHERE {table}.id = noted.id
            """,  # noqa: S608 - table and columns are the constants above
            [list(noted), list(noted.values()), list(calls)],
        )


def start() -> None:
    """Begin to flush every ten seconds, and once more at the end. Called by whoever serves, once in each worker."""
    _start_thread()
    os.register_at_fork(after_in_child=_start_thread)  # no thread survives a fork
    atexit.register(_try_to_flush)


def _start_thread() -> None:
    threading.Thread(target=_run, name="tally", daemon=True).start()


def _run() -> None:
    while True:
        time.sleep(SECONDS)
        _try_to_flush()


def _try_to_flush() -> None:
    try:
        flush()
    except (DatabaseError, InterfaceError) as error:
        log.warning("could not write the tally: %s", error)
    finally:
        connection.close()
