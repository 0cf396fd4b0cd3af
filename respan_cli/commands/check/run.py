"""A check under way: its stages in their order, up to the first that is broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from respan_cli.commands.check import http, local, log, message, network
from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.diagnosis import diagnose
from respan_cli.commands.check.stages import NAMES, Finding, Stage, failed, passed
from respan_cli.errors import RespanError

LOOKS: Mapping[str, Callable[[CheckContext], Finding | None]] = {
    "settings": local.settings,
    "proxy": network.proxy,
    "dns": network.dns,
    "tcp": network.tcp,
    "tls": network.tls,
    "http": http.http,
    "authentication": http.authentication,
    "message": message.message,
    "repeat": message.repeat,
    "log": log.log,
}


def run(context: CheckContext) -> Iterator[Stage]:
    """The stages, each as it completes; a failed one is the last. Those not requested are left out."""
    with context.stack:
        for name in NAMES:
            with context.terminal.status(f"checking {name}"):
                stage = _look(name, context)
            if stage is not None:
                yield stage
                if stage.failure is not None:
                    return


def _look(name: str, context: CheckContext) -> Stage | None:
    context.start_clock()
    try:
        finding = LOOKS[name](context)
    except RespanError as error:
        finding = Finding("", failure=error)
    if finding is None:
        return None
    ms = (time.monotonic() - context.started) * 1000
    if finding.failure is None:
        return passed(name, finding, ms)
    took = ms if finding.ms is None else finding.ms
    return failed(name, diagnose(finding.failure, name, context.diagnosis), took, finding.facts)
