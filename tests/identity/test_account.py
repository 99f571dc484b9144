"""Sign in and out, and every road to a password."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.core import mail
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from identity.models import User

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

pytestmark = pytest.mark.django_db

OLD = "correct horse battery"
NEW = "seven quiet lighthouses"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("maya@example.com", OLD)


@pytest.fixture
def newcomer() -> User:
    """An account as `create_application` makes it, with a password that someone else has seen."""
    return User.objects.create_user("newcomer@example.com", OLD, must_choose_password=True)


def sign_in(client: Client, email: str, password: str = OLD, **more: str) -> Response:
    return client.post(reverse("sign_in"), {"username": email, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def text(response: Response) -> str:
    """What the page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def input_tag(response: Response, name: str) -> str:
    found = re.search(rf'<input[^>]* name="{name}"[^>]*>', response.content.decode())
    assert found, f"no input {name}"
    return found.group()


def assert_error_at(response: Response, name: str, error: str) -> None:
    """The error stands at the field, is tied to it, is announced, and the cursor waits there."""
    assert response.status_code == 200
    tag = input_tag(response, name)
    assert 'aria-invalid="true"' in tag
    described_by = re.search(r'aria-describedby="([^"]+)"', tag)
    assert described_by
    assert f"id_{name}_error" in described_by.group(1).split()
    alert = re.search(
        rf'<div class="errors" id="id_{name}_error" role="alert">(.*?)</div>', response.content.decode(), re.DOTALL
    )
    assert alert
    assert error in unescape(alert.group(1))


def has_cursor(response: Response, name: str) -> bool:
    return " autofocus" in input_tag(response, name) and response.content.decode().count(" autofocus") == 1


class TestSignIn:
    def test_shows_a_form(self, client: Client) -> None:
        response = client.get(reverse("sign_in"))
        assert response.status_code == 200
        assert "<title>Sign in · Callout</title>" in response.content.decode()
        assert 'type="email"' in input_tag(response, "username")
        assert 'autocomplete="username"' in input_tag(response, "username")
        assert 'autocomplete="current-password"' in input_tag(response, "password")
        assert has_cursor(response, "username")

    def test_works(self, client: Client, user: User) -> None:
        response = sign_in(client, "maya@example.com")
        assert (response.status_code, response["Location"]) == (302, reverse("home"))
        assert is_signed_in(client)

    @pytest.mark.parametrize("typed", ["maya@example.com", "MAYA@EXAMPLE.COM", "  maya@Example.com "])
    def test_case_and_blanks_do_not_matter(self, client: Client, user: User, typed: str) -> None:
        sign_in(client, typed)
        assert is_signed_in(client)

    def test_unknown_address_wrong_password_and_closed_account_get_one_answer(self, client: Client, user: User) -> None:
        User.objects.create_user("closed@example.com", OLD, is_active=False)
        User.objects.create_user("without-password@example.com")
        answers = set()
        for email, password in [
            ("maya@example.com", "wrong"),
            ("nobody@example.com", OLD),
            ("closed@example.com", OLD),
            ("without-password@example.com", OLD),
        ]:
            response = sign_in(client, email, password)
            assert_error_at(response, "password", "E-mail address and password don’t match.")
            assert has_cursor(response, "password")
            assert not is_signed_in(client)
            answers.add(text(response))
        assert len(answers) == 1

    def test_the_typed_address_stays_and_the_password_does_not(self, client: Client, user: User) -> None:
        response = sign_in(client, "maya@example.com", "a wrong password")
        assert 'value="maya@example.com"' in input_tag(response, "username")
        assert "a wrong password" not in response.content.decode()

    def test_says_what_is_missing(self, client: Client) -> None:
        response = sign_in(client, "", "")
        assert_error_at(response, "username", "Enter your e-mail address.")
        assert_error_at(response, "password", "Enter your password.")
        assert has_cursor(response, "username")

    @pytest.mark.parametrize(
        "typed", ["\0", "a" * 300, "'; DROP TABLE identity_user; --", "<script>alert(1)</script>", "🙂"]
    )
    def test_hostile_addresses_are_only_wrong(self, client: Client, typed: str) -> None:
        response = sign_in(client, typed)
        assert response.status_code == 200
        assert "<script>alert" not in response.content.decode()

    def test_leads_to_the_page_that_was_asked_for(self, client: Client, user: User) -> None:
        page = "/acme/engage/segments/?q=pro&page=2"
        form = client.get(reverse("sign_in"), {"next": page})
        assert f'name="next" value="{page.replace("&", "&amp;")}"' in form.content.decode()
        assert sign_in(client, "maya@example.com", next=page)["Location"] == page

    @pytest.mark.parametrize(
        "elsewhere",
        ["https://evil.example", "//evil.example", "///evil.example", "\\\\evil.example", "javascript:alert(1)"],
    )
    def test_leads_nowhere_else(self, client: Client, user: User, elsewhere: str) -> None:
        assert "evil" not in client.get(reverse("sign_in"), {"next": elsewhere}).content.decode()
        assert sign_in(client, "maya@example.com", next=elsewhere)["Location"] == reverse("home")

    def test_whoever_is_signed_in_goes_home(self, client: Client, user: User) -> None:
        client.force_login(user)
        assert client.get(reverse("sign_in"))["Location"] == reverse("home")

    def test_wants_a_token(self, user: User) -> None:
        client = Client(enforce_csrf_checks=True)
        response = sign_in(client, "maya@example.com")
        assert response.status_code == 403
        assert "Please try again" in text(response)
        assert not is_signed_in(client)

    def test_refuses_other_methods(self, client: Client) -> None:
        assert client.delete(reverse("sign_in")).status_code == 405

    def test_is_not_kept_by_caches(self, client: Client) -> None:
        assert "no-store" in client.get(reverse("sign_in"))["Cache-Control"]


class TestSignOut:
    def test_works(self, client: Client, user: User) -> None:
        client.force_login(user)
        response = client.post(reverse("sign_out"))
        assert response["Location"] == reverse("sign_in")
        assert not is_signed_in(client)

    def test_a_link_can_sign_nobody_out(self, client: Client, user: User) -> None:
        client.force_login(user)
        assert client.get(reverse("sign_out")).status_code == 405
        assert is_signed_in(client)


def ask_for_link(client: Client, email: str) -> Response:
    return client.post(reverse("password_forgotten"), {"email": email})


def sent() -> EmailMessage:
    assert len(mail.outbox) == 1
    return mail.outbox[0]


def link() -> str:
    """The path of the link in the one mail that was sent."""
    found = re.search(rf"^{re.escape(settings.CALLOUT_URL)}(/\S+)$", str(sent().body), re.MULTILINE)
    assert found, sent().body
    return found.group(1)


def open_link(client: Client) -> str:
    """Open the link of the mail, and return the address of the form that it leads to."""
    response = client.get(link())
    assert response.status_code == 302
    return str(response["Location"])


def new_password(first: str = NEW, second: str | None = None) -> dict[str, str]:
    return {"new_password1": first, "new_password2": first if second is None else second}


class TestForgottenPassword:
    def test_shows_a_form(self, client: Client) -> None:
        response = client.get(reverse("password_forgotten"))
        assert response.status_code == 200
        assert 'autocomplete="username"' in input_tag(response, "email")

    def test_mails_a_link(self, client: Client, user: User) -> None:
        response = ask_for_link(client, "MAYA@example.com")
        assert response["Location"] == reverse("password_forgotten_sent")
        assert sent().to == ["maya@example.com"]
        assert sent().subject == "Choose a new password for Callout"
        assert link().startswith("/password/choose/")
        assert "works once, for 3 days" in str(sent().body)
        assert "&" not in str(sent().body)

    def test_the_mail_is_plain_text_and_reads_as_typed(self, client: Client) -> None:
        User.objects.create_user("o'brien&co@example.com", OLD)
        ask_for_link(client, "o'brien&co@example.com")
        assert "account o'brien&co@example.com." in str(sent().body)
        assert sent().content_subtype == "plain"
        assert str(sent().body).startswith("Hello,")
        assert str(sent().body) == str(sent().body).strip() + "\n"

    def test_the_link_leads_where_the_operator_says_whatever_the_host_header(self, client: Client, user: User) -> None:
        client.post(reverse("password_forgotten"), {"email": user.email}, headers={"host": "localhost"})
        assert link()

    def test_an_unknown_address_gets_the_same_answer_and_no_mail(self, client: Client, user: User) -> None:
        User.objects.create_user("closed@example.com", OLD, is_active=False)
        known = ask_for_link(client, user.email)
        assert sent().to == [user.email]
        for email in ("nobody@example.com", "closed@example.com"):
            unknown = ask_for_link(client, email)
            assert (unknown.status_code, unknown["Location"]) == (known.status_code, known["Location"])
            assert unknown.content == known.content
            assert set(unknown.cookies) == set(known.cookies)
        assert len(mail.outbox) == 1

    def test_mail_that_can_not_be_sent_gives_nobody_away(
        self, client: Client, user: User, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
        assert ask_for_link(client, user.email)["Location"] == reverse("password_forgotten_sent")
        assert "Failed to send password reset email" in caplog.text

    def test_an_account_without_password_gets_one_this_way(self, client: Client) -> None:
        user = User.objects.create_user("invited@example.com")
        ask_for_link(client, user.email)
        client.post(open_link(client), new_password())
        sign_in(client, user.email, NEW)
        assert is_signed_in(client)

    @pytest.mark.parametrize(
        ("typed", "error"),
        [("", "Enter your e-mail address."), ("maya", "Enter an e-mail address, like maya@example.com.")],
    )
    def test_shows_errors(self, client: Client, typed: str, error: str) -> None:
        assert_error_at(ask_for_link(client, typed), "email", error)

    def test_the_next_page_reveals_nothing(self, client: Client) -> None:
        response = client.get(reverse("password_forgotten_sent"))
        assert "If there is an account for this address" in text(response)


class TestChooseByLink:
    def test_works_once(self, client: Client, user: User) -> None:
        ask_for_link(client, user.email)
        form = open_link(client)
        page = client.get(form)
        assert "For maya@example.com" in text(page)
        assert 'autocomplete="new-password"' in input_tag(page, "new_password1")
        assert 'autocomplete="new-password"' in input_tag(page, "new_password2")

        response = client.post(form, new_password())
        assert response["Location"] == reverse("sign_in")
        assert "Password saved. Sign in with it." in text(client.get(response["Location"]))

        for path in (link(), form):
            assert "This link no longer works" in text(client.get(path))
            assert "This link no longer works" in text(client.post(path, new_password("another new password")))
        sign_in(client, user.email, OLD)
        assert not is_signed_in(client)
        sign_in(client, user.email, NEW)
        assert is_signed_in(client)

    def test_the_address_of_the_form_keeps_no_token(self, client: Client, user: User) -> None:
        ask_for_link(client, user.email)
        assert link().split("/")[-2] not in open_link(client)

    def test_ends_when_the_person_has_signed_in_meanwhile(self, client: Client, user: User) -> None:
        ask_for_link(client, user.email)
        sign_in(Client(), user.email)
        assert "This link no longer works" in text(client.get(link()))

    @pytest.mark.parametrize(
        "path", ["/password/choose/MQ/aaa-bbb/", "/password/choose/!!/x/", "/password/choose/MQ/set-password/"]
    )
    def test_a_made_up_link_does_not_work(self, client: Client, user: User, path: str) -> None:
        assert "This link no longer works" in text(client.get(path))
        assert "This link no longer works" in text(client.post(path, new_password()))

    @pytest.mark.parametrize(
        ("data", "field", "error"),
        [
            (new_password("short"), "new_password1", "at least 10 characters"),
            (new_password("password12"), "new_password1", "too common"),
            (new_password("Maya@example.com"), "new_password1", "too similar"),
            (new_password(NEW, "something else"), "new_password2", "The two passwords differ."),
            (new_password("", ""), "new_password1", "Enter a new password."),
            (new_password(NEW, ""), "new_password2", "Enter the new password again."),
        ],
    )
    def test_shows_errors(self, client: Client, user: User, data: dict[str, str], field: str, error: str) -> None:
        ask_for_link(client, user.email)
        response = client.post(open_link(client), data)
        assert_error_at(response, field, error)
        assert has_cursor(response, field)
        user.refresh_from_db()
        assert user.check_password(OLD)


class TestChangePassword:
    def change(self, client: Client, old: str = OLD, **data: str) -> Response:
        return client.post(reverse("password_change"), {"old_password": old, **(data or new_password())})

    def test_works_and_stays_signed_in_here_alone(self, client: Client, user: User) -> None:
        elsewhere = Client()
        client.force_login(user)
        elsewhere.force_login(user)
        response = self.change(client)
        assert response["Location"] == reverse("home")
        assert [str(message) for message in get_messages(response.wsgi_request)] == [
            "Password saved. Other browsers are signed out."
        ]
        assert client.get(reverse("password_change")).status_code == 200
        assert elsewhere.get(reverse("password_change")).status_code == 302
        user.refresh_from_db()
        assert user.check_password(NEW)

    def test_shows_a_form(self, client: Client, user: User) -> None:
        client.force_login(user)
        response = client.get(reverse("password_change"))
        assert 'autocomplete="current-password"' in input_tag(response, "old_password")
        assert 'autocomplete="new-password"' in input_tag(response, "new_password1")
        assert has_cursor(response, "old_password")

    def test_strangers_sign_in_first(self, client: Client) -> None:
        response = client.get(reverse("password_change"))
        assert response["Location"] == f"{reverse('sign_in')}?next={reverse('password_change')}"

    def test_wants_the_current_password(self, client: Client, user: User) -> None:
        client.force_login(user)
        assert_error_at(self.change(client, old="wrong"), "old_password", "This is not your current password.")
        assert_error_at(self.change(client, old=""), "old_password", "Enter your current password.")
        user.refresh_from_db()
        assert user.check_password(OLD)

    def test_shows_errors(self, client: Client, user: User) -> None:
        client.force_login(user)
        response = self.change(client, **new_password("short"))
        assert_error_at(response, "new_password1", "at least 10 characters")
        assert has_cursor(response, "new_password1")

    def test_refuses_other_methods(self, client: Client, user: User) -> None:
        client.force_login(user)
        assert client.delete(reverse("password_change")).status_code == 405


FIRST = "/password/first/"


class TestOneTimePassword:
    def test_every_page_leads_to_a_password_of_ones_own(self, client: Client, newcomer: User) -> None:
        sign_in(client, newcomer.email)
        assert client.get(reverse("home"))["Location"] == f"{FIRST}?next=/"
        assert client.get("/acme/engage/segments/?q=x")["Location"] == f"{FIRST}?next=/acme/engage/segments/%3Fq%3Dx"
        assert client.get(reverse("password_change"))["Location"].startswith(FIRST)
        assert client.post("/acme/engage/segments/create/", {"name": "x"})["Location"] == f"{FIRST}?next=/"

    def test_choosing_one_opens_the_page_that_was_asked_for(self, client: Client, newcomer: User) -> None:
        client.force_login(newcomer)
        page = "/acme/engage/segments/?q=x"
        form = client.get(FIRST, {"next": page})
        assert f'name="next" value="{page}"' in form.content.decode()
        assert has_cursor(form, "new_password1")
        assert client.post(FIRST, {**new_password(), "next": page})["Location"] == page
        newcomer.refresh_from_db()
        assert newcomer.check_password(NEW)
        assert not newcomer.must_choose_password
        # Still signed in, and the page is closed: it asks for no old password.
        assert client.get(FIRST)["Location"] == reverse("home")
        assert client.post(FIRST, new_password("yet another password"))["Location"] == reverse("home")
        newcomer.refresh_from_db()
        assert newcomer.check_password(NEW)

    @pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example"])
    def test_leads_nowhere_else(self, client: Client, newcomer: User, elsewhere: str) -> None:
        client.force_login(newcomer)
        assert "evil" not in client.get(FIRST, {"next": elsewhere}).content.decode()
        assert client.post(FIRST, {**new_password(), "next": elsewhere})["Location"] == reverse("home")

    def test_the_one_time_password_itself_is_refused(self, client: Client, newcomer: User) -> None:
        client.force_login(newcomer)
        response = client.post(FIRST, new_password(OLD))
        assert_error_at(response, "new_password1", "This is the password that you were given.")
        newcomer.refresh_from_db()
        assert newcomer.must_choose_password

    @pytest.mark.parametrize(
        ("data", "field", "error"),
        [
            (new_password("short"), "new_password1", "at least 10 characters"),
            (new_password(NEW, "something else"), "new_password2", "The two passwords differ."),
            ({}, "new_password1", "Enter a new password."),
        ],
    )
    def test_shows_errors(self, client: Client, newcomer: User, data: dict[str, str], field: str, error: str) -> None:
        client.force_login(newcomer)
        assert_error_at(client.post(FIRST, data), field, error)

    def test_signing_out_stays_possible(self, client: Client, newcomer: User) -> None:
        client.force_login(newcomer)
        client.post(reverse("sign_out"))
        assert not is_signed_in(client)

    def test_a_link_by_mail_does_as_well(self, client: Client, newcomer: User) -> None:
        ask_for_link(client, newcomer.email)
        client.force_login(newcomer)
        mail.outbox.clear()  # signing in ended that link
        ask_for_link(Client(), newcomer.email)
        client.post(open_link(client), new_password())
        newcomer.refresh_from_db()
        assert not newcomer.must_choose_password

    def test_strangers_sign_in_first(self, client: Client) -> None:
        assert client.get(FIRST)["Location"] == f"{reverse('sign_in')}?next={FIRST}"

    def test_refuses_other_methods(self, client: Client, newcomer: User) -> None:
        client.force_login(newcomer)
        assert client.delete(FIRST).status_code == 405

    def test_others_are_left_alone(self, client: Client, user: User) -> None:
        client.force_login(user)
        assert client.get(FIRST)["Location"] == reverse("home")

    def test_the_api_asks_for_no_user(
        self, client: Client, newcomer: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client.force_login(newcomer)
        with django_assert_num_queries(0):
            assert client.get("/v1/nothing").status_code == 404


class TestWholePages:
    """htmx follows redirects by itself; the sign-in page must not come to stand inside another page."""

    HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/acme/engage/segments/?q=x"}

    def test_sign_in_replaces_the_page(self, client: Client) -> None:
        response = client.get(reverse("password_change"), headers=self.HTMX)
        assert response.status_code == 200
        assert response["HX-Redirect"] == f"{reverse('sign_in')}?next=/acme/engage/segments/%3Fq%3Dx"

    def test_so_does_choosing_a_password(self, client: Client, newcomer: User) -> None:
        client.force_login(newcomer)
        response = client.post("/acme/engage/segments/preview/", headers=self.HTMX)
        assert response["HX-Redirect"] == f"{FIRST}?next=/acme/engage/segments/%3Fq%3Dx"

    def test_without_the_address_of_the_page_it_leads_home(self, client: Client) -> None:
        response = client.get(reverse("password_change"), headers={"HX-Request": "true"})
        assert response["HX-Redirect"] == f"{reverse('sign_in')}?next=/"


class TestErrorPages:
    def test_a_page_that_is_not_there(self, client: Client) -> None:
        response = client.get("/nothing/here/")
        assert response.status_code == 404
        assert "Page not found" in text(response)

    @pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "500"])
    def test_needs_neither_context_nor_database(
        self, name: str, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        with django_assert_num_queries(0):
            page = render_to_string(f"{name}.html")
        assert "Go to the start page" in page

    @pytest.mark.parametrize("path", ["/sign-in/", "/password/forgotten/", "/password/forgotten/sent/", "/nothing/"])
    def test_nothing_in_a_page_breaks_the_security_policy(self, client: Client, path: str) -> None:
        response = client.get(path)
        assert "default-src 'self'" in response["Content-Security-Policy"]
        page = response.content.decode()
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
        assert not re.search(r"<script(?![^>]* src=)", page)


def test_a_current_page_that_is_no_address_does_no_harm(client: Client, db: None) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://["}
    response = client.get("/", headers=headers)
    assert response["HX-Redirect"] == "/sign-in/?next=/"
