"""The output of a check: a line a stage, the table of `--count`, the verdict, one JSON object. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from respan_cli.commands.check.diagnosis import DiagnosisContext, lines
from respan_cli.commands.check.spread import MEASURES
from respan_cli.commands.check.stages import NAMES, Conclusion, Stage, Verdict, conclude
from respan_cli.terminal.text import BOLD, DIM, RED, RESET, YELLOW, clean

GREEN = "\x1b[32m"
_STYLES = {Verdict.OK: GREEN, Verdict.WARNED: YELLOW, Verdict.SKIPPED: DIM, Verdict.FAILED: RED}
_MIN_SUMMARY = 30  # columns; if fewer are left, a summary gets lines of its own
_TITLE, _NUMBER = 28, 9  # columns of the table
_CHOSEN = ("min", "median", "p95", "max")
_OVER = {"kept": "one connection", "new": "new connections"}

Marks = Mapping[Verdict, str]
UNICODE: Marks = {Verdict.OK: "✓", Verdict.WARNED: "!", Verdict.SKIPPED: "-", Verdict.FAILED: "✗"}
ASCII: Marks = {Verdict.OK: "+", Verdict.WARNED: "!", Verdict.SKIPPED: "-", Verdict.FAILED: "x"}


def marks_for(encoding: str) -> Marks:
    """The marks that a terminal of this encoding can show."""
    try:
        "".join(UNICODE.values()).encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return UNICODE


def row(stage: Stage) -> str:
    """The stage for programs: name, verdict, milliseconds, summary, with tabs between them."""
    ms = "" if stage.ms is None else f"{stage.ms:g}"
    return _tabs(stage.name, stage.verdict.value, ms, stage.summary)


def line(stage: Stage, marks: Marks, columns: int, *, color: bool = False) -> str:
    """The stage for people, in a window of so many columns; without control characters but its colours."""
    mark = marks[stage.verdict]
    start = f"{mark} {stage.name:14} {'' if stage.ms is None else duration(stage.ms):>6}"
    narrow = columns - len(start) < _MIN_SUMMARY
    indent = " " * (2 if narrow else len(start) + 2)
    summary = "" if stage.failure else clean(stage.summary)  # the lines of a failure follow
    wrapped = textwrap.wrap(summary, max(1, columns - 1 - len(indent)), break_on_hyphens=False)
    text = f"\n{indent}".join(wrapped)
    if color:
        start = _STYLES[stage.verdict] + mark + RESET + start[len(mark) :]
    if not text:
        return f"{start.rstrip()}\n"
    return f"{start.rstrip()}\n{indent}{text}\n" if narrow else f"{start}  {text}\n"


def duration(ms: float) -> str:
    """Milliseconds for people, in at most six columns."""
    if ms < 1000:
        return f"{min(ms, 999):.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 100_000 else f"{ms / 1000:.0f} s"


def verdict(stages: Sequence[Stage], profile: str) -> str:
    """The last line: the verdict."""
    match conclude(stages):
        case Conclusion.READY:
            return f"Ready: profile {profile!r} can send."
        case Conclusion.REACHABLE:
            return f"Reachable: the key of profile {profile!r} is valid; no message was sent."
        case Conclusion.NOT_PROVEN:
            return f"Not proven: no message was sent to test profile {profile!r}."
        case Conclusion.NOT_READY:
            return f"Not ready: profile {profile!r} cannot send ({stages[-1].name})."


def verdict_line(stages: Sequence[Stage], profile: str, columns: int, *, color: bool) -> str:
    """The verdict for people."""
    text = "\n".join(textwrap.wrap(clean(verdict(stages, profile)), max(1, columns - 1)))
    if not color:
        return f"{text}\n"
    style = {Conclusion.NOT_READY: RED, Conclusion.NOT_PROVEN: YELLOW}.get(conclude(stages), GREEN)
    return f"{style}{BOLD}{text}{RESET}\n"


def verdict_row(stages: Sequence[Stage], profile: str) -> str:
    """The verdict for programs: a row like that of a stage."""
    return _tabs("verdict", conclude(stages).value, "", verdict(stages, profile))


def table_rows(facts: Mapping[str, Any]) -> str:
    """The table of many messages for programs."""
    head = _tabs("connections", "measure", *_CHOSEN)
    return head + "".join(
        _tabs(over, name, *(f"{spread[chosen]:g}" for chosen in _CHOSEN))
        for over, name, spread in _measured(facts)
    )


def table(facts: Mapping[str, Any], columns: int) -> str:
    """The table of many messages for people, in milliseconds; in a narrow window its titles stand alone.

    Args:
        facts: of the stage `repeat`.
        columns: the width of the window.
    """
    rows = [("milliseconds", "".join(f"{chosen:>{_NUMBER}}" for chosen in _CHOSEN))]
    for over, name, spread in _measured(facts):
        title = f"{name.removesuffix('_ms').replace('_', ' ')}, {_OVER[over]}"
        rows.append((title, "".join(f"{spread[chosen]:{_NUMBER},.1f}" for chosen in _CHOSEN)))
    narrow = columns <= 2 + _TITLE + len(rows[0][1])
    lines = (f"  {title}\n{numbers}" if narrow else f"  {title:{_TITLE}}{numbers}" for title, numbers in rows)
    return "\n" + "\n".join(lines) + "\n\n"


def _measured(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for over in _OVER:
        for name in MEASURES:
            if facts[over][name] is not None:
                yield over, name, facts[over][name]


def as_json(stages: Sequence[Stage], known: DiagnosisContext, time: datetime) -> dict[str, Any]:
    """The object of `--json`: every stage there is, those not reached or not asked for as skipped."""
    done = {stage.name: stage for stage in stages}
    failure = stages[-1].failure
    untried = Stage("", Verdict.SKIPPED, None, "")
    return {
        "time": time.isoformat(timespec="seconds"),
        "ok": failure is None,
        "verdict": conclude(stages).value,
        "exit_code": 0 if failure is None else int(failure.code),
        "profile": known.profile if known.base_url else None,
        "base_url": known.base_url or None,
        "model": known.model or None,
        "stages": {name: done.get(name, untried).as_json() for name in NAMES},
        "failure": None if failure is None else {"stage": stages[-1].name, **lines(failure)},
    }


def _tabs(*cells: str) -> str:
    return "\t".join(" ".join(cell.split()) for cell in cells) + "\n"


def round_line(stages: Sequence[Stage], begin: datetime, marks: Marks, *, color: bool = False) -> str:
    """One check of many, for people."""
    last = stages[-1]
    worst = Verdict.FAILED if last.failure else Verdict.OK
    if not last.failure and any(stage.warnings for stage in stages):
        worst = Verdict.WARNED
    mark = f"{_STYLES[worst]}{marks[worst]}{RESET}" if color else marks[worst]
    return clean(f"{begin.astimezone():%H:%M:%S} ") + f"{mark} {clean(_round_summary(stages))}\n"


def round_row(stages: Sequence[Stage], begin: datetime) -> str:
    """One check of many, for programs: time, verdict, exit code, summary."""
    failure = stages[-1].failure
    code = 0 if failure is None else int(failure.code)
    time = begin.isoformat(timespec="seconds")
    return _tabs(time, conclude(stages).value, str(code), _round_summary(stages))


def _round_summary(stages: Sequence[Stage]) -> str:
    if stages[-1].failure:
        return stages[-1].failure.message
    return ", ".join(f"{stage.name} {duration(stage.ms)}" for stage in stages if stage.ms is not None)
