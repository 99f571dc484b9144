"""A page of another site calls the API, in a real browser, which alone knows what a page may read."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from engage.applications import NewApplication
from identity import caches, configuration
from tests import factories


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A customer's app</title>")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def app_origin() -> Iterator[str]:
    """The origin of a customer's app, on a port of its own."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def acme(transactional_db: None) -> NewApplication:
    caches.forget()
    return factories.new_application()


@pytest.fixture
def page(browser: Browser, app_origin: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(app_origin)
    yield page
    context.close()


CALL = """async ([url, headers, body, credentials]) => {
    try {
        const answer = await fetch(url, {method: "POST", headers, body, credentials})
        return [answer.status, (await answer.json()).code ?? "ok", answer.headers.get("Retry-After")]
    } catch (error) {
        return [error.name]
    }
}"""


def call(page: Page, url: str, headers: dict[str, str], body: str, credentials: str = "omit") -> list[object]:
    """What a page sees of a call: status, code and Retry-After, or the name of the error when it may not look."""
    found: list[object] = page.evaluate(CALL, [url, headers, body, credentials])
    return found


def people(acme: NewApplication) -> set[str]:
    return set(acme.application.people.values_list("external_id", flat=True))


def test_a_page_of_another_site_calls_and_reads_the_answer(
    page: Page, live_server: LiveServer, acme: NewApplication
) -> None:
    methods: list[str] = []
    page.on("request", lambda request: methods.append(request.method))
    url, plain = f"{live_server.url}/v1/identify?key={acme.public_key}", {"Content-Type": "text/plain"}
    assert call(page, url, plain, '{"id": "plain"}') == [200, "ok", None]
    bearer = {"Authorization": f"Bearer {acme.public_key}", "Content-Type": "application/json", "X-Retry-Count": "1"}
    assert call(page, f"{live_server.url}/v1/identify", bearer, '{"id": "preflight"}') == [200, "ok", None]
    assert call(page, url, plain, "{") == [400, "invalid_json", None]
    assert call(page, f"{live_server.url}/v1/identify?key=x", plain, '{"id": "u"}') == [401, "invalid_key", None]
    assert call(page, f"{live_server.url}/v1/i/", plain, "{}") == [404, "not_found", None]
    assert people(acme) == {"plain", "preflight"}
    assert set(methods) == {"POST"}


def test_a_page_never_reads_with_its_cookies(page: Page, live_server: LiveServer, acme: NewApplication) -> None:
    url = f"{live_server.url}/v1/identify?key={acme.public_key}"
    assert call(page, url, {}, '{"id": "u1"}', credentials="include") == ["TypeError"]


def test_a_page_of_an_unlisted_origin_gets_no_answer(
    page: Page, live_server: LiveServer, acme: NewApplication, app_origin: str
) -> None:
    url = f"{live_server.url}/v1/identify?key={acme.public_key}"
    configuration.set_origins(acme.application, origins=["https://app.example.com"])
    assert call(page, url, {}, '{"id": "u1"}') == ["TypeError"]
    assert people(acme) == set()
    configuration.set_origins(acme.application, origins=["https://app.example.com", app_origin])
    assert call(page, url, {}, '{"id": "u1"}') == [200, "ok", None]
    assert people(acme) == {"u1"}
