import os
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client

from tests.identity.calls import Api, make_api


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
