"""Users as teammates go about them: found, looked at, and erased for good."""

import json

import pytest
from playwright.sync_api import Page, expect

from engage.models import Segment
from engage.rules import parse
from identity.models import Person, Role
from tests import factories
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import sign_in


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_a_user_is_found_looked_at_and_erased_and_stays_away(
    transactional_db: None, open_page: OpenPage, java_script_enabled: bool
) -> None:
    made = factories.new_application()
    acme = made.application
    rule = {"trait": "plan", "operator": "equals", "value": "pro"}
    Segment.objects.create_with_rules(acme, name="Pro users", rules=parse([rule]))
    for name, plan in (("Ada", "pro"), ("Adam", "free"), ("Ben", "pro")):
        factories.person(acme, {"plan": plan}, id=name.lower(), name=name)
    page = open_page("/sign-in/", java_script_enabled=java_script_enabled)
    sign_in(page, factories.teammate(acme, Role.EDITOR))
    page.goto(f"/{acme.slug}/engage/segments/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Users").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    find(page, java_script_enabled, q="ad")
    expect(page.locator("tbody tr")).to_have_count(2)
    find(page, java_script_enabled, trait="plan", value="pro")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Ada", exact=True).click()
    expect(page.get_by_role("heading", name="In 2 segments")).to_be_visible()
    page.get_by_role("link", name="Why? Pro users").click()
    expect(page.get_by_role("heading", name="Ada is in this segment")).to_be_visible()
    page.get_by_role("link", name="Ada", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as JSON").click()
    assert json.loads(download.value.path().read_bytes())["traits"] == {"plan": "pro"}
    page.get_by_role("link", name="Erase").click()
    page.get_by_role("button", name="Erase user").click()
    expect(page.locator(".toast", has_text="Erased “Ada”.")).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(2)
    late = page.request.post(
        "/v1/identify",
        data={"id": "ada", "traits": {"plan": "pro"}},
        headers={"Authorization": f"Bearer {made.public_key}"},
    )
    assert (late.status, late.json()["code"]) == (410, "user_erased")
    assert not Person.objects.filter(external_id="ada").exists()


def find(page: Page, java_script_enabled: bool, **asked: str) -> None:
    """Narrow the list down; with script it follows by itself."""
    labels = {"q": "Search users by", "value": "Value of the trait"}
    for name, text in asked.items():
        if name == "trait":
            page.get_by_role("combobox", name="Trait").select_option(text)
        else:
            page.get_by_label(labels[name]).fill(text)
    if not java_script_enabled:
        page.get_by_role("button", name="Search").click()
