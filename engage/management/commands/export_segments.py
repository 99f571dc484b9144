import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from engage import exchange
from identity.models import Application


class Command(BaseCommand):
    help = "Write the segments of an application as one JSON document, which import_segments reads."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="segments.json; without it, to the console")
        parser.add_argument("--application", required=True, metavar="SLUG")

    def handle(self, *args: Any, file: Path | None, application: str, **options: Any) -> None:
        found = Application.objects.filter(slug=application).first()
        if found is None:
            raise CommandError(f"There is no application “{application}”.")
        document = exchange.export(found)
        text = json.dumps(document, ensure_ascii=False, indent=2)
        if file is None:
            self.stdout.write(text)
            return
        try:
            file.write_text(text + "\n", "utf-8")
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from error
        self.stdout.write(f"{len(document['segments']):,} segments of {found.name} written to {file}.")
