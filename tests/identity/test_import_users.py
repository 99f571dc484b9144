"""`manage.py import_users`: files of users, through to the database."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from identity import caches
from identity.models import Application, Person, Trait
from tests import factories


@pytest.fixture
def acme(transactional_db: None) -> Application:
    caches.forget()
    return factories.new_application().application


def run(file: Path, body: bytes | None = None, slug: str = "acme") -> str:
    if body is not None:
        file.write_bytes(body)
    out = io.StringIO()
    call_command("import_users", str(file), "--application", slug, stdout=out)
    return out.getvalue()


def versions() -> list[tuple[object, ...]]:
    """The version of each stored row, as PostgreSQL numbers them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT external_id, xmin, ctid FROM identity_person ORDER BY 1")
        return list(cursor.fetchall())


CSV = b"""id,email,name,plan,seats,beta
u1,ann@example.com,Ann,pro,3,true
u2,bob,Bob,free,12,false
null,,,pro,1,true
u3,,,,,
u4,a,b,c,d,e,f
"""


def test_a_csv_file_is_imported(acme: Application, tmp_path: Path) -> None:
    said = run(tmp_path / "users.csv", CSV)
    assert dict(acme.people.values_list("external_id", "traits")) == {
        "u1": {"plan": "pro", "seats": 3, "beta": True},
        "u2": {"plan": "free", "seats": 12, "beta": False},
        "u3": {},
    }
    assert list(acme.people.order_by("external_id").values_list("email", "name")) == [
        ("ann@example.com", "Ann"),
        ("", "Bob"),
        ("", ""),
    ]
    assert "3 users imported into Acme." in said
    assert "Columns read: plan as text and dates, seats as numbers, beta as true or false." in said
    assert f"2 rows refused. They stand in {tmp_path / 'users.refused.csv'}, each with its reason." in said
    assert "Warning: invalid_email in email, 1 times." in said
    refused = (tmp_path / "users.refused.csv").read_text().splitlines()
    assert refused[0] == '"$refused",id,email,name,plan,seats,beta'
    assert refused[1] == '"line 4: This id looks like a mistake in the code that sends it.",null,,,pro,1,true'
    assert refused[2] == '"line 6: The row has 7 cells, and the header 6.",u4,a,b,c,d,e,f'
    assert len(refused) == 3


def test_json_lines_are_imported(acme: Application, tmp_path: Path) -> None:
    lines = [
        {"id": "u1", "email": "ann@example.com", "traits": {"plan": "pro", "company": {"name": "Acme"}}},
        {"type": "identify", "userId": "u2", "traits": {"plan": "free"}, "timestamp": "2020-01-01T00:00Z"},
        {"type": "track", "userId": "u2", "event": "Signed up"},
        {"type": "identify", "anonymousId": "a1"},
        {"id": "null"},
        {"id": "u3", "traits": {"list": [1]}},
    ]
    said = run(tmp_path / "users.jsonl", "\n".join(map(json.dumps, lines)).encode())
    assert dict(acme.people.values_list("external_id", "traits")) == {
        "u1": {"plan": "pro", "company.name": "Acme"},
        "u2": {"plan": "free"},
        "u3": {},
    }
    assert acme.people.get(external_id="u2").first_seen.year == 2020
    assert "3 users imported into Acme." in said
    assert "2 rows ignored" in said
    assert "1 rows refused" in said
    (refused,) = (tmp_path / "users.refused.jsonl").read_text().splitlines()
    assert json.loads(refused) == {
        "$refused": "line 5: This id looks like a mistake in the code that sends it.",
        "id": "null",
    }


@pytest.mark.parametrize("name", ["users.csv", "users.jsonl"])
def test_run_again_it_changes_nothing(acme: Application, tmp_path: Path, name: str) -> None:
    users = [{"id": f"u{n}", "name": f"User {n}", "traits": {"plan": "pro", "seats": n}} for n in range(2_500)]
    if name == "users.csv":
        body = b"id,name,plan,seats\n" + b"".join(b"u%d,User %d,pro,%d\n" % (n, n, n) for n in range(2_500))
    else:
        body = "\n".join(map(json.dumps, users)).encode()
    said = run(tmp_path / name, body)
    stored, traits = versions(), list(Trait.objects.values_list("key", "first_kind"))
    assert len(stored) == 2_500
    assert run(tmp_path / name) == said
    assert (versions(), list(Trait.objects.values_list("key", "first_kind"))) == (stored, traits)
    assert not (tmp_path / f"users.refused{Path(name).suffix}").exists()


def test_an_import_reads_traits_as_they_are_known(acme: Application, tmp_path: Path) -> None:
    acme.traits.create(key="zip", declared_kind="string")
    factories.person(acme, {"seats": 1})
    run(tmp_path / "users.csv", b"id,zip,seats\nu1,12345,n/a\nu2,,7\n")
    stored = dict(acme.people.values_list("external_id", "traits"))
    assert (stored["u1"], stored["u2"]) == ({"zip": "12345", "seats": "n/a"}, {"seats": 7})


def test_an_import_writes_what_only_a_server_may(acme: Application, tmp_path: Path) -> None:
    acme.traits.create(key="plan", server_only=True)
    run(tmp_path / "users.csv", b"id,plan\nu1,pro\n")
    assert acme.people.get().traits == {"plan": "pro"}


def test_an_empty_cell_leaves_what_was_there(acme: Application, tmp_path: Path) -> None:
    factories.person(acme, {"plan": "pro"}, id="u1", name="Ann")
    run(tmp_path / "users.csv", b"id,name,plan\nu1,,\n")
    assert acme.people.values("name", "traits").get() == {"name": "Ann", "traits": {"plan": "pro"}}


def test_only_the_named_application_gets_users(acme: Application, tmp_path: Path) -> None:
    other = factories.new_application("Other").application
    run(tmp_path / "users.csv", b"id\nu1\n", slug="other")
    assert list(Person.objects.values_list("application", flat=True)) == [other.pk]


def test_what_can_not_be_imported_is_said_in_a_line(acme: Application, tmp_path: Path) -> None:
    for body, slug, says in (
        (b"id\nu1\n", "nobody", "There is no application “nobody”"),
        (b"plan\npro\n", "acme", "The header has no column “id”"),
        (b"", "acme", "The file is empty"),
    ):
        with pytest.raises(CommandError, match=says):
            run(tmp_path / "users.csv", body, slug)
    with pytest.raises(CommandError, match="No such file or directory"):
        run(tmp_path / "nothing.csv")
    with pytest.raises(CommandError, match="Is a directory"):
        run(tmp_path)
    (tmp_path / "bad.refused.csv").mkdir()
    with pytest.raises(CommandError, match=r"bad\.refused\.csv: Is a directory"):
        run(tmp_path / "bad.csv", b"id\nnull\n")
    assert not Person.objects.exists()
