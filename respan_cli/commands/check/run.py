"""A check under way: the layers in their order, up to the first that is broken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from respan_cli.commands.check import http, local, log, message, network
from respan_cli.commands.check.context import CheckContext
from respan_cli.commands.check.diagnosis import diagnose
from respan_cli.commands.check.stages import NAMES, Finding, Stage, failed, passed
from respan_cli.errors import RespanError

LAYERS: Mapping[str, Callable[[CheckContext], Finding | None]] = {
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


def run(state: CheckContext) -> Iterator[Stage]:
    """The stages, each as it completes; a failed one is the last. One that nobody asked for is left out."""
    with state.stack:
        for name in NAMES:
            with state.terminal.status(f"checking {name}"):
                stage = _look(name, state)
            if stage is not None:
                yield stage
                if stage.failure is not None:
                    return


def _look(name: str, state: CheckContext) -> Stage | None:
    state.start_clock()
    finding: Finding | None = None
    try:
        finding = LAYERS[name](state)
        if finding is None:
            return None
        failure = finding.failure
    except RespanError as error:
        failure = error
    ms = (time.monotonic() - state.started) * 1000
    if failure is not None:
        return failed(name, diagnose(failure, name, state.case), ms, finding.facts if finding else None)
    assert finding is not None  # either there is a failure or a finding
    return passed(name, finding, ms)
