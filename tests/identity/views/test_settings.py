"""Settings: Install, Keys and Identity verification, by each who may and may not."""

import html
import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from identity import tally
from identity.models import Application, IdentitySecret, Key, Role, TraitState
from tests import factories
from tests.identity.calls import Api

PAGES = ["", "install/", "install/last/", "keys/", "verification/"]


def sign_in(client: Client, application: Application, role: Role = Role.OWNER) -> None:
    client.force_login(factories.teammate(application, role).user)


def pages_of_owners(api: Api) -> list[str]:
    """Pages that answer GET to owners alone."""
    key, secret = api.application.keys.earliest("pk"), api.application.identity_secrets.earliest("pk")
    return [f"keys/{key.pk}/revoke/", f"verification/secrets/{secret.pk}/", f"verification/secrets/{secret.pk}/retire/"]


def posts_of_owners(api: Api) -> list[tuple[str, dict[str, str]]]:
    key, secret = api.application.keys.earliest("pk"), api.application.identity_secrets.earliest("pk")
    return [
        ("keys/create/public/", {}),
        ("keys/create/secret/", {}),
        (f"keys/{key.pk}/revoke/", {}),
        ("verification/mode/", {"mode": "required", "confirmed": "1"}),
        ("verification/origins/", {"origins": "https://a.example"}),
        ("verification/secrets/add/", {}),
        (f"verification/secrets/{secret.pk}/retire/", {}),
    ]


@pytest.fixture(autouse=True)
def identity_secret(api: Api) -> IdentitySecret:
    return IdentitySecret.objects.add(api.application)


def stands(application: Application) -> list[object]:
    """All that Settings can change."""
    return [
        *Application.objects.filter(pk=application.pk).values(),
        *application.keys.values("id", "revoked_at"),
        *application.identity_secrets.values("id"),
        *application.traits.values("key", "server_only"),
    ]


def text_of(content: bytes) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", content.decode())))


@pytest.mark.parametrize("role", Role)
def test_the_whole_team_reads(api: Api, client: Client, role: Role) -> None:
    sign_in(client, api.application, role)
    for page in PAGES:
        assert client.get(f"/acme/settings/{page}", follow=True).status_code == 200


def test_a_stranger_finds_nothing(api: Api, client: Client) -> None:
    before = stands(api.application)
    sign_in(client, factories.new_application("Other").application)
    for page in PAGES + pages_of_owners(api):
        assert client.get(f"/acme/settings/{page}").status_code == 404
    for page, body in [*posts_of_owners(api), ("verification/server-only/", {"key": "plan"})]:
        assert client.post(f"/acme/settings/{page}", body).status_code == 404
    assert stands(api.application) == before


def test_what_is_another_applications_is_not_found(api: Api, client: Client) -> None:
    other = factories.new_application("Other").application
    sign_in(client, other)
    for page in pages_of_owners(api):
        assert client.get(f"/other/settings/{page}").status_code == 404
        assert client.post(f"/other/settings/{page}").status_code in (404, 405)
    assert api.application.keys.live().count() == 2
    assert api.application.identity_secrets.count() == 1


def test_who_is_signed_out_is_led_to_sign_in(api: Api, client: Client) -> None:
    for page in PAGES:
        assert client.get(f"/acme/settings/{page}")["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.VIEWER])
def test_only_owners_change_and_see_secrets(api: Api, client: Client, role: Role) -> None:
    before = stands(api.application)
    sign_in(client, api.application, role)
    for page in pages_of_owners(api):
        assert client.get(f"/acme/settings/{page}").status_code == 403
    for page, body in posts_of_owners(api):
        assert client.post(f"/acme/settings/{page}", body).status_code == 403
    assert stands(api.application) == before
    for page in ("keys/", "verification/"):
        shown = client.get(f"/acme/settings/{page}").content.decode()
        assert "/revoke/" not in shown
        assert "/secrets/" not in shown
        assert "Create " not in shown


def test_other_methods_are_refused(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    for page in PAGES:
        assert client.post(f"/acme/settings/{page}").status_code == 405
    for page, _ in posts_of_owners(api):
        assert client.put(f"/acme/settings/{page}").status_code == 405
        if not page.endswith(("revoke/", "retire/")):
            assert client.get(f"/acme/settings/{page}").status_code == 405


# Install


def test_install_shows_the_newest_live_public_key(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    newer, revoked = Key.objects.create_public(api.application), Key.objects.create_public(api.application)
    Key.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())
    shown = client.get("/acme/settings/install/").content.decode()
    assert newer.public_text in shown
    assert api.public_key not in shown
    assert revoked.public_text not in shown


def test_install_proves_that_it_works(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    assert "No user has been identified yet" in text_of(client.get("/acme/settings/install/").content)
    api.identify({"id": "u1"})
    tally.flush()
    for page in ("install/", "install/last/"):
        assert "Last identify received now ." in text_of(client.get(f"/acme/settings/{page}").content)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("code", "command"),
    [
        ("code-curl", ["sh", "-c"]),
        ("code-python", [sys.executable, "-c"]),
        ("code-segment", [sys.executable, "-c"]),
        ("code-node", ["node", "--input-type=module", "-e"]),
    ],
)
def test_the_examples_work_as_they_stand(
    api: Api, client: Client, live_server: LiveServer, code: str, command: list[str]
) -> None:
    sign_in(client, api.application)
    page = client.get("/acme/settings/install/", headers={"Host": live_server.url.removeprefix("http://")})
    found = re.search(rf'<pre id="{code}">(.*?)</pre>', page.content.decode(), re.DOTALL)
    assert found
    environment = os.environ | {"CALLOUT_SECRET_KEY": api.secret_key}
    subprocess.run([*command, html.unescape(found[1])], env=environment, check=True, timeout=30, capture_output=True)
    person = api.application.people.get()
    assert (person.external_id, person.email, person.traits["plan"]) == ("42", "ada@example.com", "pro")


# Keys


def test_a_secret_key_is_shown_once(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    answer = client.post("/acme/settings/keys/create/secret/")
    (text,) = set(re.findall(r"co_sec_[\w-]{20,}", answer.content.decode()))
    assert "no-store" in answer["Cache-Control"]
    assert text not in client.get("/acme/settings/keys/").content.decode()
    assert text not in json.dumps(dict(client.session))
    assert api.identify({"id": "u1"}, Authorization=f"Bearer {text}").status == 200


def test_a_public_key_is_rotated(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    old = Key.objects.get(public_text=api.public_key)
    refused = client.post(f"/acme/settings/keys/{old.pk}/revoke/")
    assert refused.status_code == 422
    assert "This is the only public key." in text_of(refused.content)
    assert "go on working" in text_of(client.post("/acme/settings/keys/create/public/", follow=True).content)
    newer = api.application.keys.live().public().latest("pk")
    assert "never been used" in text_of(client.get(f"/acme/settings/keys/{newer.pk}/revoke/").content)
    answer = client.post(f"/acme/settings/keys/{old.pk}/revoke/", follow=True)
    assert f"{old} is revoked." in text_of(answer.content)
    assert list(api.application.keys.live().public()) == [newer]
    assert client.get(f"/acme/settings/keys/{old.pk}/revoke/").status_code == 404


# Identity verification


def change_mode(client: Client, **sent: str) -> Any:
    return client.post("/acme/settings/verification/mode/", sent, follow=True)


def test_required_is_chosen_in_two_steps(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    Application.objects.filter(pk=api.application.pk).update(
        verification="report", unsigned_calls=1234, last_unsigned_at=timezone.now()
    )
    asked = text_of(change_mode(client, mode="required").content)
    assert "Of the calls since reporting began, 1,234 had no valid signature" in asked
    api.application.refresh_from_db()
    assert api.application.verification == "report"
    done = text_of(change_mode(client, mode="required", confirmed="1").content)
    assert "Unsigned calls with a public key are refused from now on." in done
    api.application.refresh_from_db()
    assert (api.application.verification, api.application.unsigned_calls) == ("required", 0)


def test_required_without_a_secret_says_what_would_happen(
    api: Api, client: Client, identity_secret: IdentitySecret
) -> None:
    identity_secret.delete()
    sign_in(client, api.application)
    assert "There is no identity secret yet" in text_of(change_mode(client, mode="required").content)


def test_an_unknown_mode_is_refused(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    assert client.post("/acme/settings/verification/mode/", {"mode": "maybe"}).status_code == 422


def test_while_it_is_not_required_the_page_says_what_anyone_can_do(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    warning = "anyone who reads it there can write the traits of any user"
    assert warning in text_of(client.get("/acme/settings/verification/").content)
    change_mode(client, mode="required", confirmed="1")
    assert warning not in text_of(client.get("/acme/settings/verification/").content)


def test_an_identity_secret_is_shown_on_demand(api: Api, client: Client, identity_secret: IdentitySecret) -> None:
    sign_in(client, api.application)
    assert identity_secret.text is not None
    assert identity_secret.text not in client.get("/acme/settings/verification/").content.decode()
    shown = client.get(f"/acme/settings/verification/secrets/{identity_secret.pk}/")
    assert identity_secret.text in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]


def test_identity_secrets_come_and_go(api: Api, client: Client, identity_secret: IdentitySecret) -> None:
    sign_in(client, api.application)
    client.post("/acme/settings/verification/secrets/add/")
    assert api.application.identity_secrets.count() == 2
    assert "Create identity secret" not in text_of(client.get("/acme/settings/verification/").content)
    third = client.post("/acme/settings/verification/secrets/add/", follow=True)
    assert "Two identity secrets are live already." in text_of(third.content)
    client.post(f"/acme/settings/verification/secrets/{identity_secret.pk}/retire/")
    assert api.application.identity_secrets.count() == 1


def test_origins_are_listed_as_browsers_write_them(api: Api, client: Client) -> None:
    sign_in(client, api.application)
    typed = "https://App.example.com/\r\n\r\nhttps://app.example.com\r\nhttp://localhost:3000\r\n"
    answer = client.post("/acme/settings/verification/origins/", {"origins": typed}, follow=True)
    assert "Only pages of 2 listed may call." in text_of(answer.content)
    api.application.refresh_from_db()
    assert api.application.origins == ["https://app.example.com", "http://localhost:3000"]
    wrong = client.post("/acme/settings/verification/origins/", {"origins": "app.example.com\n*"})
    assert wrong.status_code == 422
    assert "“app.example.com” is not an origin" in text_of(wrong.content)
    assert "“*” is not an origin" in text_of(wrong.content)
    assert re.search(r"<textarea[^>]* autofocus", wrong.content.decode())  # the field is far down the page
    client.post("/acme/settings/verification/origins/", {"origins": ""})
    api.application.refresh_from_db()
    assert api.application.origins == []


def test_editors_say_what_only_a_server_writes(api: Api, client: Client) -> None:
    sign_in(client, api.application, Role.EDITOR)
    page = "/acme/settings/verification/server-only/"
    api.application.traits.create(key="plan")
    for key in ("plan", "<b>new</b>"):
        assert "can write" in text_of(client.post(page, {"key": key}, follow=True).content)
    assert set(api.application.traits.values_list("key", "server_only")) == {("plan", True), ("<b>new</b>", True)}
    assert "<b>new</b>" not in client.get("/acme/settings/verification/").content.decode()
    client.post(page, {"key": "plan", "remove": "1"})
    assert api.application.traits.get(key="plan").server_only is False
    api.application.traits.create(key="going", state=TraitState.DELETED)
    for key in ("", "$email", "x" * 101, "\0", "going"):
        assert client.post(page, {"key": key}).status_code == 422


def test_viewers_do_not(api: Api, client: Client) -> None:
    sign_in(client, api.application, Role.VIEWER)
    assert client.post("/acme/settings/verification/server-only/", {"key": "plan"}).status_code == 403
