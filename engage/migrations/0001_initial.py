import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("identity", "0002_person_storage"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=100)),
                ("slug", models.SlugField(db_index=False, max_length=60)),
                ("is_everyone", models.BooleanField(default=False, editable=False)),
                ("rules", models.JSONField(default=list)),
                ("changed_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "application",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="segments",
                        to="identity.application",
                    ),
                ),
                (
                    "changed_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-is_everyone", django.db.models.functions.text.Lower("name"), "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("application", "slug"), name="segment_slug"),
                    models.UniqueConstraint(
                        models.F("application"),
                        django.db.models.functions.text.Lower("name"),
                        name="segment_name",
                        violation_error_message="There is a segment with this name.",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_everyone", True)), fields=("application",), name="segment_one_everyone"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("is_everyone", True), ("name", "Everyone"), ("rules", []), ("slug", "everyone")),
                            models.Q(
                                ("is_everyone", False),
                                ("rules__contains", []),
                                models.Q(("rules", []), _negated=True),
                                models.Q(("slug", "everyone"), _negated=True),
                                models.Q(("name", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="segment_everyone_or_rules",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("slug__in", ["create", "preview", "rule", "traits"]), _negated=True),
                        name="segment_slug_is_free",
                    ),
                ],
            },
        ),
    ]
