"""The page of one trait."""

import itertools
import json
import re
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from engage.census import record_census
from identity.models import Application, Trait
from identity.models.person import person_id
from tests import factories
from tests.engage.views.conftest import Fields, SignedIn, segment
from tests.engage.views.test_segments import text

HTMX = {"HX-Request": "true", "HX-Target": "received"}
SEARCHING = HTMX | {"HX-Target": "values"}
HOSTILE = "a/b ?#<b>%\n👋"


def path(application: Application, key: str, rest: str = "") -> str:
    return f"traits/{Trait.objects.get(application=application, key=key).pk}/{rest}"


@pytest.fixture
def sizes(editor: SignedIn) -> SignedIn:
    for size in (10, 10, 20, "n/a"):
        factories.person(editor.application, {"teamSize": size}, name=f"Has {size}")
    factories.person(editor.application)
    Trait.objects.update(description="People in the account")
    return editor


def test_the_page_comes_before_what_is_counted(
    sizes: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    segment(sizes.application, "Large teams", trait="teamSize", operator="at_least", value=50)
    segment(sizes.application, "Something else")
    address = sizes.path(path(sizes.application, "teamSize"))
    with django_assert_num_queries(5):  # session, user, teammates; trait; segments
        page = text(sizes.client.get(address))
    assert ">teamSize</h1>" in page
    assert "People in the account" in page
    assert "Large teams" in page
    assert "Something else" not in page
    assert f'hx-get="{address}received/"' in page
    assert f'<a class="btn" href="{address}received/">' in page


def test_what_users_have(sizes: SignedIn, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    address = sizes.path(path(sizes.application, "teamSize", "received/"))
    # session, user, teammates; trait; traits, size, kinds; values; whose do not fit; numbers twice; segments
    with django_assert_num_queries(12):
        page = text(sizes.client.get(address, headers=HTMX))
    assert "<html" not in page
    assert '4 <span class="small soft">80.0 %</span>' in page
    assert 'number <span class="small soft">as most users have it</span>' in page
    assert '<bdi class="mono clamp-2">10</bdi>' in page
    assert "1 does not fit" in page
    assert re.search(r'<bdi class="mono clamp-2">n/a</bdi> <a class="small" href="[^"]*"><bdi>Has n/a</bdi></a>', page)
    assert '<span>string <span class="pill warn">does not fit</span></span>' in page
    assert 'aria-label="Lowest: 10. Median: 10. Middle half: 10 to 20. Highest: 20"' in page
    assert '<tr><td>20</td><td class="r">1</td></tr>' in page


def test_without_script_it_is_a_page_of_its_own(sizes: SignedIn) -> None:
    page = text(sizes.client.get(sizes.path(path(sizes.application, "teamSize", "received/")), {"q": "n"}))
    assert "<html" in page
    assert ">teamSize</h1>" in page
    assert '<input class="field" type="search" name="q" value="n"' in page
    assert '<bdi class="mono clamp-2">n/a</bdi> <span class="pill warn">string</span>' in page
    assert '<bdi class="mono clamp-2">10</bdi>' not in page


def test_search_answers_with_values_alone(sizes: SignedIn) -> None:
    address = sizes.path(path(sizes.application, "teamSize", "received/"))
    page = text(sizes.client.get(address, {"q": "N/A"}, headers=SEARCHING))
    assert page.startswith('<div class="table values">')
    assert page.count("<tr>") == 2
    assert "No user has a value that contains “<bdi>&lt;b&gt;</bdi>”" in text(
        sizes.client.get(address, {"q": "<b>"}, headers=SEARCHING)
    )


def test_only_the_most_common_values_show(editor: SignedIn) -> None:
    for number in range(51):
        factories.person(editor.application, {"company": f"Company {number}"})
    page = text(editor.client.get(editor.path(path(editor.application, "company", "received/")), headers=HTMX))
    assert page.count('class="mono clamp-2"') == 50
    assert "50 of 51 different values." in page
    assert "most common" not in page
    factories.person(editor.application, {"company": "Company 1"})
    page = text(editor.client.get(editor.path(path(editor.application, "company", "received/")), headers=HTMX))
    assert "The 50 most common of 51 different values." in page


@pytest.mark.parametrize(
    ("value", "operator", "typed"),
    [
        ("pro", "equals", "pro"),
        ("10", "equals", "10"),
        (10.5, "equals", "10.5"),
        (True, "equals", "true"),
        ("2025-08-15", "on", "2025-08-15"),
        ("2025-08-15T23:30:00.000Z", "on", "2025-08-16"),  # in the application's time zone
        ("2025-02-30", "equals", "2025-02-30"),
    ],
)
def test_a_segment_is_created_from_a_value(editor: SignedIn, value: object, operator: str, typed: str) -> None:
    editor.application.time_zone = "Europe/Berlin"
    editor.application.save()
    factories.person(editor.application, {HOSTILE: value})
    page = text(editor.client.get(editor.path(path(editor.application, HOSTILE, "received/")), headers=HTMX))
    query = urlencode({"trait": HOSTILE, "value": json.dumps(value)})
    assert f'href="{editor.path("create/")}?{query.replace("&", "&amp;")}"' in page
    builder = editor.client.get(f"{editor.path('create/')}?{query}").content.decode()
    fields = Fields.of(builder)
    row = fields["rule"]
    assert fields[f"operator-{row}"] == operator
    assert fields[f"value-{row}"] == typed
    assert f'<p class="big">{0 if operator == "on" and typed == "2025-02-30" else 1}</p>' in builder


@pytest.mark.parametrize("value", ["", "[1]", "{}", "null", '""', "pro", "[" * 100_000, '"' + "x" * 2000 + '"'])
def test_what_is_no_value_begins_no_segment(editor: SignedIn, value: str) -> None:
    assert editor.client.get(editor.path("create/"), {"trait": "plan", "value": value}).status_code == 404
    assert editor.client.get(editor.path("create/"), {"trait": "__proto__", "value": "1"}).status_code == 404


def test_a_trait_that_nobody_has(editor: SignedIn) -> None:
    Trait.objects.create(application=editor.application, key="later", label="Later on", declared_kind="date")
    page = text(editor.client.get(editor.path(path(editor.application, "later")), headers=HTMX))
    assert ">Later on</h1>" in page
    page = text(editor.client.get(editor.path(path(editor.application, "later", "received/")), headers=HTMX))
    assert "No user has it yet." in page
    assert "declared" in page


def test_of_a_large_application_values_are_estimated(large: SignedIn) -> None:
    address = large.path(path(large.application, "plan", "received/"))
    page = text(large.client.get(address, headers=HTMX))
    assert "Estimated from a sample." in page
    assert '<span class="soft small">about</span> <b>' in page
    record_census(large.application, now=timezone.now())
    page = text(large.client.get(address, headers=HTMX))
    assert '300 <span class="small soft">100 %</span>' in page
    assert "values are estimated from a sample" in page
    keys = ((name, person_id(large.application.pk, name)) for name in map("r{}".format, itertools.count()))
    beyond_the_sample = next(name for name, key in keys if key.int > 2**127)
    factories.person(large.application, {"plan": "rare"}, id=beyond_the_sample)
    page = text(large.client.get(address, {"q": "rare"}, headers=SEARCHING))
    assert "<b>1</b>" in page
    assert "about" not in page


def test_who_only_reads_creates_nothing(viewer: SignedIn) -> None:
    factories.person(viewer.application, {"plan": "pro"})
    page = text(viewer.client.get(viewer.path(path(viewer.application, "plan", "received/")), headers=HTMX))
    assert '<bdi class="mono clamp-2">pro</bdi>' in page
    assert "create/" not in page


def test_another_applications_trait_is_not_found(editor: SignedIn, viewer: SignedIn) -> None:
    factories.person(viewer.application, {"plan": "pro"})
    factories.person(editor.application, {"plan": "free"})
    for rest in ("", "received/"):
        theirs, ours = path(viewer.application, "plan", rest), path(editor.application, "plan", rest)
        assert editor.client.get(editor.path(theirs)).status_code == 404
        assert viewer.client.get(editor.path(ours)).status_code == 404
        assert editor.client.post(editor.path(ours)).status_code == 405
        editor.client.logout()
        assert "sign-in" in editor.client.get(editor.path(ours)).url  # type: ignore[attr-defined]
        editor.client.force_login(editor.teammate.user)
    assert editor.client.get(editor.path(f"traits/{10**30}/")).status_code == 404
