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


def compose(words: Sequence[str], piped: str | None) -> str:
    """The words joined with a space, then, after a blank line, what was piped in. Nothing is ever cut.

    Raises:
        UsageError: there is no prompt in either, or a word is not UTF-8.
    """
    typed = " ".join(word for word in words if word != STDIN)
    if not typed.isprintable():
        # An argument that is not UTF-8 reaches Python with its bytes as lone surrogates.
        typed = decode(typed.encode("utf-8", "surrogateescape"), "the prompt")
    prompt = "\n\n".join(part for part in (typed, piped) if part)
    if not prompt.strip():
        raise UsageError("there is no prompt", hint="respan send 'Say hello', or pipe text in")
    return prompt
