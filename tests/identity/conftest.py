import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client

from tests.identity.calls import Api, make_api
from tests.identity.server import Server, serve


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """For a process of its own that works on the database of the test."""
    user, password, host, port, name = (
        quote(str(connection.settings_dict[part]), safe="") for part in ("USER", "PASSWORD", "HOST", "PORT", "NAME")
    )
    return os.environ | {
        "DATABASE_URL": f"postgresql://{user}:{password}@{host}:{port}/{name}",
        "DJANGO_SETTINGS_MODULE": "callout_site.settings",
        "CALLOUT_URL": "http://127.0.0.1",
        "SECRET_KEY": "for this test",
    }


@pytest.fixture
def api(db: None, client: Client) -> Api:
    return make_api(client)


@pytest.fixture
def server(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    with serve(process_environment, tmp_path) as served:
        yield served
