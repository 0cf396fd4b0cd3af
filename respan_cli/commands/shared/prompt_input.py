"""The prompt file and the values of its variables, as the command line names them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from respan_cli.errors import SettingsError, UsageError
from respan_cli.messages.attachments import display_name
from respan_cli.messages.prompt import compose
from respan_cli.messages.prompt_file import (
    STDIN_VARIABLE,
    PromptFile,
    check_used,
    parse_prompt_file,
    render,
)
from respan_cli.messages.user_json import check_schema, parse_input
from respan_cli.settings.layers import Layer
from respan_cli.terminal.encoding import decode


@dataclass(frozen=True, slots=True)
class FilledPrompt:
    """A prompt file with the values of its variables, all but the text that is piped in.

    Args:
        file: the prompt file.
        variables: a value for each variable but `stdin`.
    """

    file: PromptFile
    variables: Mapping[str, str]

    @property
    def name(self) -> str:
        """The file, as messages call it."""
        return self.file.name

    @property
    def settings_layer(self) -> Layer:
        """The settings in the file."""
        return self.file.settings_layer

    @property
    def identity_layer(self) -> Layer:
        """The identity of the prompt file, used if no other layer gives one."""
        return self.file.identity_layer

    @property
    def takes_stdin(self) -> bool:
        """Whether the file has a `{stdin}`."""
        return STDIN_VARIABLE in self.file.template.names

    def compose(self, words: Sequence[str], piped: str | None) -> str:
        """The prompt, then the arguments, then piped text if the file has no `{stdin}`."""
        prompt = render(self.file, {**self.variables, STDIN_VARIABLE: piped or ""})
        rest = compose(words, None if self.takes_stdin else piped)
        return "\n\n".join(part for part in (prompt, rest) if part)


def read_prompt(path: str, variables: Sequence[str]) -> FilledPrompt:
    """The prompt file at `path`, with the values of `--var`.

    Raises:
        UsageError: a file cannot be read; a variable has no value, or a value no variable.
        SettingsError: it is not a prompt file.
    """
    file = read_prompt_file(path)
    values = read_variables(variables)
    check_used(file, values)
    filled = FilledPrompt(file, values)
    filled.compose((), "")
    return filled


def read_prompt_file(path: str) -> PromptFile:
    """The prompt file at `path`, with the JSON Schema that it names.

    Raises:
        UsageError: a file cannot be read.
        SettingsError: it is not a prompt file.
    """
    file = parse_prompt_file(_read(path), display_name(path))
    return replace(file, schema=_read_schema(file, path))


def _read_schema(file: PromptFile, path: str) -> dict[str, Any] | None:
    """The JSON Schema of a prompt file; one that it only names must be beside it."""
    schema = file.schema
    if schema is None:
        return None
    if not isinstance(schema, str):
        return check_schema(schema, file.name)
    folder = Path(os.path.realpath(path)).parent
    target = Path(os.path.realpath(folder / schema))
    if not target.is_relative_to(folder):
        raise SettingsError(
            f"{file.name}: the schema {schema!r} is not in the folder of the prompt",
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
