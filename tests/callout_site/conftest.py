import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.callout_site.checkout import Checkout

if sys.platform != "linux":
    collect_ignore = [
        "test_database_killed.py",
        "test_demo.py",
        "test_embedded_postgres.py",
    ]  # what is left running, they find in /proc

MakeCheckout = Callable[[Path], Checkout]


@dataclass(frozen=True)
class FirstRun:
    checkout: Checkout
    out: str
    err: str


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """What `manage.py demo` did in a fresh clone. To run it again, take `filled`."""
    checkout = Checkout(tmp_path_factory.mktemp("first") / "callout")
    checkout.clone()
    demo = checkout.demo().ready()
    demo.press(signal.SIGINT).stops()
    checkout.assert_nothing_runs()
    return FirstRun(checkout, demo.out, demo.err)


@pytest.fixture
def filled(first_run: FirstRun, tmp_path: Path) -> Iterator[Checkout]:
    """A checkout in which the demo ran before."""
    checkout = first_run.checkout.copy_to(tmp_path / "callout")
    yield checkout
    checkout.assert_nothing_runs()


@pytest.fixture
def clone() -> Iterator[MakeCheckout]:
    """Makes fresh clones."""
    checkouts: list[Checkout] = []

    def clone(path: Path) -> Checkout:
        checkouts.append(Checkout(path))
        checkouts[-1].clone()
        return checkouts[-1]

    yield clone
    for checkout in checkouts:
        checkout.assert_nothing_runs()
