import io
import json
from dataclasses import dataclass

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from engage.models import Segment
from identity.models import Application, Key, Role, Teammate, User
from identity.models.application import SLUG_LENGTH
from tests import factories

OWNER = "ann@example.com"

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Printed:
    out: str
    err: str

    @property
    def fields(self) -> dict[str, str]:
        """The text form: a line for each field, its label before a colon, its value, and perhaps a remark."""
        lines = (line.partition(":") for line in self.out.splitlines())
        return {label: text.split()[0] for label, _, text in lines}


def create(name: str = "Acme", owner: str = OWNER, *options: str) -> Printed:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_application", name, "--owner", owner, *options, stdout=out, stderr=err)
    return Printed(out.getvalue(), err.getvalue())


def test_it_makes_an_application_with_all_that_it_needs() -> None:
    create(" Acme Ltd ")
    application = Application.objects.get()
    assert (application.name, application.slug, application.time_zone) == ("Acme Ltd", "acme-ltd", "UTC")
    everyone = Segment.objects.get(application=application)
    assert (everyone.name, everyone.is_everyone) == ("Everyone", True)
    owner = Teammate.objects.get(application=application)
    assert (owner.user.email, owner.role) == (OWNER, Role.OWNER)
    assert [key.is_secret for key in application.keys.order_by("pk")] == [False, True]


def test_it_prints_what_one_needs() -> None:
    printed = create()
    assert list(printed.fields) == ["Slug", "Public key", "Secret key", "Owner", "One-time password"]
    assert printed.fields["Slug"] == "acme"
    assert printed.fields["Public key"].startswith("co_pub_")
    assert printed.fields["Secret key"].startswith("co_sec_")
    assert printed.fields["Owner"] == OWNER
    assert "shown only now" in printed.out
    assert printed.err == ""


def test_as_json_it_prints_slug_and_keys_and_nothing_else() -> None:
    printed = create("Acme", OWNER, "--json")
    keys = json.loads(printed.out)
    assert keys.keys() == {"slug", "public_key", "secret_key"}
    assert keys["slug"] == "acme"
    assert keys["public_key"] == Key.objects.exclude(public_text="").get().public_text
    assert keys["secret_key"].startswith("co_sec_")
    assert "password" in printed.err  # beside it, where a script does not read


def test_both_keys_work_at_once(client: Client) -> None:
    keys = json.loads(create("Acme", OWNER, "--json").out)
    for external_id, key in (("u1", keys["public_key"]), ("u2", keys["secret_key"])):
        answer = client.post(
            "/v1/identify",
            {"id": external_id},
            content_type="application/json",
            headers={"Authorization": f"Bearer {key}"},
        )
        assert answer.status_code == 200
    assert set(Application.objects.get().people.values_list("external_id", flat=True)) == {"u1", "u2"}


def test_a_new_owner_gets_a_password_for_one_time() -> None:
    password = create().fields["One-time password"]
    owner = User.objects.get()
    assert owner.check_password(password)
    assert owner.must_choose_password
    assert len(password) >= 16


def test_passwords_for_one_time_differ() -> None:
    passwords = {create(owner=f"owner{n}@example.com").fields["One-time password"] for n in range(3)}
    assert len(passwords) == 3


@pytest.mark.parametrize("address", [OWNER, "Ann@Example.COM", f" {OWNER} "])
def test_an_owner_who_has_an_account_keeps_it_and_its_password(address: str) -> None:
    factories.new_application()
    ann = User.objects.create_user(OWNER, "correct horse battery")
    printed = create("Acme", address)
    assert "One-time password" not in printed.fields
    ann.refresh_from_db()
    assert ann.check_password("correct horse battery")
    assert not ann.must_choose_password
    assert Teammate.objects.get(user=ann).application.name == "Acme"
    assert create("Acme", address, "--json").err == ""


@pytest.mark.parametrize("name", ["v1", "API", "Sdk", "static", "Sign in", "sign-in", "Admin"])
def test_a_name_that_would_shadow_a_path_gets_a_suffix(name: str) -> None:
    first, second = (create(name).fields["Slug"] for _ in range(2))
    base = name.lower().replace(" ", "-")
    assert (first, second) == (f"{base}-2", f"{base}-3")


def test_the_same_name_gets_another_slug() -> None:
    assert [create(name).fields["Slug"] for name in ("Acme", "ACME", "Acme!", "Acme 2")] == [
        "acme",
        "acme-2",
        "acme-3",
        "acme-2-2",
    ]


def test_a_slug_is_free_when_only_a_longer_one_is_taken() -> None:
    assert [create(name).fields["Slug"] for name in ("Acme Ltd", "Acme")] == ["acme-ltd", "acme"]


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Büro Ñandú", "buro-nandu"), ("株式会社", "app-2"), ("Ελλάς", "app-2"), ("👋", "app-2"), ("…", "app-2")],
)
def test_a_name_in_any_script_has_a_slug(name: str, slug: str) -> None:
    assert create(name).fields["Slug"] == slug
    assert Application.objects.get().name == name
    assert create(name).fields["Slug"] != slug


def test_a_long_name_has_a_slug_that_fits() -> None:
    slugs = [create("Acme and Sons " * 7).fields["Slug"] for _ in range(3)]
    assert len(set(slugs)) == 3
    assert all(len(slug) <= SLUG_LENGTH and "--" not in slug for slug in slugs)


@pytest.mark.parametrize(
    ("name", "owner", "message"),
    [
        ("", OWNER, "blank"),
        ("  ", OWNER, "blank"),
        ("x" * 101, OWNER, "100 characters"),
        ("Acme", "", "blank"),
        ("Acme", "ann", "valid email"),
        ("Acme", "ann@example", "valid email"),
        ("Acme", "x" * 250 + "@example.com", "254 characters"),
    ],
)
def test_what_can_not_be_used_is_refused_in_one_line_and_nothing_is_made(name: str, owner: str, message: str) -> None:
    with pytest.raises(CommandError, match=message) as raised:
        create(name, owner)
    assert "\n" not in str(raised.value)
    assert not Application.objects.exists()
    assert not User.objects.exists()
    assert not Key.objects.exists()


def test_an_owner_is_needed() -> None:
    with pytest.raises(CommandError, match="--owner"):
        call_command("create_application", "Acme")
