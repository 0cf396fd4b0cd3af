"""Blocks as rows of a terminal, whole or as far as they can no longer change."""

from __future__ import annotations

import re
from functools import lru_cache
from io import StringIO
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len, chop_cells
from rich.color import ColorSystem
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from respan_cli.output.markdown.blocks import Block, Container, cells
from respan_cli.output.markdown.code import forget, highlight
from respan_cli.output.markdown.inline import WINDOW, inline, split
from respan_cli.output.markdown.screen import EMPTY, Piece, Row

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import JustifyMethod
    from rich.containers import Lines

_HEADINGS = {1: Style(bold=True, underline=True), 2: Style(bold=True)}
_HEADING = Style(bold=True, italic=True)
_BAR = Style(dim=True)
_MARKER = Style(bold=True)
_RULE_WIDTH = 16
_CODE_MARGIN = "  "
_SHORT = 400  # a paragraph up to here is parsed anew for each frame
_NARROWEST = 10
_BETWEEN_CELLS = 3
_LONG_WORD = 16  # columns; a longer word in a table may be broken

_WIDE = "\u3000-\u9fff\uac00-\ud7af\uff00-\uff60"
_CLOSING = "、。，．！？：；）」』】》〉”’"
_WORD = re.compile(rf"\n| +|[{_WIDE}][{_CLOSING}]*|[^ \n{_WIDE}]+")

_cell = lru_cache(maxsize=4096)(inline)

_COLOR_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.WINDOWS,
}


class Rows:
    """Renders blocks for one terminal."""

    def __init__(self, color_system: str | None, *, no_color: bool = False) -> None:
        self._colors = _COLOR_SYSTEMS.get(color_system or "")
        self._no_color = no_color
        self._console = Console(file=StringIO(), color_system=None, markup=False, highlight=False, width=80)
        self._codes: dict[Style, str] = {}

    def whole(self, block: Block, width: int) -> list[Row]:
        """Everything of the block that is not printed yet."""
        rows: list[Row] = []
        while block.kind == "paragraph" and (size := block.size) > WINDOW:
            rows += self.settled(block, width)
            if block.size == size:
                break
        return rows + self._placed(block, self._body(block, _inner(block, width)), width)

    def settled(self, block: Block, width: int, keep: int = 0) -> list[Row]:
        """The upper rows of an unfinished block that are final; of code all but `keep`."""
        body: list[Text] = []
        if block.kind == "paragraph":
            body = _settle_paragraph(block, _inner(block, width))
        elif block.kind in {"fence", "indented"}:
            body = _settle_code(block, _inner(block, width), keep)
        rows = self._placed(block, body, width) if body else []
        block.begun = block.begun or bool(rows)
        return rows

    def _body(self, block: Block, width: int) -> list[Text]:
        if block.kind == "paragraph":
            return wrap(block.head + inline(block.source.rstrip(" ")), width)
        if block.kind == "heading":
            return wrap(inline(" ".join(block.lines), _HEADINGS.get(block.level, _HEADING)), width)
        if block.kind == "rule":
            return [Text("─" * min(width, _RULE_WIDTH), Style(dim=True))]
        if block.kind == "table":
            return self._table(block, width)
        return [row for row, _ in _code_rows(block, width, len(block.source.rstrip()))]

    def _table(self, block: Block, width: int) -> list[Text]:
        header = [_cell(cell, _MARKER) for cell in cells(block.lines[0])]
        body = [_fit(cells(line), len(header)) for line in block.lines[2:]]
        content = [[_cell(cell) for cell in row] for row in body]
        widths = _widths([header, *content], width - _BETWEEN_CELLS * (len(header) - 1))
        if not widths:
            return _records(header, content, width)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, border_style="dim")
        for title, mark, cell in zip(header, cells(block.lines[1]), widths, strict=True):
            table.add_column(
                title, justify=_alignment(mark), overflow="fold", header_style=_MARKER, width=cell
            )
        for row in content:
            table.add_row(*row)
        options = self._console.options.update(width=width, height=None)
        lines = self._console.render_lines(table, options, pad=False)
        return [
            Text.assemble(*((s.text, (s.text.strip() and s.style) or "") for s in line), end="")
            for line in lines
        ]

    def _placed(self, block: Block, body: list[Text], width: int) -> list[Row]:
        """The rows behind the bars, markers and indents of their containers."""
        first, rest = _margins(block, width)
        placed = [self._row(first + body[0])] if body else [self._row(first)]
        placed += [self._row(rest + row) for row in body[1:]]
        if not block.begun and (gap := _gap(block)) is not None:
            placed.insert(0, self._row(gap))
        return placed

    def _row(self, text: Text) -> Row:
        text.rstrip()
        if not text.spans and not text.style:
            return (Piece(text.plain),) if text.plain else EMPTY
        pieces: list[Piece] = []
        for segment in text.render(self._console):
            code = self._code(segment.style) if segment.style else ""
            if pieces and pieces[-1].codes == code:
                pieces[-1] = Piece(pieces[-1].text + segment.text, code)
            elif segment.text:
                pieces.append(Piece(segment.text, code))
        return tuple(pieces)

    def _code(self, style: Style) -> str:
        if style not in self._codes:
            shown = style.without_color if self._no_color else style
            painted = shown.render("x", color_system=self._colors) if self._colors else "x"
            self._codes[style] = painted.partition("m")[0].removeprefix("\x1b[") if painted != "x" else ""
        return self._codes[style]


def wrap(text: Text, width: int) -> list[Text]:
    """The rows of a text, broken at spaces and between wide characters; a longer word is folded."""
    breaks = _breaks(text.plain, width)
    if not text.spans:
        return [Text(text.plain[start:end]) for start, end in breaks]
    return _pick(text.divide(sorted({place for pair in breaks for place in pair})), breaks)


def _pick(parts: Lines, breaks: list[tuple[int, int]]) -> list[Text]:
    """The parts of a divided text that are the rows between these breaks."""
    rows = dict.fromkeys(breaks, Text())
    at = 0
    starts = {start: (start, end) for start, end in breaks if end > start}
    for part in parts:
        if at in starts:
            rows[starts[at]] = part
        at += len(part)
    return [rows[pair] for pair in breaks]


def _breaks(plain: str, width: int) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    start = end = column = 0
    for match in _WORD.finditer(plain):
        word = match[0]
        size = cell_len(word)
        if word == "\n":
            rows.append((start, end))
            start = end = match.end()
            column = 0
        elif word[0] == " ":
            column += size
        elif column + size <= width:
            column += size
            end = match.end()
        else:
            if end > start:
                rows.append((start, end))
            start = match.start()
            for part in chop_cells(word, width)[:-1] if size > width else ():
                rows.append((start, start + len(part)))
                start += len(part)
            end = match.end()
            column = cell_len(plain[start:end])
    return [*rows, (start, len(plain))]


def absorb(block: Block) -> None:
    """Parse the safe part of a live paragraph, so that the next frame need not."""
    if block.kind != "paragraph" or not _SHORT < block.size < WINDOW:
        return
    source, kept = _safe(block)
    if cut := source and split(source, 0):
        block.head = block.head + inline(source[:cut])
        source = source[cut:]
        block.lines = source.split("\n") + kept


def _settle_paragraph(block: Block, width: int) -> list[Text]:
    """Parse what is safe to parse, and give away all rows of it but the last, which may grow."""
    source, kept = _safe(block)
    at = 0
    *rows, head = wrap(block.head, width)
    while len(source) > at and (cut := split(source, at)):
        head = head + inline(source[at:cut])
        at = cut
        *done, head = wrap(head, width)
        rows += done
    block.head = head
    if at:
        block.lines = source[at:].split("\n") + kept
    return rows


def _safe(block: Block) -> tuple[str, list[str]]:
    """The text of a paragraph, and apart from it its last line, which could yet be the head of a table."""
    if block.goes_on:
        return block.source, []
    return "\n".join(block.lines[:-1]), block.lines[-1:]


def _settle_code(block: Block, width: int, keep: int) -> list[Text]:
    """Give away the upper rows; the highlighting of the last ones may still be corrected."""
    settled = _code_rows(block, width, len(block.source.rstrip()))[: -max(1, keep)]
    if settled:
        block.settled = settled[-1][1]
        forget(block)
    return [row for row, _ in settled]


def _code_rows(block: Block, width: int, end: int) -> list[tuple[Text, int]]:
    """The unprinted rows of code, each with the place in the source where the next one starts."""
    code = highlight(block, end)
    rows: list[tuple[Text, int]] = []
    at = block.settled
    width = max(1, width - len(_CODE_MARGIN))
    for line in code.split("\n", allow_blank=True):
        parts = chop_cells(line.plain, width) or [""]
        offset = 0
        for part in parts:
            row = Text(_CODE_MARGIN) + line[offset : offset + len(part)]
            offset += len(part)
            rows.append((row, at + offset + (offset == len(line))))
        at += len(line) + 1
    return rows


def _alignment(mark: str) -> JustifyMethod:
    if mark.endswith(":"):
        return "center" if mark.startswith(":") else "right"
    return "left"


def _widths(rows: list[list[Text]], room: int) -> list[int]:
    """The columns for the cells of a table, so that no word is broken; none if there is no room for that."""
    columns = list(zip(*rows, strict=True))
    longest = [max(_longest(cell.plain.split("\n")) for cell in column) for column in columns]
    words = [max(_longest(_WORD.findall(cell.plain)) for cell in column) for column in columns]
    least = [max(1, min(word, _LONG_WORD)) for word in words]
    if sum(least) > room:
        return []
    most = room
    while sum(widths := [max(low, min(most, high)) for low, high in zip(least, longest, strict=True)]) > room:
        most -= 1
    return widths


def _longest(texts: list[str]) -> int:
    return max(map(cell_len, texts), default=0)


def _fit(row: list[str], columns: int) -> list[str]:
    """As many cells as the table has columns; the last takes the text of those that are too many."""
    if len(row) > columns:
        row = [*row[: columns - 1], " | ".join(row[columns - 1 :])]
    return row + [""] * (columns - len(row))


def _records(header: list[Text], rows: Iterable[list[Text]], width: int) -> list[Text]:
    """A table too wide for its terminal: each row as lines of "title: value"."""
    shown: list[Text] = []
    for row in rows:
        if shown:
            shown.append(Text())
        for title, cell in zip(header, row, strict=True):
            shown += wrap(title + Text(": ") + cell if title else cell, width)
    return shown or [row for title in header for row in wrap(title, width)]


def _inner(block: Block, width: int) -> int:
    return max(min(_NARROWEST, width), width - len(_margins(block, width)[1]))


def _margins(block: Block, width: int) -> tuple[Text, Text]:
    """What stands before the first row of a block, and before the others."""
    first, rest = Text(), Text()
    continued = _common(block)
    for depth, container in enumerate(block.path):
        mark, blank = _margin(container)
        first.append_text(mark if depth >= continued and not block.begun else blank)
        rest.append_text(blank)
    room = max(0, width - _NARROWEST)
    return first[:room] if len(first) > room else first, rest[:room] if len(rest) > room else rest


def _margin(container: Container) -> tuple[Text, Text]:
    if container.is_quote:
        return Text("│ ", _BAR), Text("│ ", _BAR)
    marker = container.marker if container.marker == "•" else container.marker.rjust(3)
    return Text(f"{marker} ", _MARKER), Text(" " * (len(marker) + 1))


def _common(block: Block) -> int:
    """How many containers the block shares with the one before."""
    pairs = zip(block.previous or (), block.path, strict=False)
    return next(
        (depth for depth, (a, b) in enumerate(pairs) if a is not b),
        min(len(block.previous or ()), len(block.path)),
    )


def _gap(block: Block) -> Text | None:
    """The empty row before a block, if there is to be one."""
    if block.previous is None:
        return None
    common = _common(block)
    if not block.apart and (common or _same_list(block, common)):
        return None
    gap = Text()
    for container in block.path[:common]:
        gap.append_text(_margin(container)[1])
    return gap


def _same_list(block: Block, depth: int) -> bool:
    previous = block.previous or ()
    if depth >= min(len(previous), len(block.path)):
        return False
    return bool(block.path[depth].siblings) and block.path[depth].siblings == previous[depth].siblings
