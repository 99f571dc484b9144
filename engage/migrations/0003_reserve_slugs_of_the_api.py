from typing import Any

from django.db import migrations, models

RESERVED = ["create", "export", "import", "preview", "rule", "traits"]


def rename_reserved(apps: Any, schema_editor: Any) -> None:
    """Give segments whose slug the API needs the first free one: import-2, import-3, …"""
    segments = apps.get_model("engage", "Segment").objects
    for pk, application_id, slug in segments.filter(slug__in=RESERVED).values_list("pk", "application_id", "slug"):
        taken = set(segments.filter(application_id=application_id).values_list("slug", flat=True))
        number = 2
        while f"{slug}-{number}" in taken:
            number += 1
        segments.filter(pk=pk).update(slug=f"{slug}-{number}")


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0002_recorded_size"),
    ]

    operations = [
        migrations.RunPython(rename_reserved, migrations.RunPython.noop),
        migrations.RemoveConstraint(model_name="segment", name="segment_slug_is_free"),
        migrations.AddConstraint(
            model_name="segment",
            constraint=models.CheckConstraint(
                condition=models.Q(("slug__in", RESERVED), _negated=True), name="segment_slug_is_free"
            ),
        ),
    ]
