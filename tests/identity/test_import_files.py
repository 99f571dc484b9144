"""Reading users out of files."""

import csv
import io
import json
import time
import tracemalloc
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity import import_files
from identity.import_files import COLUMNS_LIMIT, REFUSED, CsvFile, RefusedRows, UnreadableFile, read_users
from identity.models.trait import TRAITS_PER_APPLICATION
from identity.payloads import BODY_LIMIT
from identity.values import UNSTORABLE, Kind


def read(body: bytes, name: str = "users.csv", known: Mapping[str, Kind] | None = None) -> list[object]:
    """The document of each row, or its line and problem."""
    users = read_users(io.BytesIO(body), name, known or {})
    return [(row.line, row.problem) if row.problem else row.document for row in users.rows()]


def user(external_id: str = "u1", /, **traits: object) -> dict[str, object]:
    return {"id": external_id, "traits": traits}


CSV: dict[str, tuple[bytes, list[object]]] = {
    "commas": (b"id,plan\nu1,pro\n", [user(plan="pro")]),
    "semicolons": (b"id;plan\nu1;a,b\n", [user(plan="a,b")]),
    "tabs": (b"id\tplan\nu1\ta,b;c\n", [user(plan="a,b;c")]),
    "vertical bars": (b"id|plan\nu1|a,b\n", [user(plan="a,b")]),
    "commas in a quoted name": (b'id;"a, b, c"\nu1;x\n', [user(**{"a, b, c": "x"})]),
    "Excel's separator": (b"sep=;\r\nid;a,b,c\r\nu1;x\r\n", [user(**{"a,b,c": "x"})]),
    "a separator and a BOM": (
        b"\xef\xbb\xbfsep=;\n\nid;a\nu1;x\nu2;y;z\n",
        [user(a="x"), (5, "The row has 3 cells, and the header 2.")],
    ),
    "blank lines first": (
        b"\n \r\nid,plan\nu1,pro\nu2,b,c\n",
        [user(plan="pro"), (5, "The row has 3 cells, and the header 2.")],
    ),
    "carriage returns only": (
        b'\xef\xbb\xbfid,plan\ru1,pro\r\ru2,"a\rb"\ru3',
        [user(plan="pro"), user("u2", plan="a\nb"), user("u3")],
    ),
    "a BOM": (b"\xef\xbb\xbfid,plan\nu1,pro\n", [user(plan="pro")]),
    "CRLF": (b"id,plan\r\nu1,pro\r\n", [user(plan="pro")]),
    "no newline at the end": (b"id,plan\nu1,pro", [user(plan="pro")]),
    "blank lines": (b"id,plan\n\nu1,pro\n\n\n", [user(plan="pro")]),
    "quotes": (b'id,plan\nu1,"a ""b"", c"\n', [user(plan='a "b", c')]),
    "a line break in quotes": (b'id,plan\nu1,"a\nb"\nu2,c\n', [user(plan="a\nb"), user("u2", plan="c")]),
    "a quoted header": (b'"id","company name"\nu1,Acme\n', [user(**{"company name": "Acme"})]),
    "other names for the id": (b"userId,plan\nu1,pro\n", [user(plan="pro")]),
    "and yet another": (b"plan,user_id\npro,u1\n", [user(plan="pro")]),
    "parts of the call": (
        b"id,email,name,timestamp,plan\nu1,a@b.example,Ann,2025-01-01T00:00Z,pro\n",
        [
            {
                "id": "u1",
                "email": "a@b.example",
                "name": "Ann",
                "timestamp": "2025-01-01T00:00Z",
                "traits": {"plan": "pro"},
            }
        ],
    ),
    "traits by their full name": (b"id,traits.plan\nu1,pro\n", [user(plan="pro")]),
    "names with space around": (b"id , plan \nu1,pro\n", [user(plan="pro")]),
    "empty cells say nothing": (b"id,email,plan,seats\nu1,,, \n", [user()]),
    "an empty id": (b"id,plan\n,pro\n", [{"traits": {"plan": "pro"}}]),
    "fewer cells than the header": (b"id,plan,seats\nu1\nu2,pro\n", [user(), user("u2", plan="pro")]),
    "only a header": (b"id,plan\n", []),
    "NUL": (b"id,plan\nu1,a\0b\n", [user(plan="a\0b")]),
    "Umlaute": ("id,städte\nu1,Köln\n".encode(), [user(städte="Köln")]),
    "names in any case": (
        b"User_ID,Email,NAME,Plan\nu1,a,b,c\n",
        [{"id": "u1", "email": "a", "name": "b", "traits": {"Plan": "c"}}],
    ),
    "an id in capitals": (b"ID,TimeStamp\nu1,x\n", [{"id": "u1", "timestamp": "x", "traits": {}}]),
    "a trait by its full name in its case": (b"userid,traits.Email\nu1,x\n", [user(Email="x")]),
    "reasons from before, twice": (b"$refused,id,$refused\nno,u1,no\n", [user()]),
    "reasons from before": (b"id,plan,$refused\nu1,pro,line 2: no\n", [user(plan="pro")]),
}


@pytest.mark.parametrize(("body", "documents"), CSV.values(), ids=CSV)
def test_csv_becomes_calls(body: bytes, documents: list[object]) -> None:
    assert read(body) == documents


KINDS: dict[str, tuple[list[str], list[object]]] = {
    "numbers": (["1", "-2.5", "", "0"], [1, -2.5, 0]),
    "numbers and a name": (["1", "007"], ["1", "007"]),
    "numbers and text": (["1", "n/a"], ["1", "n/a"]),
    "thousands": (['"1,000"', "2"], ["1,000", "2"]),
    "true and false": (["true", "FALSE", ""], [True, False]),
    "true and text": (["true", "maybe"], ["true", "maybe"]),
    "true and a number": (["true", "1"], ["true", "1"]),
    "dates": (["2025-01-01", "2025-02-30"], ["2025-01-01", "2025-02-30"]),
    "nothing": (["", " "], []),
    "a number too large to be exact": (["9007199254740993", "1"], ["9007199254740993", "1"]),
}


@pytest.mark.parametrize(("cells", "values"), KINDS.values(), ids=KINDS)
def test_a_column_is_of_the_kind_of_all_its_cells(cells: list[str], values: list[object]) -> None:
    body = "id,x\n" + "".join(f"u,{cell}\n" for cell in cells)
    documents: list[Any] = read(body.encode())
    found = [document["traits"]["x"] for document in documents if document["traits"]]
    # As JSON, since to Python 1 == True.
    assert json.dumps(found) == json.dumps(values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.NUMBER, [1, "n/a", "true"]),
        (Kind.BOOLEAN, ["1", "n/a", True]),
        (Kind.STRING, ["1", "n/a", "true"]),
        (Kind.DATE, ["1", "n/a", "true"]),
    ],
)
def test_a_trait_that_is_known_is_read_as_it_is_known(kind: Kind, values: list[object]) -> None:
    documents: list[Any] = read(b"id,x\nu,1\nu,n/a\nu,true\n", known={"x": kind})
    assert json.dumps([document["traits"]["x"] for document in documents]) == json.dumps(values)


PROBLEMS: dict[str, tuple[bytes, int, str]] = {
    "more cells than the header": (b"id,plan\nu0,pro\nu1,a,b\n", 3, "The row has 3 cells, and the header 2."),
    "no UTF-8": (b"id,plan\nu0,pro\nu1,K\xf6ln\n", 3, "The row is not in UTF-8. Save the file as"),
    "a row that is too long": (b"id,plan\nu0,pro\nu1," + b"x" * BODY_LIMIT + b"\n", 3, "more than 64 KiB"),
    "a cell that is too long": (b"id,plan\nu0,pro\nu1," + b"x" * 200_000 + b"\n", 3, "more than 64 KiB"),
    "a line that is far too long": (b"id,plan\nu0,pro\nu1," + b"x," * 3_000_000 + b"\n", 3, "more than 64 KiB"),
    "far too many cells": (b"id,plan\nu0,pro\nu1," + b"x," * 30_000 + b"\n", 3, "30002 cells, and the header 2"),
    "a quotation mark that is never closed": (b'id,plan\nu0,pro\nu1,"x\n', 3, "Its quotation mark is never closed."),
    "text after a quoted cell": (b'id,plan\nu0,pro\nu1,"x"y\n', 3, "a quotation mark that is not doubled"),
    "a carriage return": (b"id,plan\nu0,pro\nu1,x\ry\n", 3, "a carriage return"),
}


@pytest.mark.parametrize(("body", "line", "problem"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_bad_row_is_refused_alone(body: bytes, line: int, problem: str) -> None:
    first, bad, *rest = read(body + b"u9,pro\n")
    assert first == user("u0", plan="pro")
    assert isinstance(bad, tuple)
    assert bad[0] == line
    assert problem in bad[1]
    assert rest == [user("u9", plan="pro")]


def test_a_quotation_mark_that_is_never_closed_swallows_nobody() -> None:
    """Whether the next one, the end of the file, or the bound of a row ends it."""
    never = "Its quotation mark is never closed."
    bob = user("2", n="Bob")
    assert read(b'id,n\n1,"Ada\n2,Bob\n3,Eve\n') == [(2, never), bob, user("3", n="Eve")]
    assert read(b'id,n\n1,"Ada\n2,Bob\n3,"Eve"\n4,"a\nb"\n') == [
        (2, never),
        bob,
        user("3", n="Eve"),
        user("4", n="a\nb"),
    ]
    # Two marks that are never closed look like the two of one cell, but for what stands behind the second.
    assert read(b'id,n\n1,"Ada\n2,Bob\n3,"Eve\n4,x\n') == [(2, never), bob, (4, never), user("4", n="x")]
    found = read(b'id,n\n1,"Ada\n' + b"".join(b"u%d,n\n" % n for n in range(40_000)))
    assert isinstance(found[0], tuple)
    assert "or not within 64 KiB" in found[0][1]
    assert found[1:] == [user(f"u{n}", n="n") for n in range(40_000)]


# Lines as they are found in good files and bad ones.
LINES = st.one_of(
    st.builds(
        "u{},{}".format, st.integers(0, 99), st.sampled_from(["a", '"a"', '"a', 'a"', '"a""', '"', '""', "", "é"])
    ),
    st.text(alphabet='u1",\r x', max_size=8),
    st.sampled_from(["", " ", 'y","', '"', "x" * BODY_LIMIT, 'u7,"' + "x" * (BODY_LIMIT // 2)]),
)


@given(st.lists(LINES, max_size=25), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_each_line_is_in_one_row_that_is_taken_or_refused(lines: list[str], end: bytes, ends: bool) -> None:
    written = [line.encode() + end for line in lines]
    body = b"".join(written) if ends else b"".join(written).removesuffix(end)
    rows = list(read_users(io.BytesIO(b"id,n" + end + body), "users.csv", {}).rows())
    position = 0
    for row in rows:
        start = body.index(row.source, position)
        assert body[position:start].strip(b"x\r\n") == b""  # blank lines, and what was cut off
        assert row.line == 2 + body.count(b"\n", 0, start)
        position = start + len(row.source)
        if row.source.count(b"\n") > 1:  # as cells in quotation marks have it
            assert len(list(csv.reader(io.StringIO(row.source.decode(), newline="\n"), strict=True))) == 1
    assert body[position:].strip(b"x\r\n") == b""


def test_quotation_marks_that_lead_astray_line_after_line_take_no_longer() -> None:
    # From without, each line of the first kind opens a cell; from within one, it closes that and opens the next.
    for line in (b'y","\n', b'y,"a\n'):
        started = time.process_time()
        assert len(read(b"id,n\n" + line * 100_000)) == 100_000
        assert time.process_time() - started < 10


def test_a_row_of_any_shape_takes_little_memory() -> None:
    for part in (b'"a\n",', b"a,", b'"\n', b"x", b'"",'):
        body = io.BytesIO(b"id,n\nu1," + part * (300_000 // len(part)))
        tracemalloc.start()
        sources = [len(row.source) for row in read_users(body, "users.csv", {}).rows() if row.line == 2]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert sources[0] <= BODY_LIMIT + 2
        assert peak < 5_000_000


def test_what_follows_a_bad_row_is_read() -> None:
    body = b"id,plan\nu1,\xff\nu2,pro\nu3,a,b\nu4," + b"x" * 2_000_000 + b"\nu5,pro\n"
    documents = [found for found in read(body) if isinstance(found, dict)]
    assert documents == [user("u2", plan="pro"), user("u5", plan="pro")]


UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "The file is empty."),
    "blank": (b" \n\n", "The file is empty."),
    "no id": (b"email,plan\na,b\n", "The header has no column “id”."),
    "a name twice": (b"id,plan,plan\n", "The column “plan” stands twice"),
    "a name twice in two ways": (b"id,plan,traits.plan\n", "The column “plan” stands twice"),
    "the id twice": (b"id,userId\n", "The column “id” stands twice"),
    "the id twice in two cases": (b"ID,id\n", "The column “id” stands twice"),
    "a long name twice": (
        b"id," + b"x" * 9_000 + b"," + b"x" * 9_000,
        "The column “x{60}…” stands twice in the header.$",
    ),
    "far too many columns": (b"id," + b"x," * 30_000, "The header has 30,002 columns; it may have 512.$"),
    "a header that is too long": (b"id," + b"x" * 70_000, "The header can't be read. The row has more than 64 KiB.$"),
    "a header that is never closed": (b'id,"x\n', "The header can't be read. Its quotation mark is never closed.$"),
    "NUL in the header": (b"id,a\0b\n", "The name of column 2 has NUL characters."),
    "UTF-16 without a mark": ("id,plan\n".encode("utf-16-le"), "The name of column 1 has NUL characters."),
    "a column without a name": (b"id,,plan\n", "Column 2 has no name"),
    "no UTF-8": ("id,plan\nu1,x\n".encode("utf-16"), "The file is not in UTF-8."),
    "a header in Latin-1": (b"id,st\xe4dte\n", "The file is not in UTF-8."),
}


@pytest.mark.parametrize(("body", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_says_nothing_of_users_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(UnreadableFile, match=message) as raised:
        read(body)
    assert len(str(raised.value)) <= 300
    assert not UNSTORABLE.search(str(raised.value))


def test_a_header_can_name_all_traits_that_an_application_may_have() -> None:
    assert TRAITS_PER_APPLICATION + len(("id", "email", "name", "timestamp", REFUSED)) <= COLUMNS_LIMIT


@pytest.mark.parametrize(
    "body",
    [
        b'[\n  {"id": "u1"},\n  {"id": "u2"}\n]\n',
        b'[{"id": "u1"}, {"id": "u2"}]',
        b'[\r\n{"id": "u1"}\r\n]',
        b'{\n  "id": "u1"\n}\n',
        b'\xef\xbb\xbf {\r  "id": "u1"\r}',
    ],
)
@pytest.mark.parametrize("name", ["users.json", "users"])
def test_json_over_many_lines_is_refused(body: bytes, name: str) -> None:
    with pytest.raises(UnreadableFile, match="one JSON object in each line"):
        read(body, name)


JSON: dict[str, tuple[bytes, list[object]]] = {
    "a line each": (b'{"id": "u1"}\n{"id": "u2"}\n', [{"id": "u1"}, {"id": "u2"}]),
    "CRLF, blanks and no end": (b'{"id": "u1"}\r\n\r\n \n{"id": "u2"}', [{"id": "u1"}, {"id": "u2"}]),
    "a BOM": (b'\xef\xbb\xbf{"id": "u1"}\n', [{"id": "u1"}]),
    "carriage returns only": (b'{"id": "u1"}\r{"id": "u2"}\r', [{"id": "u1"}, {"id": "u2"}]),
    "reasons from before": (b'{"$refused": "line 1: no", "id": "u1"}\n', [{"id": "u1"}]),
    "no object": (b"[1]\n2\n", [[1], 2]),
    "no JSON": (b'{"id": "u1"\n{"id": "u2"}\n', [(1, "The body is not valid JSON in UTF-8."), {"id": "u2"}]),
    "no UTF-8": (b'{"id": "\xff"}\n{"id": "u2"}\n', [(1, "The row is not in UTF-8."), {"id": "u2"}]),
    "too long": (
        b'{"id": "' + b"x" * 3_000_000 + b'"}\n{"id": "u2"}\n',
        [(1, "The row has more than 64 KiB."), {"id": "u2"}],
    ),
}


@pytest.mark.parametrize("name", ["users.jsonl", "users.ndjson", "users.json", "USERS.JSONL"])
@pytest.mark.parametrize(("body", "documents"), JSON.values(), ids=JSON)
def test_json_lines_become_calls(body: bytes, documents: list[object], name: str) -> None:
    assert read(body, name) == documents


def test_a_name_that_says_nothing_leaves_it_to_the_beginning() -> None:
    assert read(b' {"id": "u1"}\n', "users") == [{"id": "u1"}]
    assert read(b"id\nu1\n", "users.data") == [user()]


def refuse_all(body: bytes, name: str) -> str:
    """The file of all rows, refused for their own reason or another."""
    users = read_users(io.BytesIO(body), name, {})
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", newline="")
    refused = RefusedRows(out, users)
    for row in users.rows():
        refused.add(row, row.problem or "no")
    out.flush()
    return raw.getvalue().decode()


@pytest.mark.parametrize(
    "body",
    [
        b"id,plan\nu1,a\nu2,b,c\n",
        b'\xef\xbb\xbfid;"plan"\r\nu1;"a\r\nb"\r\nu2;"b\r\n',
        b"id\tplan\nu1\ta\nu2\t\0\r\0",
        b'sep=|\n\nid|"a,b"|c,d\nu1|a\nu2|"b\n',
    ],
)
def test_refused_rows_can_be_mended_and_read_again(body: bytes) -> None:
    first, second = read(body)
    text = refuse_all(body, "users.csv")
    assert text.endswith(body.splitlines(keepends=True)[-1].decode().rstrip("\r\n") + "\r\n")
    assert ': no"' in text
    again = read(text.encode())
    assert again[0] == first
    assert isinstance(second, tuple)
    assert len(again) == 2
    assert isinstance(again[1], tuple)
    assert again[1][1] == second[1].replace("3 cells, and the header 2", "4 cells, and the header 3")
    # With one reason still.
    assert [line.partition(": ")[2] for line in refuse_all(text.encode(), "users.csv").splitlines()] == [
        line.partition(": ")[2].replace("3 cells, and the header 2", "4 cells, and the header 3")
        for line in text.splitlines()
    ]


def test_a_refused_row_is_mended_where_it_stands() -> None:
    text = refuse_all(b'id,n,m\n1,"Ada\n2,b,c,d\n', "users.csv")
    assert text == (
        '"$refused",id,n,m\r\n'
        '"line 2: Its quotation mark is never closed.",1,"Ada\r\n'
        '"line 3: The row has 4 cells, and the header 3.",2,b,c,d\r\n'
    )
    mended = text.replace('"Ada', '"Ada"').replace(",d", "")
    assert read(mended.encode()) == [user("1", n="Ada"), user("2", n="b", m="c")]


JSON_REFUSED: dict[str, tuple[bytes, bytes]] = {
    "an object": (b'{"id": "u1"}', b'{"$refused": "line 1: no", "id": "u1"}\n'),
    "an empty object": (b"{ }", b'{"$refused": "line 1: no"}\n'),
    "a lone surrogate": (b'{"id":"\\ud800"}', b'{"$refused": "line 1: no", "id":"\\ud800"}\n'),
    "infinity": (b'{"id":1e999}', b'{"$refused": "line 1: no", "id":1e999}\n'),
    "depth": (
        b'{"id":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"$refused": "line 1: The body is not valid JSON in UTF-8.", "id":' + b"[" * 2000 + b"]" * 2000 + b"}\n",
    ),
    "no object": (b"[1]", b'{"$refused": "line 1: no", "row": "[1]"}\n'),
    "a reason from before": (
        b'{"$refused": "line 9: \\"x\\"", "id": "u1"}',
        b'{"$refused": "line 1: no", "id": "u1"}\n',
    ),
    "only a reason from before": (b'{"$refused": "line 9"}', b'{"$refused": "line 1: no"}\n'),
    "no JSON": (
        b'{"id": "u1"',
        b'{"$refused": "line 1: The body is not valid JSON in UTF-8.", "id": "u1"\n',
    ),
}


@pytest.mark.parametrize(("line", "refused"), JSON_REFUSED.values(), ids=JSON_REFUSED)
def test_a_refused_line_of_json_is_written_as_it_stood(line: bytes, refused: bytes) -> None:
    assert refuse_all(line + b"\n", "users.jsonl").encode() == refused
    assert refuse_all(refused, "users.jsonl").encode() == refused
    if line.startswith(b"{"):
        (once,), (again,) = read(line, "users.jsonl"), read(refused, "users.jsonl")
        once = {key: value for key, value in once.items() if key != REFUSED} if isinstance(once, dict) else once
        assert again == once


def test_long_cells_are_not_remembered() -> None:
    body = io.BytesIO(b"id,n\n" + b"".join(b"u,%s\n" % (b" " * (3_000 + n)) for n in range(500)))
    tracemalloc.start()
    read_users(body, "users.csv", {})
    remaining, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert remaining < 200_000


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("users.csv", b"u1,1\n"),
        ("users.jsonl", b'{"id": "u1"}\n'),
        ("users.csv", b"\n"),
        ("users.csv", b"x"),
        ("users.csv", b"u1,1" + b" " * 60_000 + b"\n"),
    ],
)
def test_reading_can_be_ended(name: str, line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_files, "_CHECKED_BYTES", 50_000)

    class Ended(Exception):
        pass

    def end() -> None:
        calls.append(file.tell())
        if ends:
            raise Ended

    header = b"id,n\n" if name == "users.csv" else b""
    file = io.BytesIO(header + line * (300_000 // len(line)))
    calls: list[int] = []
    ends = True
    with pytest.raises(Ended):
        list(read_users(file, name, {}, end).rows())
    assert calls[0] < 150_000
    calls, ends = [], False
    list(read_users(file, name, {}, end).rows())
    assert len(calls) >= 4  # each time that the file is read


def test_a_large_file_takes_little_memory() -> None:
    body = io.BytesIO(b"id,plan,seats\n" + b"".join(b"user%d,pro,%d\n" % (n, n) for n in range(200_000)))
    tracemalloc.start()
    users = read_users(body, "users.csv", {})
    rows = sum(1 for _ in users.rows())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(users, CsvFile)
    assert [column.kind for column in users.columns] == [None, None, Kind.NUMBER]
    assert rows == 200_000
    assert peak < 2_000_000
