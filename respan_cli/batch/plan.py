"""Which rows are sent: those of this shard, up to the limit, whose answers are not there yet.

A file is read twice. The first time everything that can be wrong with it is found, before anything is sent;
the second time the rows that are left to send are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from respan_cli.batch.choices import Selection
from respan_cli.batch.digests import DigestMap, DigestSet
from respan_cli.batch.report import Tally
from respan_cli.batch.requests import RequestBuilder, RowRequest
from respan_cli.batch.rows import RawRow, Row, RowReader
from respan_cli.batch.source import Source
from respan_cli.errors import UsageError

IsFinished = Callable[[bytes, bytes], bool]  # the digests of a row's id and of its request


def _is_never_finished(row: bytes, request: bytes) -> bool:
    return False


class Planner:
    """Goes through an input.

    Args:
        source: its lines.
        reader: its rows.
        builder: makes their requests.
        selection: which rows.
        tally: told how many rows there are, and how many are finished.
    """

    def __init__(
        self,
        source: Source,
        reader: RowReader,
        builder: RequestBuilder,
        selection: Selection,
        tally: Tally,
    ) -> None:
        self.tally = tally
        self._source = source
        self._reader = reader
        self._builder = builder
        self._selection = selection

    @property
    def run(self) -> str | None:
        """The name of the run, once its first row is known."""
        return self._builder.run

    def requests(self, is_finished: IsFinished = _is_never_finished) -> Iterator[RowRequest]:
        """The requests to send, in the order of the input. A file has been checked to its end by then.

        Args:
            is_finished: whether the answer to a request is there.

        Raises:
            UsageError: a row is not valid, or two have the same id.
        """
        if not self._source.is_repeatable:
            return self._stream(is_finished)
        pending = self._check_all(is_finished)
        self.tally.total = sum(pending)
        return self._pending(pending)

    def _find(self) -> Iterator[RawRow]:
        return self._reader.find(self._source.lines())

    def _check_all(self, is_finished: IsFinished) -> bytearray:
        """Check every row; for each, whether it is to be sent."""
        pending = bytearray()
        seen = DigestSet()
        left = self._selection.limit
        for raw in self._find():
            row = self._parse(raw, is_first=not pending)
            if not seen.add(row.digest):
                raise self._duplicate(row, self._first_line_of(row.id))
            is_ours = self._selection.has(row.digest)
            pending.append(is_ours and not self._skip(row, self._builder.check(row), is_finished))
            if left is not None and is_ours:
                left -= 1
                if left == 0:
                    break
        return pending

    def _pending(self, pending: bytearray) -> Iterator[RowRequest]:
        for is_pending, raw in zip(pending, self._find(), strict=False):
            if is_pending:
                yield self._builder.build(self._reader.parse(raw))

    def _stream(self, is_finished: IsFinished) -> Iterator[RowRequest]:
        lines = DigestMap("I")
        left = self._selection.limit
        for count, raw in enumerate(self._find()):
            if left == 0:
                return
            row = self._parse(raw, is_first=count == 0)
            if (first := lines.get(row.digest)) is not None:
                raise self._duplicate(row, first)
            lines.set(row.digest, row.line)
            if not self._selection.has(row.digest):
                continue
            if left is not None:
                left -= 1
            request = self._builder.build(row)
            if not self._skip(row, request.digest, is_finished):
                yield request

    def _parse(self, raw: RawRow, *, is_first: bool) -> Row:
        row = self._reader.parse(raw)
        if is_first:
            self._builder.name_run(row)
        return row

    def _skip(self, row: Row, request: bytes, is_finished: IsFinished) -> bool:
        skip = is_finished(row.digest, request)
        self.tally.skipped += skip
        return skip

    def _duplicate(self, row: Row, first: int) -> UsageError:
        where = f"{self._reader.name}, lines {first} and {row.line}"
        if "id" in row.values:
            return UsageError(f"{where} have the same id {row.id!r}", hint="each row needs an id of its own")
        return UsageError(f"{where} are the same", hint="remove one, or give each an id")

    def _first_line_of(self, row_id: str) -> int:
        rows = map(self._reader.parse, self._find())
        return next(row.line for row in rows if row.id == row_id)
