"""The options of `respan check`, as one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from respan_cli.commands.shared.options import RequestOptions, Sandbox, Text, flag
from respan_cli.errors import UsageError

LOG_TIMEOUT_S = 180.0  # how long Respan's own checker waits
MIN_EVERY_S = 0.1  # a tighter loop would be an attack
MAX_PAUSE_S = 86400  # a day; a longer pause is a slip, and the system may know none as long


@dataclass(frozen=True, kw_only=True)
class CheckOptions(RequestOptions):
    """Everything that the command line of `check` says."""

    no_send: Annotated[bool, flag("--no-send", "Stop before the message: nothing is paid.", "Check")] = False
    no_probe: Annotated[
        bool, flag("--no-probe", "Send no unpaid requests: they count against a limit.", "Check")
    ] = False
    log: Annotated[
        bool, flag("--log", "Find the message in Respan's log and compare identities.", "Check")
    ] = False
    log_timeout: Annotated[
        float | None,
        typer.Option(
            "--log-timeout",
            help=f"How long to look for it. (default: {LOG_TIMEOUT_S:g})",
            metavar="SECONDS",
            min=0,
            max=MAX_PAUSE_S,
            rich_help_panel="Check",
        ),
    ] = None
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            help="Measure N messages over one connection, and N over new ones.",
            metavar="N",
            min=1,
            rich_help_panel="Check",
        ),
    ] = None
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            help="Seconds between two of them. (default: 0)",
            metavar="SECONDS",
            min=0,
            max=MAX_PAUSE_S,
            rich_help_panel="Check",
        ),
    ] = None
    every: Annotated[
        float | None,
        typer.Option(
            "--every",
            help="Check again and again, this many seconds apart, until Ctrl-C. Sends no messages.",
            metavar="SECONDS",
            min=MIN_EVERY_S,
            max=MAX_PAUSE_S,
            rich_help_panel="Monitoring",
        ),
    ] = None
    send_every: Annotated[
        float | None,
        typer.Option(
            "--send-every",
            help="With --every: send a message in the first check, and once in so many seconds.",
            metavar="SECONDS",
            min=MIN_EVERY_S,
            max=30 * MAX_PAUSE_S,
            rich_help_panel="Monitoring",
        ),
    ] = None
    prometheus: Annotated[
        Path | None,
        typer.Option(
            "--prometheus",
            help="Write metrics for node_exporter's textfile collector to this file.",
            metavar="FILE",
            rich_help_panel="Monitoring",
        ),
    ] = None
    quiet: Annotated[bool, flag("-q/--quiet", "Print only a failure.", "Output")] = False
    as_json: Annotated[
        bool, flag("--json", "One JSON object: every stage, its time, its facts.", "Output")
    ] = False
    timeout: Annotated[
        Text,
        typer.Option(
            "--timeout",
            help="Seconds for the check, the first message included. (env: RESPAN_TIMEOUT, default: 10)",
            metavar="SECONDS",
            rich_help_panel="Connection",
        ),
    ] = None
    sandbox: Sandbox = False

    @property
    def seconds_for_log(self) -> float:
        """How long to look for the message in the log."""
        return LOG_TIMEOUT_S if self.log_timeout is None else self.log_timeout

    def check(self) -> None:
        """Refuse options that contradict each other, and those that would do nothing.

        Raises:
            UsageError: two options that cannot both be meant.
        """
        for name, given in (("--log", self.log), ("--count", self.count)):
            if self.no_send and given:
                raise UsageError(f"{name} needs the message that --no-send leaves out")
            if self.every and given:
                raise UsageError(f"{name} cannot be combined with --every")
        if self.no_send and self.send_every:
            raise UsageError("--send-every sends the messages that --no-send leaves out")
        for name, value, needed, other in (
            ("--log-timeout", self.log_timeout, "--log", self.log),
            ("--interval", self.interval, "--count", self.count),
            ("--send-every", self.send_every, "--every", self.every),
        ):
            if value is not None and not other:
                raise UsageError(f"{name} means nothing without {needed}")
