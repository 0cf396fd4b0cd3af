"""`check --every`: the check again and again, until a signal ends it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from respan_cli.commands.check import prometheus, report
from respan_cli.commands.check.command import is_sent, open_check
from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.options import CheckOptions
from respan_cli.commands.check.run import run
from respan_cli.commands.check.stages import Stage
from respan_cli.output.renderers import json_line
from respan_cli.terminal.terminal import Terminal


def monitor(terminal: Terminal, options: CheckOptions, every: float) -> int:
    """Check every so many seconds. Each check reads the settings and opens its connections anew.

    Raises:
        KeyboardInterrupt: the only way out, beside other signals.
        OutputError: the metrics cannot be written.
    """
    schedule = _Schedule(every, options.send_every)
    last_message: Stage | None = None
    shown_failure = ""
    while True:
        begin = datetime.now(UTC)
        paid = schedule.start()
        with open_check(terminal, replace(options, no_send=not paid)) as context:
            stages = list(run(context))
        last_message = next((stage for stage in stages if is_sent(stage)), last_message)
        if options.prometheus:
            profile = context.diagnosis.profile
            text = prometheus.metrics(stages, last_message, profile, time.time())
            prometheus.write(options.prometheus, text)
        failure = stages[-1].failure
        if failure is not None or not options.quiet:
            _show(stages, context, begin, terminal, options)
        if failure is not None and not options.as_json and failure.message != shown_failure:
            terminal.print_error(failure)  # once: the next rounds say in their line that it goes on
        shown_failure = failure.message if failure else ""
        with terminal.status(f"next check at {schedule.next_time()}"):
            time.sleep(schedule.pause())


def _show(
    stages: list[Stage], context: CheckContext, begin: datetime, terminal: Terminal, options: CheckOptions
) -> None:
    if options.as_json:
        shown = json_line(report.as_json(stages, context.diagnosis, begin))
    elif terminal.stdout_isatty:
        marks = report.marks_for(terminal.encoding)
        shown = report.round_line(stages, begin, marks, color=terminal.use_color())
        terminal.write_now(terminal.redact_secrets(shown))
        return
    else:
        shown = report.round_row(stages, begin)
    terminal.write(terminal.redact_secrets(shown))
    terminal.flush()


@dataclass
class _Schedule:
    """When to check, and when to send a message; in seconds of the monotonic clock."""

    every: float
    send_every: float | None
    _due: float = 0.0
    _send_due: float = 0.0

    def start(self) -> bool:
        """A check begins now. Whether it sends a message."""
        now = time.monotonic()
        self._due = now + self.every
        if self.send_every is None or now < self._send_due:
            return False
        self._send_due = now + self.send_every
        return True

    def pause(self) -> float:
        """Seconds until the next check; none if this one took longer."""
        return max(0.0, self._due - time.monotonic())

    def next_time(self) -> str:
        """The time of day of the next check, for people."""
        return time.strftime("%H:%M:%S", time.localtime(time.time() + self.pause()))
