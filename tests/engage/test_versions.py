"""What a segment was: each change is a version, by whichever way it came; and whoever has not seen the last one does
not write over it."""

import pytest
from django.db import IntegrityError, connection, transaction

from engage import exchange
from engage.exchange import Entry
from engage.models import ChangedMeanwhile, Experience, Segment, SegmentInUse, SegmentVersion
from engage.models import segment as segments
from engage.rules import parse
from identity.models import Application, User
from tests import factories
from tests.engage.api.calls import NOT_PRO, PRO, make_api

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return factories.new_application().application


@pytest.fixture
def user(application: Application) -> User:
    return factories.teammate(application).user


def kept(segment: Segment) -> list[tuple[int, str, object, User | None]]:
    return [(version.number, version.name, version.rules, version.made_by) for version in segment.versions.all()]


def test_each_change_is_a_version(application: Application, user: User) -> None:
    made = Segment.objects.create_with_rules(application, name="Pro", rules=parse(PRO), created_by=user)
    made.change(name="Pro", rules=parse(NOT_PRO), changed_by=user)
    made.change(name="Others", rules=parse(NOT_PRO))
    assert kept(made) == [(3, "Others", NOT_PRO, None), (2, "Pro", NOT_PRO, user), (1, "Pro", PRO, user)]
    assert made.versions.first().made_at == made.changed_at  # type: ignore[union-attr]


def test_what_changes_nothing_is_no_version(application: Application) -> None:
    one, true = (parse([{"trait": "a", "operator": "equals", "value": value}]) for value in (1, True))
    made = Segment.objects.create_with_rules(application, name="A", rules=one)
    made.change(name="A", rules=one)
    assert made.version == 1
    made.change(name="A", rules=true)
    assert made.version == 2


def test_calls_and_imports_are_versions_too() -> None:
    api = make_api()
    user = factories.teammate(api.application).user
    assert api.post("/segments", {"name": "Pro", "rules": PRO}).status == 201
    assert api.put("/segments/pro", {"name": "Pro", "rules": NOT_PRO}).status == 200
    entries = [Entry("pro", "Imported", parse(PRO)), Entry("new", "New", parse(PRO))]
    exchange.import_segments(api.application, entries, imported_by=user)
    exchange.import_segments(api.application, entries)  # changes nothing
    pro, new = Segment.objects.get(slug="pro"), Segment.objects.get(slug="new")
    assert kept(pro) == [(3, "Imported", PRO, user), (2, "Pro", NOT_PRO, None), (1, "Pro", PRO, None)]
    assert kept(new) == [(1, "New", PRO, user)]
    assert new.changed_by == user


def test_everyone_has_no_version(application: Application) -> None:
    assert Segment.objects.get(application=application).version == 0
    assert not SegmentVersion.objects.exists()


def test_who_has_not_seen_the_last_version_does_not_write_over_it(application: Application) -> None:
    made = Segment.objects.create_with_rules(application, name="Pro", rules=parse(PRO))
    opened = Segment.objects.get(pk=made.pk)
    made.change(name="Theirs", rules=parse(PRO), since=1)
    with pytest.raises(ChangedMeanwhile):
        opened.change(name="Mine", rules=parse(PRO), since=1)
    opened.refresh_from_db()
    assert (opened.name, opened.version) == ("Theirs", 2)
    opened.change(name="Mine", rules=parse(PRO), since=2)
    assert opened.version == 3


def test_only_so_many_versions_are_kept(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "VERSIONS_KEPT", 3)
    made, other = (
        Segment.objects.create_with_rules(application, name=name, rules=parse(PRO)) for name in ("A", "Other")
    )
    for number in range(2, 6):
        made.change(name=f"A {number}", rules=parse(PRO))
    assert [version.number for version in made.versions.all()] == [5, 4, 3]
    assert other.version == 1


def test_two_versions_never_share_a_number(application: Application) -> None:
    made = Segment.objects.create_with_rules(application, name="Pro", rules=parse(PRO))
    with pytest.raises(IntegrityError, match="segment_version_number"), transaction.atomic():
        SegmentVersion.objects.create(segment=made, number=1, name="x", rules=PRO, made_at=made.changed_at)


# Experiences


def test_a_segment_in_use_is_not_deleted(application: Application) -> None:
    used = Segment.objects.create_with_rules(application, name="Pro", rules=parse(PRO))
    tour = factories.experience("Welcome tour", used)
    with pytest.raises(SegmentInUse):
        used.delete()
    with pytest.raises(SegmentInUse):
        Segment.objects.filter(pk=used.pk).delete()
    tour.delete()
    used.delete()
    assert not Segment.objects.filter(name="Pro").exists()


def test_the_database_too_keeps_a_segment_in_use(application: Application) -> None:
    used = Segment.objects.create_with_rules(application, name="Pro", rules=parse(PRO))
    factories.experience("Welcome tour", used)
    used.versions.all().delete()
    with connection.cursor() as cursor, pytest.raises(IntegrityError, match="engage_experiencesegment"):
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; DELETE FROM engage_segment WHERE id = %s", [used.pk])


def test_an_application_is_erased_with_segments_in_use(application: Application) -> None:
    used = Segment.objects.create_with_rules(application, name="Pro", rules=parse(PRO))
    factories.experience("Welcome tour", used)
    application.delete()
    assert not Experience.objects.exists()


def test_a_call_that_deletes_a_segment_in_use_is_refused() -> None:
    api = make_api()
    factories.experience("Welcome tour", api.segment("Pro"))
    answer = api.delete("/segments/pro")
    assert (answer.status, answer.json["code"]) == (409, "segment_in_use")


@pytest.mark.parametrize("fields", [{"kind": "poster"}, {"status": "gone"}])
def test_the_database_knows_kinds_and_states(application: Application, fields: dict[str, str]) -> None:
    used = Segment.objects.create_with_rules(application, name="Pro", rules=parse(PRO))
    tour = factories.experience("Welcome tour", used)
    with pytest.raises(IntegrityError, match="experience_"), transaction.atomic():
        Experience.objects.filter(pk=tour.pk).update(**fields)


def test_copies_have_names_of_their_own(application: Application) -> None:
    long = "x" * 100
    for name in ("Pro", "copy of pro", "Copy of Pro 2", f"Copy of {long}"[:95], long):
        Segment.objects.create_with_rules(application, name=name, rules=parse(PRO))
    assert Segment.objects.free_name(application, "Pro") == "Copy of Pro 3"
    assert Segment.objects.free_name(application, "Other") == "Copy of Other"
    assert Segment.objects.free_name(application, long) == f"Copy of {long}"[:95] + " 2"
