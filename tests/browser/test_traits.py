"""What users really send, as people look at it in a browser."""

import pytest
from django.db import connection
from django.utils import timezone
from playwright.sync_api import expect

from engage import sampling
from engage.census import record_census
from identity.models import Role, Teammate
from tests import factories
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import sign_in


@pytest.fixture
def editor(transactional_db: None) -> Teammate:
    """Of an application with 40 users, one of whom has a text for a number."""
    acme = factories.new_application().application
    for number in range(40):
        factories.person(acme, {"plan": "pro", "teamSize": number or "n/a"})
    return factories.teammate(acme, Role.EDITOR)


def test_from_the_list_to_a_segment_of_a_value(editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{editor.application.slug}/engage/segments/traits/")
    page.get_by_role("link", name="Mismatched 1").click()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="teamSize").click()
    expect(page.get_by_role("heading", name="1 does not fit")).to_be_visible()
    expect(page.get_by_role("heading", name="Distribution")).to_be_visible()
    page.get_by_text("Show as a table").click()
    search = page.get_by_role("searchbox", name="Search values")
    search.fill("n/")
    expect(page.locator("#values tbody tr")).to_have_count(1)
    expect(search).to_be_focused()
    page.get_by_role("link", name="Create a segment of users with n/a").click()
    expect(page.get_by_label("Name")).to_have_value("teamSize is n/a")
    expect(page.get_by_role("complementary", name="Audience").locator(".big")).to_have_text("1")
    page.get_by_role("button", name="Create segment").click()
    expect(page.locator(".toast", has_text="Created “teamSize is n/a”: 1 user now.")).to_be_visible()


def test_a_trait_is_read_without_script(editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/", java_script_enabled=False)
    sign_in(page, editor)
    page.goto(f"/{editor.application.slug}/engage/segments/traits/?q=teamSize")
    page.get_by_role("link", name="teamSize").click()
    page.get_by_role("link", name="Show what users have").click()
    page.get_by_role("searchbox", name="Search values").fill("n/")
    page.get_by_role("searchbox", name="Search values").press("Enter")
    expect(page.locator("#values tbody tr")).to_have_count(1)
    expect(page.get_by_role("heading", name="1 does not fit")).to_be_visible()


def test_a_recount_shows_when_it_is_done(
    editor: Teammate, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "LARGE", 1)
    monkeypatch.setattr(sampling, "_PROBE", 0.5)
    monkeypatch.setattr(sampling, "SAMPLE_USERS", 10)
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{editor.application.slug}/engage/segments/traits/")
    expect(page.get_by_text("from a sample")).to_be_visible()
    page.get_by_role("button", name="Count all").click()
    expect(page.get_by_text("Counting…")).to_be_visible()
    record_census(editor.application, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")  # as the worker does when a job is done
    expect(page.get_by_role("button", name="Recount")).to_be_visible()
    expect(page.get_by_text("40 users · counted")).to_be_visible()
