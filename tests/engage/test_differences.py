"""How two lists of rules differ."""

import pytest

from engage.differences import differences
from engage.rules import parse


def rule(trait: str, value: object = "pro", operator: str = "equals") -> dict[str, object]:
    return {"trait": trait, "operator": operator} | ({} if value is None else {"value": value})


def differ(before: list[dict[str, object]], after: list[dict[str, object]]) -> list[tuple[str, str]]:
    found = differences(parse(before) if before else (), parse(after) if after else ())
    return [(str(one.before or ""), str(one.after or "")) for one in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([rule("a")], [rule("a")], []),
        ([rule("a"), rule("b")], [rule("b"), rule("a")], []),
        ([rule("a")], [rule("a"), rule("b")], [("", "b is pro")]),
        ([rule("a"), rule("b")], [rule("b")], [("a is pro", "")]),
        ([rule("a")], [rule("a", "free")], [("a is pro", "a is free")]),
        ([rule("a")], [rule("b")], [("a is pro", ""), ("", "b is pro")]),
        ([rule("a"), rule("a")], [rule("a")], [("a is pro", "")]),
        ([rule("a", 1)], [rule("a", True)], [("a is 1", "a is true")]),
        ([rule("a", 1)], [rule("a", "1")], [("a is 1", "a is 1")]),
        ([], [rule("a")], [("", "a is pro")]),
        (
            [rule("a", 5, "greater_than"), rule("a", 9, "less_than")],
            [rule("a", 9, "less_than"), rule("a", 6, "greater_than")],
            [("a is greater than 5", "a is greater than 6")],
        ),
    ],
)
def test_what_became_of_each_rule(
    before: list[dict[str, object]], after: list[dict[str, object]], expected: list[tuple[str, str]]
) -> None:
    assert differ(before, after) == expected
