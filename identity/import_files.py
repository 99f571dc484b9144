"""Users in files: CSV and JSON lines, read row by row in bounded memory, as documents of identify calls. Pure."""

import csv
import functools
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

from identity.payloads import BODY_LIMIT, Refused, read_json
from identity.values import UNSTORABLE, Kind, Value, convert, kind_of

# Where a file of refused rows says why; whoever mends the file and imports it again need not take it out.
REFUSED = "$refused"
_ID_COLUMNS = ("id", "userid", "user_id")  # in any case
_PROFILE_COLUMNS = ("email", "name", "timestamp")
# No fewer than an application may have traits, and what else a call says.
COLUMNS_LIMIT = 512
_SHOWN = 60
_JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
_CSV_SUFFIXES = (".csv", ".tsv", ".txt")
# What cells become where nothing is lost; else they stay text.
_READ_AS = frozenset((Kind.NUMBER, Kind.BOOLEAN))
# Of a row, with the end of its last line. What is longer is refused, and no more of it than this is kept.
_ROW_LIMIT = BODY_LIMIT + len("\r\n")
# After as much at most, whoever wants reading to end is asked.
_CHECKED_BYTES = 1024 * 1024
# What may stand before the header: blank lines, and the separator as Excel has it.
_BEFORE_HEADER = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:[ \t\r]*\n)*(?:\"?sep=(?P<separator>[,;|\t])\"?[ \t\r]*\n(?:[ \t\r]*\n)*)?"
)
# Of a list of users, or an object over many lines.
_ONE_DOCUMENT = re.compile(rb"\[\s*\{|[\[{][ \t]*[\r\n]")
_BOM = b"\xef\xbb\xbf"
# How a file of refused rows is to be opened, so that bytes stay what they are.
AS_IT_CAME = "surrogateescape"
_TOO_LONG = f"The row has more than {BODY_LIMIT // 1024} KiB."
_NOT_UTF8 = "The row is not in UTF-8."
_NOT_CSV_UTF8 = "The row is not in UTF-8. Save the file as “CSV UTF-8”."
_UNCLOSED = "Its quotation mark is never closed."
_CLOSED_TOO_LATE = f"Its quotation mark is never closed, or not within {BODY_LIMIT // 1024} KiB."
_STRAY_QUOTE = "Within a cell in quotation marks stands a quotation mark that is not doubled."
_STRAY_RETURN = "Within a cell without quotation marks stands a carriage return."


class UnreadableFile(Exception):
    """A file that can't be imported at all; the message says why in words."""


class Row(NamedTuple):
    """One row: the document of its call, or why there is none; and its source, for a file of refused rows."""

    line: int
    document: object
    problem: str | None = None
    # At most as much as a row may have.
    source: bytes = b""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column of a CSV file is: a part of the call, or a trait, and how its cells are read."""

    header: str
    name: str
    is_trait: bool
    # Cells become numbers or booleans where nothing is lost; None leaves them text.
    kind: Kind | None = None
    # The line of the first cell that is none, where all cells before it were numbers, or booleans.
    odd_line: int | None = None


def nothing() -> None:
    """What is called on the way where nobody wants reading to end."""


def _lines(file: BinaryIO, check: Callable[[], None]) -> Iterator[bytes]:
    """The lines from where the file stands. One that is longer than a row may be is cut, and still longer than that."""
    size = 0
    for line in iter(functools.partial(file.readline, _ROW_LIMIT + 1), b""):
        size += len(line)
        if size >= _CHECKED_BYTES:
            size = 0
            check()
        end = line
        while len(end) > _ROW_LIMIT and not end.endswith(b"\n"):
            check()
            end = file.readline(_ROW_LIMIT + 1)
        yield line


# Line, cells, problem and source of a row.
_Parsed = tuple[int, list[str], str | None, bytes]


class _RowTooLong(Exception):
    pass


@dataclass(slots=True)
class _RowLines:
    """Lines as text for the reader of CSV, which takes as many as make a row. Those are kept as they were. Raises
    _RowTooLong."""

    source: Iterator[bytes]
    # Of the line that was read last.
    number: int
    row: list[bytes] = field(default_factory=list)
    again: list[bytes] = field(default_factory=list)
    size: int = 0
    garbled: bool = False

    def begin_row(self) -> None:
        self.row.clear()
        self.size = 0
        self.garbled = False

    def go_back(self) -> None:
        """Let the next reader begin with the last line of the row."""
        self.again.append(self.row.pop())
        self.number -= 1

    def __iter__(self) -> Iterator[str]:
        again, self.again = self.again, []
        for line in chain(again, self.source):
            self.number += 1
            self.row.append(line)
            self.size += len(line)
            if self.size > _ROW_LIMIT:
                raise _RowTooLong
            try:
                text = line.decode()
            except UnicodeDecodeError:
                self.garbled = True
                text = line.decode(errors="replace")
            yield text


@dataclass(slots=True)
class CsvFile:
    """A CSV file with a header. Raises UnreadableFile for one whose header does not say who the users are."""

    file: BinaryIO
    # Kinds of the traits that the application knows: their columns are read alike.
    known: Mapping[str, Kind]
    # Called now and then while the file is read; what it raises ends the reading.
    check: Callable[[], None] = nothing
    columns: list[Column] = field(init=False)
    delimiter: str = field(init=False)
    # The header as it stands in the file.
    header: bytes = field(init=False)
    separator_line: bytes = field(init=False)
    # Where the rows below it begin, and the lines before them.
    _body_at: int = field(init=False)
    _lines_before: int = field(init=False)

    def __post_init__(self) -> None:
        self.file.seek(0)
        begin = self.file.read(_ROW_LIMIT)
        before = _BEFORE_HEADER.match(begin)
        start = before.end() if before else 0
        separator = before["separator"] if before else None
        self.delimiter = separator.decode() if separator else _delimiter(begin[start:])
        # Refused rows are read again as the file was.
        self.separator_line = b"sep=%b\r\n" % separator if separator else b""
        lines_before = begin.count(b"\n", 0, start)
        nothing: _Parsed = (1, [], None, b"")
        _, cells, problem, self.header = next(self._parsed(start, lines_before), nothing)
        if problem == _NOT_CSV_UTF8:
            raise UnreadableFile("The file is not in UTF-8. Save it as “CSV UTF-8”.")
        if problem:
            raise UnreadableFile(f"The header can't be read. {problem}")
        self._body_at, self._lines_before = start + len(self.header), lines_before + self.header.count(b"\n")
        if len(cells) > COLUMNS_LIMIT:
            raise UnreadableFile(f"The header has {len(cells):,} columns; it may have {COLUMNS_LIMIT}.")
        self.columns = [_column(cell, place) for place, cell in enumerate(cells, 1)]
        names = Counter((column.is_trait, column.name) for column in self.columns if column.name != REFUSED)
        twice = [name for (_, name), times in names.items() if times > 1]
        if twice:
            raise UnreadableFile(f"The column “{_shown(twice[0])}” stands twice in the header.")
        if (False, "id") not in names:
            raise UnreadableFile("The header has no column “id”.")
        self._find_kinds()

    def rows(self) -> Iterator[Row]:
        for line, cells, problem, source in self._body():
            yield Row(line, self._document(cells) if problem is None else None, problem, source)

    def _body(self) -> Iterator[_Parsed]:
        """Each row below the header."""
        columns = len(self.columns)
        for row in self._parsed(self._body_at, self._lines_before):
            line, cells, problem, source = row
            if problem is None and len(cells) > columns:
                yield line, [], f"The row has {len(cells)} cells, and the header {columns}.", source
            else:
                yield row

    def _document(self, cells: list[str]) -> dict[str, object]:
        document: dict[str, object] = {}
        traits: dict[str, object] = {}
        for column, cell in zip(self.columns, cells, strict=False):
            if not cell or cell.isspace():  # says nothing of the trait; to remove it is for null in JSON
                continue
            if column.is_trait:
                traits[column.name] = cell if column.kind is None else _read_cell(cell, column.kind)
            elif column.name != REFUSED:
                document[column.name] = cell
        document["traits"] = traits
        return document

    def _parsed(self, place: int, lines_before: int) -> Iterator[_Parsed]:
        """Each row from a place in the file on. No line is passed over in silence, however quotation marks stand: where
        they lead astray, only the line on which that began is refused."""
        self.file.seek(place)
        lines = _RowLines(_lines(self.file, self.check), lines_before)
        while True:
            reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
            try:
                while True:
                    lines.begin_row()
                    cells = next(reader)
                    if cells:
                        row = lines.row
                        source = row[0] if len(row) == 1 else b"".join(row)
                        yield lines.number - len(row) + 1, cells, _NOT_CSV_UTF8 if lines.garbled else None, source
            except StopIteration:
                return
            except (csv.Error, _RowTooLong) as error:
                yield from self._astray(lines, error)

    def _astray(self, lines: _RowLines, error: Exception) -> Iterator[_Parsed]:
        """The rows in lines of which the first began what is no row."""
        first, number = lines.row[0][:_ROW_LIMIT], lines.number - len(lines.row) + 1
        if len(lines.row) == 1:
            yield number, [], _reason(error), first
            return
        yield number, [], _CLOSED_TOO_LATE if isinstance(error, _RowTooLong) else _UNCLOSED, first
        # A quotation mark that one of these opens goes astray as the first did, from line to line, up to the last. So
        # each is read alone, and the time stays in proportion to the length of the file.
        lines.go_back()
        for place, line in enumerate(lines.row[1:], 1):
            text = line.decode(errors="replace")
            try:
                cells = next(csv.reader([text], delimiter=self.delimiter, strict=True))
            except csv.Error as own:
                yield number + place, [], _reason(own), line
                continue
            if cells:
                yield number + place, cells, _NOT_CSV_UTF8 if _is_garbled(line) else None, line

    def _find_kinds(self) -> None:
        """Decide how to read each column: as the application knows its trait, else as numbers or booleans when every
        cell is one. The file is read once for it."""
        possible = {
            place: _READ_AS
            for place, column in enumerate(self.columns)
            if column.is_trait and column.name not in self.known
        }
        odd_lines: dict[int, int] = {}
        for line, cells, problem, _ in self._body():
            if not possible:
                break
            if problem is not None:
                continue
            for place in [place for place in possible if place < len(cells)]:
                cell = cells[place]
                before = possible[place]
                possible[place] &= _short_could_be(cell) if len(cell) <= _SHORT else _could_be(cell)
                if not possible[place]:
                    del possible[place]
                    if len(before) == 1:
                        odd_lines[place] = line
        for place, column in enumerate(self.columns):
            kind = self.known.get(column.name) if column.is_trait else None
            if len(possible.get(place, ())) == 1:  # all are left where every cell is empty
                (kind,) = possible[place]
            # Text is text, and of dates the door knows what is declared.
            kind = kind if kind in _READ_AS else None
            self.columns[place] = replace(column, kind=kind, odd_line=odd_lines.get(place))


def _delimiter(begin: bytes) -> str:
    """What separates the columns of the header that a file begins with."""
    outside_quotes = b"".join(begin.split(b'"')[::2])
    return max(",;\t|", key=outside_quotes.partition(b"\n")[0].decode(errors="replace").count)


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN else name[:_SHOWN] + "…"


def _reason(error: Exception) -> str:
    """Why a single line is no row."""
    if isinstance(error, _RowTooLong):
        return _TOO_LONG
    if "unexpected end of data" in str(error):
        return _UNCLOSED
    return _STRAY_RETURN if "new-line character" in str(error) else _STRAY_QUOTE


def _is_garbled(source: bytes) -> bool:
    try:
        source.decode()
    except UnicodeDecodeError:
        return True
    return False


def _could_be(cell: str) -> frozenset[Kind]:
    """The kinds that a cell can be read as: one at most, or all where it is empty."""
    if not cell or cell.isspace():
        return _READ_AS
    return frozenset(kind for kind in _READ_AS if kind_of(convert(cell, kind)) is kind)


# Most numbers are short and come again.
_SHORT = 50
_short_could_be = functools.lru_cache(2_000)(_could_be)
_short_converted = functools.lru_cache(2_000)(convert)


def _read_cell(cell: str, kind: Kind) -> Value:
    return _short_converted(cell, kind) if len(cell) <= _SHORT else convert(cell, kind)


def _column(header: str, place: int) -> Column:
    name = header.strip()
    if not name:
        raise UnreadableFile(f"Column {place} has no name in the header.")
    if UNSTORABLE.search(name):  # as in UTF-16 without a mark of it
        raise UnreadableFile(f"The name of column {place} has NUL characters. Save the file as “CSV UTF-8”.")
    if name.lower() in _ID_COLUMNS:
        return Column(header, "id", is_trait=False)
    if name.lower() in _PROFILE_COLUMNS or name == REFUSED:
        return Column(header, name.lower(), is_trait=False)
    return Column(header, name.removeprefix("traits."), is_trait=True)


@dataclass(slots=True)
class JsonLines:
    """A file with the body of an identify call, ours or Segment's, in each line."""

    file: BinaryIO
    check: Callable[[], None] = nothing

    def rows(self) -> Iterator[Row]:
        self.file.seek(0)
        for number, source in enumerate(_lines(self.file, self.check), 1):
            line = source.strip()
            if line and line != _BOM:
                yield self._row(number, line)

    def _row(self, number: int, line: bytes) -> Row:
        if len(line) > BODY_LIMIT:
            return Row(number, None, _TOO_LONG, line[:BODY_LIMIT])
        try:
            document = read_json(line)
        except Refused as refused:
            return Row(number, None, _NOT_UTF8 if _is_garbled(line) else refused.message, line)
        if isinstance(document, dict):
            document.pop(REFUSED, None)
        return Row(number, document, None, line)


UserFile = CsvFile | JsonLines


class _ReturnsAsNewlines(io.RawIOBase):
    """A file whose lines end with a carriage return, as old programs on the Mac write them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        content = self._file.read(len(view)).replace(b"\r", b"\n")
        view[: len(content)] = content
        return len(content)


def read_users(file: BinaryIO, name: str, known: Mapping[str, Kind], check: Callable[[], None] = nothing) -> UserFile:
    """The reader for a file: told by the end of its name, else by how it begins. Raises UnreadableFile. `check` is
    called now and then, here and while the rows are read, by whichever thread reads them; it may raise to end that."""
    suffix = Path(name).suffix.lower()
    file.seek(0)
    start = file.read(BODY_LIMIT).removeprefix(_BOM).lstrip()
    file.seek(0)
    if not start:
        raise UnreadableFile("The file is empty.")
    if start.startswith(b"PK\x03\x04"):
        raise UnreadableFile("This is an Excel workbook. Save it as “CSV UTF-8”, then import that.")
    if b"\r" in start and b"\n" not in start:
        file = io.BufferedReader(_ReturnsAsNewlines(file))
    if suffix in _JSON_SUFFIXES or (suffix not in _CSV_SUFFIXES and start.startswith((b"{", b"[{", b"[\n", b"[\r"))):
        if _ONE_DOCUMENT.match(start):
            raise UnreadableFile("The file must have one JSON object in each line, not all in one document.")
        return JsonLines(file, check)
    return CsvFile(file, known, check)


class RefusedRows:
    """Writes the rows of a file that were refused as they stood in it, each with the reason before it. What is wrong
    can be mended there, and the file be imported as it is. The file wants UTF-8 with AS_IT_CAME for errors."""

    def __init__(self, file: IO[str], users: UserFile) -> None:
        self._file = file
        self._csv = users if isinstance(users, CsvFile) else None
        if self._csv is not None:
            self._file.write(self._csv.separator_line.decode())
            self._file.write(_csv_with_reason(self._csv, self._csv.header, REFUSED))

    def add(self, row: Row, reason: str) -> None:
        why = f"line {row.line}: {reason}"
        if self._csv is not None:
            self._file.write(_csv_with_reason(self._csv, row.source, why))
        else:
            self._file.write(_json_with_reason(row.source, why))


def _csv_with_reason(users: CsvFile, source: bytes, why: str) -> str:
    text = _text(source)
    delimiter = re.escape(users.delimiter)
    if users.columns[0].name == REFUSED:
        text = re.sub(rf'\A(?:"(?:[^"]|"")*"|[^"{delimiter}]*){delimiter}', "", text)
    why = why.replace('"', '""')
    return f'"{why}"{users.delimiter}{text}\r\n'


# A reason from before: the first member of an object.
_JSON_REASON = re.compile(rf'\s*"{re.escape(REFUSED)}"\s*:\s*"(?:[^"\\]|\\.)*"\s*,?')


def _json_with_reason(source: bytes, why: str) -> str:
    text = _text(source)
    if not text.startswith("{"):
        return json.dumps({REFUSED: why, "row": text}) + "\n"
    # Not by way of a document, which may hold what can be read and not be written: lone surrogates, infinity.
    rest = text[1:]
    rest = rest[found.end() :] if (found := _JSON_REASON.match(rest)) else rest
    separator = "" if rest.lstrip().startswith("}") else ", "
    return f'{{"{REFUSED}": {json.dumps(why, ensure_ascii=False)}{separator}{rest.lstrip()}\n'


def _text(source: bytes) -> str:
    # What is no UTF-8 goes out as it came in, so that nobody imports what was made of it here.
    return source.removeprefix(_BOM).decode(errors=AS_IT_CAME).rstrip("\r\n")
