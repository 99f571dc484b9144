"""What a teammate does to a trait, as they go about it, with the worker beside them."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from engage.models import Segment
from engage.rules import parse
from identity import rewriting
from identity.models import Application, Role, Teammate, Trait
from tests import factories
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import WCAG
from tests.browser.test_segments import open_as, toast

LONG = "a_key_without_any_spaces_" * 3 + "<b>🦄مرحبا"


@pytest.fixture
def acme(transactional_db: None, no_jobs_left: None, monkeypatch: pytest.MonkeyPatch) -> Application:
    monkeypatch.setattr(rewriting, "SETTLED", timedelta(0))
    acme = factories.new_application().application
    for seats in ("12", "12", "n/a", 5):
        factories.person(acme, {"seats": seats, LONG: "x" * 300})
    return acme


@pytest.fixture
def editor(acme: Application) -> Teammate:
    return factories.teammate(acme, Role.EDITOR)


def segment(acme: Application, name: str, operator: str, value: object) -> Segment:
    rule = {"trait": "seats", "operator": operator, "value": value}
    return Segment.objects.create_with_rules(acme, name=name, rules=parse([rule]))


def work(acme: Application, key: str = "seats") -> None:
    rewriting.run(acme.traits.get(key=key).pk, must_stop=lambda: False)


def test_a_kind_is_declared_once_no_rule_is_in_the_way(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    segment(acme, "Twelve", "equals", "12")
    segment(acme, "Unknown", "contains", "n/")
    page = open_as(open_page, editor, "traits/")
    page.get_by_role("link", name="seats").click()
    page.get_by_role("link", name="Manage").click()
    page.get_by_role("radio", name="number").check()
    page.get_by_role("button", name="See what changes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rules are in the way")
    expect(page.get_by_role("main")).to_contain_text("Unknown")
    Segment.objects.get(name="Unknown").delete()
    page.reload()
    expect(page.get_by_role("listitem").filter(has_text="n/a")).to_contain_text("1 user")
    expect(page.get_by_role("listitem").filter(has_text="Twelve")).to_contain_text("Changed")
    page.get_by_role("button", name="Declare number").click()
    toast(page, "Declared the kind number.")
    expect(page.get_by_role("region", name="Progress")).to_contain_text("Converting to number")
    work(acme)
    expect(page.get_by_role("region", name="Progress")).to_contain_text("Converted the values of 2 users")
    assert sorted(acme.people.values_list("traits__seats", flat=True), key=str) == [12, 12, 5, "n/a"]


def test_a_trait_is_deleted_without_script_and_ignored(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    page = open_as(open_page, editor, "traits/", java_script_enabled=False)
    page.get_by_role("link", name="seats").click()
    page.get_by_role("link", name="Manage").click()
    page.get_by_role("link", name="Delete trait").click()
    expect(page.get_by_role("main")).to_contain_text("4 users have it")
    page.get_by_role("radio", name="Ignore it").check()
    page.get_by_role("button", name="Delete trait").click()
    expect(page.get_by_role("region", name="Progress")).to_contain_text("Removing")
    work(acme)
    page.reload()
    expect(page.get_by_role("region", name="Progress")).to_contain_text("Removed from 4 users")
    assert "seats" not in factories.person(acme, {"seats": 1, "plan": "pro"}).traits
    page.get_by_role("button", name="Stop ignoring").click()
    assert factories.person(acme, {"seats": 1}).traits == {"seats": 1}


def test_whoever_watches_a_deletion_sees_its_end(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    trait = acme.traits.get(key=LONG)
    page = open_as(open_page, editor, f"traits/{trait.pk}/manage/delete/")
    page.get_by_role("radio", name="Take it as new").check()
    page.get_by_role("button", name="Delete trait").click()
    expect(page.get_by_role("region", name="Progress")).to_contain_text("Removing")
    work(acme, LONG)
    expect(page.get_by_role("region", name="Progress")).to_contain_text("no user has it any more")
    assert not Trait.objects.filter(key=LONG).exists()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_for_everyone(acme: Application, editor: Teammate, open_page: OpenPage, scheme: str) -> None:
    segment(acme, "Twelve", "equals", "12")
    check(open_as(open_page, editor, "traits/", color_scheme=scheme))
    for key in ("seats", LONG):
        trait = acme.traits.get(key=key)
        for rest in ("", "kind/?kind=number", "kind/?kind=date", "delete/"):
            page = open_as(open_page, editor, f"traits/{trait.pk}/manage/{rest}", width=360, color_scheme=scheme)
            check(page)
        page.goto(page.url.replace("delete/", ""))
        page.get_by_label("Label").fill("Team <b>size</b>")
        page.get_by_role("button", name="Save details").click()
        page.get_by_role("radio", name="number").check()
        page.get_by_role("button", name="See what changes").click()
        page.get_by_role("button", name="Declare number").click()
        # Colours are those that stay only when the notice has come in.
        page.locator(".toast").evaluate("(toast) => Promise.all(toast.getAnimations().map((one) => one.finished))")
        check(page)


def check(page: Page) -> None:
    found = Axe().run(page, options=WCAG)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
