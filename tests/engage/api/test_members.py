"""The users in a segment, in pages and as CSV."""

import csv
import io

import pytest
from pytest_django import DjangoAssertNumQueries

from engage import key_order, members
from engage.rules import parse
from tests import factories
from tests.engage.api.calls import Api, assert_invalid


def ids_of_all_pages(api: Api, path: str, limit: int) -> list[str]:
    ids: list[str] = []
    page: str | None = ""
    while page is not None:
        answer = api.get(f"{path}?limit={limit}{page}").json
        assert len(answer["users"]) <= limit
        ids += [user["id"] for user in answer["users"]]
        page = f"&after={answer['next']}" if answer["next"] else None
    return ids


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.fixture
def filled(api: Api, stranger: Api) -> Api:
    api.segment()
    for number in range(12):
        plan = "pro" if number % 3 == 0 else "free"
        factories.person(api.application, {"plan": plan}, id=f"user {number}")
    factories.person(stranger.application, {"plan": "pro"}, id="theirs")
    return api


def test_a_user_is_listed_with_all_that_is_known(api: Api) -> None:
    api.segment()
    person = factories.person(api.application, {"plan": "pro", "n": 1.5}, id="1", email="ada@example.com", name="Ada")
    answer = api.get("/segments/pro-users/members")
    assert answer.status == 200
    assert answer.json["next"] is None
    (user,) = answer.json["users"]
    assert user == {
        "id": "1",
        "email": "ada@example.com",
        "name": "Ada",
        "first_seen": user["first_seen"],
        "last_seen": user["last_seen"],
        "traits": {"plan": "pro", "n": 1.5},
    }
    assert user["first_seen"] == person.first_seen.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 500])
@pytest.mark.parametrize("looked_at", [1, 2, 4, key_order.LOOKED_AT])
def test_pages_hold_each_member_once(filled: Api, monkeypatch: pytest.MonkeyPatch, limit: int, looked_at: int) -> None:
    """However far one looks before the way to them is chosen."""
    monkeypatch.setattr(key_order, "LOOKED_AT", looked_at)
    pro = ids_of_all_pages(filled, "/segments/pro-users/members", limit)
    assert sorted(pro) == ["user 0", "user 3", "user 6", "user 9"]
    everyone = ids_of_all_pages(filled, "/segments/everyone/members", limit)
    assert sorted(everyone) == sorted(f"user {number}" for number in range(12))
    assert [user for user in everyone if user in pro] == pro  # always in the same order


def test_a_page_has_50_users_unless_another_number_is_asked_for(api: Api) -> None:
    for number in range(51):
        factories.person(api.application, id=f"user {number}")
    answer = api.get("/segments/everyone/members").json
    assert (len(answer["users"]), answer["next"] is None) == (50, False)
    assert len(api.get("/segments/everyone/members?limit=51").json["users"]) == 51


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=", "limit"),
        ("limit=1e1", "limit"),
        ("after=", "after"),
        ("after=user", "after"),
        ("after=%00", "after"),
        ("format=xml", "format"),
    ],
)
def test_what_is_no_page_is_refused(filled: Api, query: str, field: str) -> None:
    assert_invalid(filled.get(f"/segments/pro-users/members?{query}"), "invalid_request", {"field": field})


def test_behind_the_last_user_there_is_nobody(filled: Api) -> None:
    answer = filled.get("/segments/everyone/members?after=ffffffff-ffff-ffff-ffff-ffffffffffff")
    assert answer.json == {"users": [], "next": None}


# CSV


def test_all_members_come_as_csv(filled: Api) -> None:
    factories.person(filled.application, {"plan": "pro", "a,b": 'say "hi"\nthere', "ok": True}, id="x", name="Zoë 👋")
    answer = filled.get("/segments/pro-users/members?format=csv&limit=1")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="pro-users.csv"'
    found = {row["id"]: row for row in table(answer.text)}
    assert found.keys() == {"user 0", "user 3", "user 6", "user 9", "x"}
    assert list(found["x"]) == ["id", "email", "name", "first_seen", "last_seen", "a,b", "ok", "plan"]
    assert found["x"] | {"first_seen": "", "last_seen": ""} == {
        "id": "x",
        "email": "",
        "name": "Zoë 👋",
        "first_seen": "",
        "last_seen": "",
        "a,b": 'say "hi"\nthere',
        "ok": "true",
        "plan": "pro",
    }
    assert found["user 0"]["first_seen"].endswith("Z")
    assert found["user 0"]["a,b"] == ""


def test_a_file_of_nobody_has_its_header(api: Api) -> None:
    api.segment()
    assert api.get("/segments/pro-users/members?format=csv").text == "id,email,name,first_seen,last_seen\r\n"


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1", "=cmd|' /C calc'!A0", "-"],
)
def test_no_cell_is_run_as_a_formula(api: Api, text: str) -> None:
    api.segment()
    factories.person(api.application, {"plan": "pro", "note": text, text: "x"}, name=text, id=f"{text.strip()}1")
    (row,) = table(api.get("/segments/pro-users/members?format=csv").text)
    # A line break begins a cell anew where a file is taken apart at semicolons.
    shown = f"'{text[0]}'{text[1:]}" if text[0] in "\r\n" else f"'{text}"
    assert row["note"] == shown
    assert row[shown] == "x"
    assert row["id"] == f"'{text.strip()}1"
    assert row["name"] == f"'{text.strip()}"


@pytest.mark.parametrize("text", ["1-1", "a=b", "pro", "'quoted'", "2026-01-01", "Ｐ", "a\t=1"])
def test_other_texts_stay_as_they_are(api: Api, text: str) -> None:
    api.segment()
    factories.person(api.application, {"plan": "pro", "note": text})
    assert table(api.get("/segments/pro-users/members?format=csv").text)[0]["note"] == text


@pytest.mark.parametrize("number", [-3, -0.5, 1e-7, -1e-7, 2**53, -(2**53)])
def test_numbers_stay_numbers(api: Api, number: float) -> None:
    api.segment()
    factories.person(api.application, {"plan": "pro", "n": number})
    cell = table(api.get("/segments/pro-users/members?format=csv").text)[0]["n"]
    assert not cell.startswith("'")
    assert float(cell) == number


def test_a_trait_with_the_name_of_a_column_has_one_of_its_own(api: Api) -> None:
    api.segment()
    factories.person(api.application, {"plan": "pro", "id": "other"}, id="42")
    (row,) = table(api.get("/segments/pro-users/members?format=csv").text)
    assert (row["id"], row["traits.id"]) == ("42", "other")


def test_a_file_is_streamed_in_pieces(
    filled: Api, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(members, "FILE_WALK", 5)
    with django_assert_num_queries(2 * 3 + 1):  # how far and who, for each walk; and the traits
        pieces = list(members.as_csv(filled.application, ()))
    assert [piece.count("\r\n") for piece in pieces] == [1 + 5, 5, 2]
    assert len(table("".join(pieces))) == 12


@pytest.mark.parametrize("matching", [0, 1, 3])
def test_a_file_of_few_is_read_by_their_keys(
    filled: Api,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
    matching: int,
) -> None:
    monkeypatch.setattr(members, "FILE_WALK", 2)
    monkeypatch.setattr(members, "FEW_SHOW", 4)
    ids = list(filled.application.people.order_by("id").values_list("external_id", flat=True))
    few = ids[12 - matching :]  # none of them among the first that are walked
    rules = parse([{"trait": "$id", "operator": "any_of", "value": [*few, "nobody"]}])
    with django_assert_num_queries(1 + 2 * 2 + 1 + (matching + 1) // 2):  # traits, two walks, keys, users by key
        text = "".join(members.as_csv(filled.application, rules))
    assert [row["id"] for row in table(text)] == few


def test_a_walk_that_ends_with_the_last_user_ends(filled: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "FILE_WALK", 12)
    assert len(table(filled.get("/segments/everyone/members?format=csv").text)) == 12
    assert len(ids_of_all_pages(filled, "/segments/everyone/members", 12)) == 12


@pytest.mark.parametrize("text", ["x;=HYPERLINK(1)", "x\n=1+1;", " =1+1", "\n=1+1", "a;b; =1+1"])
def test_no_spreadsheet_runs_a_part_of_a_cell(api: Api, text: str) -> None:
    """Some countries' spreadsheets take a file apart at semicolons."""
    factories.person(api.application, {"plan": "pro", "note": text})
    api.segment("A")
    answer = api.get("/segments/a/members?format=csv").text
    for delimiter in ",;":
        cells = [cell for row in csv.reader(io.StringIO(answer), delimiter=delimiter) for cell in row]
        assert not [cell for cell in cells if cell.strip().startswith(("=", "@"))]
