"""What standard error says, laid out for the width it is read at. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from respan_cli.clean import clean
from respan_cli.errors import RespanError

RED, YELLOW, DIM, BOLD, RESET = "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[1m", "\x1b[0m"

_AFTER_WORD = re.compile(r"(?<=[ \n])")
_LONGEST_WORD = 40  # characters; what goes on longer, as Chinese does, is not waited for

_LABEL = "  {:6}"  # what stands before each line of an error's details
_BETWEEN_IDS = ", "
_NARROW = 30  # columns; below, details stand under their labels instead of beside them

Paint = Callable[[str, str], str]  # text and style in, styled text out


def error_json(error: RespanError) -> dict[str, object]:
    """The error as scripts read it (contract, section 8)."""
    said = [one_line(text) for text in (error.message, error.reason) if text]
    details = {
        "type": error.kind,
        "message": ": ".join(said),
        "status": error.status,
        "retryable": error.retryable,
        "retry_after": error.retry_after,
        "request_id": error.request_id,
        "log_id": error.log_id,
        "hint": error.hint,
    }
    return {"error": details, "exit_code": int(error.code)}


def error_block(error: RespanError, width: int | None, paint: Paint) -> str:
    """The error for people: what failed, why, what to do next, and the ids to ask about.

    Args:
        error: what went wrong.
        width: the terminal's columns; None where lines are not to be broken.
        paint: styles a text, or does not.
    """
    label = "error: "
    lines = _hanging(one_line(error.message), label, width)
    lines[0] = paint(label, RED + BOLD) + paint(lines[0].removeprefix(label), BOLD)
    for name, text in (("why", error.reason), ("next", error.hint), ("ids", _ids(error))):
        if text:
            label = _LABEL.format(name + ":")
            separator = _BETWEEN_IDS if name == "ids" else " "
            first, *rest = _hanging(one_line(text), label, width, separator)
            lines += [paint(label, DIM) + first.removeprefix(label), *rest]
    return "".join(line + "\n" for line in lines)


def _hanging(text: str, label: str, width: int | None, separator: str = " ") -> list[str]:
    indent = len(label) if width is None or width >= _NARROW else 2
    return fold(label + text, width, indent=indent, separator=separator)


def one_line(text: str, limit: int = 600) -> str:
    """Text from outside as one clean line of a sane length (in characters)."""
    text = " ".join(clean(text[: 4 * limit]).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def fold(text: str, width: int | None, *, indent: int = 0, separator: str = " ") -> list[str]:
    """One line as several that a terminal need not break in the middle of a word.

    Args:
        text: the line.
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


class Flow:
    """Text that comes in pieces, broken between words.

    Args:
        width: the columns of the terminal; None leaves the text as it is.
    """

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._column = 0
        self._gap = ""  # spaces that are shown only if another word follows on the same line
        self._held = ""  # the start of a word whose end has not come

    def take(self, text: str) -> str:
        """What can be shown by now."""
        if self._width is None:
            self._column = 0 if text.endswith("\n") else 1
            return text
        *whole, self._held = _AFTER_WORD.split(self._held + text)
        if len(self._held) > _LONGEST_WORD:
            whole, self._held = [*whole, self._held], ""
        return "".join(map(self._place, whole))

    def end(self) -> str:
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
            # The terminal itself breaks what is longer than a line.
            self._column = (self._column - 1) % width + 1
            self._gap = ""
        if word.endswith("\n"):
            self._column, self._gap = 0, ""
            return shown + "\n"
        self._gap += word[len(body) :]
        return shown


def cut(text: str, width: int) -> str:
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


def _ids(error: RespanError) -> str:
    ids = (("request", error.request_id), ("log", error.log_id))
    return _BETWEEN_IDS.join(f"{name} {value}" for name, value in ids if value)
