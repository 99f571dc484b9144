"""Where people land."""

from django.test import Client

from identity.models import User
from tests.engage.views.conftest import SignedIn
from tests.engage.views.test_segments import text


def test_home_is_the_first_application(editor: SignedIn) -> None:
    assert editor.client.get("/")["Location"] == editor.path()
    assert editor.client.get(f"/{editor.application.slug}/")["Location"] == editor.path()


def test_home_asks_to_sign_in(db: None) -> None:
    assert Client().get("/")["Location"] == "/sign-in/?next=/"


def test_without_an_application_home_says_how_to_get_one(db: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("new@example.com", "correct horse battery"))
    assert "You are not in an application yet" in text(client.get("/"))


def test_pages_carry_a_strict_policy(editor: SignedIn) -> None:
    policy = editor.client.get(editor.path())["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "style=" not in text(editor.client.get(editor.path()))
