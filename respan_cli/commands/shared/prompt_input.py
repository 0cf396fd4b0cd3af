"""The prompt file and the values of its variables, as the command line names them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from respan_cli.errors import SettingsError, UsageError
from respan_cli.messages.attachments import display_name
from respan_cli.messages.prompt_file import STDIN_VARIABLE, PromptFile, parse_prompt_file
from respan_cli.messages.user_json import check_schema, parse_input
from respan_cli.terminal.encoding import decode


def read_prompt_file(path: str) -> PromptFile:
    """The prompt file at `path`, its schema read if it names one.

    Raises:
        UsageError: it, or its schema, cannot be read.
        SettingsError: it is not a prompt file.
    """
    return parse_prompt_file(_read(path), display_name(path))


def read_schema(prompt_file: PromptFile, path: str) -> dict[str, Any] | None:
    """The JSON Schema of a prompt file; one that it only names must be beside it.

    Args:
        path: where the prompt file is.

    Raises:
        UsageError: the schema cannot be read, or is none.
        SettingsError: it is elsewhere: a prompt must not send any file of this machine.
    """
    schema = prompt_file.schema
    if schema is None:
        return None
    if not isinstance(schema, str):
        return check_schema(schema, prompt_file.name)
    folder = Path(os.path.realpath(path)).parent
    target = Path(os.path.realpath(folder / schema))
    if not target.is_relative_to(folder):
        raise SettingsError(
            f"{prompt_file.name}: the schema {schema!r} is not in the folder of the prompt",
            reason="a prompt must not send other files of this machine",
        )
    name = display_name(str(target))
    return check_schema(parse_input(decode(_read(str(target)), name), name), name)


def read_variables(items: Sequence[str]) -> dict[str, str]:
    """The values of `--var NAME=VALUE`: `@PATH` reads a file, `@@…` is a text that begins with `@`.

    Raises:
        UsageError: an item has another form, or its file cannot be read.
    """
    return dict(_read_variable(item) for item in items)


def _read_variable(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals or not name:
        raise UsageError(f"--var={item!r} is not of the form NAME=VALUE")
    if name == STDIN_VARIABLE:
        raise UsageError(f"--var={item!r} names what is piped in", hint="pipe the text in")
    if value.startswith("@@"):
        return name, value[1:]
    if value.startswith("@"):
        return name, decode(_read(value[1:]), display_name(value[1:]))
    return name, decode(os.fsencode(value), f"--var {name}")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {display_name(path)}", reason=error.strerror) from None
