"""Every page, as people have it: wide and narrow, light and dark, without script, by keyboard alone."""

import time
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Page, Route, expect

from engage.models import Segment
from engage.rules import parse
from identity import uploads
from identity.models import Application, IdentitySecret, Role, Teammate
from tests import factories
from tests.browser.conftest import OpenPage

LONG = "Customers of a very long name " * 3 + "<b>&amp;</b> 🦄 مرحبا"
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.fixture
def acme(transactional_db: None) -> Application:
    """An application with names and keys that try the layout."""
    acme = factories.new_application().application
    for plan, size in (("pro", 20), ("pro", 5), ("free", "n/a"), ("x" * 300, 1)):
        factories.person(acme, {"plan": plan, "teamSize": size, "joined": "2026-01-01", "beta": True}, name=LONG[:100])
    someone = factories.person(acme, {"a_key_without_any_spaces_" * 4: "x", "plan": "pro"}, email="someone@example.com")
    rule = {"trait": "plan", "operator": "equals", "value": "pro"}
    Segment.objects.create_with_rules(acme, name="Pro users", rules=parse([rule]))
    rules: list[dict[str, object]] = [{"trait": "plan", "operator": "not_equals", "value": "x" * 300}] * 20
    Segment.objects.create_with_rules(acme, name=LONG[:100], rules=parse(rules))
    values: list[tuple[str, str, object]] = [
        ("plan", "any_of", ["pro", "x" * 300]),
        ("teamSize", "between", [5, 10]),
        ("joined", "on", "2026-01-01"),
        ("joined", "within_next_days", 36_500),
        ("plan", "ends_with", "two\nlines"),
    ]
    rules = [{"trait": trait, "operator": operator, "value": value} for trait, operator, value in values]
    Segment.objects.create_with_rules(acme, name="Fields of all kinds", rules=parse(rules))
    IdentitySecret.objects.add(acme)
    acme.traits.create(key="a_key_without_any_spaces_" * 3, server_only=True)
    acme.origins = ["https://" + "a-long-name." * 10 + "example"]
    acme.save()
    by = factories.teammate(acme).user
    rows = f"id,$no,{'x' * 90},plan\n{someone.external_id},2,3,pro\nnull,,,\n"
    for name, body in (("users.csv", rows), (f"{'no-id-' * 30}.csv", "e-mail\na@b.c\n")):
        kept = uploads.keep(acme, SimpleUploadedFile(name, body.encode()), created_by=by)
        uploads.run(kept, must_stop=lambda: False)
    return acme


@pytest.fixture
def editor(acme: Application) -> Teammate:
    return factories.teammate(acme, Role.EDITOR)


@pytest.fixture
def owner(acme: Application) -> Teammate:
    return factories.teammate(acme, Role.OWNER)


def sign_in(page: Page, teammate: Teammate) -> None:
    """As a browser that signed in before."""
    client = Client()
    client.force_login(teammate.user)
    origin = page.evaluate("location.origin") + "/"
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": origin}])


def wait_for_one(page: Page, held: list[Route]) -> None:
    """Until the page has asked for what a test holds back."""
    deadline = time.monotonic() + 20
    while not held:
        assert time.monotonic() < deadline, "the page did not ask"
        page.wait_for_timeout(20)


def paths(acme: Application) -> list[str]:
    root = f"/{acme.slug}/engage/segments/"
    slugs = [segment.slug for segment in Segment.objects.filter(application=acme)]
    segments = [
        root,
        f"{root}?q=nothing",
        f"{root}create/",
        f"{root}traits/",
        f"{root}traits/?show=quiet",
        f"{root}traits/define/",
        *(f"{root}traits/{pk}/{page}" for pk in acme.traits.values_list("pk", flat=True) for page in ("", "received/")),
        *(f"{root}{slug}/" for slug in slugs),
    ]
    segments += [f"{root}{slug}/edit/" for slug in slugs if slug != "everyone"]
    pages = ["members/", "members/?q=nobody", "why/", "why/?user=someone@example.com", "why/?user=x", "history/"]
    pages += ["history/1/restore/", "delete/"]
    segments += [f"{root}{slug}/{page}" for slug in ("pro-users", slugs[-1]) for page in pages]
    segments += [f"{root}export/", f"{root}import/", f"{root}?sort=-users", f"{root}create/?copy=pro-users"]
    users = f"/{acme.slug}/users/"
    hostile = f"{users}{acme.people.filter(traits__plan='x' * 300).get().pk}/"
    segments += [users, f"{users}?q=nobody", f"{users}?trait=plan&value=pro", hostile, f"{hostile}erase/"]
    settings = f"/{acme.slug}/settings/"
    key, secret = acme.keys.earliest("pk"), acme.identity_secrets.get()
    done, failed = acme.imports.order_by("pk")
    owners = [
        f"import/{done.pk}/",
        f"import/{failed.pk}/",
        f"keys/{key.pk}/revoke/",
        f"verification/secrets/{secret.pk}/",
        f"verification/secrets/{secret.pk}/retire/",
    ]
    return [*segments, *(f"{settings}{page}" for page in ["install/", "import/", "keys/", "verification/", *owners])]


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_no_page_has_a_barrier_or_scrolls_sideways(
    acme: Application, owner: Teammate, open_page: OpenPage, width: int, color_scheme: str
) -> None:
    page = open_page("/sign-in/", width=width, color_scheme=color_scheme)
    for path in ["/sign-in/", "/help/operators/", "/password/forgotten/", *paths(acme)]:
        page.goto(path)
        assert page.url.endswith(path)
        found = Axe().run(page, options=WCAG)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} scrolls sideways"
        if path == "/password/forgotten/":
            sign_in(page, owner)


def test_a_segment_is_built_by_keyboard_alone(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    press = page.keyboard.press
    page.get_by_label("Name").focus()
    page.keyboard.type("By keyboard")
    press("Tab")
    page.keyboard.type("team")
    expect(page.get_by_role("option", name="teamSize")).to_contain_text("number · 4 users")
    press("Enter")
    comparison = page.get_by_label("Comparison")
    expect(comparison).to_be_enabled()
    expect(page.get_by_role("combobox", name="Trait")).to_be_focused()
    press("Tab")
    page.keyboard.type("is gr")
    press("Tab")
    page.keyboard.type("10")
    expect(page.get_by_role("complementary", name="Audience").locator(".big")).to_have_text("1")
    expect(page.get_by_label("Value")).to_be_focused()
    press("Enter")
    expect(page.locator(".toast", has_text="Created “By keyboard”: 1 user now.")).to_be_visible()


def test_escape_leaves_the_trait_as_it_was(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    trait = page.get_by_role("combobox", name="Trait")
    trait.fill("tea")
    trait.press("Escape")
    expect(trait).to_have_value("plan")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.get_by_label("Value")).to_have_value("pro")


def test_what_is_typed_while_a_row_comes_back_stays(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    held: list[Route] = []
    # A lambda, because Playwright looks into what it is given, and can't into a built-in method.
    page.route("**/rule/**", lambda route: held.append(route))  # noqa: PLW0108
    page.get_by_label("Comparison").select_option(label="contains")
    value = page.get_by_label("Value")
    value.fill("fre")
    value.press("Home")
    wait_for_one(page, held)
    held[0].continue_()
    audience = page.get_by_role("complementary", name="Audience")
    expect(audience).to_contain_text("plan contains fre")
    expect(value).to_have_value("fre")
    expect(value).to_be_focused()
    assert value.evaluate("field => field.selectionStart") == 0


def test_an_older_answer_never_replaces_a_newer_one(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route("**/preview/**", hold_the_first)
    page.get_by_label("Value").fill("free")
    wait_for_one(page, held)
    page.get_by_label("Value").fill("nobody")
    audience = page.get_by_role("complementary", name="Audience")
    expect(audience.locator(".big")).to_have_text("0")
    held[0].continue_()
    page.wait_for_timeout(300)
    expect(audience.locator(".big")).to_have_text("0")
    expect(audience).to_contain_text("plan is nobody")


def test_rules_are_removed_with_focus_kept_in_the_list(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    page.get_by_role("button", name="Add rule").click()
    expect(page.get_by_role("combobox", name="Trait").last).to_be_focused()
    page.get_by_role("button", name="Remove rule").first.press("Enter")
    expect(page.locator(".rule")).to_have_count(1)
    expect(page.get_by_role("button", name="Remove rule")).to_be_focused()
    expect(page.get_by_role("complementary", name="Audience").locator(".big")).to_have_text("5")


def test_errors_are_said_and_marked_while_typing(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    page.get_by_role("combobox", name="Trait").fill("joined")
    page.get_by_role("option", name="joined").click()
    days = page.get_by_label("Number of days")
    days.fill("0")
    expect(page.get_by_text("Enter a whole number of days").first).to_be_visible()
    expect(days).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#audience-status")).to_contain_text("Enter a whole number of days")
    days.fill("30")
    expect(page.locator(".rule .error")).to_be_hidden()
    expect(days).not_to_have_attribute("aria-invalid", "true")


def test_a_segment_is_built_without_script(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/", java_script_enabled=False)
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    page.get_by_label("Name").fill("By hand")
    page.get_by_label("Trait").select_option("teamSize")
    page.get_by_role("button", name="Update fields and count").click()
    page.get_by_label("Comparison").select_option(label="is greater than")
    page.get_by_label("Value").fill("10")
    page.get_by_role("button", name="Add rule").click()
    page.get_by_role("button", name="Remove rule").last.click()
    expect(page.locator(".audience .big")).to_have_text("1")
    page.get_by_role("button", name="Create segment").click()
    expect(page.locator(".toast", has_text="Created “By hand”: 1 user now.")).to_be_visible()


def test_search_narrows_the_list_in_place(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/")
    search = page.get_by_label("Search segments")
    search.press_sequentially("pro u")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(search).to_be_focused()
    expect(page).to_have_url(f"{page.url.split('?')[0]}?q=pro%20u")
    page.reload()
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("link", name="Pro users").click()
    page.go_back()
    expect(page.get_by_role("heading", name="Segments", level=1)).to_be_visible()


def test_a_toast_says_what_was_saved(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    page.get_by_label("Name").fill("Professionals")
    page.get_by_role("button", name="Save changes").click()
    toast = page.locator(".toast", has_text="Saved “Professionals”: 3 users now.")
    expect(toast).to_be_visible()
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_be_hidden()


def test_nobody_waits_for_a_row_to_type_on(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    held: list[Route] = []
    page.route("**/rule/**", lambda route: held.append(route))  # noqa: PLW0108
    page.get_by_role("combobox", name="Trait").focus()
    page.keyboard.type("teamSize")
    for key in ("Tab", "Tab"):  # chooses, and goes on to the comparison and the value
        page.keyboard.press(key)
    page.keyboard.type("2")
    wait_for_one(page, held)
    held[0].continue_()
    value = page.get_by_label("Value")
    expect(value).to_have_attribute("type", "number")
    expect(value).to_be_focused()
    page.keyboard.type("0")
    expect(value).to_have_value("20")
    expect(page.get_by_role("complementary", name="Audience")).to_contain_text("teamSize is 20")


@pytest.mark.parametrize("released_after", ["", "i", "is ", "is gr"])
def test_a_comparison_is_chosen_by_typing_however_slow_its_row_is(
    acme: Application, editor: Teammate, open_page: OpenPage, released_after: str
) -> None:
    """The row of the new trait comes back while the comparison is typed, or only when the rule is written and sent."""
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    page.clock.set_fixed_time(timezone.now())  # between two keys of a word less than a second goes by
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route("**/rule/**", hold_the_first)
    page.get_by_label("Name").fill("Slowly")
    page.get_by_role("combobox", name="Trait").focus()
    page.keyboard.type("teamSize")
    page.keyboard.press("Tab")
    page.keyboard.type(released_after)
    if released_after == "is gr":
        page.keyboard.press("Tab")
        page.keyboard.type("10")
        page.keyboard.press("Enter")
    wait_for_one(page, held)
    held[0].continue_()
    if released_after != "is gr":
        expect(page.get_by_label("Value")).to_have_attribute("type", "number")
        expect(page.get_by_label("Comparison")).to_be_focused()
        page.keyboard.type("is gr".removeprefix(released_after))
        page.keyboard.press("Tab")
        page.keyboard.type("10")
        page.keyboard.press("Enter")
    expect(page.locator(".toast", has_text="Created “Slowly”: 1 user now.")).to_be_visible()
    [rule] = Segment.objects.get(name="Slowly").rules
    assert rule == {"trait": "teamSize", "operator": "greater_than", "value": 10}


def test_a_comparison_is_typed_as_in_any_list(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    now = timezone.now()
    page.clock.set_fixed_time(now)
    comparison = page.get_by_label("Comparison")
    comparison.focus()
    page.keyboard.type("C")
    expect(comparison).to_have_value("contains")
    page.keyboard.type("x")  # no comparison begins with “cx”
    expect(comparison).to_have_value("contains")
    page.clock.set_fixed_time(now + timedelta(seconds=2))  # another word begins
    page.keyboard.type("is n")
    expect(comparison).to_have_value("not_equals")
    page.clock.set_fixed_time(now + timedelta(seconds=4))
    page.keyboard.type("is set")
    expect(comparison).to_have_value("is_set")
    page.keyboard.press("Control+a")  # no letter
    expect(comparison).to_have_value("is_set")
    page.clock.set_fixed_time(now + timedelta(seconds=6))
    expect(page.get_by_label("Value")).to_have_count(0)
    page.keyboard.type("ii")  # the next but one that begins with “i”
    expect(comparison).to_have_value("equals")
    expect(comparison).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(comparison).to_have_value("not_equals")


def test_a_trait_typed_in_full_is_chosen_on_leaving(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    trait = page.get_by_role("combobox", name="Trait")
    trait.fill("TEAMSIZE")
    page.get_by_label("Name").click()
    expect(trait).to_have_value("teamSize")
    expect(page.get_by_label("Value")).to_have_attribute("type", "number")
    trait.click()
    page.keyboard.type("joined")  # replaces what stood there
    page.keyboard.press("Enter")
    expect(page.get_by_label("Number of days")).to_be_visible()


def test_a_draft_outlives_the_session(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    page.get_by_label("Name").fill("Draft")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("combobox", name="Trait").fill("plan")
    page.get_by_role("combobox", name="Trait").press("Enter")
    expect(page.get_by_text("You are signed out. Sign in again in another tab")).to_be_visible()
    page.context.clear_cookies(name="csrftoken")
    sign_in(page, editor)
    other = page.context.new_page()
    other.goto(f"{page.url}")  # brings a new token
    page.get_by_label("Value").fill("pro")
    expect(page.get_by_role("complementary", name="Audience").locator(".big")).to_have_text("3")
    page.get_by_role("button", name="Create segment").click()
    expect(page.locator(".toast", has_text="Created “Draft”: 3 users now.")).to_be_visible()


def test_a_refused_save_begins_where_something_is_to_mend(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/pro-users/edit/")
    page.get_by_label("Value").fill("")
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Enter a value.")).to_be_visible()
    expect(page.get_by_label("Value")).to_be_focused()


def choose(page: Page, trait: str, comparison: str) -> None:
    page.get_by_role("combobox", name="Trait").fill(trait)
    page.get_by_role("option", name=trait).first.click()
    page.get_by_label("Comparison").select_option(label=comparison)


@pytest.mark.parametrize(
    ("trait", "comparison", "typed", "users", "value"),
    [
        ("plan", "is any of", {"Values, one per line": "pro\nfree"}, "4", ["pro", "free"]),
        ("teamSize", "is none of", {"Values, one per line": "5\n20"}, "3", [5, 20]),
        ("teamSize", "is between", {"From": "5", "To": "20"}, "2", [5, 20]),
        ("joined", "is before", {"Date": "2026-01-02"}, "4", "2026-01-02"),
        ("joined", "is longer ago than", {"Number of days": "1"}, "4", 1),
        ("plan", "starts with", {"Value": "PR"}, "3", "PR"),
    ],
)
@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_every_field_of_a_value_counts_is_saved_and_opens_again(
    acme: Application,
    editor: Teammate,
    open_page: OpenPage,
    java_script_enabled: bool,
    trait: str,
    comparison: str,
    typed: dict[str, str],
    users: str,
    value: object,
) -> None:
    page = open_page("/sign-in/", java_script_enabled=java_script_enabled)
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    page.get_by_label("Name").fill("Fields")
    if java_script_enabled:
        choose(page, trait, comparison)
    else:
        for label, option in (("Trait", trait), ("Comparison", comparison)):
            page.get_by_label(label).select_option(label=option)
            page.get_by_role("button", name="Update fields and count").click()
    for label, text in typed.items():
        if java_script_enabled and label == "Values, one per line":
            for line in text.split("\n"):
                page.get_by_role("combobox", name="Values").fill(line)
                page.get_by_role("combobox", name="Values").press("Enter")
        else:
            page.get_by_label(label, exact=True).fill(text)
    if not java_script_enabled:
        page.get_by_role("button", name="Update fields and count").click()
    expect(page.locator(".audience .big")).to_have_text(users)
    page.get_by_role("button", name="Create segment").click()
    expect(page.locator(".toast", has_text="Created “Fields”")).to_be_visible()
    assert Segment.objects.get(name="Fields").rules[0]["value"] == value
    page.goto(f"/{acme.slug}/engage/segments/fields/edit/")
    for label, text in typed.items():
        field = page.locator("textarea") if label == "Values, one per line" else page.get_by_label(label, exact=True)
        expect(field).to_have_value(text)
    expect(page.locator(".audience .big")).to_have_text(users)


def test_what_is_typed_into_each_field_stays_when_its_row_comes_back(
    acme: Application, editor: Teammate, open_page: OpenPage
) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    held: list[Route] = []
    choose(page, "teamSize", "is between")
    expect(page.get_by_label("From")).to_be_visible()
    page.route("**/rule/**", lambda route: held.append(route))  # noqa: PLW0108
    page.get_by_label("Comparison").select_option(label="is between")
    page.get_by_label("Comparison").dispatch_event("input")
    page.get_by_label("From").fill("5")
    page.get_by_label("To", exact=True).fill("20")
    wait_for_one(page, held)
    held.pop().continue_()
    expect(page.get_by_role("complementary", name="Audience")).to_contain_text("teamSize is between 5 and 20")
    expect(page.get_by_label("To", exact=True)).to_be_focused()
    page.unroute("**/rule/**")
    choose(page, "plan", "is any of")
    values = page.get_by_role("combobox", name="Values")
    expect(values).to_be_visible()
    page.route("**/rule/**", lambda route: held.append(route))  # noqa: PLW0108
    page.get_by_label("Comparison").select_option(label="is none of")
    values.fill("pro")
    values.press("Enter")
    values.press_sequentially("fr")
    values.press("ArrowLeft")
    wait_for_one(page, held)
    held.pop().continue_()
    expect(page.get_by_role("complementary", name="Audience")).to_contain_text("plan is none of pro or fr")
    expect(page.locator(".chip")).to_have_count(1)
    expect(values).to_have_value("fr")
    expect(values).to_be_focused()
    assert values.evaluate("field => field.selectionStart") == 1


def test_errors_mark_both_ends_of_a_range(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    choose(page, "teamSize", "is between")
    page.get_by_label("From").fill("20")
    page.get_by_label("To", exact=True).fill("5")
    expect(page.locator("#audience-status")).to_contain_text("Enter the smaller number first.")
    for label in ("From", "To"):
        expect(page.get_by_label(label, exact=True)).to_have_attribute("aria-invalid", "true")
    assert Axe().run(page, options=WCAG).violations_count == 0
    page.get_by_label("To", exact=True).fill("25")
    expect(page.get_by_label("To", exact=True)).not_to_have_attribute("aria-invalid", "true")


def test_the_search_prefers_what_is_called_so(acme: Application, editor: Teammate, open_page: OpenPage) -> None:
    factories.person(acme, {"company.name": "Acme", "planned": True})
    page = open_page("/sign-in/")
    sign_in(page, editor)
    page.goto(f"/{acme.slug}/engage/segments/create/")
    trait = page.get_by_role("combobox", name="Trait")
    for typed, chosen in (("name", "Name"), ("plan", "plan"), ("company", "company.name")):
        trait.fill(typed)
        trait.press("Enter")
        expect(trait).to_have_value(chosen)
