"""How comparisons work: a page for everyone, which tells the same as the registry."""

import html
import re

from django.test import Client

from engage.operators import OPERATORS, offered_for
from identity.values import Kind
from tests.engage.views.conftest import SignedIn

HEADINGS = {"Strings": Kind.STRING, "Numbers": Kind.NUMBER, "True or false": Kind.BOOLEAN, "Dates": Kind.DATE}


def tables(page: str) -> dict[str, list[list[str]]]:
    """The cells of each table, by the heading above it."""
    return {
        heading: [
            [html.unescape(cell) for cell in re.findall("<t[hd][^>]*>(.*?)</t[hd]>", row)]
            for row in re.findall("<tr>.*?</tr>", table)[1:]
        ]
        for heading, table in re.findall(r"<h2[^>]*>([^<]+)</h2>\s*(.*?)</table>", page, re.DOTALL)
    }


def test_every_comparison_is_explained_under_every_kind_it_is_for(db: None) -> None:
    shown = tables(Client().get("/help/operators/").content.decode())
    assert shown == {
        heading: [
            [
                operator.label,
                operator.explanation,
                "included" if operator.matches_missing else "left out",
            ]
            for operator in offered_for(kind)
        ]
        for heading, kind in HEADINGS.items()
    }
    assert {cells[0] for rows in shown.values() for cells in rows} == {item.label for item in OPERATORS.values()}


def test_the_builder_leads_to_the_explanation(editor: SignedIn) -> None:
    page = editor.client.get(editor.path("create/")).content.decode()
    assert 'href="/help/operators/"' in page
    assert editor.client.get("/help/operators/").status_code == 200


def test_the_explanation_is_only_read(db: None) -> None:
    assert Client().post("/help/operators/").status_code == 405
