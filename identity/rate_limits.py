"""How many calls a client may make in ten seconds, counted in the memory of each worker by itself."""

import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from cachetools import LRUCache
from django.conf import settings

from identity.payloads import Refused

SECONDS = 10
# Who floods from more addresses than this makes others' counts forgotten, but never the memory full.
CLIENTS_REMEMBERED = 20_000


@dataclass(slots=True)
class _Window:
    ends: float
    calls: int = 0


class RateLimit:
    """So many calls of each client in a window that begins with its first call."""

    def __init__(self, setting: str, timer: Callable[[], float] = time.monotonic) -> None:
        self._setting = setting
        self._timer = timer
        self._lock = threading.Lock()
        self._windows: LRUCache[Hashable, _Window] = LRUCache(CLIENTS_REMEMBERED)

    def spend(self, client: Hashable) -> None:
        """Count one call of `client`. Raises Refused, with the seconds to wait, past the limit."""
        now = self._timer()
        with self._lock:
            window = self._windows.get(client)
            if window is None or window.ends <= now:
                window = self._windows[client] = _Window(now + SECONDS)
            window.calls += 1
            if window.calls <= getattr(settings, self._setting):
                return
        wait = math.ceil(window.ends - now)
        raise Refused(429, "rate_limited", "Too many calls in a short time. Try again later.", retry_after=wait)

    @property
    def clients(self) -> int:
        """How many clients are remembered."""
        return len(self._windows)

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._windows.clear()


by_address = RateLimit("PUBLIC_CALLS_PER_10_SECONDS")
by_secret_key = RateLimit("SECRET_CALLS_PER_10_SECONDS")
