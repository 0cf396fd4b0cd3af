"""Rows of text: broken at spaces and between wide characters."""

from __future__ import annotations

import re

from rich.cells import cell_len, chop_cells
from rich.text import Text

_WIDE = "\u3000-\u9fff\uac00-\ud7af\uff00-\uff60"
_CLOSING = "、。，．！？：；）」』】》〉”’"
WORD = re.compile(rf"\n| +|[{_WIDE}][{_CLOSING}]*|[^ \n{_WIDE}]+")


def wrap(text: Text, width: int) -> list[Text]:
    """The rows of a text; a word longer than a row is folded."""
    breaks = _breaks(text.plain, width)
    if not text.spans:
        return [Text(text.plain[start:end]) for start, end in breaks]
    places = sorted({place for pair in breaks for place in pair})
    parts = dict(zip([0, *places], text.divide(places), strict=True))
    return [parts[start] if start < end else Text() for start, end in breaks]


def _breaks(plain: str, width: int) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    start = end = column = 0
    for match in WORD.finditer(plain):
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
