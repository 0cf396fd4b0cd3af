"""`respan check`: which layer is broken, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from shlex import quote
from typing import TYPE_CHECKING

from respan_cli.commands.check.options import CheckOptions
from respan_cli.commands.shared.context import check_can_send, load_settings
from respan_cli.errors import ExitCode
from respan_cli.settings.fields import BY_NAME, DEFAULT_PROFILE
from respan_cli.terminal.redact import is_secret
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from respan_cli.commands.check.context import CheckContext
    from respan_cli.commands.check.diagnosis import DiagnosisContext
    from respan_cli.commands.check.stages import Stage
    from respan_cli.commands.shared.connection import Target
    from respan_cli.settings.resolve import Settings

# What the next command has to say again, beside where to send and to which model.
IDENTIFIERS = ("customer_identifier", "custom_identifier")
TABLES = ("metadata", "respan_params", "headers", "gateway_headers")


def check(terminal: Terminal, options: CheckOptions) -> int:
    """Diagnose the connection, layer by layer.

    $ respan check                           # settings, DNS, TCP, TLS, HTTP, key, one real message
    $ respan check --no-send                 # the same without the message: nothing is paid
    $ respan check --log --customer-id acme  # does the identity arrive in Respan's log?
    $ respan check --count 20 --interval 1   # how fast, over one connection and over new ones
    $ respan check --every 60 --send-every 3600 --prometheus respan.prom  # monitoring

    The stages run in order and the first that fails ends the check; the exit code is that of its failure.
    """
    options.check()
    if options.every is not None:
        from respan_cli.commands.check.monitor import monitor

        return monitor(terminal, options, options.every)
    with open_check(terminal, options) as context:
        stages = follow(context, terminal, options)
    if options.prometheus:
        from respan_cli.commands.check import prometheus

        message = next((stage for stage in stages if is_sent(stage)), None)
        profile = context.diagnosis.profile
        text = prometheus.metrics(stages, message, profile, datetime.now(UTC).timestamp())
        prometheus.write(options.prometheus, text)
    if stages[-1].failure is not None:
        raise stages[-1].failure
    return ExitCode.OK


@contextmanager
def open_check(terminal: Terminal, options: CheckOptions) -> Iterator[CheckContext]:
    """A check that has not started; everything it opens is closed at the end."""
    from contextlib import ExitStack

    from respan_cli.commands.check.context import CheckContext
    from respan_cli.commands.shared.connection import open_target

    with ExitStack() as stack:

        def load() -> Settings:
            return load_settings(options, terminal.env)

        def connect(settings: Settings) -> Target:
            check_can_send(settings, insecure_http=options.insecure_http or options.sandbox)
            return stack.enter_context(open_target(settings, terminal.env, sandbox=options.sandbox))

        yield CheckContext(load, connect, terminal, options, diagnosis_context(options))


def diagnosis_context(options: CheckOptions) -> DiagnosisContext:
    """The options of the request, to repeat them in the command to type next."""
    from respan_cli.commands.check.diagnosis import DiagnosisContext

    return DiagnosisContext(
        profile=options.profile or DEFAULT_PROFILE,
        typed="".join(typed(options)),
        unpaid=options.no_send,
        log_timeout=options.seconds_for_log,
    )


def typed(options: CheckOptions) -> Iterator[str]:
    """The flags that `check` and `send` share, each after a space, but not the ones that hold a secret."""
    for name, value in zip(
        IDENTIFIERS, (options.customer_identifier, options.custom_identifier), strict=True
    ):
        if value is not None:
            yield f" {BY_NAME[name].flag} {quote(value)}"
    tables = (options.metadata, options.respan_params, options.headers, options.gateway_headers)
    for name, items in zip(TABLES, tables, strict=True):
        for item in items or ():
            if not is_secret(re.split("[:=]", item)[0]):
                yield f" {BY_NAME[name].flag} {quote(item)}"
    if options.insecure_http:
        yield " --insecure-http"


def is_sent(stage: Stage) -> bool:
    """Whether it is the stage of a message that was sent."""
    from respan_cli.commands.check.stages import Verdict

    return stage.name == "message" and stage.verdict is not Verdict.SKIPPED


def follow(context: CheckContext, terminal: Terminal, options: CheckOptions) -> list[Stage]:
    """Run the check; show each stage as it completes, or one object at the end."""
    from respan_cli.commands.check import report
    from respan_cli.commands.check.run import run
    from respan_cli.output.renderers import json_line

    begin = datetime.now(UTC)
    stages: list[Stage] = []
    for stage in run(context):
        stages.append(stage)
        if not options.as_json and not options.quiet:
            show(stage, terminal)
    if not options.as_json:
        if not options.quiet:
            show_verdict(stages, context.diagnosis.profile, terminal)
    elif stages[-1].failure is not None or not options.quiet:
        shown = json_line(report.as_json(stages, context.diagnosis, begin))
        terminal.write(terminal.redact_secrets(shown))
        terminal.flush()
    return stages


def show(stage: Stage, terminal: Terminal) -> None:
    """One stage: to a person a line with a mark, to a program a row; its warnings to standard error."""
    from respan_cli.commands.check import report

    repeated = stage.name == "repeat" and not stage.failure
    if terminal.stdout_isatty:
        marks = report.marks_for(terminal.encoding)
        text = report.line(stage, marks, terminal.width, color=terminal.use_color())
        terminal.write_now(terminal.redact_secrets(text))
        if repeated:
            terminal.write_now(report.table(stage.facts, terminal.width))
    else:
        terminal.write(terminal.redact_secrets(report.row(stage)))
        if repeated:
            terminal.write(report.table_rows(stage.facts))
        terminal.flush()
    for warning in stage.warnings:
        terminal.warn(warning)


def show_verdict(stages: list[Stage], profile: str, terminal: Terminal) -> None:
    """The last line of a check."""
    from respan_cli.commands.check import report

    if terminal.stdout_isatty:
        color = terminal.use_color()
        terminal.write_now(report.verdict_line(stages, profile, terminal.width, color=color))
    else:
        terminal.write(report.verdict_row(stages, profile))
        terminal.flush()
