"""The live rows at the bottom of the terminal, and the fewest bytes that change them."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len


class Piece(NamedTuple):
    """Some text of one row in one style, as the terminal gets it."""

    text: str
    codes: str = ""  # the parameters of a "select graphic rendition"

    def __str__(self) -> str:
        return f"\x1b[{self.codes}m{self.text}\x1b[0m" if self.codes else self.text


Row = tuple[Piece, ...]
EMPTY: Row = ()


class Screen:
    """Knows the rows that can still be changed; the cursor rests at the end of the last one."""

    def __init__(self) -> None:
        self.rows: list[Row] = [EMPTY]
        self._width = 0
        self._cropped = False  # the live part has upper rows that found no room
        self._gone = 0  # rows of the live part that a shrinking terminal pushed into the scrollback

    def draw(
        self, finished: list[Row], live: list[Row], size: tuple[int, int], *, partial: bool = False
    ) -> tuple[str, Screen]:
        """What to write so that these rows stand where the live rows were, and the screen after that.

        The finished rows are the scrollback's from then on; of the live ones the last are shown, as many
        as there is room for; `partial` says that they are not all there is.
        """
        width, height = size
        hidden = 0 if self._cropped or width != self._width else max(0, len(self.rows) - height)
        gone = self._gone + hidden
        after = Screen()
        after._width = width
        after._gone = max(0, gone - len(finished))
        room = max(1, height - 1)
        after._cropped = partial or len(live) - after._gone > room
        after.rows = live[0 if partial else after._gone :][-room:] or [EMPTY]
        rows = finished[gone:] + after.rows
        if self._width not in (0, width):
            return self._redraw(rows, width, height), after
        return self._change(rows, width, hidden), after

    def _redraw(self, rows: list[Row], width: int, height: int) -> str:
        """After a resize the terminal has wrapped our rows anew: start over above all of them."""
        taken = sum(max(1, -(-cells(row) // width)) for row in self.rows)
        up = min(taken, height) - 1
        return "\r" + (f"\x1b[{up}A" if up else "") + "\x1b[J" + "\r\n".join(map(paint, rows))

    def _change(self, rows: list[Row], width: int, hidden: int) -> str:
        out: list[str] = []
        before = self.rows[hidden:]
        at = last = len(before) - 1
        at_end = True
        for index, row in enumerate(rows):
            old = before[index] if index <= last else None
            if row == old:
                continue
            move = _move(at, index)
            rewrite = _rewrite(old or EMPTY, row, width, here=at_end and not move)
            out.append(move + rewrite)
            at, at_end = index, True
        end = len(rows) - 1
        if at != end:
            out.append(_move(at, end) + _column(cells(rows[end]), width))
        if end < last:
            out.append("\r\n\x1b[J\x1b[A" + _column(cells(rows[end]), width))
        return "".join(out)


def cells(row: Row) -> int:
    return sum(cell_len(piece.text) for piece in row)


def paint(row: Row) -> str:
    return "".join(map(str, row))


def _move(start: int, end: int) -> str:
    if end < start:
        return f"\r\x1b[{start - end}A"
    return "\r" + "\n" * (end - start) if end > start else ""


def _column(column: int, width: int) -> str:
    return f"\x1b[{min(column, width - 1) + 1}G"


def _rewrite(old: Row, new: Row, width: int, *, here: bool) -> str:
    """Change one row; `here` says that the cursor is at the end of the old one, else it is at the start."""
    same, rest_old, rest_new = _common(old, new)
    erase = "\x1b[K" if rest_old and cells(new) < width else ""
    if here and not rest_old:
        return paint(rest_new)
    if same.isascii() and len(same) > 4:
        return _column(len(same), width) + paint(rest_new) + erase
    return ("\r" if here else "") + paint(new) + erase


def _common(old: Row, new: Row) -> tuple[str, Row, Row]:
    """The text with which both rows start, and what follows it in each."""
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    text = "".join(piece.text for piece in new[:same])
    old, new = old[same:], new[same:]
    if old and new and old[0].codes == new[0].codes:
        length = _common_length(old[0].text, new[0].text)
        text += new[0].text[:length]
        old, new = _drop(old, length), _drop(new, length)
    return text, old, new


def _common_length(first: str, second: str) -> int:
    if second.startswith(first):
        return len(first)
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(first), len(second)))


def _drop(row: Row, length: int) -> Row:
    first = Piece(row[0].text[length:], row[0].codes)
    return (first, *row[1:]) if first.text else row[1:]
