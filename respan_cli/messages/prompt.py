"""The prompt, from the words of the command line and stdin. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from respan_cli.terminal.encoding import decode

STDIN = "-"


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
