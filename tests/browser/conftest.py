"""Browser tests drive the Chromium of the machine. Where there is none they are skipped, unless CALLOUT_BROWSER is
“required”, as in CI: then they fail."""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

# Playwright's synchronous API runs a loop in this thread; the tests read the database between its calls, never inside.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Quiet and alone: no sandbox, which root can't have, and nothing that calls home.
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = "no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("CALLOUT_BROWSER") == "required":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, live_server: LiveServer) -> Iterator[OpenPage]:
    """Open a page of the live server in a fresh context: `open_page("/", width=360, color_scheme="dark")`. Whatever the
    pages complain of on the console, the content security policy above all, fails the test."""
    contexts = []
    complaints: list[str] = []

    def open_page(path: str, *, width: int = 1280, java_script_enabled: bool = True, **options: object) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 800},
            java_script_enabled=java_script_enabled,
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # A form with errors is a 422, a preview without a session a 401, and htmx reports each preview that a newer one
    # overtook: all as it should be.
    expected = (
        "status of 409",
        "status of 422",
        "status of 401",
        "Status Error Code 401",
        "htmx:afterRequest",
        "htmx:sendAbort",
    )
    assert [text for text in complaints if not any(part in text for part in expected)] == []
