"""Settings > Import: a file goes in, and one watches what becomes of it."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from identity import uploads
from identity.models import Application, UserImport
from tests import factories
from tests.browser.conftest import OpenPage
from tests.browser.test_pages import sign_in

CSV = "id,plan\nu1,pro\nnull,free\n"


@pytest.fixture
def acme(transactional_db: None) -> Application:
    return factories.new_application().application


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "users.csv"
    path.write_text(CSV)
    return path


@pytest.mark.parametrize("java_script_enabled", [True, False])
def test_an_uploaded_file_is_imported_while_one_watches(
    acme: Application, open_page: OpenPage, file: Path, java_script_enabled: bool
) -> None:
    page = open_page("/sign-in/", java_script_enabled=java_script_enabled)
    sign_in(page, factories.teammate(acme))
    page.goto("/acme/settings/import/")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.get_by_role("button", name="Import users").click()
    expect(page.get_by_role("heading", name="users.csv")).to_be_visible()
    expect(page.get_by_role("status").first).to_contain_text("Waiting")
    uploads.run(UserImport.objects.get(), must_stop=lambda: False)
    if not java_script_enabled:
        page.reload()
    expect(page.get_by_role("status").first).to_contain_text("Done")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download refused rows").click()
    assert '"line 3: This id looks like a mistake' in Path(download.value.path()).read_text()


def test_what_is_too_large_is_said_before_it_is_sent(acme: Application, open_page: OpenPage, file: Path) -> None:
    page = open_page("/sign-in/")
    sign_in(page, factories.teammate(acme))
    page.goto("/acme/settings/import/")
    page.locator("#upload").evaluate("form => form.dataset.limit = 5")
    page.get_by_label("File", exact=True).set_input_files(file)
    expect(page.get_by_role("alert")).to_contain_text("larger than 200 MB")
    page.get_by_role("button", name="Import users").click()
    expect(page.get_by_label("File", exact=True)).to_be_focused()
    assert not UserImport.objects.exists()
    page.get_by_label("File", exact=True).set_input_files([])
    page.get_by_role("button", name="Import users").click()
    expect(page.get_by_text("Choose a file.")).to_be_visible()


def test_after_a_broken_upload_one_can_try_again(acme: Application, open_page: OpenPage, file: Path) -> None:
    page = open_page("/sign-in/")
    sign_in(page, factories.teammate(acme))
    page.goto("/acme/settings/import/")
    page.get_by_label("File", exact=True).set_input_files(file)
    page.evaluate("() => { window.send = XMLHttpRequest.prototype.send }")
    page.evaluate("() => { XMLHttpRequest.prototype.send = function () { this.dispatchEvent(new Event('error')) } }")
    page.get_by_role("button", name="Import users").click()
    expect(page.get_by_role("alert")).to_contain_text("try again")
    page.evaluate("() => { XMLHttpRequest.prototype.send = window.send }")
    page.get_by_role("button", name="Import users").click()
    expect(page.get_by_role("heading", name="users.csv")).to_be_visible()
