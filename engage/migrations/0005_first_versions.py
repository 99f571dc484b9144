from typing import Any

from django.db import migrations


def keep_first_versions(apps: Any, schema_editor: Any) -> None:
    """What segments are now becomes the first version of each."""
    versions = apps.get_model("engage", "SegmentVersion")
    segments = apps.get_model("engage", "Segment").objects.filter(is_everyone=False, versions=None)
    versions.objects.bulk_create(
        (
            versions(
                segment=segment,
                number=1,
                name=segment.name,
                rules=segment.rules,
                made_at=segment.changed_at,
                made_by_id=segment.changed_by_id,
            )
            for segment in segments
        ),
        batch_size=1_000,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0004_versions_and_experiences"),
    ]

    operations = [
        migrations.RunPython(keep_first_versions, migrations.RunPython.noop),
    ]
