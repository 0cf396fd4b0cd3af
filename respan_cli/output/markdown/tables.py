"""Tables as rows of a terminal."""

from __future__ import annotations

import re
from functools import lru_cache

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from respan_cli.output.markdown.inline import inline
from respan_cli.output.markdown.wrap import WORD, wrap

_HEADER = Style(bold=True)
_LINE = Style(dim=True)
_GAP = 3  # columns of the terminal between two cells
_LONG_WORD = 16  # columns of the terminal; a longer word in a table may be broken

_cell = lru_cache(maxsize=4096)(inline)


def table_rows(lines: list[str], width: int) -> list[Text]:
    """A table from the lines of its source; one too wide for the terminal as lines of "title: value"."""
    header = [_cell(cell, _HEADER) for cell in _split(lines[0])]
    body = [[_cell(cell) for cell in _fit(_split(line), len(header))] for line in lines[2:]]
    widths = _widths([header, *body], width - _GAP * (len(header) - 1))
    if not widths:
        return _records(header, body, width)
    marks = _split(lines[1])
    line = Text("─" * (sum(widths) + _GAP * (len(widths) - 1)), _LINE)
    shown = [part for row in body for part in _row(row, widths, marks)]
    return [*_row(header, widths, marks, is_header=True), line, *shown]


def _split(line: str) -> list[str]:
    """The source of the cells in a line."""
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)]


def _fit(row: list[str], columns: int) -> list[str]:
    """As many cells as the table has columns; the last takes the text of those that are too many."""
    if len(row) > columns:
        row = [*row[: columns - 1], " | ".join(row[columns - 1 :])]
    return row + [""] * (columns - len(row))


def _row(row: list[Text], widths: list[int], marks: list[str], *, is_header: bool = False) -> list[Text]:
    """One row of cells, which is as high as its highest cell; those of a header stand at its foot."""
    columns = [wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
    height = max(map(len, columns))
    spaces = [[Text()] * (height - len(column)) for column in columns]
    filled = [
        space + column if is_header else column + space for space, column in zip(spaces, columns, strict=True)
    ]
    return [Text(" " * _GAP).join(map(_aligned, parts, widths, marks)) for parts in zip(*filled, strict=True)]


def _aligned(text: Text, width: int, mark: str) -> Text:
    space = width - text.cell_len
    left = 0 if not mark.endswith(":") else space // 2 if mark.startswith(":") else space
    return Text(" " * left) + text + Text(" " * (space - left))


def _widths(rows: list[list[Text]], room: int) -> list[int]:
    """The width of each column, so that no word is broken; an empty list if they do not fit."""
    columns = list(zip(*rows, strict=True))
    longest = [max(_longest(cell.plain.split("\n")) for cell in column) for column in columns]
    words = [max(_longest(WORD.findall(cell.plain)) for cell in column) for column in columns]
    least = [max(1, min(word, _LONG_WORD)) for word in words]
    if sum(least) > room:
        return []
    most = room
    while sum(widths := [max(low, min(most, high)) for low, high in zip(least, longest, strict=True)]) > room:
        most -= 1
    return widths


def _longest(texts: list[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _records(header: list[Text], rows: list[list[Text]], width: int) -> list[Text]:
    shown: list[Text] = []
    for row in rows:
        if shown:
            shown.append(Text())
        for title, cell in zip(header, row, strict=True):
            shown += wrap(title + Text(": ") + cell if title else cell, width)
    return shown or [row for title in header for row in wrap(title, width)]
