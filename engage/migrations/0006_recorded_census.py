import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("engage", "0005_first_versions"),
        ("identity", "0005_erasure"),
    ]

    operations = [
        migrations.CreateModel(
            name="RecordedCensus",
            fields=[
                (
                    "application",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="recorded_census",
                        serialize=False,
                        to="identity.application",
                    ),
                ),
                ("counted_at", models.DateTimeField()),
                ("users", models.PositiveBigIntegerField()),
                ("traits", models.JSONField()),
            ],
        ),
    ]
