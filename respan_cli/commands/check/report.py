"""What a check shows: a line a stage, the table and the bars of many messages, one JSON object. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from respan_cli.commands.check.diagnosis import DiagnosisContext, lines
from respan_cli.commands.check.spread import MEASURES, chart
from respan_cli.commands.check.stages import NAMES, Stage, Verdict

_NARROWEST = 30  # columns for a summary; with less room it gets lines of its own
_BAR, _LEAST_BAR = 30, 4  # columns of the longest bar, and of the longest in a window for dolls
_BESIDE_BAR = 22  # columns of its scale and its count
_TITLE, _NUMBER = 28, 9  # columns of the table
_CHOSEN = ("min", "median", "p95", "max")
_OVER = {"kept": "one connection", "new": "new connections"}


@dataclass(frozen=True, slots=True)
class Marks:
    """The signs of the verdicts, and what bars are made of."""

    verdicts: Mapping[Verdict, str]
    bar: str


FINE = Marks({Verdict.OK: "✓", Verdict.WARNED: "!", Verdict.SKIPPED: "-", Verdict.FAILED: "✗"}, "█")
ASCII = Marks({Verdict.OK: "+", Verdict.WARNED: "!", Verdict.SKIPPED: "-", Verdict.FAILED: "x"}, "#")


def marks_for(encoding: str) -> Marks:
    """The signs that a terminal of this encoding can show."""
    try:
        "".join((*FINE.verdicts.values(), FINE.bar)).encode(encoding)
    except UnicodeEncodeError:
        return ASCII
    return FINE


def row(stage: Stage) -> str:
    """The stage for programs: name, verdict, milliseconds, summary, with tabs between them."""
    ms = "" if stage.ms is None else f"{stage.ms:g}"
    return _tabs(stage.name, stage.verdict.value, ms, stage.summary)


def line(stage: Stage, marks: Marks, columns: int) -> str:
    """The stage for people.

    Args:
        stage: what to show.
        marks: the signs.
        columns: the width of the window.
    """
    ms = "" if stage.ms is None else f"{stage.ms:,.0f} ms"
    start = f"{marks.verdicts[stage.verdict]} {stage.name:14} {ms:>9}"
    if stage.failure:  # the three lines that follow say it
        return f"{start}\n"
    narrow = columns - len(start) < _NARROWEST
    indent = " " * (2 if narrow else len(start) + 2)
    wrapped = textwrap.wrap(stage.summary, max(1, columns - 1 - len(indent)), break_on_hyphens=False)
    told = f"\n{indent}".join(wrapped)
    return f"{start}\n{indent}{told}\n" if narrow else f"{start}  {told}\n"


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
    return "\n" + "".join(
        f"  {title}\n{numbers}\n" if narrow else f"  {title:{_TITLE}}{numbers}\n" for title, numbers in rows
    )


def bars(facts: Mapping[str, Any], marks: Marks, columns: int) -> str:
    """How the totals spread, both kinds on one scale.

    Args:
        facts: of the stage `repeat`.
        marks: the signs.
        columns: the width of the window.
    """
    width = max(_LEAST_BAR, min(_BAR, columns - _BESIDE_BAR))
    values = {over: facts[over]["total_ms"]["values"] for over in _OVER}
    low, high = min(map(min, values.values())), max(map(max, values.values()))
    shown = ""
    for over, some in values.items():
        shown += f"\n  total, {_OVER[over]}\n"
        shown += "".join(f"  {bar}\n" for bar in chart(some, low, high, width, marks.bar))
    return shown


def _measured(facts: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for over in _OVER:
        for name in MEASURES:
            if facts[over][name] is not None:
                yield over, name, facts[over][name]


def as_json(stages: Sequence[Stage], case: DiagnosisContext) -> dict[str, Any]:
    """The object of `--json`: every stage there is, those not reached or not asked for as skipped."""
    done = {stage.name: stage for stage in stages}
    failure = stages[-1].failure
    untried = Stage("", Verdict.SKIPPED, None, "")
    return {
        "ok": failure is None,
        "exit_code": 0 if failure is None else int(failure.code),
        "profile": case.profile if case.base_url else None,
        "base_url": case.base_url or None,
        "model": case.model or None,
        "stages": {name: done.get(name, untried).as_json() for name in NAMES},
        "failure": None if failure is None else {"stage": stages[-1].name, **lines(failure)},
    }


def _tabs(*cells: str) -> str:
    return "\t".join(" ".join(cell.split()) for cell in cells) + "\n"
