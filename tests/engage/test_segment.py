"""What a segment is, and what neither code nor database lets become of it."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from engage.models import Segment
from engage.models.segment import RESERVED_SLUGS, SLUG_LENGTH, BuiltInSegment
from engage.rules import InvalidRules, dump, parse
from identity.models import Application, User
from tests.factories import new_application

pytestmark = pytest.mark.django_db

PRO = parse([{"trait": "plan", "operator": "equals", "value": "pro"}])
FREE = parse([{"trait": "plan", "operator": "equals", "value": "free"}])


@pytest.fixture
def application() -> Application:
    made = Application.objects.create(name="Acme", slug="acme")
    Segment.objects.create_everyone(made)
    return made


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create(email="ada@example.com")


@pytest.fixture
def everyone(application: Application) -> Segment:
    return Segment.objects.get(application=application)


@pytest.fixture
def pro(application: Application) -> Segment:
    return Segment.objects.create_with_rules(application, name="Pro users", rules=PRO)


def refused(write: Callable[[], object], constraint: str) -> None:
    """The database itself says no, and names the constraint."""
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        write()


# Everyone


def test_everyone_is_made_with_each_application() -> None:
    everyone = Segment.objects.get(application=new_application().application)
    assert (everyone.name, everyone.slug, everyone.is_everyone, everyone.parsed_rules) == (
        "Everyone",
        "everyone",
        True,
        (),
    )


def test_second_everyone_is_refused(application: Application) -> None:
    refused(lambda: Segment.objects.create_everyone(application), "segment_slug|segment_name|segment_one_everyone")
    other = Segment(application=application, name="Everyone", slug="everyone", is_everyone=True)
    other.rules = dump(PRO)
    refused(lambda: Segment.objects.bulk_create([other]), "segment_everyone_or_rules")


def test_ordinary_segment_does_not_become_everyone(pro: Segment) -> None:
    rows = Segment.objects.filter(pk=pro.pk)
    refused(lambda: rows.update(is_everyone=True), "segment_everyone_or_rules")
    refused(lambda: rows.update(is_everyone=True, name="Everyone", slug="everyone", rules=[]), "segment_")


@pytest.mark.parametrize("name", ["Everyone", "everyone", "EVERYONE"])
def test_name_of_everyone_is_taken(application: Application, name: str) -> None:
    refused(lambda: Segment.objects.create_with_rules(application, name=name, rules=PRO), "segment_name")


def test_everyone_cannot_be_changed(everyone: Segment, user: User) -> None:
    with pytest.raises(BuiltInSegment, match="can't be changed"):
        everyone.change(name="All", rules=PRO, changed_by=user)
    with pytest.raises(BuiltInSegment, match="can't be changed"):
        everyone.save()
    everyone.refresh_from_db()
    assert (everyone.name, everyone.rules) == ("Everyone", [])


def test_everyone_cannot_be_deleted(everyone: Segment) -> None:
    with pytest.raises(BuiltInSegment, match="can't be deleted"):
        everyone.delete()
    assert Segment.objects.filter(pk=everyone.pk).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "All"},
        {"name": "everyone"},
        {"slug": "all"},
        {"rules": dump(PRO)},
        {"rules": {}},
        {"is_everyone": False},
    ],
)
def test_database_refuses_to_change_everyone(everyone: Segment, fields: dict[str, object]) -> None:
    refused(lambda: Segment.objects.filter(pk=everyone.pk).update(**fields), "segment_everyone_or_rules")


def test_everyone_goes_with_its_application(everyone: Segment, pro: Segment) -> None:
    everyone.application.delete()
    assert not Segment.objects.exists()


# Rules


def test_rules_are_kept_as_they_were_checked(application: Application) -> None:
    rules = parse(
        [
            {"trait": "teamSize", "operator": "greater_than", "value": 10.0},
            {"trait": "it's 100% \\ 🦊", "operator": "contains", "value": "%s '\"\n"},
            {"trait": "2024", "operator": "is_not_set"},
        ]
    )
    segment = Segment.objects.create_with_rules(application, name="All of it", rules=rules)
    segment.refresh_from_db()
    assert segment.parsed_rules == rules
    assert repr(segment.rules[0]["value"]) == "10"


def test_database_refuses_a_segment_without_rules(application: Application, pro: Segment) -> None:
    refused(lambda: Segment.objects.create_with_rules(application, name="None", rules=()), "segment_everyone_or_rules")
    refused(lambda: Segment.objects.filter(pk=pro.pk).update(rules=[]), "segment_everyone_or_rules")
    refused(lambda: Segment.objects.filter(pk=pro.pk).update(rules=None), "rules")


def test_rules_that_were_tampered_with_are_not_guessed_at(pro: Segment) -> None:
    Segment.objects.filter(pk=pro.pk).update(rules=[{"trait": "plan", "operator": "like", "value": "%"}])
    pro.refresh_from_db()
    with pytest.raises(InvalidRules, match="There is no such comparison"):
        _ = pro.parsed_rules


def test_change_gives_another_name_and_other_rules(pro: Segment, user: User) -> None:
    before = pro.changed_at
    pro.change(name="Free users", rules=FREE, changed_by=user)
    pro.refresh_from_db()
    assert (pro.name, pro.parsed_rules, pro.changed_by) == ("Free users", FREE, user)
    assert pro.changed_at > before
    assert pro.slug == "pro-users"


def test_segment_stays_when_who_changed_it_leaves(pro: Segment, user: User) -> None:
    pro.change(name="Pro", rules=PRO, changed_by=user)
    user.delete()
    pro.refresh_from_db()
    assert pro.changed_by is None


def test_ordinary_segment_is_deleted(pro: Segment) -> None:
    pro.delete()
    assert not Segment.objects.filter(pk=pro.pk).exists()


# Names


@pytest.mark.parametrize("name", ["Pro users", "pro users", "PRO USERS"])
def test_name_is_unique_whatever_its_case(pro: Segment, name: str) -> None:
    refused(lambda: Segment.objects.create_with_rules(pro.application, name=name, rules=PRO), "segment_name")
    with pytest.raises(ValidationError, match=r"There is a segment with this name\."):
        Segment(application=pro.application, name=name, slug="other", rules=dump(PRO)).full_clean()


def test_name_can_change_its_case(pro: Segment, user: User) -> None:
    pro.change(name="PRO users", rules=PRO, changed_by=user)
    pro.refresh_from_db()
    assert pro.name == "PRO users"


def test_change_to_a_name_that_is_taken_is_refused(pro: Segment, user: User) -> None:
    free = Segment.objects.create_with_rules(pro.application, name="Free users", rules=FREE)
    refused(lambda: free.change(name="pro Users", rules=FREE, changed_by=user), "segment_name")


def test_two_applications_may_share_names_and_slugs(pro: Segment) -> None:
    other = Application.objects.create(name="Other", slug="other")
    same = Segment.objects.create_with_rules(other, name="Pro users", rules=FREE)
    assert (same.slug, same.name) == (pro.slug, pro.name)


def test_everyone_comes_first_and_the_others_by_name_whatever_its_case(application: Application) -> None:
    for name in ("beta", "Alpha", "aardvark", "Zed", "Beta 2"):
        Segment.objects.create_with_rules(application, name=name, rules=PRO)
    names = list(Segment.objects.filter(application=application).values_list("name", flat=True))
    assert names == ["Everyone", "aardvark", "Alpha", "beta", "Beta 2", "Zed"]


# Slugs


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Pro Plan Admins", "pro-plan-admins"),
        ("  Élan & Co. (2024)  ", "elan-co-2024"),
        ("🦊", "segment"),
        ("株式会社", "segment"),
        ("---", "segment"),
        ("x" * 100, "x" * 54),
        ("x" * 53 + " " + "y" * 46, "x" * 53),
    ],
)
def test_slug_follows_the_name(application: Application, name: str, slug: str) -> None:
    segment = Segment.objects.create_with_rules(application, name=name, rules=PRO)
    assert segment.slug == slug
    segment.full_clean()


def test_slugs_are_numbered_when_names_are_alike(application: Application) -> None:
    names = ["Large teams", "Large, teams", "large-teams!", "Large teams 2", "🦊", "🐻"]
    slugs = [Segment.objects.create_with_rules(application, name=name, rules=PRO).slug for name in names]
    assert slugs == ["large-teams", "large-teams-2", "large-teams-3", "large-teams-2-2", "segment", "segment-2"]


def test_numbered_slug_of_a_long_name_still_fits(application: Application) -> None:
    for number in range(12):
        segment = Segment.objects.create_with_rules(application, name="x" * 60 + str(number), rules=PRO)
        assert len(segment.slug) <= SLUG_LENGTH


@pytest.mark.parametrize("slug", sorted(RESERVED_SLUGS))
def test_slug_of_a_page_is_never_given(application: Application, slug: str) -> None:
    segment = Segment.objects.create_with_rules(application, name=slug.title(), rules=PRO)
    assert segment.slug == f"{slug}-2"


def test_pages_beside_segments_have_reserved_slugs() -> None:
    assert {"create", "traits"} <= RESERVED_SLUGS


def test_database_refuses_a_slug_twice(pro: Segment) -> None:
    free = Segment.objects.create_with_rules(pro.application, name="Free users", rules=FREE)
    refused(lambda: Segment.objects.filter(pk=free.pk).update(slug=pro.slug), "segment_slug")


def test_slug_stays_when_the_name_changes(pro: Segment, user: User) -> None:
    pro.change(name="Free users", rules=FREE, changed_by=user)
    other = Segment.objects.create_with_rules(pro.application, name="Pro users", rules=PRO)
    pro.refresh_from_db()
    assert (pro.slug, other.slug) == ("pro-users", "pro-users-2")


def test_everyone_is_not_unmarked(everyone: Segment) -> None:
    rows = Segment.objects.filter(pk=everyone.pk)
    refused(lambda: rows.update(is_everyone=False, name="Somebody", rules=dump(PRO)), "segment_everyone_or_rules")
    everyone.is_everyone = False
    refused(everyone.save, "segment_everyone_or_rules")


def test_everyone_is_not_deleted_among_others(application: Application, pro: Segment) -> None:
    with pytest.raises(BuiltInSegment):
        Segment.objects.filter(application=application).delete()
    assert Segment.objects.filter(application=application).count() == 2
    assert Segment.objects.filter(pk=pro.pk).delete()[1]["engage.Segment"] == 1


@pytest.mark.parametrize("rules", [{}, {"0": 1}, "x", 1, True])
def test_rules_are_a_list(pro: Segment, rules: object) -> None:
    refused(lambda: Segment.objects.filter(pk=pro.pk).update(rules=rules), "segment_everyone_or_rules")


def test_nameless_segments_and_reserved_slugs_are_refused(pro: Segment) -> None:
    rows = Segment.objects.filter(pk=pro.pk)
    refused(lambda: rows.update(name=""), "segment_everyone_or_rules")
    for slug in RESERVED_SLUGS:
        refused(lambda slug=slug: rows.update(slug=slug), "segment_slug_is_free")  # type: ignore[misc]
