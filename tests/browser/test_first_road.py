"""The road that everyone walks first: users arrive, their traits show, a segment is built and counts what it should."""

import json
from collections.abc import Mapping
from urllib.request import Request, urlopen

import pytest
from django.db import connection
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from callout_site.demo_data import DemoAccess, fill
from tests.browser.conftest import OpenPage


@pytest.fixture
def demo(transactional_db: None) -> DemoAccess:
    return fill()


def sign_in(page: Page, demo: DemoAccess) -> None:
    page.get_by_label("E-mail").fill(demo.email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Segments", level=1)).to_be_visible()


def identify(live_server: LiveServer, key: str, body: Mapping[str, object]) -> dict[str, object]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = Request(f"{live_server.url}/v1/identify", json.dumps(body).encode(), headers)  # noqa: S310
    with urlopen(request) as response:  # noqa: S310
        answer: dict[str, object] = json.load(response)
        return answer


def add_rule(page: Page) -> Locator:
    rows = page.locator(".rule")
    count = rows.count()
    page.get_by_role("button", name="Add rule").click()
    expect(rows).to_have_count(count + 1)
    return rows.last


def fill_rule(row: Locator, trait: str, comparison: str, value: str) -> None:
    row.locator("input[role=combobox]").first.fill(trait)  # no longer the select that the page came with
    row.get_by_role("option", name=trait).first.click()
    expect(row.get_by_label("Comparison")).to_be_enabled()
    row.get_by_label("Comparison").select_option(label=comparison)
    field = row.locator("[name^=value-]")
    expect(field).to_be_editable()
    field.fill(value)


def direct_count() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM identity_person
            WHERE traits ->> 'plan' = 'pro' AND traits ->> 'role' = 'admin'
              AND CASE WHEN jsonb_typeof(traits -> 'teamSize') = 'number' THEN (traits ->> 'teamSize')::numeric > 10 END
              AND (traits ->> 'signupDate')::timestamptz >= now() - interval '30 days'
            """
        )
        row = cursor.fetchone()
        assert row
        return int(row[0])


def test_from_sign_in_to_a_segment_that_counts_right(
    demo: DemoAccess, open_page: OpenPage, live_server: LiveServer
) -> None:
    page = open_page("/")
    sign_in(page, demo)

    ada = {"id": "ada", "name": "Ada Lovelace", "traits": {"favouriteColour": "green"}}
    assert identify(live_server, demo.public_key, ada) == {"success": True, "applied": True, "warnings": []}
    page.get_by_role("link", name="Traits").click()
    row = page.get_by_role("row", name="favouriteColour")
    expect(row.get_by_role("cell").nth(1)).to_have_text("string")
    expect(row.get_by_role("cell").nth(2)).to_have_text("1")

    page.get_by_role("link", name="Segments", exact=True).first.click()
    page.get_by_role("link", name="Create segment").click()
    page.get_by_label("Name").fill("Pro Plan Admins")
    fill_rule(page.locator(".rule"), "plan", "is", "pro")
    fill_rule(add_rule(page), "role", "is", "admin")
    fill_rule(add_rule(page), "teamSize", "is greater than", "10")
    fill_rule(add_rule(page), "signupDate", "is within the last", "30")

    count = direct_count()
    assert 0 < count < 500
    panel = page.get_by_role("complementary", name="Audience")
    expect(panel.locator(".big")).to_have_text(str(count))
    expect(panel.get_by_text("of 5,001 users")).to_be_visible()
    expect(panel.locator(".people > li")).to_have_count(5)

    page.get_by_role("button", name="Create segment").click()
    expect(page.locator(".toast", has_text=f"Created “Pro Plan Admins”: {count} users now.")).to_be_visible()
    expect(page.get_by_role("heading", name="Pro Plan Admins", level=1)).to_be_visible()
    page.get_by_role("link", name="Segments", exact=True).first.click()
    row = page.get_by_role("row", name="Pro Plan Admins")
    expect(row).to_contain_text(
        "plan is pro and role is admin and teamSize is greater than 10 and signupDate is within"
    )
    expect(row.get_by_role("cell").nth(1)).to_have_text(str(count))

    # A pro admin with a large team who signs up now is in at once.
    grace = {"id": "grace", "traits": {"plan": "pro", "role": "admin", "teamSize": 11, "signupDate": "2999-01-01"}}
    identify(live_server, demo.public_key, grace)
    page.reload()
    expect(row.get_by_role("cell").nth(1)).to_have_text(str(count))  # the far future is not the last 30 days
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
        today = cursor.fetchall()[0][0]
    identify(live_server, demo.public_key, {"id": "grace", "traits": {"signupDate": today}})
    page.reload()
    expect(row.get_by_role("cell").nth(1)).to_have_text(str(count + 1))
