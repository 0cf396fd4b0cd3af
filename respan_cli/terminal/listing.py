"""A list for people: a table where the terminal is wide enough for it, a record for each row where it is not.

Unlike `tables.print_table`, which breaks long values into lines, this truncates the columns that allow it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import BOLD, DIM, RESET, clean, columns, truncate

NOTHING = "-"  # for an empty cell
GAPS = (2, 1)  # columns between two cells: the first that fits


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Args:
        right: whether its cells stand to the right.
        least: how far its cells may be truncated, in terminal columns; None leaves them whole.
        short: how many characters are enough where the whole does not fit, as of a Git hash.
    """

    heading: str
    right: bool = False
    least: int | None = None
    short: int | None = None


class Cell(NamedTuple):
    """Text from outside, and how to show it where there are colours."""

    text: str
    style: str = ""


def print_listing(terminal: Terminal, shape: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
    """Print rows to a person."""
    cleaned = [[Cell(terminal.redact_secrets(_line(cell.text)), cell.style) for cell in row] for row in rows]
    layout = _fit(shape, cleaned, terminal.width)
    painted = _Paint(colors=terminal.use_color())
    if layout is None:
        text = "\n".join(_record(shape, row, terminal.width, painted) for row in cleaned)
    else:
        widths, gap = layout
        heading = [Cell(column.heading, BOLD) for column in shape]
        text = "".join(_row(shape, row, widths, gap, painted) for row in [heading, *cleaned])
    terminal.write_now(text)


class _Paint:
    def __init__(self, *, colors: bool) -> None:
        self._colors = colors

    def __call__(self, text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if self._colors and style and text else text


def _line(text: str) -> str:
    return " ".join(clean(text).split())


def _fit(shape: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int) -> tuple[list[int], int] | None:
    """Widths of the columns and the gap between them; None where no table fits."""
    whole = [
        max(columns(column.heading), *(columns(row[index].text) for row in rows), len(NOTHING))
        for index, column in enumerate(shape)
    ]
    short = [min(size, column.short or size) for size, column in zip(whole, shape, strict=True)]
    for sizes in (whole, short):
        for gap in GAPS:
            excess = sum(sizes) + gap * (len(shape) - 1) - width
            if excess <= 0:
                return sizes, gap
    least = [min(size, column.least or size) for size, column in zip(short, shape, strict=True)]
    widths = _shrink(short, least, excess)
    return None if widths is None else (widths, gap)


def _shrink(wanted: list[int], least: list[int], excess: int) -> list[int] | None:
    """The widths with `excess` taken off the widest of those that may be truncated, one by one."""
    widths = list(wanted)
    for _ in range(excess):
        spare = [(width - low, index) for index, (width, low) in enumerate(zip(widths, least, strict=True))]
        room, widest = max(spare)
        if room <= 0:
            return None
        widths[widest] -= 1
    return widths


def _row(shape: Sequence[Column], row: Sequence[Cell], widths: Sequence[int], gap: int, paint: _Paint) -> str:
    parts = []
    for column, cell, width in zip(shape, row, widths, strict=True):
        whole = cell.text[:width] if column.short else truncate(cell.text, width)
        text, style = (whole, cell.style) if whole else (NOTHING, DIM)
        padding = " " * (width - columns(text))
        painted = paint(text, style)
        parts.append(padding + painted if column.right else painted + padding)
    return (" " * gap).join(parts).rstrip() + "\n"


def _record(shape: Sequence[Column], row: Sequence[Cell], width: int, paint: _Paint) -> str:
    size = max(len(column.heading) for column in shape)
    lines = ""
    for column, cell in zip(shape, row, strict=True):
        fits = size + 2 + columns(cell.text) <= width
        text = cell.text if fits or not column.short else cell.text[: column.short]
        if text:
            lines += f"{paint(column.heading.lower().ljust(size), DIM)}  {paint(text, cell.style)}\n"
    return lines
