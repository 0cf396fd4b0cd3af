"""Questions to the person at the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from respan_cli.errors import UsageError


def ask(question: str, stdin: BinaryIO | None, write: Callable[[str], None], *, hidden: bool) -> str:
    """The answer to a question, without the white space around it.

    Args:
        question: shown with the space that follows it.

    Raises:
        UsageError: standard input ended, or what was typed is not UTF-8.
    """
    try:
        return (_read_hidden(question) if hidden else _read_visible(question, stdin, write)).strip()
    except KeyboardInterrupt:
        write("\n")
        raise
    except EOFError:
        write("\n")
        raise UsageError("no answer: standard input ended") from None
    except UnicodeDecodeError:
        raise UsageError("the answer is not UTF-8") from None


def _read_visible(question: str, stdin: BinaryIO | None, write: Callable[[str], None]) -> str:
    write(question)
    line = stdin.readline() if stdin else b""
    if not line:
        raise EOFError
    return line.decode()


def _read_hidden(question: str) -> str:
    from getpass import getpass  # talks to the terminal itself, and restores it after Ctrl-C

    return getpass(question)
