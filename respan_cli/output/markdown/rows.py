"""Blocks as rows of a terminal, whole or as far as they can no longer change."""

from __future__ import annotations

from functools import lru_cache
from io import StringIO

from rich.console import COLOR_SYSTEMS, Console
from rich.style import Style
from rich.text import Text

from respan_cli.output.markdown.code import code_rows, commit_code
from respan_cli.output.markdown.inline import WINDOW, inline, split
from respan_cli.output.markdown.reader import Block, Container
from respan_cli.output.markdown.screen import EMPTY, Piece, Row
from respan_cli.output.markdown.tables import table_rows
from respan_cli.output.markdown.wrap import wrap

_HEADINGS = {1: Style(bold=True, underline=True), 2: Style(bold=True)}
_HEADING = Style(bold=True, italic=True)
_BAR = Style(dim=True)
_MARKER = Style(bold=True)
_RULE_WIDTH = 16
_SHORT = 400  # characters; a paragraph up to here is parsed again for each frame
_NARROWEST = 10  # columns that are left for text, however deep it lies


class Rows:
    """Renders blocks for one terminal."""

    def __init__(self, color_system: str | None, *, no_color: bool = False) -> None:
        self._colors = COLOR_SYSTEMS.get(color_system or "")
        self._no_color = no_color
        self._console = Console(file=StringIO(), color_system=None, markup=False, highlight=False, width=80)
        self._codes: dict[Style, str] = {}

    def whole(self, block: Block, width: int) -> list[Row]:
        """Everything of the block that is not printed yet."""
        rows: list[Row] = []
        if block.kind == "paragraph" and len(block.source) > WINDOW:
            rows = self.commit_rows(block, width)
        return rows + self._placed(block, _body(block, _inner_width(block, width)), width)

    def commit_rows(self, block: Block, width: int, keep: int = 0) -> list[Row]:
        """Take the upper rows that are final out of an unfinished block; of code all but `keep`."""
        body: list[Text] = []
        if block.kind == "paragraph":
            body = _commit_paragraph(block, _inner_width(block, width))
        elif block.kind in {"fence", "indented"}:
            body = commit_code(block, _inner_width(block, width), keep)
        rows = self._placed(block, body, width) if body else []
        block.is_begun = block.is_begun or bool(rows)
        return rows

    def _placed(self, block: Block, body: list[Text], width: int) -> list[Row]:
        """The rows behind the bars, markers and indents of their containers."""
        first, rest = _margins(block, width)
        gap = [] if block.is_begun else _gap(block)
        upper = [first + body[0]] if body else [first]
        return [self._row(row) for row in (*gap, *upper, *(rest + row for row in body[1:]))]

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


def parse_start(block: Block) -> None:
    """Parse the safe part of a live paragraph, so that the next frame need not."""
    source = block.source
    if block.kind == "paragraph" and _SHORT < len(source) < WINDOW and (cut := split(source, 0)):
        block.head = block.head + inline(source[:cut])
        block.parts = [source[cut:]]


def _commit_paragraph(block: Block, width: int) -> list[Text]:
    """Parse the text that cannot change, and remove all its rows but the last, which may grow."""
    source = block.source
    at = 0
    *rows, head = wrap(block.head, width)
    while len(source) > at and (cut := split(source, at)):
        *done, head = wrap(head + inline(source[at:cut]), width)
        rows += done
        at = cut
    block.head = head
    block.parts = [source[at:]]
    return rows


def _body(block: Block, width: int) -> list[Text]:
    if block.kind == "paragraph":
        return wrap(block.head + inline(block.source.rstrip(" ")), width)
    if block.kind == "heading":
        return wrap(inline(block.source, _HEADINGS.get(block.level, _HEADING)), width)
    if block.kind == "rule":
        return [Text("─" * min(width, _RULE_WIDTH), Style(dim=True))]
    if block.kind == "table":
        return table_rows(block.source.split("\n"), width)
    return [row for row, _ in code_rows(block, width)]


def _inner_width(block: Block, width: int) -> int:
    margins = sum(_margin(container)[1].cell_len for container in block.path)
    return max(min(_NARROWEST, width), width - margins)


def _margins(block: Block, width: int) -> tuple[Text, Text]:
    """The text before the first row of a block, and before the others."""
    first, rest = Text(), Text()
    common = len(block.path) if block.is_begun else _common(block)
    for depth, container in enumerate(block.path):
        mark, blank = _margin(container)
        first.append_text(blank if depth < common else mark)
        rest.append_text(blank)
    room = max(0, width - _NARROWEST)
    return (first[:room], rest[:room]) if len(rest) > room else (first, rest)


@lru_cache(maxsize=64)
def _margin(container: Container) -> tuple[Text, Text]:
    if container.is_quote:
        return Text("│ ", _BAR), Text("│ ", _BAR)
    return Text(f"{container.marker} ", _MARKER), Text(" " * (len(container.marker) + 1))


def _common(block: Block) -> int:
    """How many containers the block shares with the one before."""
    common = 0
    for before, here in zip(block.previous or (), block.path, strict=False):
        if before is not here:
            break
        common += 1
    return common


def _gap(block: Block) -> list[Text]:
    """The empty row before a block, if there is to be one."""
    common = _common(block)
    if block.previous is None or (not block.after_blank and (common or _is_next_item(block))):
        return []
    return [Text.assemble(*(_margin(container)[1] for container in block.path[:common]))]


def _is_next_item(block: Block) -> bool:
    """Whether the block and the one before are items of one list that lies in no container."""
    if not block.previous or not block.path:
        return False
    return bool(block.path[0].bullet) and block.path[0].bullet == block.previous[0].bullet
