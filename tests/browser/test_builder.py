"""The rows of the builder, as people fill them: by keyboard alone, with each kind of value, moved, copied, undone."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Dialog, Locator, Page, Request, Route, expect

from engage.models import Segment
from engage.rules import parse
from identity.models import Application, Role, Teammate
from identity.values import Kind
from tests import factories
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import WCAG, sign_in, wait_for_one

RTL = "مرحبا <b>🦄</b>"


@pytest.fixture
def acme(transactional_db: None) -> Application:
    acme = factories.new_application().application
    for plan, size in (("pro", 20), ("pro", 5), ("free", 1), (RTL, 50)):
        factories.person(acme, {"plan": plan, "teamSize": size, "joined": "2026-01-01", "beta": plan == "pro"})
    acme.traits.filter(key="teamSize").update(label="Seats", description="People in the account")
    rules = [("plan", "equals", "pro"), ("teamSize", "greater_than", 1), ("beta", "equals", True)]
    named = [{"trait": trait, "operator": operator, "value": value} for trait, operator, value in rules]
    Segment.objects.create_with_rules(acme, name="Three rules", rules=parse(named))
    return acme


@pytest.fixture
def editor(acme: Application) -> Teammate:
    return factories.teammate(acme, Role.EDITOR)


def open_builder(open_page: OpenPage, editor: Teammate, path: str = "create/", **options: object) -> Page:
    page = open_page("/sign-in/", **options)
    sign_in(page, editor)
    page.goto(f"/{editor.application.slug}/engage/segments/{path}")
    return page


def choose(page: Page, trait: str, comparison: str) -> None:
    """Trait and comparison of the last row, by keyboard."""
    row = page.locator(".rule").last
    row.get_by_role("combobox", name="Trait").focus()
    page.keyboard.type(trait)
    page.keyboard.press("Tab")
    page.keyboard.type(comparison)
    page.keyboard.press("Tab")


def options(page: Page) -> Locator:
    """What the open combobox offers."""
    return page.locator(".options:visible [role=option]")


def traits(page: Page) -> list[str]:
    fields = page.get_by_role("combobox", name="Trait")
    return [fields.nth(number).input_value() for number in range(fields.count())]


def big(page: Page, count: int) -> None:
    expect(page.locator(".audience .big")).to_have_text(str(count))


def test_each_kind_of_value_is_typed_by_keyboard_alone(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    page = open_builder(open_page, editor)
    press, write = page.keyboard.press, page.keyboard.type
    page.get_by_label("Name").fill("Everything")
    choose(page, "plan", "is any of")
    values = page.get_by_role("combobox", name="Values")
    expect(values).to_be_focused()
    write("pr")
    expect(options(page).first).to_have_text("pro2 users")
    press("ArrowDown")
    press("Enter")
    write("nobody has this")
    press("Enter")
    expect(page.locator(".chip bdi")).to_have_text(["pro", "nobody has this"])
    big(page, 2)
    kinds = {"plan": "string", "teamSize": "number", "joined": "date", "beta": "boolean"}
    for trait, comparison, field, typed in (
        ("plan", "starts", "Value", ["PR"]),
        ("teamSize", "is between", "From", ["5", "Tab", "20"]),
        ("teamSize", "is gr", "Value", ["5"]),
        ("joined", "is before", "Date", ["01022026"]),
        ("joined", "is longer", "Number of days", ["1"]),
        ("beta", "is not set", "", []),
        ("beta", "is", "Value", ["t"]),
    ):
        page.get_by_role("button", name="Add rule").focus()
        press("Enter")
        choose(page, trait, comparison)
        row = page.locator(".rule").last
        expect(row.locator(f"[name^=kind-][value={kinds[trait]}]")).to_be_attached()
        if field:
            expect(row.get_by_label(field, exact=True)).to_be_focused()
        for text in typed:
            press(text) if text == "Tab" else write(text)
    page.get_by_role("button", name="Create segment").focus()
    press("Enter")
    expect(page.locator(".toast", has_text="Created “Everything”")).to_be_visible()
    assert [(rule["operator"], rule.get("value")) for rule in Segment.objects.get(name="Everything").rules] == [
        ("any_of", ["pro", "nobody has this"]),
        ("starts_with", "PR"),
        ("between", [5, 20]),
        ("greater_than", 5),
        ("before", "2026-01-02"),
        ("more_than_days_ago", 1),
        ("is_not_set", None),
        ("equals", True),
    ]


def test_the_trait_is_found_by_key_label_and_description(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    page = open_builder(open_page, editor)
    trait = page.get_by_role("combobox", name="Trait")
    for typed in ("teams", "seats", "in the account"):
        trait.fill(typed)
        option = options(page).first
        expect(option).to_have_text("teamSizenumber · 4 users · 100 %Seats: People in the account")
        expect(trait).to_have_attribute("aria-activedescendant", str(option.get_attribute("id")))
    trait.press("Enter")
    expect(trait).to_have_value("teamSize")


def test_a_value_is_suggested_or_anything_else(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor)
    choose(page, "plan", "is")
    expect(page.locator("combo-box[data-source$=plan]")).to_be_visible()  # the row is back
    value = page.get_by_label("Value")
    expect(value).to_be_focused()
    value.press("ArrowDown")
    expect(options(page)).to_have_text(["pro2 users", "free1 user", f"{RTL}1 user"])
    value.press("ArrowUp")
    value.press("Enter")
    expect(value).to_have_value(RTL)
    expect(options(page)).to_have_count(0)
    big(page, 1)
    value.fill("fr")
    expect(options(page)).to_have_text(["free1 user"])
    value.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(value).to_have_value("fr")
    big(page, 0)


def test_many_values_are_searched_by_the_server_and_the_last_search_wins(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    for number in range(30):
        factories.person(acme, {"company": f"Company {number:02}"})
    page = open_builder(open_page, editor)
    choose(page, "company", "is")
    expect(page.locator("combo-box[data-source$=company]")).to_be_visible()  # the row is back
    value = page.get_by_label("Value")
    held: list[Route] = []
    search = re.compile("q=Company%201$")
    page.route(search, lambda route: held.append(route))  # noqa: PLW0108
    value.fill("Company 1")
    wait_for_one(page, held)
    value.fill("y 29")
    expect(options(page)).to_have_text(["Company 291 user"])
    with page.expect_response(search) as answer:
        held[0].continue_()
    answer.value.finished()
    page.wait_for_timeout(100)
    expect(options(page)).to_have_text(["Company 291 user"])


def test_a_pasted_list_becomes_chips(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor)
    choose(page, "plan", "is any of")
    values = page.get_by_role("combobox", name="Values")
    expect(values).to_be_focused()

    def paste(text: str) -> None:
        values.evaluate(
            """(field, text) => {
                const clipboardData = new DataTransfer()
                clipboardData.setData("text/plain", text)
                field.dispatchEvent(new ClipboardEvent("paste", {clipboardData, bubbles: true, cancelable: true}))
            }""",
            text,
        )

    chips = page.locator(".chip bdi")
    paste('pro, free\nteam;solo\tpro\r\n"Acme, Inc"')
    expect(chips).to_have_text(["pro", "free", "team", "solo", "Acme, Inc"])
    big(page, 3)
    values.press("Backspace")
    values.press("Backspace")
    expect(chips).to_have_text(["pro", "free", "team"])
    expect(values).to_be_focused()
    # Among the chips with the arrow keys, and out again.
    values.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("button", name="Remove free")).to_be_focused()
    page.keyboard.press("Delete")
    expect(chips).to_have_text(["pro", "team"])
    expect(page.get_by_role("button", name="Remove team")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(values).to_be_focused()
    page.get_by_role("button", name="Remove team").click()
    expect(chips).to_have_text(["pro"])
    expect(page.locator("textarea")).to_have_value("pro")
    # What is typed counts before it is a chip.
    values.press_sequentially(RTL)
    big(page, 3)
    page.get_by_label("Name").click()
    expect(chips).to_have_text(["pro", RTL])
    big(page, 3)
    assert Axe().run(page, options=WCAG).violations_count == 0


@pytest.mark.parametrize("width", [1280, 360])
def test_a_trait_that_no_one_sends_yet_is_defined_on_the_way(
    acme: Application, editor: Teammate, open_page: OpenPage, width: int
) -> None:
    page = open_builder(open_page, editor, width=width)
    trait = page.get_by_role("combobox", name="Trait")
    trait.fill("trialEnds")
    expect(options(page)).to_have_text(["Define “trialEnds”…"])
    assert Axe().run(page, options=WCAG).violations_count == 0
    trait.press("Enter")
    dialog = page.get_by_role("dialog", name="Define a trait")
    expect(dialog.get_by_label("Key")).to_have_value("trialEnds")
    assert Axe().run(page, options=WCAG).violations_count == 0
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(trait).to_be_focused()
    expect(trait).to_have_value("")

    trait.fill("trialEnds")
    trait.press("Enter")
    dialog.get_by_label("Key").fill("plan")
    dialog.get_by_label("Key").press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("There is a trait with this key.")
    dialog.get_by_label("Key").fill("trialEnds")
    dialog.get_by_label("Kind").select_option("date")
    dialog.get_by_label("Description").fill("When the trial ends")
    dialog.get_by_role("button", name="Define trait").click()
    expect(dialog).to_have_count(0)
    expect(trait).to_have_value("trialEnds")
    expect(trait).to_be_focused()
    expect(page.get_by_label("Number of days")).to_be_visible()
    assert acme.traits.get(key="trialEnds").kind == Kind.DATE
    # Other rows know it too.
    page.get_by_role("button", name="Add rule").click()
    page.keyboard.type("trial")
    expect(options(page).first).to_have_text("trialEndsdate · no user has it yetWhen the trial ends")


def test_rules_move_without_losing_focus_or_caret(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "three-rules/edit/")
    assert traits(page) == ["plan", "teamSize", "beta"]
    value = page.get_by_label("Value").first
    value.press("Home")
    value.press("ArrowRight")
    value.press("Alt+Shift+ArrowDown")
    assert traits(page) == ["teamSize", "plan", "beta"]
    expect(page.locator("#rules-status")).to_have_text("Rule plan is now 2 of 3")
    focused = page.locator(":focus")
    expect(focused).to_have_value("pro")
    assert focused.evaluate("field => field.selectionStart") == 1
    expect(page.locator(".funnel li").nth(2)).to_contain_text("plan is pro")
    for _ in range(2):
        page.keyboard.press("Alt+Shift+ArrowUp")
    assert traits(page) == ["plan", "teamSize", "beta"]
    expect(page.locator("#rules-status")).to_have_text("Rule plan is first already")

    page.get_by_label("Move or duplicate rule: beta").press("Enter")
    up = page.get_by_role("button", name="Move up").locator("visible=true")
    up.press("Enter")
    up.press("Enter")
    expect(up).to_be_focused()
    assert traits(page) == ["beta", "plan", "teamSize"]
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".toast")).to_be_visible()
    assert [rule["trait"] for rule in Segment.objects.get(name="Three rules").rules] == ["beta", "plan", "teamSize"]


def test_a_rule_is_duplicated_with_what_was_typed(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor)
    page.get_by_label("Name").fill("Twice")
    choose(page, "plan", "is any of")
    values = page.get_by_role("combobox", name="Values")
    for text in ("pro", "free"):
        values.press_sequentially(text)
        values.press("Enter")
    page.get_by_label("Move or duplicate rule: plan").click()
    page.get_by_role("button", name="Duplicate").locator("visible=true").click()
    expect(page.locator(".rule")).to_have_count(2)
    copy = page.locator(".rule").last
    expect(copy.get_by_role("combobox", name="Trait")).to_be_focused()
    expect(copy.locator(".chip bdi")).to_have_text(["pro", "free"])
    expect(copy.get_by_role("combobox")).to_have_count(3)  # trait, comparison, values: each once
    copy.get_by_role("button", name="Remove pro").click()
    expect(page.locator(".rule").first.locator(".chip")).to_have_count(2)
    copy.get_by_label("Comparison").select_option(label="is none of")
    expect(page.locator(".audience")).to_contain_text("plan is none of free")
    assert Axe().run(page, options=WCAG).violations_count == 0
    page.get_by_role("button", name="Create segment").click()
    expect(page.locator(".toast")).to_be_visible()
    assert [(rule["operator"], rule["value"]) for rule in Segment.objects.get(name="Twice").rules] == [
        ("any_of", ["pro", "free"]),
        ("none_of", ["free"]),
    ]


def test_a_trait_may_have_the_letters_of_a_row_id(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    factories.person(acme, {"id-ffffffff-1": "x"})  # the id of the row that new rows are copied from
    Application.objects.filter(pk=acme.pk).update(slug="ffffffff")
    editor.application.slug = "ffffffff"
    page = open_builder(open_page, editor)
    page.get_by_role("button", name="Add rule").click()
    choose(page, "id-ffffffff-1", "is")
    page.get_by_label("Value").last.fill("x")
    big(page, 1)
    page.get_by_label("Move or duplicate rule").last.click()
    page.get_by_role("button", name="Duplicate").locator("visible=true").click()
    assert traits(page) == ["", "id-ffffffff-1", "id-ffffffff-1"]
    big(page, 1)
    ids = page.locator("#rules [id], #rules [name=rule]").evaluate_all("all => all.map((one) => one.id || one.value)")
    assert len(ids) == len(set(ids))
    assert not [one for one in ids if "ffffffff" in one]


def test_removals_are_undone_the_last_first(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "three-rules/edit/")
    page.get_by_label("Value").nth(1).fill("4")
    page.get_by_role("button", name="Remove rule: teamSize").press("Enter")
    expect(page.get_by_role("button", name="Remove rule: beta")).to_be_focused()
    page.keyboard.press("Enter")
    assert traits(page) == ["plan"]
    notice = page.locator("#removed")
    expect(notice).to_contain_text("Removed rule “beta”")
    expect(page.locator(".funnel li")).to_have_count(2)
    assert Axe().run(page, options=WCAG).violations_count == 0
    undo = page.get_by_role("button", name="Undo")
    undo.press("Enter")
    assert traits(page) == ["plan", "beta"]
    expect(page.get_by_role("combobox", name="Trait").last).to_be_focused()
    expect(notice).to_contain_text("Removed rule “teamSize”")
    undo.click()
    assert traits(page) == ["plan", "teamSize", "beta"]
    expect(notice).to_be_empty()
    expect(page.get_by_label("Value").nth(1)).to_have_value("4")
    expect(page.locator(".audience")).to_contain_text("teamSize is greater than 4")


def test_there_is_room_for_twenty_rules(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    rules = parse([{"trait": "plan", "operator": "equals", "value": str(number)} for number in range(20)])
    Segment.objects.create_with_rules(acme, name="Full", rules=rules)
    page = open_builder(open_page, editor, "full/edit/")
    add = page.get_by_role("button", name="Add rule")
    expect(add).to_be_disabled()
    menu = page.get_by_label("Move or duplicate rule").first
    duplicate = page.get_by_role("button", name="Duplicate").locator("visible=true")
    menu.click()
    expect(duplicate).to_be_disabled()
    page.get_by_role("button", name="Remove rule").last.click()
    expect(add).to_be_enabled()
    add.click()
    expect(page.locator(".rule")).to_have_count(20)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_rows_are_rearranged_without_script(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "three-rules/edit/", java_script_enabled=False)
    page.get_by_label("Move or duplicate rule: beta").click()
    page.get_by_role("button", name="Move up").locator("visible=true").click()
    page.get_by_role("button", name="Remove rule: plan").click()
    page.get_by_label("Move or duplicate rule: teamSize").click()
    page.get_by_role("button", name="Duplicate").locator("visible=true").click()
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".toast")).to_be_visible()
    rules = Segment.objects.get(name="Three rules").rules
    assert [rule["trait"] for rule in rules] == ["beta", "teamSize", "teamSize"]


def test_who_leaves_with_unsaved_changes_is_asked(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "three-rules/edit/")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    page.get_by_label("Name").click()
    page.get_by_role("link", name="Settings").click()
    expect(page).to_have_url(re.compile("/settings/"))
    assert asked == []
    page.go_back()
    page.get_by_label("Value").first.fill("free")
    page.get_by_role("link", name="Settings").click()
    page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("/three-rules/edit/"))
    assert asked == ["beforeunload"]
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".toast")).to_be_visible()
    assert asked == ["beforeunload"]


def test_a_refused_save_is_not_saved_yet(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor, "three-rules/edit/")
    asked: list[Dialog] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog)
        dialog.accept()

    page.get_by_label("Name").fill("")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Give the segment a name.")).to_be_visible()
    page.on("dialog", leave)
    page.get_by_label("Name").click()
    page.get_by_role("link", name="Settings").click()
    expect(page).to_have_url(re.compile("/settings/"))
    assert [dialog.type for dialog in asked] == ["beforeunload"]


def test_values_are_asked_for_once(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_builder(open_page, editor)
    choose(page, "plan", "is")
    expect(page.locator("combo-box[data-source$=plan]")).to_be_visible()  # the row is back
    value = page.get_by_label("Value")
    value.click()
    expect(options(page).first).to_be_visible()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if "/values/" in request.url else None)
    value.press_sequentially("fre")
    expect(options(page)).to_have_text(["free1 user"])
    value.click()
    assert asked == []


def test_enter_in_a_value_that_is_still_sought_sends_nothing(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    page = open_builder(open_page, editor)
    page.get_by_label("Name").fill("Free users")
    choose(page, "plan", "is")
    value = page.get_by_label("Value")
    value.press_sequentially("fre")
    expect(options(page)).to_have_text(["free1 user"])
    value.press("Enter")
    expect(options(page)).to_have_count(0)
    expect(value).to_be_focused()
    expect(value).to_have_value("fre")
    assert not Segment.objects.filter(name="Free users").exists()
