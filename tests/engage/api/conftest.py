import pytest

from engage import compiled
from tests.engage.api.calls import Api, make_api


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    compiled.forget()


@pytest.fixture
def api(db: None) -> Api:
    return make_api()


@pytest.fixture
def stranger(db: None) -> Api:
    """The server of another application."""
    return make_api()
