"""Segments from their beginning to their end, as teammates go about them."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from engage.models import Segment
from engage.rules import parse
from identity.models import Application, Role, Teammate
from tests import factories
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import sign_in

PRO = [{"trait": "plan", "operator": "equals", "value": "pro"}]
FREE = [{"trait": "plan", "operator": "equals", "value": "free"}]


@pytest.fixture
def acme(transactional_db: None) -> Application:
    acme = factories.new_application().application
    for name, plan in (("Ada", "pro"), ("Ben", "free"), ("Cleo", "free")):
        factories.person(acme, {"plan": plan}, id=name.lower(), name=name, email=f"{name}@example.com")
    return acme


@pytest.fixture
def pro(acme: Application) -> Segment:
    return Segment.objects.create_with_rules(acme, name="Pro users", rules=parse(PRO))


@pytest.fixture
def editor(acme: Application) -> Teammate:
    return factories.teammate(acme, Role.EDITOR)


def open_as(open_page: OpenPage, who: Teammate, path: str, **options: object) -> Page:
    page = open_page("/sign-in/", **options)
    sign_in(page, who)
    page.goto(f"/{who.application.slug}/engage/segments/{path}")
    return page


def toast(page: Page, text: str) -> None:
    expect(page.locator(".toast", has_text=text)).to_be_visible()


def test_the_first_segment_is_made_from_an_example(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_as(open_page, editor, "")
    offer = page.get_by_role("listitem").filter(has_text="Free plan")
    expect(offer).to_contain_text("plan is free")
    expect(offer).to_contain_text("2 users")
    page.get_by_role("link", name="Free plan").click()
    expect(page.get_by_label("Name")).to_have_value("Free plan")
    expect(page.locator(".audience .big")).to_have_text("2")
    page.get_by_role("button", name="Create segment").click()
    toast(page, "Created “Free plan”: 2 users now.")
    assert Segment.objects.get(slug="free-plan").rules == FREE


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_who_saves_second_is_warned_and_saves_a_copy(
    pro: Segment, editor: Teammate, open_page: OpenPage, java_script_enabled: bool
) -> None:
    other = factories.teammate(pro.application, Role.EDITOR)
    mine = open_as(open_page, editor, "pro-users/edit/", java_script_enabled=java_script_enabled)
    theirs = open_as(open_page, other, "pro-users/edit/")
    theirs.get_by_label("Value").fill("free")
    theirs.get_by_role("button", name="Save changes").click()
    toast(theirs, "Saved “Pro users”")
    mine.get_by_label("Value").fill("enterprise")
    mine.get_by_role("button", name="Save changes").click()
    warning = mine.get_by_role("alert")
    expect(warning).to_contain_text(f"{other.user.email} saved this segment")
    expect(warning.get_by_role("listitem")).to_contain_text("Changed plan is pro")
    expect(mine.get_by_label("Value")).to_have_value("enterprise")
    warning.get_by_role("button", name="Save mine as a copy").click()
    toast(mine, "Created “Copy of Pro users”")
    pro.refresh_from_db()
    assert pro.rules == FREE
    assert Segment.objects.get(name="Copy of Pro users").rules[0]["value"] == "enterprise"


def test_who_saves_second_can_reload_what_the_other_saved(pro: Segment, editor: Teammate, open_page: OpenPage) -> None:
    page = open_as(open_page, editor, "pro-users/edit/")
    pro.change(name="Pro users", rules=parse(FREE), changed_by=factories.teammate(pro.application).user)
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("link", name="Drop mine and reload theirs").click()
    expect(page.get_by_label("Value")).to_have_value("free")
    page.get_by_label("Value").fill("pro")
    page.get_by_role("button", name="Save changes").click()
    toast(page, "Saved “Pro users”: 1 user now, 1 added, 2 removed.")


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_what_live_experiences_show_is_confirmed(
    pro: Segment, editor: Teammate, open_page: OpenPage, java_script_enabled: bool
) -> None:
    factories.experience("Welcome tour", pro)
    page = open_as(open_page, editor, "pro-users/edit/", java_script_enabled=java_script_enabled)
    page.get_by_label("Value").fill("free")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("This adds 2 users and removes 1 user.")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Welcome tour")
    page.get_by_role("button", name="Back to editing").click()
    expect(page.get_by_label("Value")).to_have_value("free")
    page.get_by_role("button", name="Save changes").click()
    page.get_by_role("button", name="Save changes").click()
    toast(page, "Saved “Pro users”: 2 users now, 2 added, 1 removed.")


def test_an_old_version_is_restored(pro: Segment, editor: Teammate, open_page: OpenPage) -> None:
    pro.change(name="Pro users", rules=parse(FREE), changed_by=editor.user)
    page = open_as(open_page, editor, "pro-users/")
    page.get_by_role("link", name="History").click()
    page.get_by_role("link", name="Restore version 1").click()
    expect(page.get_by_text("This adds 1 user and removes 2 users.")).to_be_visible()
    page.get_by_role("button", name="Restore rules").click()
    toast(page, "Restored the rules of version 1.")
    expect(page.get_by_role("heading", name="Version 3")).to_contain_text("Current")
    pro.refresh_from_db()
    assert pro.rules == PRO


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_a_user_is_explained(pro: Segment, editor: Teammate, open_page: OpenPage, java_script_enabled: bool) -> None:
    page = open_as(open_page, editor, "pro-users/why/", java_script_enabled=java_script_enabled)
    page.get_by_label("User id or e-mail address").fill("ben@example.com")
    page.get_by_label("User id or e-mail address").press("Enter")
    expect(page.get_by_role("heading", name="Ben is not in this segment")).to_be_visible()
    row = page.get_by_role("row").last
    expect(row).to_contain_text('is "free", which is not pro')
    expect(row).to_contain_text("Does not")


def test_users_are_found_and_lead_to_the_reason(pro: Segment, editor: Teammate, open_page: OpenPage) -> None:
    page = open_as(open_page, editor, "pro-users/members/")
    search = page.get_by_label("Search users by how their id, e-mail or name begins")
    search.press_sequentially("nobody")
    expect(page.get_by_text("Nobody in this segment begins with “nobody”")).to_be_visible()
    expect(search).to_be_focused()
    search.fill("AD")
    page.get_by_role("link", name="Why? Ada").click()
    expect(page.get_by_role("heading", name="Ada is in this segment")).to_be_visible()


def test_a_segment_is_deleted_by_keyboard_from_its_row_unless_it_is_in_use(
    pro: Segment, editor: Teammate, open_page: OpenPage
) -> None:
    tour = factories.experience("Welcome tour", pro)
    page = open_as(open_page, editor, "")
    actions = page.get_by_label("Actions for Pro users")
    actions.press("Enter")
    expect(page.get_by_role("link", name="Duplicate")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Duplicate")).to_be_hidden()
    expect(actions).to_be_focused()
    actions.press("Enter")
    page.get_by_role("link", name="Delete…").press("Enter")
    expect(page.get_by_role("heading", name="This segment is in use")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Welcome tour")
    expect(page.get_by_role("button", name="Delete segment")).to_have_count(0)
    tour.delete()
    page.reload()
    page.get_by_role("button", name="Delete segment").click()
    toast(page, "Deleted “Pro users”.")


def test_segments_go_from_one_application_to_another(
    pro: Segment, editor: Teammate, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_as(open_page, editor, "")
    page.get_by_role("link", name="Export").click()
    page.get_by_label("Pro users").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the chosen").click()
    file = tmp_path / "segments.json"
    download.value.save_as(file)
    other = factories.teammate(factories.new_application("Other").application, Role.EDITOR)
    page = open_as(open_page, other, "import/")
    page.get_by_label("File of segments").set_input_files(file)
    page.get_by_role("button", name="Look at what it would do").click()
    expect(page.get_by_role("heading", name="Creates 1 segment")).to_be_visible()
    assert Segment.objects.filter(application=other.application).count() == 1
    page.get_by_role("button", name="Import 1 segment").click()
    toast(page, "Imported: 1 created, 0 replaced, 0 unchanged.")
    made = Segment.objects.get(application=other.application, slug="pro-users")
    assert (made.name, made.rules) == ("Pro users", PRO)


def test_the_list_is_sorted_and_stays_so_when_searched(pro: Segment, editor: Teammate, open_page: OpenPage) -> None:
    Segment.objects.create_with_rules(pro.application, name="Free users", rules=parse(FREE))
    page = open_as(open_page, editor, "")
    page.locator("thead").get_by_role("link", name="Users", exact=True).click()
    names = page.locator("tbody .name")
    expect(names).to_have_text(["Everyone", "Free users", "Pro users"])
    page.get_by_label("Search segments").press_sequentially("users")
    expect(names).to_have_text(["Free users", "Pro users"])
    page.locator("thead").get_by_role("link", name="Users", exact=True).click()
    expect(names).to_have_text(["Pro users", "Free users"])
