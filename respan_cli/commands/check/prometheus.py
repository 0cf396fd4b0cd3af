"""The metrics of a check, for node_exporter's textfile collector.

The format is Prometheus' text format (prometheus.io/docs/instrumenting/exposition_formats): HELP and TYPE
once a metric, base units, no timestamps, which the collector refuses. The file is replaced in one step, since
the collector may read at any moment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from respan_cli.commands.check.stages import Stage, Verdict
from respan_cli.errors import OutputError

_SUCCESSFUL = (Verdict.OK, Verdict.WARNED)


@dataclass(frozen=True, slots=True)
class Sample:
    """One value, with its labels."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Gauge:
    """One metric with all its samples."""

    name: str
    help: str
    samples: Sequence[Sample]


def metrics(stages: Sequence[Stage], last_message: Stage | None, profile: str, time: float) -> str:
    """The text of the file.

    Args:
        stages: of the check that has just ended.
        last_message: the stage of the last message that was sent, in this check or an earlier one.
        profile: a label of every sample.
        time: seconds since the epoch, when the check ended.
    """
    return "".join(_text(gauge) for gauge in _gauges(stages, last_message, {"profile": profile}, time))


def _gauges(
    stages: Sequence[Stage], last_message: Stage | None, labels: Mapping[str, str], time: float
) -> Iterator[Gauge]:
    failure = stages[-1].failure
    facts = {stage.name: stage.facts for stage in stages}
    tried = [stage for stage in stages if stage.verdict is not Verdict.SKIPPED and stage.name != "message"]
    tried += [last_message] if last_message else []
    timed = [(stage, stage.ms) for stage in tried if stage.ms is not None]

    def one(name: str, meaning: str, value: object) -> Iterator[Gauge]:
        if isinstance(value, int | float):
            yield Gauge(name, meaning, [Sample(value, labels)])

    def each(name: str, meaning: str, values: Iterable[tuple[Stage, float]]) -> Iterator[Gauge]:
        samples = [Sample(value, {**labels, "stage": stage.name}) for stage, value in values]
        yield Gauge(name, meaning, samples)

    yield from one("respan_check_up", "Whether the last check passed.", int(failure is None))
    code = 0 if failure is None else int(failure.code)
    yield from one("respan_check_exit_code", "Exit code of the last check; 0 is success.", code)
    proven = int(bool(facts.get("authentication", {}).get("proven")))
    yield from one("respan_check_key_proven", "Whether the last check has shown the key to be valid.", proven)
    good = ((stage, float(stage.verdict in _SUCCESSFUL)) for stage in tried)
    yield from each("respan_check_stage_ok", "Whether a stage passed when it was last tried.", good)
    times = ((stage, ms / 1000) for stage, ms in timed)
    yield from each("respan_check_stage_seconds", "How long a stage took when it was last tried.", times)
    first = last_message.facts.get("first_token_ms") if last_message else None
    seconds = None if first is None else first / 1000
    yield from one("respan_check_first_token_seconds", "Time to first token of the last message.", seconds)
    days = facts.get("tls", {}).get("days_left")
    yield from one("respan_check_certificate_days_left", "Days until the certificate expires.", days)
    yield from one("respan_check_timestamp_seconds", "When the last check ended, as Unix time.", time)


def _text(gauge: Gauge) -> str:
    if not gauge.samples:
        return ""
    lines = [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
    for sample in gauge.samples:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
        lines.append(f"{gauge.name}{{{labels}}} {sample.value!r}")
    return "\n".join(lines) + "\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def write(path: Path, text: str) -> None:
    """Replace the file in one step. Others may read it: the collector runs as a user of its own.

    Raises:
        OutputError: it cannot be written.
    """
    # Of another ending than the collector reads.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise OutputError(f"cannot write the metrics to {path}", reason=error.strerror) from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
