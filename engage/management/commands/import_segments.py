from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from engage import exchange
from identity.models import Application
from identity.payloads import Refused, read_json


class Command(BaseCommand):
    help = "Create or replace segments, by their slugs, out of what export_segments wrote. All of them or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="segments.json")
        parser.add_argument("--application", required=True, metavar="SLUG")

    def handle(self, *args: Any, file: Path, application: str, **options: Any) -> None:
        found = Application.objects.filter(slug=application).first()
        if found is None:
            raise CommandError(f"There is no application “{application}”.")
        try:
            imported = exchange.import_segments(found, exchange.parse(read_json(file.read_bytes())))
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from error
        except Refused as error:
            raise CommandError(f"{file} is not valid JSON in UTF-8.") from error
        except exchange.InvalidDocument as error:
            raise CommandError("\n".join(["Nothing was imported.", *map(str, error.errors)])) from error
        except IntegrityError as error:
            raise CommandError("Nothing was imported: someone else changes segments. Try again.") from error
        for what, slugs in (
            ("created", imported.created),
            ("changed", imported.changed),
            ("unchanged", imported.unchanged),
        ):
            self.stdout.write(f"{len(slugs):,} {what}{': ' if slugs else ''}{', '.join(slugs)}.")
