"""Hints beside the builder, clicked: with and without script, by keyboard, wide and narrow."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from engage.models import Segment
from engage.rules import parse
from identity.models import Application, Role, Teammate
from tests import factories
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import LONG, WCAG, sign_in


@pytest.fixture
def editor(transactional_db: None) -> Teammate:
    """Of an application where two users are free, one is pro, one has no plan, and one has a plan of a hostile name."""
    acme = factories.new_application().application
    for plan in ("free", "free", "pro", None, LONG):
        factories.person(acme, {"plan": plan, "beta": True})
    save(acme, "Not pro", ("plan", "not_equals", "pro"))
    return factories.teammate(acme, Role.EDITOR)


def save(acme: Application, name: str, *rules: tuple[str, str, object]) -> Segment:
    made = parse([dict(zip(("trait", "operator", "value"), rule, strict=True)) for rule in rules])
    return Segment.objects.create_with_rules(acme, name=name, rules=made)


def open_builder(open_page: OpenPage, editor: Teammate, rest: str, **options: object) -> Page:
    page = open_page("/sign-in/", **options)
    sign_in(page, editor)
    page.goto(f"/{editor.application.slug}/engage/segments/{rest}")
    return page


def test_a_typo_is_mended_through_a_hint_by_keyboard(editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "create/")
    page.get_by_role("combobox", name="Trait").fill("plan")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="Audience")).to_contain_text("Everyone, so far")
    value = page.get_by_label("Value")
    value.fill("fre")
    hint = page.locator(".hint")
    expect(hint).to_contain_text("Did you mean")
    expect(value).to_be_focused()
    expect(page.locator("#audience-status")).to_have_text("0 of 5 users match. 1 hint.")
    hint.get_by_role("button", name="Use").press("Enter")
    expect(page.get_by_role("complementary", name="Audience").locator(".big")).to_have_text("2")
    expect(hint).to_have_count(0)
    expect(value).to_have_value("free")
    expect(value).to_be_focused()
    expect(page.locator("#hint-status")).to_contain_text("free")


def test_a_rule_is_added_through_a_hint(editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "not-pro/edit/")
    audience = page.get_by_role("complementary", name="Audience")
    expect(audience.locator(".big")).to_have_text("4")
    audience.get_by_role("button", name="Add").click()
    expect(audience.locator(".big")).to_have_text("3")
    expect(page.locator(".rule")).to_have_count(2)
    expect(page.get_by_label("Comparison").last).to_have_value("is_set")
    # What came with the rows works as what was there before.
    page.get_by_role("button", name="Remove rule").last.click()
    expect(audience.locator(".big")).to_have_text("4")


def test_hints_work_without_script(editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "not-pro/edit/", java_script_enabled=False)
    page.locator(".hint button").click()
    expect(page.locator(".rule")).to_have_count(2)
    expect(page.locator("#audience .big")).to_have_text("3")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".toast")).to_contain_text("3 users now")


def test_a_hint_is_followed_after_signing_in_again(editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "not-pro/edit/")
    page.context.clear_cookies()
    sign_in(page, editor)
    page.context.new_page().goto(page.url)  # brings a new token
    page.locator(".hint button").click()
    expect(page.locator(".rule")).to_have_count(2)
    expect(page.locator("#audience .big")).to_have_text("3")


def test_a_rule_that_a_hint_removes_leaves_room_for_another(editor: Teammate, open_page: OpenPage) -> None:
    save(editor.application, "Many", *[("plan", "equals", "free")] * 20)
    page = open_builder(open_page, editor, "many/edit/")
    button = page.get_by_role("button", name="Add rule")
    expect(button).to_be_disabled()
    page.locator(".hint button").first.click()
    expect(page.locator(".rule")).to_have_count(19)
    expect(button).to_be_enabled()


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_hints_are_no_barrier(editor: Teammate, open_page: OpenPage, width: int, color_scheme: str) -> None:
    rules: list[tuple[str, str, object]] = [
        ("plan", "equals", LONG[:-2]),
        ("plan", "equals", "free"),
        ("beta_" * 18, "any_of", ["x"]),
    ]
    save(editor.application, "Hostile", *rules)
    page = open_builder(open_page, editor, "hostile/edit/", width=width, color_scheme=color_scheme)
    expect(page.locator(".hint")).to_have_count(3)
    found = Axe().run(page, options=WCAG)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
