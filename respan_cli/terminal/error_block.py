"""An error as standard error shows it: a block for people, an object for scripts."""

from __future__ import annotations

from collections.abc import Callable

from respan_cli.errors import RespanError
from respan_cli.terminal.text import BOLD, DIM, RED, fold, one_line

_LABEL = "  {:6}"  # what stands before each line of an error's details
_BETWEEN_IDS = ", "
_NARROW = 30  # columns; below, details stand under their labels instead of beside them

Paint = Callable[[str, str], str]  # text and style in, styled text out
Hide = Callable[[str], str]  # takes known secrets out of a text; always before the text is shortened


def error_json(error: RespanError, hide: Hide) -> dict[str, object]:
    """The error as scripts read it (contract, section 8)."""
    said = [one_line(hide(text)) for text in (error.message, error.reason) if text]
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


def error_block(error: RespanError, width: int | None, paint: Paint, hide: Hide) -> str:
    """The error for people: what failed, why, what to do next, and the ids to ask about.

    Args:
        width: the terminal's columns; None where lines are not to be broken.
        paint: styles a text, or does not.
    """
    label = "error: "
    lines = _hanging(one_line(hide(error.message)), label, width)
    lines[0] = paint(label, RED + BOLD) + paint(lines[0], BOLD)
    for name, text in (("why", error.reason), ("next", error.hint), ("ids", _ids(error))):
        if text:
            label = _LABEL.format(name + ":")
            separator = _BETWEEN_IDS if name == "ids" else " "
            first, *rest = _hanging(one_line(hide(text)), label, width, separator)
            lines += [paint(label, DIM) + first, *rest]
    return "".join(line + "\n" for line in lines)


def _hanging(text: str, label: str, width: int | None, separator: str = " ") -> list[str]:
    """The lines of a text that stands behind a label; the label itself is left out of the first."""
    indent = len(label) if width is None or width >= _NARROW else 2
    # Blanks in place of the label: a word that is longer than the line stays beside it.
    first, *rest = fold(" " * len(label) + text, width, indent=indent, separator=separator)
    return [first[len(label) :], *rest]


def _ids(error: RespanError) -> str:
    ids = (("request", error.request_id), ("log", error.log_id))
    return _BETWEEN_IDS.join(f"{name} {value}" for name, value in ids if value)
