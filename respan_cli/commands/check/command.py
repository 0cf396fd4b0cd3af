"""`respan check`: which layer is broken, and what to do about it."""

from __future__ import annotations

import re
from contextlib import ExitStack
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from respan_cli.commands.shared import options
from respan_cli.commands.shared.context import check_can_send, load_settings, target_of
from respan_cli.errors import ExitCode, UsageError
from respan_cli.settings.fields import BY_NAME, DEFAULT_PROFILE
from respan_cli.terminal.redact import is_secret
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from respan_cli.commands.check.context import CheckContext, Options
    from respan_cli.commands.check.diagnosis import DiagnosisContext
    from respan_cli.commands.check.stages import Stage
    from respan_cli.exchange import Target
    from respan_cli.settings.resolve import Settings

LOG_TIMEOUT = 180.0  # seconds; how long Respan's own checker waits
A_DAY = 86400  # seconds; a longer pause is a slip of the finger, and the system may know none as long
# What the next command has to say again, beside where to send and to which model.
IDENTIFIERS = ("customer_identifier", "custom_identifier")
TABLES = ("metadata", "respan_params", "headers", "gateway_headers")


def check(
    ctx: typer.Context,
    profile: options.Profile = None,
    no_send: Annotated[
        bool, options.flag("--no-send", "Stop before the message: nothing is paid.", "Check")
    ] = False,
    log: Annotated[
        bool, options.flag("--log", "Find the message in Respan's log and compare identities.", "Check")
    ] = False,
    log_timeout: Annotated[
        float | None,
        typer.Option(
            "--log-timeout",
            help=f"How long to look for it. (default: {LOG_TIMEOUT:g})",
            metavar="SECONDS",
            min=0,
            max=A_DAY,
            rich_help_panel="Check",
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "--count",
            help="Measure N messages over one connection, and N over new ones.",
            metavar="N",
            min=1,
            rich_help_panel="Check",
        ),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            help="Seconds between two of them. (default: 0)",
            metavar="SECONDS",
            min=0,
            max=A_DAY,
            rich_help_panel="Check",
        ),
    ] = None,
    as_json: Annotated[
        bool, options.flag("--json", "One JSON object: every stage, its time, its facts.", "Output")
    ] = False,
    model: options.Model = None,
    customer_identifier: options.CustomerIdentifier = None,
    custom_identifier: options.CustomIdentifier = None,
    metadata: options.Metadata = None,
    respan_params: options.Param = None,
    base_url: options.BaseUrl = None,
    headers: options.Header = None,
    gateway_headers: options.GatewayHeader = None,
    timeout: Annotated[
        options.Text,
        typer.Option(
            "--timeout",
            help="Seconds for the check, the first message included. (env: RESPAN_TIMEOUT, default: 10)",
            metavar="SECONDS",
            rich_help_panel="Connection",
        ),
    ] = None,
    sandbox: options.Sandbox = False,
    insecure_http: options.InsecureHttp = False,
    color: options.ColorMode = options.Color.AUTO,
    debug: options.Debug = False,
) -> int:
    """Find out whether this profile can send, and if not, which layer is broken and what to do.

    $ respan check                           # settings, DNS, TCP, TLS, HTTP, key, one real message
    $ respan check --no-send                 # the same without the message: nothing is paid
    $ respan check --log --customer-id acme  # does the identity arrive in Respan's log?
    $ respan check --count 20 --interval 1   # how fast, over one connection and over new ones
    $ respan check --json                    # for monitoring: every stage, its time, its facts

    The stages run in order and the first that fails ends the check; the exit code is that of its failure.
    """
    terminal = options.terminal_of(ctx)
    flags = ctx.params
    check_flags(flags)
    from respan_cli.commands.check.context import CheckContext

    with ExitStack() as stack:

        def load() -> Settings:
            return load_settings(flags, terminal.env)

        def aim(current: Settings) -> Target:
            check_can_send(current, insecure_http=insecure_http or sandbox)
            return stack.enter_context(target_of(current, terminal.env, sandbox=sandbox))

        return follow(
            CheckContext(load, aim, terminal, wanted(flags), case_of(flags)), terminal, as_json=as_json
        )


def check_flags(flags: Mapping[str, Any]) -> None:
    """Refuse flags that contradict each other, and those that would do nothing.

    Raises:
        UsageError: two flags that cannot both be meant.
    """
    for name in ("log", "count"):
        if flags["no_send"] and flags[name]:
            raise UsageError(f"--{name} needs the message that --no-send leaves out")
    for name, needed in (("log_timeout", "log"), ("interval", "count")):
        if flags[name] is not None and not flags[needed]:
            raise UsageError(f"--{name.replace('_', '-')} means nothing without --{needed}")


def wanted(flags: Mapping[str, Any]) -> Options:
    """What the flags ask for beyond the settings."""
    from respan_cli.commands.check.context import Options

    return Options(
        send=not flags["no_send"],
        log=flags["log"],
        log_timeout=_log_timeout(flags),
        count=flags["count"],
        interval=flags["interval"] or 0.0,
    )


def _log_timeout(flags: Mapping[str, Any]) -> float:
    return LOG_TIMEOUT if flags["log_timeout"] is None else float(flags["log_timeout"])


def case_of(flags: Mapping[str, Any]) -> DiagnosisContext:
    """What the flags say of the request, for the command to type next to say it again."""
    from respan_cli.commands.check.diagnosis import DiagnosisContext

    profile = flags["profile"] or DEFAULT_PROFILE
    return DiagnosisContext(profile=profile, typed="".join(typed(flags)), log_timeout=_log_timeout(flags))


def typed(flags: Mapping[str, Any]) -> Iterator[str]:
    """The flags that `check` and `send` share, each after a space, but not the ones that hold a secret."""
    for name in IDENTIFIERS:
        if flags[name] is not None:
            yield f" {BY_NAME[name].flag} {quote(flags[name])}"
    for name in TABLES:
        for item in flags[name] or ():
            if not is_secret(re.split("[:=]", item)[0]):
                yield f" {BY_NAME[name].flag} {quote(item)}"
    if flags["insecure_http"]:
        yield " --insecure-http"


def follow(state: CheckContext, terminal: Terminal, *, as_json: bool) -> int:
    """Run the check and show each stage as it completes; with `as_json`, all of them at its end.

    Raises:
        RespanError: the failure of the stage that failed, with its three lines.
    """
    from respan_cli.commands.check import report
    from respan_cli.commands.check.run import run
    from respan_cli.output.renderers import json_line

    done: list[Stage] = []
    for stage in run(state):
        done.append(stage)
        if not as_json:
            show(stage, terminal)
    if as_json:
        terminal.write(terminal.redact_secrets(json_line(report.as_json(done, state.case))))
        terminal.flush()
    if done[-1].failure is not None:
        raise done[-1].failure
    return ExitCode.OK


def show(stage: Stage, terminal: Terminal) -> None:
    """One stage: to a person a line with a sign, to a program a row; its warnings to standard error."""
    from respan_cli.commands.check import report

    if terminal.stdout_isatty:
        marks = report.marks_for(terminal.encoding)
        terminal.write(terminal.redact_secrets(report.line(stage, marks, terminal.width)))
        if stage.name == "repeat" and not stage.failure:
            table = report.table(stage.facts, terminal.width)
            terminal.write(table + report.bars(stage.facts, marks, terminal.width) + "\n")
    else:
        terminal.write(terminal.redact_secrets(report.row(stage)))
        if stage.name == "repeat" and not stage.failure:
            terminal.write(report.table_rows(stage.facts))
    terminal.flush()
    for warning in stage.warnings:
        terminal.warn(warning)
