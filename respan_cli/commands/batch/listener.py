"""The outputs of a run: answers, failed rows, and the counts."""

from __future__ import annotations

import json
from typing import IO

from respan_cli.batch.journal import Journal
from respan_cli.batch.progress import Progress
from respan_cli.batch.report import Tally
from respan_cli.batch.rows import Row
from respan_cli.batch.runner import GRACE_S
from respan_cli.errors import OutputError, RespanError
from respan_cli.terminal.error_block import error_json
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import one_line


class Listener:
    """What the runner tells of a run, passed on.

    Args:
        terminal: for what goes to standard output and error.
        journal: the file of `-o`; None for standard output.
        errors: the file of `--errors`; None for standard error.
        progress: shows the counts.
    """

    def __init__(
        self, terminal: Terminal, journal: Journal | None, errors: IO[str] | None, progress: Progress
    ) -> None:
        self._terminal = terminal
        self._journal = journal
        self._errors = errors
        self.progress = progress

    def write(self, line: str) -> None:
        """Write the line of a finished row."""
        if self._journal:
            self._journal.write(line)
            return
        self._terminal.write(line)
        self._terminal.flush()

    def row_failed(self, row: Row, failure: RespanError) -> None:
        """Report which row failed, and why."""
        if self._errors is None and not self._terminal.json_errors:
            self._note(f"line {row.line} (id {row.id}) failed: {failure.message}", failure.reason)
            return
        hide = self._terminal.redact_secrets
        value = {"id": row.id, "line": row.line, **error_json(failure, hide)}
        text = hide(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
        if self._errors is None:
            with self.progress.paused():
                self._terminal.note(text)
            return
        try:
            self._errors.write(text + "\n")
            self._errors.flush()
        except OSError as error:
            raise OutputError("cannot write the file of --errors", reason=error.strerror) from None

    def tick(self, tally: Tally, active: int) -> None:
        """Show the counts."""
        self.progress.update(tally, active)

    def stopping(self, active: int) -> None:
        """Say that the running requests are waited for."""
        if active and self._terminal.stderr_isatty:
            self._note(f"stopping: {active} in flight, at most {GRACE_S:g} s (Ctrl-C again ends at once)")

    def _note(self, text: str, reason: str | None = None) -> None:
        with self.progress.paused():
            self._terminal.note(one_line(f"{text}: {reason}" if reason else text), label="respan: ")
