import gc
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from identity import tally
from identity.import_files import AS_IT_CAME, Column, CsvFile, RefusedRows, Row, UnreadableFile, UserFile, read_users
from identity.importing import Report, import_users, known_kinds
from identity.models import Application
from identity.values import Kind

READ_AS = {Kind.NUMBER: "numbers", Kind.BOOLEAN: "true or false", None: "text and dates"}


class Command(BaseCommand):
    help = "Import users from a CSV file with a header, or from JSON lines. Run again, it changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="users.csv with a column id, or users.jsonl")
        parser.add_argument("--application", required=True, metavar="SLUG")

    def handle(self, *args: Any, file: Path, application: str, **options: Any) -> None:
        found = Application.objects.filter(slug=application).first()
        if found is None:
            raise CommandError(f"There is no application “{application}”.")
        # What is loaded by now stays: not to walk it with each collection makes the import quicker by a tenth.
        gc.freeze()
        refused = file.with_name(f"{file.stem}.refused{file.suffix}")
        try:
            refused.unlink(missing_ok=True)  # of a run before this
            with file.open("rb") as opened, RefusedFile(refused) as out:
                users = read_users(opened, file.name, known_kinds(found))
                report = run(found, users, opened, out)
        except UnreadableFile as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from error
        tally.flush()
        self.stdout.write("\n".join(summary(found, users, report, refused)))


class RefusedFile(ExitStack):
    """A file beside the imported one, made with the first row that is refused."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._rows: RefusedRows | None = None

    def add(self, users: UserFile, row: Row, reason: str) -> None:
        if self._rows is None:
            file = self.enter_context(self._path.open("w", encoding="utf-8", errors=AS_IT_CAME, newline=""))
            self._rows = RefusedRows(file, users)
        self._rows.add(row, reason)


def run(application: Application, users: UserFile, opened: BinaryIO, out: RefusedFile) -> Report:
    size = opened.seek(0, 2)
    # On a terminal only: a log has no use for it.
    with tqdm(total=size, unit="B", unit_scale=True, desc="Importing", disable=None) as bar:

        def progress(report: Report) -> None:
            bar.update(opened.tell() - bar.n)

        return import_users(
            application,
            users.rows(),
            now=timezone.now(),
            refuse=lambda row, reason: out.add(users, row, reason),
            progress=progress,
        )


def _why(column: Column) -> str:
    return f" (line {column.odd_line:,} has something else than those before)" if column.odd_line else ""


def summary(application: Application, users: UserFile, report: Report, refused: Path) -> Iterator[str]:
    """What became of it, in lines."""
    yield f"{report.applied:,} users imported into {application.name}."
    if isinstance(users, CsvFile):
        traits = [
            f"{column.name} as {READ_AS[column.kind]}{_why(column)}" for column in users.columns if column.is_trait
        ]
        yield f"Columns read: {', '.join(traits) or 'no traits'}."
    if report.ignored:
        yield f"{report.ignored:,} rows ignored: of another type than identify, or anonymous."
    if report.refused:
        yield f"{report.refused:,} rows refused. They stand in {refused}, each with its reason."
    for warning, rows in report.warnings.most_common():
        yield f"Warning: {warning.code} in {warning.field}, {rows:,} times."
