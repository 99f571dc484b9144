"""Users in files: CSV and JSON lines, read row by row in bounded memory, as documents of identify calls. Pure."""

import csv
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from identity.payloads import BODY_LIMIT, Refused, read_json
from identity.values import Kind, convert, kind_of

# Where a file of refused rows says why; whoever mends the file and imports it again need not take it out.
REFUSED = "$refused"
_ID_COLUMNS = ("id", "userId", "user_id")
_PROFILE_COLUMNS = ("email", "name", "timestamp")
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_CSV_SUFFIXES = (".csv", ".tsv", ".txt")
# What cells become where nothing is lost; else they stay text.
_READ_AS = frozenset((Kind.NUMBER, Kind.BOOLEAN))
_LINE_LIMIT = 16 * BODY_LIMIT
_TOO_LONG = f"The row has more than {BODY_LIMIT // 1024} KiB."


class UnreadableFile(Exception):
    """A file that can't be imported at all; the message says why in words."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the document of its call, or why there is none; and its source, for a file of refused rows."""

    line: int
    document: object
    problem: str | None = None
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of a CSV file is: a part of the call, or a trait, and how its cells are read."""

    header: str
    name: str
    is_trait: bool
    # Cells become numbers or booleans where nothing is lost; None leaves them text.
    kind: Kind | None = None


@dataclass(slots=True)
class _Lines:
    """The lines of a file as text, none longer than a limit."""

    file: BinaryIO
    number: int = 0
    # How many of them were no UTF-8.
    garbled: int = 0

    def __iter__(self) -> Iterator[str]:
        while line := self.file.readline(_LINE_LIMIT):
            while not line.endswith(b"\n") and (rest := self.file.readline(_LINE_LIMIT)):
                if rest.endswith(b"\n"):
                    line += b"\n"  # what was too long is refused, whatever came after
            self.number += 1
            try:
                yield line.decode("utf-8-sig" if self.number == 1 else "utf-8")
            except UnicodeDecodeError:
                self.garbled += 1
                yield line.decode(errors="replace")


@dataclass(slots=True)
class CsvFile:
    """A CSV file with a header. Raises UnreadableFile for one whose header does not say who the users are."""

    file: BinaryIO
    # Kinds of the traits that the application knows: their columns are read alike.
    known: Mapping[str, Kind]
    columns: list[Column] = field(init=False)
    _delimiter: str = field(init=False)

    def __post_init__(self) -> None:
        lines = _Lines(self.file)
        header = next(iter(lines), "")
        if lines.garbled:
            raise UnreadableFile("The file is not in UTF-8. Save it as “CSV UTF-8”.")
        self._delimiter = max(",;\t", key=header.count)
        self.file.seek(0)
        cells = next((cells for _, cells, _ in self._cells()), [])
        self.columns = [_column(cell, place) for place, cell in enumerate(cells, 1)]
        names = [(column.is_trait, column.name) for column in self.columns]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UnreadableFile(f"The column “{min(twice)[1]}” stands twice in the header.")
        if (False, "id") not in names:
            raise UnreadableFile("The header has no column “id”.")
        self._find_kinds()

    def rows(self) -> Iterator[Row]:
        for line, cells, problem in self._body():
            yield Row(line, self._document(cells) if problem is None else None, problem, tuple(cells))

    def _body(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Line, cells and problem of each row below the header."""
        self.file.seek(0)
        for number, (line, cells, problem) in enumerate(self._cells()):
            if number and cells:
                yield line, cells, problem or self._problem(cells)

    def _problem(self, cells: list[str]) -> str | None:
        if len(cells) > len(self.columns):
            return f"The row has {len(cells)} cells, and the header {len(self.columns)}."
        return _TOO_LONG if sum(map(len, cells)) > BODY_LIMIT else None

    def _document(self, cells: list[str]) -> dict[str, object]:
        document: dict[str, object] = {}
        traits: dict[str, object] = {}
        for column, cell in zip(self.columns, cells, strict=False):
            if not cell or cell.isspace():  # says nothing of the trait; to remove it is for null in JSON
                continue
            if column.is_trait:
                traits[column.name] = cell if column.kind is None else convert(cell, column.kind)
            elif column.name != REFUSED:
                document[column.name] = cell
        document["traits"] = traits
        return document

    def _cells(self) -> Iterator[tuple[int, list[str], str | None]]:
        """Line, cells and problem of each row, the header first."""
        lines = _Lines(self.file)
        reader = csv.reader(lines, delimiter=self._delimiter)
        while True:
            start, garbled = lines.number + 1, lines.garbled
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:  # a cell of more than 128 KiB
                yield start, [""], "A cell is too long, or its quotation mark is never closed."
                continue
            problem = None if lines.garbled == garbled else "The row is not in UTF-8. Save the file as “CSV UTF-8”."
            yield start, cells, problem

    def _find_kinds(self) -> None:
        """Decide how to read each column: as the application knows its trait, else as numbers or booleans when every
        cell is one. The file is read once for it."""
        possible = {
            place: _READ_AS
            for place, column in enumerate(self.columns)
            if column.is_trait and column.name not in self.known
        }
        for _, cells, problem in self._body():
            if not possible:
                break
            if problem is not None:
                continue
            for place in [place for place in possible if place < len(cells)]:
                possible[place] &= _could_be(cells[place])
                if not possible[place]:
                    del possible[place]
        for place, column in enumerate(self.columns):
            kind = self.known.get(column.name) if column.is_trait else None
            if len(possible.get(place, ())) == 1:  # all are left where every cell is empty
                (kind,) = possible[place]
            # Text is text, and of dates the door knows what is declared.
            kind = kind if kind in _READ_AS else None
            self.columns[place] = Column(column.header, column.name, column.is_trait, kind)


@functools.lru_cache(2_000)  # most numbers are small and come again
def _could_be(cell: str) -> frozenset[Kind]:
    """The kinds that a cell can be read as: one at most, or all where it is empty."""
    if not cell or cell.isspace():
        return _READ_AS
    return frozenset(kind for kind in _READ_AS if kind_of(convert(cell, kind)) is kind)


def _column(header: str, place: int) -> Column:
    name = header.strip()
    if not name:
        raise UnreadableFile(f"Column {place} has no name in the header.")
    if name in _ID_COLUMNS:
        return Column(header, "id", is_trait=False)
    if name in _PROFILE_COLUMNS or name == REFUSED:
        return Column(header, name, is_trait=False)
    return Column(header, name.removeprefix("traits."), is_trait=True)


@dataclass(slots=True)
class JsonLines:
    """A file with the body of an identify call, ours or Segment's, in each line."""

    file: BinaryIO

    def rows(self) -> Iterator[Row]:
        self.file.seek(0)
        lines = _Lines(self.file)
        garbled = 0
        for text in lines:
            line = text.strip()
            if not line:
                continue
            if lines.garbled > garbled:
                garbled = lines.garbled
                yield Row(lines.number, None, "The row is not in UTF-8.", (line[:BODY_LIMIT],))
            elif len(line.encode()) > BODY_LIMIT:
                yield Row(lines.number, None, _TOO_LONG, (line[:BODY_LIMIT],))
            else:
                yield self._row(lines.number, line)

    def _row(self, number: int, line: str) -> Row:
        try:
            document = read_json(line.encode())
        except Refused as refused:
            return Row(number, None, refused.message, (line,))
        if isinstance(document, dict):
            document.pop(REFUSED, None)
        return Row(number, document, None, (line,))


UserFile = CsvFile | JsonLines


def read_users(file: BinaryIO, name: str, known: Mapping[str, Kind]) -> UserFile:
    """The reader for a file: told by the end of its name, else by how it begins. Raises UnreadableFile."""
    suffix = Path(name).suffix.lower()
    file.seek(0)
    start = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    file.seek(0)
    if not start:
        raise UnreadableFile("The file is empty.")
    if suffix in _JSON_SUFFIXES or (suffix not in _CSV_SUFFIXES and start.startswith(b"{")):
        return JsonLines(file)
    return CsvFile(file, known)


class RefusedRows:
    """Writes the rows of a file that were refused, in its own format, each with the reason."""

    def __init__(self, file: IO[str], users: UserFile) -> None:
        self._file = file
        self._columns = None
        if isinstance(users, CsvFile):
            self._columns = [column.header for column in users.columns if column.name != REFUSED]
            self._kept = [place for place, column in enumerate(users.columns) if column.name != REFUSED]
            self._writer = csv.writer(file)
            self._writer.writerow([*self._columns, REFUSED])

    def add(self, row: Row, reason: str) -> None:
        why = f"line {row.line}: {reason}"
        if self._columns is not None:
            cells = [row.cells[place] if place < len(row.cells) else "" for place in self._kept]
            self._writer.writerow([*cells, why])
            return
        source = row.document if isinstance(row.document, dict) else {"row": row.cells[0]}
        self._file.write(json.dumps({REFUSED: why, **source}, ensure_ascii=False) + "\n")
