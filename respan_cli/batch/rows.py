"""The input of a batch, a row at a time: JSON Lines, CSV, TSV, or a prompt on each line.

Rows are found first and parsed second, so that a second reading can pass over those that are finished.
What is wrong with a row is said with the name of the input and the line it begins on.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePath
from typing import Any, NamedTuple

from respan_cli.batch.choices import RowFormat
from respan_cli.errors import UsageError

MAX_LINE_BYTES = 64 * 1024 * 1024  # twice what the API takes
BOM = b"\xef\xbb\xbf"


_BY_SUFFIX = {
    ".jsonl": RowFormat.JSONL,
    ".ndjson": RowFormat.JSONL,
    ".csv": RowFormat.CSV,
    ".tsv": RowFormat.TSV,
    ".txt": RowFormat.LINES,
}


def format_of(name: str) -> RowFormat:
    """The format for the suffix of a file; JSON Lines for any other."""
    return _BY_SUFFIX.get(PurePath(name).suffix.lower(), RowFormat.JSONL)


class RawRow(NamedTuple):
    """A row as it was found: the line it begins on, from 1, and its text or its cells."""

    line: int
    data: bytes | list[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the input.

    Args:
        line: the line it begins on, from 1.
        id: its own `id`, or else the SHA-256 of its values.
        digest: the SHA-256 of the id.
        values: its values by their names; all of them text in CSV and TSV.
    """

    line: int
    id: str
    digest: bytes
    values: Mapping[str, Any]


class RowReader:
    """Finds and parses the rows of one input.

    Args:
        name: what messages call the input.
        format: its format.
    """

    def __init__(self, name: str, format: RowFormat) -> None:  # noqa: A002
        self.name = name
        self.format = format
        self._header: list[str] = []

    @property
    def cells_are_text(self) -> bool:
        """Whether every value is text, and an empty one means that there is none."""
        return self.format in (RowFormat.CSV, RowFormat.TSV)

    def find(self, lines: Iterable[bytes]) -> Iterator[RawRow]:
        """The rows of the input, not parsed yet.

        Args:
            lines: its lines, each with its end.

        Raises:
            UsageError: a line cannot be read as text, or the header of a table is no header.
        """
        if self.cells_are_text:
            yield from self._find_cells(lines)
            return
        for number, line in enumerate(lines, 1):
            data = self._checked(line, number).strip()
            if data:
                yield RawRow(number, data)

    def parse(self, raw: RawRow) -> Row:
        """A row with its values and its id.

        Raises:
            UsageError: it is not what the format says, or its id is no id.
        """
        values = self._values(raw)
        row_id = self._id(values["id"], raw.line) if "id" in values else hash_of(values).hex()
        try:
            digest = sha256(row_id.encode()).digest()
        except UnicodeEncodeError:
            raise self.error(raw.line, "the id holds half of a character") from None
        return Row(raw.line, row_id, digest, values)

    def error(
        self, line: int, message: str, reason: str | None = None, hint: str | None = None
    ) -> UsageError:
        """The error in a row."""
        return UsageError(f"{self.name}, line {line}: {message}", reason=reason, hint=hint)

    def _checked(self, line: bytes, number: int) -> bytes:
        if number == 1:
            line = line.removeprefix(BOM)
            if line[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise self.error(1, "this is UTF-16", hint="convert it first: iconv -f UTF-16 -t UTF-8")
        if len(line) > MAX_LINE_BYTES:
            raise self.error(number, f"longer than {MAX_LINE_BYTES // 1024**2} MiB")
        if b"\0" in line:
            raise self.error(number, "has a NUL byte", hint="text has none; remove it: tr -d '\\000'")
        return line

    def _text(self, line: bytes, number: int) -> str:
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            hint = "convert it first, for example with 'iconv -f WINDOWS-1252 -t UTF-8'"
            message = f"not UTF-8 at byte {error.start + 1} of the line"
            raise self.error(number, message, hint=hint) from None

    def _find_cells(self, lines: Iterable[bytes]) -> Iterator[RawRow]:
        texts = (self._text(self._checked(line, number), number) for number, line in enumerate(lines, 1))
        csv.field_size_limit(MAX_LINE_BYTES)
        table = csv.reader(texts, delimiter="\t" if self.format is RowFormat.TSV else ",", strict=True)
        begin = 1
        self._header = []
        try:
            for cells in table:
                if cells and not self._header:
                    self._header = self._checked_header(cells, begin)
                elif cells:
                    yield RawRow(begin, cells)
                begin = table.line_num + 1
        except csv.Error as error:
            raise self.error(begin, f"not {self.format.upper()}", reason=str(error)) from None

    def _checked_header(self, cells: list[str], line: int) -> list[str]:
        header = [cell.strip() for cell in cells]
        for name in header:
            if not name:
                raise self.error(line, "a column has no name", hint="the first line names the columns")
            if header.count(name) > 1:
                raise self.error(line, f"two columns are called {name!r}")
        return header

    def _values(self, raw: RawRow) -> Mapping[str, Any]:
        if isinstance(raw.data, list):
            if len(raw.data) != len(self._header):
                count = f"{len(raw.data)} cells where the header has {len(self._header)}"
                raise self.error(raw.line, count, hint="a cell with a comma in it needs quotes")
            return dict(zip(self._header, raw.data, strict=True))
        text = self._text(raw.data, raw.line)
        return {"prompt": text} if self.format is RowFormat.LINES else self._object(text, raw.line)

    def _object(self, text: str, line: int) -> Mapping[str, Any]:
        try:
            value = _decode(text)
        except json.JSONDecodeError as error:
            reason = f"{error.msg} (column {error.colno})"
            raise self.error(line, "not JSON", reason, _format_hint(self.format)) from None
        except (ValueError, RecursionError) as error:
            raise self.error(line, "not JSON", str(error)) from None
        if not isinstance(value, dict):
            raise self.error(line, "not a JSON object", hint='a row is {"id": "1", "prompt": "Hello"}')
        return value

    def _id(self, value: object, line: int) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if not isinstance(value, str) or not value.strip():
            raise self.error(line, "the id is neither text nor a whole number")
        return value


def hash_of(value: object) -> bytes:
    """The SHA-256 of a JSON value, whatever the order of its keys."""
    return sha256(canonical_json(value).encode("utf-8", "surrogatepass")).digest()


def _format_hint(given: RowFormat) -> str | None:
    return "is it another format? --format csv, tsv or lines" if given is RowFormat.JSONL else None


def _reject_constant(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON value")


# Made once: `json.loads` and `json.dumps` make them anew for every value.
_decode = json.JSONDecoder(parse_constant=_reject_constant).decode
canonical_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
