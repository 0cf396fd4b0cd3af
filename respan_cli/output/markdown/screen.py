"""The live rows at the bottom of the terminal, and the fewest bytes that change them."""

from __future__ import annotations

import unicodedata
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

_JOINER = "\u200d"
_MODIFIERS = frozenset(
    map(chr, [*range(0x1F3FB, 0x1F400), *range(0x1F1E6, 0x1F200)])
)  # skin; halves of flags

# From the beginning of this row to the end of the screen; but never from its very corner: there tmux takes it
# for the whole screen, which it keeps in the scrollback.
_ERASE = " \x1b[J\r"


class Screen:
    """Knows the rows that can still be changed, and where among them the cursor rests.

    That is the end of the last one, as in all text that is being written. A terminal that loses height then
    pushes the uppermost into the scrollback, where they stay: they are not written again. But where the live
    part has rows that do not fit, its first rows are not shown, and would appear twice. Then the
    cursor rests at the first row, and the terminal cuts the lower ones off instead, which can be redrawn.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = [EMPTY]
        self._size = (0, 0)
        self._cropped = False  # the live part has rows that do not fit
        self._gone = 0  # rows of the live part that a shrinking terminal pushed into the scrollback

    def draw(
        self, finished: list[Row], live: list[Row], size: tuple[int, int], *, partial: bool = False
    ) -> tuple[str, Screen]:
        """What to write so that these rows stand where the live rows were, and the screen after that.

        The finished rows are the scrollback's from then on; of the live ones the last are shown, as many
        as fit; `partial` says that they are not all there is.
        """
        width, height = size
        resized = size != self._size and self._size != (0, 0)
        rewrapped = resized and width != self._size[0]
        hidden = 0 if self._cropped or rewrapped else max(0, len(self.rows) - height)
        gone = self._gone + hidden
        after = Screen()
        after._size = size
        after._gone = max(0, gone - len(finished))
        room = max(1, height - 1)
        after._cropped = partial or len(live) - after._gone > room
        after.rows = live[0 if partial else after._gone :][-room:] or [EMPTY]
        final = finished[gone:]
        rows = final + after.rows
        rest = len(final) if after._cropped else len(rows) - 1
        if rewrapped or (self._cropped and (resized or not after._cropped)):
            return self._redraw(rows, rest, size), after
        return self._change(rows, rest, width, hidden), after

    def _redraw(self, rows: list[Row], rest: int, size: tuple[int, int]) -> str:
        """Start over above all of our rows: a resize has wrapped them anew, or has cut some of them off."""
        width, height = size
        taken = 1 if self._cropped else sum(max(1, -(-cells(row) // width)) for row in self.rows)
        up = min(taken, height) - 1
        start = "\r" + (f"\x1b[{up}A" if up else "") + _ERASE
        return start + "\r\n".join(map(paint, rows)) + _move(len(rows) - 1, rest)

    def _change(self, rows: list[Row], rest: int, width: int, hidden: int) -> str:
        out: list[str] = []
        before = self.rows[hidden:]
        last = len(before) - 1
        at = 0 if self._cropped else last
        at_end = not self._cropped
        for index, row in enumerate(rows):
            old = before[index] if index <= last else None
            if row == old:
                continue
            move = _move(at, index)
            rewrite = _rewrite(old or EMPTY, row, width, here=at_end and not move)
            out.append(move + rewrite)
            at, at_end = index, True
        end = len(rows) - 1
        if end < last:
            out.append(_move(at, end) + "\r\n\x1b[J\x1b[A")
            at, at_end = end, False
        if at != rest or (at_end and rest < end):
            out.append(_move(at, rest) or "\r")
            at_end = False
        if rest == end and not at_end:
            out.append(_column(cells(rows[end]), width))
        return "".join(out)


def cells(row: Row) -> int:
    return sum(cell_len(piece.text) for piece in row)


def paint(row: Row) -> str:
    return "".join(map(str, row))


def _move(start: int, end: int) -> str:
    """To the beginning of another row; nothing if it is the same one."""
    if end < start:
        return f"\r\x1b[{start - end}A"
    return "\r" + "\n" * (end - start) if end > start else ""


def _column(column: int, width: int) -> str:
    return f"\x1b[{min(column, width - 1) + 1}G"


def _rewrite(old: Row, new: Row, width: int, *, here: bool) -> str:
    """Change one row; `here` says that the cursor is at the end of the old one, else it is at the start."""
    same, rest_old, rest_new = _common(old, new)
    erase = "\x1b[K" if rest_old and cells(new) < width else ""
    if here and not rest_old and not _joined(same, rest_new):
        return paint(rest_new)
    if same.isascii() and len(same) > 4:
        return _column(len(same), width) + paint(rest_new) + erase
    return ("\r" if here else "") + paint(new) + erase


def _joined(same: str, rest: Row) -> bool:
    """Whether what follows is shown together with what stands there, as the parts of one emoji are."""
    if not same or not rest:
        return False
    last, first = same[-1], rest[0].text[0]
    if last.isascii() and first.isascii():
        return False
    return last == _JOINER or first in _MODIFIERS or unicodedata.category(first) in ("Mn", "Mc", "Me", "Cf")


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
