"""What migrations make of what is stored already."""

from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from engage.models import Segment, SegmentVersion
from engage.rules import parse
from tests.factories import new_application

RULES = [{"trait": "plan", "operator": "equals", "value": "pro"}]

rename_reserved = import_module("engage.migrations.0003_reserve_slugs_of_the_api").rename_reserved
keep_first_versions = import_module("engage.migrations.0005_first_versions").keep_first_versions


@pytest.mark.django_db
def test_segments_whose_slug_the_api_needs_get_the_first_free_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # rows of before were checked long ago
        cursor.execute("ALTER TABLE engage_segment DROP CONSTRAINT segment_slug_is_free")
    ours, theirs = new_application().application, new_application().application
    Segment.objects.bulk_create(
        Segment(application=application, name=slug, slug=slug, rules=RULES)
        for application, slugs in ((ours, ["export", "export-2", "pro"]), (theirs, ["export", "import"]))
        for slug in slugs
    )
    rename_reserved(apps, None)
    named = Segment.objects.filter(is_everyone=False).order_by("application__created_at", "name")
    assert list(named.filter(application=ours).values_list("name", "slug")) == [
        ("export", "export-3"),
        ("export-2", "export-2"),
        ("pro", "pro"),
    ]
    assert list(named.filter(application=theirs).values_list("name", "slug")) == [
        ("export", "export-2"),
        ("import", "import-2"),
    ]
    with connection.cursor() as cursor:  # as the migration does next
        cursor.execute(
            "ALTER TABLE engage_segment ADD CHECK (slug NOT IN ('create','export','import','preview','rule','traits'))"
        )


@pytest.mark.django_db
def test_what_segments_are_becomes_their_first_version() -> None:
    application = new_application().application
    made = Segment.objects.create_with_rules(application, name="Kept", rules=parse(RULES))
    made.change(name="Renamed", rules=parse(RULES))
    Segment.objects.bulk_create([Segment(application=application, name="Old", slug="old", rules=RULES)])
    keep_first_versions(apps, None)
    versions = SegmentVersion.objects.order_by("segment_id", "number")
    assert list(versions.values_list("number", "name", "rules")) == [
        (1, "Kept", RULES),
        (2, "Renamed", RULES),
        (1, "Old", RULES),
    ]


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
