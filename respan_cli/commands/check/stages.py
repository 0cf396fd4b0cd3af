"""The stages of a check as data: the findings, the duration, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from respan_cli.errors import RespanError

NAMES = (
    "settings",
    "proxy",
    "dns",
    "tcp",
    "tls",
    "http",
    "authentication",
    "message",
    "repeat",
    "log",
)


class Verdict(StrEnum):
    """How a stage went."""

    OK = "ok"
    WARNED = "warned"
    SKIPPED = "skipped"
    FAILED = "failed"


class Conclusion(StrEnum):
    """The verdict of a check."""

    READY = "ready"  # a message was answered
    REACHABLE = "reachable"  # no message was sent; the gateway accepts the key
    NOT_PROVEN = "not_proven"  # no message was sent, and nothing else proves the key
    NOT_READY = "not_ready"


@dataclass(frozen=True, slots=True)
class Finding:
    """What the look at one layer brought.

    Args:
        summary: for people, one line.
        facts: for programs; the keys are documented in docs/check.md.
        warnings: what will not fail today.
        ms: milliseconds, when not all of the time was the layer's own.
        timed: False where no time belongs to it: the stage came with another one.
        skipped: whether there was nothing to look at.
        failure: why the layer is broken, where there are facts to tell even so.
    """

    summary: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    ms: float | None = None
    timed: bool = True
    skipped: bool = False
    failure: RespanError | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """One finished stage. `failure` has its three lines already; `ms` is None when nothing was timed."""

    name: str
    verdict: Verdict
    ms: float | None
    summary: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failure: RespanError | None = None

    def as_json(self) -> dict[str, Any]:
        """The stage for `--json`."""
        return {
            "verdict": self.verdict.value,
            "ms": self.ms,
            "facts": dict(self.facts),
            "warnings": list(self.warnings),
        }


def passed(name: str, finding: Finding, ms: float) -> Stage:
    """A stage that passed, with or without a warning; `ms` is its whole duration."""
    verdict = Verdict.WARNED if finding.warnings else Verdict.OK
    took = round(ms if finding.ms is None else finding.ms, 1) if finding.timed else None
    skipped = finding.skipped
    return Stage(
        name,
        Verdict.SKIPPED if skipped else verdict,
        None if skipped else took,
        finding.summary,
        finding.facts,
        finding.warnings,
    )


def failed(name: str, failure: RespanError, ms: float, facts: Mapping[str, Any] | None = None) -> Stage:
    """The stage of the layer that is broken, with its diagnosed failure."""
    summary = failure.message.removeprefix(f"{name}: ")
    return Stage(name, Verdict.FAILED, round(ms, 1), summary, facts or {}, (), failure)


def conclude(stages: Sequence[Stage]) -> Conclusion:
    """The result of a check's stages."""
    done = {stage.name: stage for stage in stages}
    if stages[-1].failure is not None:
        return Conclusion.NOT_READY
    if (message := done.get("message")) and message.verdict is not Verdict.SKIPPED:
        return Conclusion.READY
    key = done.get("authentication")
    return Conclusion.REACHABLE if key and key.facts.get("proven") else Conclusion.NOT_PROVEN
