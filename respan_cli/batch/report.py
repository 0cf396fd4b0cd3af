"""The progress of a run, and the summary at its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from respan_cli.errors import RespanError
from respan_cli.output.result import Result
from respan_cli.output.stop_reasons import problem_with

SEPARATOR = " · "


@dataclass(slots=True)
class Tally:
    """The counts of a run. Changed by one thread at a time.

    Args:
        total: rows to send; None where the input has no end yet.
        skipped: rows that were finished before.
    """

    total: int | None = None
    skipped: int = 0
    done: int = 0
    failed: int = 0
    retries: int = 0
    incomplete: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    began: float = field(default_factory=monotonic)

    def add(self, result: Result) -> None:
        """Count an answer."""
        self.done += 1
        self.incomplete += problem_with(result) is not None
        self.input_tokens += _count(result.answer.usage, "input_tokens")
        self.output_tokens += _count(result.answer.usage, "output_tokens")

    @property
    def ended(self) -> int:
        """Rows of this run that are done or have failed."""
        return self.done + self.failed

    @property
    def seconds(self) -> float:
        """How long the run has lasted."""
        return monotonic() - self.began

    @property
    def rate(self) -> float:
        """Rows a second so far."""
        return self.ended / max(self.seconds, 0.001)


def _count(usage: Mapping[str, Any], name: str) -> int:
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def summary_json(
    tally: Tally, run: str | None, exit_code: int, error: RespanError | None, cost: object
) -> dict[str, Any]:
    """The object that `--json` ends standard error with.

    Args:
        tally: the counts.
        run: the name of the run.
        exit_code: what the process ends with.
        error: why it ended early, if it did.
        cost: what the log says it cost; None if it was not asked.
    """
    return {
        "run": run,
        "done": tally.done,
        "failed": tally.failed,
        "skipped": tally.skipped,
        "incomplete": tally.incomplete,
        "retries": tally.retries,
        "usage": {"input_tokens": tally.input_tokens, "output_tokens": tally.output_tokens},
        "seconds": round(tally.seconds, 3),
        "rows_per_second": round(tally.rate, 1),
        "cost": cost,
        "error": error and {"type": error.kind, "message": error.message},
        "exit_code": exit_code,
    }


def summary_line(tally: Tally, run: str | None) -> str:
    """The counts of a run that has ended, on one line."""
    parts = [
        f"{tally.done:,} done",
        f"{tally.failed:,} failed" if tally.failed else "",
        f"{tally.skipped:,} finished before" if tally.skipped else "",
        f"{tally.incomplete:,} incomplete" if tally.incomplete else "",
        f"{tally.input_tokens:,} tokens in, {tally.output_tokens:,} out" if tally.done else "",
        f"{duration(tally.seconds)}, {tally.rate:,.1f} rows/s" if tally.ended else "",
        f"run {run}" if run and tally.ended else "",
    ]
    return SEPARATOR.join(part for part in parts if part)


def progress_line(tally: Tally, active: int) -> str:
    """The counts of a run under way, on one line, for a log."""
    ended = f"{tally.ended:,}" + ("" if tally.total is None else f" of {tally.total:,}")
    left = time_left(tally)
    parts = [
        f"{ended} rows",
        f"{tally.failed:,} failed",
        f"{active} in flight",
        f"{tally.output_tokens:,} tokens",
        f"{tally.rate:,.1f} rows/s",
        f"{left} left" if left else "",
    ]
    return SEPARATOR.join(part for part in parts if part)


def time_left(tally: Tally) -> str:
    """The estimated time left; empty if there is no estimate."""
    if tally.total is None or not tally.ended:
        return ""
    return duration(round((tally.total - tally.ended) / tally.rate))


def duration(seconds: float) -> str:
    """Seconds as people read them: `8.3 s`, `4:07`, `2:04:07`."""
    if seconds < 60:
        return f"{seconds} s" if isinstance(seconds, int) else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
