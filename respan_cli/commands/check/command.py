"""`respan check`: which layer is broken, and what to do about it."""

from __future__ import annotations

import re
from contextlib import ExitStack
from shlex import quote
from typing import TYPE_CHECKING

from respan_cli.commands.check.options import CheckOptions
from respan_cli.commands.shared.context import check_can_send, load_settings
from respan_cli.errors import ExitCode
from respan_cli.settings.fields import BY_NAME, DEFAULT_PROFILE
from respan_cli.terminal.redact import is_secret
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from respan_cli.commands.check.context import CheckContext
    from respan_cli.commands.check.diagnosis import DiagnosisContext
    from respan_cli.commands.check.stages import Stage
    from respan_cli.commands.shared.connection import Target
    from respan_cli.settings.resolve import Settings

# What the next command has to say again, beside where to send and to which model.
IDENTIFIERS = ("customer_identifier", "custom_identifier")
TABLES = ("metadata", "respan_params", "headers", "gateway_headers")


def check(terminal: Terminal, options: CheckOptions) -> int:
    """Find out whether this profile can send, and if not, which layer is broken and what to do.

    $ respan check                           # settings, DNS, TCP, TLS, HTTP, key, one real message
    $ respan check --no-send                 # the same without the message: nothing is paid
    $ respan check --log --customer-id acme  # does the identity arrive in Respan's log?
    $ respan check --count 20 --interval 1   # how fast, over one connection and over new ones
    $ respan check --json                    # for monitoring: every stage, its time, its facts

    The stages run in order and the first that fails ends the check; the exit code is that of its failure.
    """
    options.check()
    from respan_cli.commands.check.context import CheckContext
    from respan_cli.commands.shared.connection import open_target

    with ExitStack() as stack:

        def load() -> Settings:
            return load_settings(options, terminal.env)

        def connect(settings: Settings) -> Target:
            check_can_send(settings, insecure_http=options.insecure_http or options.sandbox)
            return stack.enter_context(open_target(settings, terminal.env, sandbox=options.sandbox))

        context = CheckContext(load, connect, terminal, options, diagnosis_context(options))
        return follow(context, terminal, as_json=options.as_json)


def diagnosis_context(options: CheckOptions) -> DiagnosisContext:
    """What the options say of the request, for the command to type next to say it again."""
    from respan_cli.commands.check.diagnosis import DiagnosisContext

    profile = options.profile or DEFAULT_PROFILE
    return DiagnosisContext(
        profile=profile, typed="".join(typed(options)), log_timeout=options.seconds_for_log
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
