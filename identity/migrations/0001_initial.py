import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import identity.models.application
import identity.values
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "email",
                    models.EmailField(
                        error_messages={"unique": "There is an account with this address."},
                        max_length=254,
                        unique=True,
                        verbose_name="e-mail address",
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("must_choose_password", models.BooleanField(default=False, editable=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                        name="user_email_is_lower_case",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Application",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=100)),
                ("slug", models.SlugField(unique=True)),
                (
                    "time_zone",
                    models.CharField(
                        default="UTC", max_length=64, validators=[identity.models.application.check_time_zone]
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "ordering": ["name", "slug"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "slug__in",
                                [
                                    "account",
                                    "accounts",
                                    "admin",
                                    "api",
                                    "app",
                                    "application",
                                    "applications",
                                    "apps",
                                    "assets",
                                    "auth",
                                    "docs",
                                    "engage",
                                    "favicon",
                                    "health",
                                    "help",
                                    "home",
                                    "login",
                                    "logout",
                                    "new",
                                    "password",
                                    "robots",
                                    "sdk",
                                    "settings",
                                    "sign-in",
                                    "sign-out",
                                    "sign-up",
                                    "signin",
                                    "signout",
                                    "signup",
                                    "static",
                                    "status",
                                    "support",
                                    "v1",
                                    "v2",
                                    "www",
                                ],
                            ),
                            _negated=True,
                        ),
                        name="application_slug_is_free",
                        violation_error_message="This address is used by Callout itself.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Key",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(editable=False, max_length=64, unique=True)),
                ("prefix", models.CharField(editable=False, max_length=12)),
                ("public_text", models.CharField(blank=True, editable=False, max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_used_at", models.DateTimeField(editable=False, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="identity.application"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("prefix__startswith", "co_pub_"), ("public_text__startswith", "co_pub_")),
                            models.Q(("prefix__startswith", "co_sec_"), ("public_text", "")),
                            _connector="OR",
                        ),
                        name="key_keeps_no_secret",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("external_id", models.CharField(max_length=200)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("traits", models.JSONField(default=dict)),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                (
                    "application",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="people",
                        to="identity.application",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["application", "id"], name="person_application")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("traits__contains", {})), name="person_traits_are_an_object"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Teammate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("editor", "Editor"), ("viewer", "Viewer")], max_length=6
                    ),
                ),
                ("joined_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "application",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="teammates", to="identity.application"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="teammates",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "application"), name="teammate_once"),
                    models.CheckConstraint(
                        condition=models.Q(("role__in", ["owner", "editor", "viewer"])), name="teammate_role"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Trait",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(db_collation="C", max_length=100)),
                ("label", models.CharField(blank=True, max_length=100)),
                (
                    "declared_kind",
                    models.CharField(
                        blank=True,
                        choices=[("string", "string"), ("number", "number"), ("boolean", "boolean"), ("date", "date")],
                        max_length=7,
                    ),
                ),
                (
                    "first_kind",
                    models.CharField(
                        blank=True,
                        choices=[("string", "string"), ("number", "number"), ("boolean", "boolean"), ("date", "date")],
                        max_length=7,
                    ),
                ),
                ("description", models.CharField(blank=True, max_length=300)),
                ("first_seen", models.DateTimeField(null=True)),
                ("last_seen", models.DateTimeField(null=True)),
                (
                    "application",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="traits",
                        to="identity.application",
                    ),
                ),
            ],
            options={
                "ordering": ["key"],
                "constraints": [
                    models.UniqueConstraint(fields=("application", "key"), name="trait_key"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "declared_kind__in",
                                [
                                    "",
                                    identity.values.Kind["STRING"],
                                    identity.values.Kind["NUMBER"],
                                    identity.values.Kind["BOOLEAN"],
                                    identity.values.Kind["DATE"],
                                ],
                            )
                        ),
                        name="trait_declared_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "first_kind__in",
                                [
                                    "",
                                    identity.values.Kind["STRING"],
                                    identity.values.Kind["NUMBER"],
                                    identity.values.Kind["BOOLEAN"],
                                    identity.values.Kind["DATE"],
                                ],
                            )
                        ),
                        name="trait_first_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("key", ""), _negated=True), models.Q(("key__startswith", "$"), _negated=True)
                        ),
                        name="trait_key_is_allowed",
                    ),
                ],
            },
        ),
    ]
