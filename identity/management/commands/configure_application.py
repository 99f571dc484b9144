import json
from datetime import datetime
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from identity import configuration
from identity.models import Application, IdentitySecret, Key, Verification
from identity.models.application import digest


class Command(BaseCommand):
    help = "Change what is named of an application, and show what stands then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the application, as in its address: /acme/")
        parser.add_argument("--time-zone", metavar="ZONE", help="like Europe/Berlin")
        parser.add_argument("--verification", choices=Verification.values, help="what becomes of unsigned calls")
        parser.add_argument(
            "--origin", nargs="*", metavar="URL", help="the pages that may call, instead of those before; none: all"
        )
        parser.add_argument("--add-identity-secret", action="store_true", help="two can be live")
        parser.add_argument("--retire-identity-secret", type=int, metavar="ID")
        parser.add_argument("--add-secret-key", action="store_true", help="its text is printed this once")
        parser.add_argument("--revoke-key", metavar="PREFIX", help="the first characters of a live key")
        parser.add_argument("--json", action="store_true", help="print one JSON object, identity secrets included")

    def handle(self, *args: Any, **options: Any) -> None:
        application = Application.objects.filter(slug=options["slug"]).first()
        if application is None:
            raise CommandError(f"There is no application “{options['slug']}”.")
        try:
            new = change(application, options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_json(application) | new))
        else:
            self.stdout.write("\n".join(as_lines(application, new)))


@transaction.atomic
def change(application: Application, options: dict[str, Any]) -> dict[str, str]:
    """Do all that the options name, or nothing. Returns the texts of what is new, which can't be shown later."""
    new = {}
    if options["time_zone"] is not None:
        configuration.set_time_zone(application, name=options["time_zone"])
    if options["verification"] is not None:
        configuration.set_verification(application, mode=Verification(options["verification"]))
    if options["origin"] is not None:
        configuration.set_origins(application, origins=options["origin"])
    if options["retire_identity_secret"] is not None:
        configuration.retire_identity_secret(live_secret(application, options["retire_identity_secret"]))
    if options["add_identity_secret"]:
        new["identity_secret"] = configuration.add_identity_secret(application).text or ""
    if options["revoke_key"] is not None:
        configuration.revoke_key(live_key(application, options["revoke_key"]))
    if options["add_secret_key"]:
        _, new["secret_key"] = configuration.add_secret_key(application)
    return new


def live_secret(application: Application, pk: int) -> IdentitySecret:
    secret = application.identity_secrets.filter(pk=pk).first()
    if secret is None:
        live = ", ".join(str(pk) for pk in application.identity_secrets.values_list("pk", flat=True))
        raise CommandError(f"There is no live identity secret {pk}; live are: {live or 'none'}.")
    return secret


def live_key(application: Application, prefix: str) -> Key:
    live = list(application.keys.live())
    found = [
        # All of a secret key is known by its digest alone.
        key
        for key in live
        if key.prefix.startswith(prefix) or key.public_text.startswith(prefix) or key.digest == digest(prefix)
    ]
    if len(found) != 1:
        problem = "Several keys begin" if found else "No live key begins"
        raise CommandError(f"{problem} with “{prefix}”; live are: {', '.join(key.prefix for key in live)}.")
    return found[0]


def as_json(application: Application) -> dict[str, Any]:
    keys = application.keys.live().order_by("-created_at", "-id")
    public = [{"prefix": key.prefix, "key": key.public_text, **times(key)} for key in keys if not key.is_secret]
    return {
        "slug": application.slug,
        "name": application.name,
        "time_zone": application.time_zone,
        "verification": application.verification,
        "origins": application.origins,
        "public_key": public[0]["key"],
        "public_keys": public,
        "secret_keys": [{"prefix": key.prefix, **times(key)} for key in keys if key.is_secret],
        "identity_secrets": [
            {"id": secret.pk, "secret": secret.text, "created_at": moment(secret.created_at)}
            for secret in application.identity_secrets.all()
        ],
        "last_identify_at": moment(application.last_identify_at),
        "unsigned_calls": application.unsigned_calls,
        "last_unsigned_at": moment(application.last_unsigned_at),
    }


def times(key: Key) -> dict[str, str | None]:
    return {"created_at": moment(key.created_at), "last_used_at": moment(key.last_used_at)}


def moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def as_lines(application: Application, new: dict[str, str]) -> list[str]:
    """What stands, for people. Secrets only when they are new."""
    stands = as_json(application)
    lines = [
        ("Application", f"{application.name} ({application.slug})"),
        ("Time zone", application.time_zone),
        ("Verification", application.verification),
        ("Unsigned calls", f"{application.unsigned_calls:,}"),
        ("Origins", ", ".join(application.origins) or "all"),
        ("Last identify", stands["last_identify_at"] or "none yet"),
        *(("Public key", f"{key['key']}  ({used(key)})") for key in stands["public_keys"]),
        *(("Secret key", f"{key['prefix']}…  ({used(key)})") for key in stands["secret_keys"]),
        *(
            ("Identity secret", f"{secret['id']}  (since {secret['created_at']})")
            for secret in stands["identity_secrets"]
        ),
    ]
    if "identity_secret" in new:
        lines.append(("New secret", new["identity_secret"]))
    if "secret_key" in new:
        lines.append(("New secret key", f"{new['secret_key']}  (shown only now)"))
    return [f"{label + ':':<17}{text}" for label, text in lines]


def used(key: dict[str, Any]) -> str:
    return f"last used {key['last_used_at']}" if key["last_used_at"] else "never used"
