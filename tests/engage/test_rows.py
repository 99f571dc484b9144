"""The rows of the builder, after one of their buttons was pressed."""

import pytest

from engage.forms import Row, rearranged
from engage.rules import RULES_LIMIT

ROWS = [Row(f"0000000{number}", trait=letter, operator="is_set") for number, letter in enumerate("abc")]


@pytest.mark.parametrize(
    ("task", "traits"),
    [
        ("up-00000001", "bac"),
        ("up-00000000", "abc"),
        ("down-00000001", "acb"),
        ("down-00000002", "abc"),
        ("remove-00000001", "ac"),
        ("duplicate-00000001", "abbc"),
        ("remove-99999999", "abc"),
        ("fly-00000001", "abc"),
        ("update", "abc"),
        ("", "abc"),
    ],
)
def test_rows_are_rearranged(task: str, traits: str) -> None:
    assert "".join(row.trait for row in rearranged(ROWS, task)) == traits


def test_a_copy_is_a_row_of_its_own() -> None:
    rows = rearranged(ROWS, "duplicate-00000001")
    assert len({row.id for row in rows}) == 4
    assert "".join(row.trait for row in ROWS) == "abc"


def test_a_row_more_is_blank() -> None:
    assert [row.trait for row in rearranged(ROWS, "add")] == ["a", "b", "c", ""]


@pytest.mark.parametrize("task", ["add", "duplicate-00000000"])
def test_there_is_room_for_so_many_rows(task: str) -> None:
    rows = [Row(f"{number:08x}") for number in range(RULES_LIMIT)]
    assert rearranged(rows, task) == rows
