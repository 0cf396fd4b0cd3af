"""Messages for a mistyped command line: the error, and the likely intent. Pure.

Typer's errors are told apart by what they carry, since its classes are its own affair.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import takewhile
from shlex import quote
from typing import Any

from respan_cli.errors import UsageError
from respan_cli.settings.fields import did_you_mean

WORDS = "respan_cli.words"  # where a group leaves the words that should name a command
_KEY = (
    "no flag takes the key, for histories and process lists would have it: "
    "set RESPAN_API_KEY, or run 'respan config init'"
)


def explain(error: Any) -> UsageError:
    """Our error for an error of Typer's."""
    ctx = getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "respan"
    hint = f"'{path} --help' shows what there is"
    if hasattr(error, "possibilities"):
        # Any other letter is near to one letter.
        known = _options_of(ctx) if error.option_name.startswith("--") else ()
        if instead := _instead(error.option_name, known):
            return UsageError(f"there is no option {error.option_name}", hint=instead)
        meant = did_you_mean(error.option_name, known)
        return UsageError(f"there is no option {error.option_name}{meant}", hint=hint)
    commands: Mapping[str, Any] = getattr(getattr(ctx, "command", None), "commands", {})
    if ctx is not None and commands and ctx.meta.get(WORDS):
        return _no_command(ctx.meta[WORDS], commands, hint)
    message = error.format_message().strip().rstrip(".").replace("Value error, ", "")
    given, _, known = message.partition(" is not one of ")
    if known:
        message += did_you_mean(_quoted(given)[-1], _quoted(known))
    return UsageError(message[:1].lower() + message[1:] or "that is no command line", hint=hint)


def _no_command(words: list[str], commands: Collection[str], hint: str) -> UsageError:
    """The first word names no command: it may be mistyped, or `send` was left out."""
    meant = did_you_mean(words[0], commands)
    if not meant and "send" in commands:
        hint = f"respan send {quote(' '.join(takewhile(lambda word: not word.startswith('-'), words)))}"
    return UsageError(f"there is no command {words[0]!r}{meant}", hint=hint)


def _instead(flag: str, known: Collection[str]) -> str | None:
    """The equivalent of a flag that other tools have; the nearest spelling would mislead."""
    if flag in ("--api-key", "--key", "--token") and "--api-key-stdin" not in known:
        return _KEY
    if flag in ("--temperature", "--top-p", "--top-k") and "--extra-body" in known:
        field = flag.removeprefix("--").replace("-", "_")
        return f"--extra-body '{{\"{field}\": …}}' takes every field of the Messages API"
    return None


def _options_of(ctx: Any) -> list[str]:
    if ctx is None:
        return []
    params = ctx.command.get_params(ctx)
    return [name for param in params if param.param_type_name == "option" for name in param.opts]


def _quoted(message: str) -> list[str]:
    return re.findall("'([^']*)'", message)
