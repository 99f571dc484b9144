import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from engage.applications import create_application


class Command(BaseCommand):
    help = "Create an application, with its keys and its owner."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what people call it: “Acme”")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="an account is made when there is none")
        parser.add_argument("--json", action="store_true", help="print slug and keys as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = create_application(name=options["name"], owner_email=options["owner"])
        except ValidationError as error:
            named = error.message_dict.items() if hasattr(error, "error_dict") else [("", error.messages)]
            raise CommandError(" ".join(f"{field}: {' '.join(texts)}" for field, texts in named)) from error
        if options["json"]:
            keys = {"slug": made.application.slug, "public_key": made.public_key, "secret_key": made.secret_key}
            self.stdout.write(json.dumps(keys))
            if made.one_time_password:  # not among the keys that a script stores
                self.stderr.write(f"One-time password of {options['owner']}: {made.one_time_password}")
            return
        lines = {
            "Slug": made.application.slug,
            "Public key": made.public_key,
            "Secret key": f"{made.secret_key}  (shown only now)",
            "Owner": options["owner"],
        }
        if made.one_time_password:
            lines["One-time password"] = f"{made.one_time_password}  (to be changed at the first sign-in)"
        for label, text in lines.items():
            self.stdout.write(f"{label + ':':<19}{text}")
