"""What every call would otherwise write: when keys were used and traits last seen. Calls note it in the worker's
memory, and one statement every ten seconds writes it down. With a killed worker at most those seconds are lost."""

import atexit
import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection

log = logging.getLogger(__name__)

SECONDS = 10

_lock = threading.Lock()
_traits: dict[int, datetime] = {}
_keys: dict[int, datetime] = {}


def note_traits(ids: Iterable[int], seen_at: datetime) -> None:
    with _lock:
        _note(_traits, ids, seen_at)


def note_key(key_id: int, used_at: datetime) -> None:
    with _lock:
        _note(_keys, [key_id], used_at)


def _note(noted: dict[int, datetime], ids: Iterable[int], at: datetime) -> None:
    for pk in ids:
        if pk not in noted or noted[pk] < at:
            noted[pk] = at


def flush() -> None:
    """Write down what was noted since the last time. Raises DatabaseError, and keeps it, when that fails; to write
    some of it twice does no harm."""
    with _lock:
        traits, keys = dict(_traits), dict(_keys)
        _traits.clear()
        _keys.clear()
    try:
        _write("identity_trait", "last_seen", traits, also="first_seen = COALESCE(first_seen, noted.at),")
        _write("identity_key", "last_used_at", keys)
    except (DatabaseError, InterfaceError):
        with _lock:
            for noted, kept in ((_traits, traits), (_keys, keys)):
                for pk, at in kept.items():
                    _note(noted, [pk], at)
        raise


def _write(table: str, column: str, noted: Mapping[int, datetime], also: str = "") -> None:
    if not noted:
        return
    # Rows are locked in the order of their ids, so that workers that flush at once never wait in a circle.
    ids = list(noted)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH noted AS (
                SELECT t.id, n.at FROM {table} t JOIN unnest(%s::bigint[], %s::timestamptz[]) AS n (id, at) USING (id)
                ORDER BY t.id FOR NO KEY UPDATE OF t
            )
            UPDATE {table} SET {also} {column} = GREATEST({column}, noted.at) FROM noted WHERE {table}.id = noted.id
            """,  # noqa: S608 - table and columns are the constants above
            [ids, [noted[pk] for pk in ids]],
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
