"""Text for a terminal: foreign text made harmless, lines measured, broken and cut to a width."""

from __future__ import annotations

import re
import unicodedata
from math import ceil

RED, YELLOW, DIM, BOLD, RESET = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"

_AFTER_WORD = re.compile(r"(?<=[ \n])")
_LONGEST_WORD = 40  # characters; what goes on longer, as Chinese does, is not waited for

# Characters that are not seen (Unicode's default ignorable code points, and the annotation characters): they
# hide text in text, or reorder it. Inside a character class; joiners and variation selectors are apart.
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINERS, _SELECTORS = "\u200c\u200d", "\ufe00-\ufe0f"
INVISIBLE = _UNSEEN + _JOINERS + _SELECTORS
# C0 without newline and tab, DEL, C1, and the unseen ones.
_CONTROL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_UNSEEN}]")
# Emoji and the scripts of India need one joiner between two characters, and one selector after one.
_MISPLACED = re.compile(
    f"(?<=[\x00-\x7f])[{_JOINERS}]+|[{_JOINERS}]+(?=[\x00-\x7f{_JOINERS}])|(?<=[{_SELECTORS}])[{_SELECTORS}]+"
)
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without what could steer a terminal or hide on it; lone surrogates become U+FFFD.

    Newline and tab stay, and so do the joiners and selectors of emoji.
    """
    if text.isascii() and text.isprintable():
        return text
    return _SURROGATE.sub("\ufffd", _MISPLACED.sub("", _CONTROL.sub("", text)))


def one_line(text: str, limit: int = 600) -> str:
    """Text from outside as one clean line of a sane length (in characters)."""
    text = " ".join(clean(text[: 4 * limit]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def fold(text: str, width: int | None, *, indent: int = 0, separator: str = " ") -> list[str]:
    """One line as several that a terminal need not break in the middle of a word.

    Args:
        width: columns; None leaves the line whole.
        indent: columns before every line but the first.
        separator: where it may be broken. A part that is longer than a line stays whole, so that a URL or
            a command can still be copied.
    """
    if width is None or columns(text) <= width:
        return [text]
    first, *rest = text.split(separator)
    lines = [first]
    for part in rest:
        longer = lines[-1] + separator + part
        if columns(longer) <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(" " * indent + part)
    return lines


class WordWrapper:
    """Text that comes in pieces, broken between words.

    Args:
        width: the columns of the terminal; None leaves the text as it is.
    """

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._column = 0
        self._gap = ""  # spaces that are shown only if another word follows on the same line
        self._held = ""  # the start of a word whose end has not come

    def feed(self, text: str) -> str:
        """What can be shown by now."""
        if self._width is None:
            self._column = 0 if text.endswith("\n") else 1
            return text
        *whole, self._held = _AFTER_WORD.split(self._held + text)
        if len(self._held) > _LONGEST_WORD:
            whole, self._held = [*whole, self._held], ""
        return "".join(map(self._place, whole))

    def flush(self) -> str:
        """What was held back, and the newline that is missing."""
        rest = self._place(self._held)
        self._held = ""
        return rest + ("\n" if self._column else "")

    def _place(self, word: str) -> str:
        body = word.rstrip(" \n")
        size = columns(body)
        width = self._width or 0
        if not body:
            shown = ""
        elif self._column and self._column + len(self._gap) + size > width:
            shown = "\n" + body
            self._column = size
        else:
            shown = self._gap + body
            self._column += len(self._gap) + size
        if body:
            # The terminal itself wraps longer lines.
            self._column = (self._column - 1) % width + 1
            self._gap = ""
        if word.endswith("\n"):
            self._column, self._gap = 0, ""
            return shown + "\n"
        self._gap += word[len(body) :]
        return shown


def truncate(text: str, width: int) -> str:
    """As much of a line as fits into so many columns."""
    if columns(text) <= width:
        return text
    kept, used = "", 1
    for character in text:
        used += columns(character)
        if used > width:
            break
        kept += character
    return kept + "…"


def columns(text: str) -> int:
    """How many columns of a terminal a text takes (Unicode Standard Annex 11)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.category(character) in ("Mn", "Me", "Cf")
        # Wide and full-width.
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )  # fmt: skip


def duration(seconds: float) -> str:
    """A time to wait, in the unit that a person would use: "0.5 s", "90 s", "15 min", "24 h", "3 days"."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = ceil(seconds)
    if whole < 2 * 60:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{ceil(whole / 60)} min"
    return f"{ceil(whole / 3600)} h" if whole <= 48 * 3600 else f"{ceil(whole / 86400):,} days"
