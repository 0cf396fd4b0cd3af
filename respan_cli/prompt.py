"""The prompt, from the words of the command line and from what is piped in. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from respan_cli.errors import UsageError

STDIN = "-"


def decode(data: bytes, name: str) -> str:
    """UTF-8 text without its byte order mark.

    Args:
        data: the bytes as they came.
        name: what a message calls them.

    Raises:
        UsageError: they are not UTF-8; the message names the byte offset.
    """
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 at byte offset {error.start}",
            hint="convert it first, for example with 'iconv -t UTF-8'",
        ) from None


def compose(words: Sequence[str], piped: str | None, files: Sequence[tuple[str, str]] = ()) -> str:
    """The words joined with a space, then what was piped in, then each file under a line with its name.

    A blank line stands between the parts. Nothing is ever cut.

    Args:
        words: the words of the command line; `-` is none of them.
        piped: what came on standard input, if that was read.
        files: name and text of each file.

    Raises:
        UsageError: a word is not UTF-8.
    """
    typed = " ".join(word for word in words if word != STDIN)
    if not typed.isprintable():
        # An argument that is not UTF-8 reaches Python with its bytes as lone surrogates.
        typed = decode(typed.encode("utf-8", "surrogateescape"), "the prompt")
    named = [f"{name}\n{text}" for name, text in files]
    prompt = "\n\n".join(part for part in (typed, piped, *named) if part)
    return prompt if prompt.strip() else ""
