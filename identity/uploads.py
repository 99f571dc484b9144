"""Files of users that are uploaded in the browser: kept in the database until the worker has imported them, and the
rows that were refused for a while longer."""

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import BinaryIO

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from identity import tally
from identity.import_files import AS_IT_CAME, CsvFile, RefusedRows, UnreadableFile, UserFile, read_users
from identity.importing import Report, import_users, known_kinds
from identity.models import Application, ImportPart, User, UserImport
from identity.models.user_import import FILE_NAME_LENGTH, PROBLEM_LENGTH
from identity.values import UNSTORABLE

# The one page that takes files.
PATH = "/settings/import/"
# A larger file is better imported by command, from where it lies.
UPLOAD_BYTES = 200 * 1024 * 1024
# Of each application, with the one that is imported just now.
IMPORTS_WAITING = 5
PART_BYTES = 1024 * 1024
# Whoever watches looks once a second.
NOTE_SECONDS = 0.5
# Rows that were refused hold what people told of themselves, so they don't stay for ever.
REFUSED_ROWS_KEPT = timedelta(days=30)


class BoundedUpload(FileUploadHandler):
    """Refuses what is too large before anything of it is read; other handlers keep the file. Forms are read before any
    view is asked, so other pages, and whoever has not signed in, get no more room than a form needs."""

    def handle_raw_input(
        self,
        input_data: object,
        META: Mapping[str, object],  # noqa: N803 - Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """Raises RequestDataTooBig."""
        form = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        request = self.request
        takes_files = request and request.path_info.endswith(PATH) and request.user.is_authenticated
        if content_length > form + (UPLOAD_BYTES if takes_files else 0):
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class Stopped(Exception):
    """Raised when the worker ends in the middle of an import. What was imported stays."""


@transaction.atomic
def keep(application: Application, file: UploadedFile, *, created_by: User) -> UserImport:
    """Keep an uploaded file of at most UPLOAD_BYTES for its import."""
    name = (file.name or "users.csv")[-FILE_NAME_LENGTH:]
    kept = UserImport.objects.create(
        application=application, file_name=name, size=file.size or 0, created_by=created_by
    )
    _write_parts(kept, file.chunks(PART_BYTES), is_refused=False)
    return kept


class TakenOver(Exception):
    """Raised when another run of the same import has begun, or the import was deleted: what this one does no longer
    counts."""


def run(user_import: UserImport, *, must_stop: Callable[[], bool]) -> None:
    """Import an uploaded file from its beginning, and note on the way how far it has come. A file that can't be read is
    noted as its problem. Raises Stopped when `must_stop` says so, and TakenOver."""

    def check() -> None:
        if must_stop():
            raise Stopped

    waiting = UserImport.objects.filter(pk=user_import.pk, finished_at=None)
    with transaction.atomic():
        before = waiting.select_for_update().values_list("runs", flat=True).first()
        if before is None:
            raise TakenOver
        waiting.update(runs=before + 1, started_at=timezone.now())
    mine = waiting.filter(runs=before + 1)
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as refused:
        for content in _contents(user_import, is_refused=False):
            file.write(content)
        columns, report, problem = [], Report(), ""
        try:
            users = read_users(file, user_import.file_name, known_kinds(user_import.application), check)
            columns = _columns(users)
            report = _import(user_import, users, file, refused, columns, mine, check)
            if not report.applied + report.ignored + report.refused:
                problem = "The file has no rows."
        except UnreadableFile as error:
            problem = _storable(str(error))[:PROBLEM_LENGTH]
        refused.seek(0)
        with transaction.atomic():
            _note(mine, report, columns, position=user_import.size, problem=problem, finished_at=timezone.now())
            user_import.parts.all().delete()
            if report.refused:
                _write_parts(user_import, iter(lambda: refused.read(PART_BYTES), b""), is_refused=True)


def _columns(users: UserFile) -> list[dict[str, object]]:
    if not isinstance(users, CsvFile):
        return []
    return [
        {"name": column.name, "kind": column.kind or "", "odd_line": column.odd_line}
        for column in users.columns
        if column.is_trait
    ]


def _import(
    user_import: UserImport,
    users: UserFile,
    file: BinaryIO,
    refused: BinaryIO,
    columns: list[dict[str, object]],
    mine: QuerySet[UserImport],
    check: Callable[[], None],
) -> Report:
    text = io.TextIOWrapper(refused, encoding="utf-8", errors=AS_IT_CAME, newline="", write_through=True)
    out = RefusedRows(text, users)
    noted_at = 0.0

    def progress(report: Report) -> None:
        nonlocal noted_at
        check()
        if time.monotonic() - noted_at > NOTE_SECONDS:
            _note(mine, report, columns, position=min(file.tell(), user_import.size))
            noted_at = time.monotonic()

    try:
        return import_users(
            user_import.application, users.rows(), now=timezone.now(), refuse=out.add, progress=progress
        )
    finally:
        text.detach()  # or the file would be closed with it
        tally.flush()


def _note(mine: QuerySet[UserImport], report: Report, columns: list[dict[str, object]], **fields: object) -> None:
    noted = mine.update(
        applied=report.applied,
        ignored=report.ignored,
        refused=report.refused,
        columns=columns,
        warnings=[
            {"field": _storable(warning.field), "message": warning.message, "rows": rows}
            for warning, rows in report.warnings.most_common()
        ],
        **fields,
    )
    if not noted:
        raise TakenOver


def _storable(text: str) -> str:
    """A name out of a file, which may have been refused for just that."""
    return UNSTORABLE.sub("\ufffd", text)


def refused_rows(user_import: UserImport) -> Iterator[bytes]:
    """The file of refused rows in pieces; nothing when there is none any more."""
    return _contents(user_import, is_refused=True)


def _contents(user_import: UserImport, *, is_refused: bool) -> Iterator[bytes]:
    # One by one: together they may be larger than the memory that a worker should take.
    places = user_import.parts.filter(is_refused=is_refused).values_list("place", flat=True)
    for place in list(places):
        content = user_import.parts.values_list("content", flat=True).filter(is_refused=is_refused, place=place).first()
        if content is None:  # another run has finished and tidied up
            raise TakenOver
        yield bytes(content)


def _write_parts(user_import: UserImport, contents: Iterator[bytes], *, is_refused: bool) -> None:
    for place, content in enumerate(contents):
        ImportPart.objects.create(user_import=user_import, is_refused=is_refused, place=place, content=content)


def forget_old() -> None:
    """Delete refused rows after their time, and files that were never imported."""
    ImportPart.objects.filter(user_import__created_at__lt=timezone.now() - REFUSED_ROWS_KEPT).delete()
