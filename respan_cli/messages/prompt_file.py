"""A prompt that a file keeps: settings between two `+++` lines, which may be left out, then a text. Pure.

    +++
    model = "claude-haiku-5-5"
    [metadata]
    team = "search"
    +++
    Review this {language} code:

    {stdin}

`{language}` is a variable, `{{` and `}}` are braces, and `{stdin}` is where piped text goes. A prompt may
come from elsewhere, so its settings can neither hold a key nor decide where a key is sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from respan_cli.errors import SettingsError, UsageError
from respan_cli.messages.template import Template, parse_template
from respan_cli.settings.fields import BY_NAME, did_you_mean
from respan_cli.settings.layers import Layer, SourcedValue, read_field
from respan_cli.settings.toml_text import locate
from respan_cli.terminal.encoding import decode
from respan_cli.terminal.redact import REFERENCE

FENCE = "+++"  # around the settings, as in Hugo's front matter
STDIN_VARIABLE = "stdin"
EFFORTS = ("low", "medium", "high", "xhigh", "max")
HASH_LENGTH = 8  # hex digits of the file's SHA-256 in metadata.prompt

_AFTER_LINE = re.compile(r"(?<=\n)")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_OPTIONS = ("schema", "stop", "effort")
_KEEPS_KEYS = "a prompt may come from elsewhere: it must not hold a key, or decide where one is sent"
_REFUSED = {
    **dict.fromkeys(("api_key", "api_key_command", "base_url", "gateway_headers"), _KEEPS_KEYS),
    "inherits": "a prompt is no profile: choose the profile with --profile",
}


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A prompt file, read and checked.

    Args:
        name: the file, as messages call it.
        template: the prompt.
        settings_layer: what its head says of the settings, for a place above the profile.
        identity_layer: `metadata.prompt`, for a place below the profile.
        stops: where the answer is to stop.
        effort: one of `EFFORTS`, if given.
        schema: a JSON Schema, or the path of one beside the file until that is read.
    """

    name: str
    template: Template
    settings_layer: Layer
    identity_layer: Layer
    stops: tuple[str, ...] = ()
    effort: str | None = None
    schema: Mapping[str, Any] | str | None = None


def render(prompt_file: PromptFile, variables: Mapping[str, str]) -> str:
    """The prompt with these values, such as the row of a table; those that it does not use are ignored.

    Raises:
        UsageError: a variable has no value.
    """
    return prompt_file.template.fill(variables)


def check_used(prompt_file: PromptFile, names: Iterable[str]) -> None:
    """Refuse variables that the prompt does not use: one of them is probably misspelled.

    Raises:
        UsageError: there is one, and it is named.
    """
    known = prompt_file.template.names
    if unused := [name for name in names if name not in known]:
        raise UsageError(
            f"{prompt_file.name} does not use {', '.join(unused)}{did_you_mean(unused[0], known)}",
            hint=f"its variables: {', '.join(known) or 'none'}",
        )


def parse_prompt_file(data: bytes, name: str) -> PromptFile:
    """Read a prompt file.

    Raises:
        UsageError: it is not UTF-8 text.
        SettingsError: its head or its text cannot be used; the message names file, line and key.
    """
    head, body, first_line = _split(decode(data, name), name)
    tables = _parse_head(head, name)
    template = parse_template(body, name, first_line=first_line)
    return PromptFile(
        name,
        template,
        _settings(tables, head, name),
        {("metadata", "prompt"): SourcedValue(_label(data, name), f"prompt file {name}", "prompt")},
        **_options(tables, head, name),
    )


def _split(text: str, name: str) -> tuple[str, str, int]:
    """The head, on the lines that it has in the file; the prompt, and the number of its first line."""
    lines = _AFTER_LINE.split(text)
    end = 0
    if lines and lines[0].rstrip() == FENCE:
        rest = (number for number, line in enumerate(lines[1:], 1) if line.rstrip() == FENCE)
        end = next(rest, 0)
        if not end:
            raise SettingsError(f"{name}, line 1: no second {FENCE} line ends the settings")
    head = "\n" + "".join(lines[1:end])
    body = "".join(lines[end + 1 if end else 0 :])
    begun = body.lstrip("\r\n")
    first_line = (end + 2 if end else 1) + body[: len(body) - len(begun)].count("\n")
    return head, begun.rstrip("\r\n"), first_line


def _parse_head(head: str, name: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(head)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        found = _POSITION.search(str(error))
        last = head.count("\n")
        where = f"line {found[1]}, column {found[2]}" if found and found[1] else f"line {last}"
        reason = _POSITION.sub("", str(error))
        raise SettingsError(f"{name}, {where}: not valid TOML", reason=reason) from None


def _label(data: bytes, name: str) -> str:
    from hashlib import sha256

    return f"{PurePath(name).stem}@{sha256(data).hexdigest()[:HASH_LENGTH]}"


def _settings(tables: Mapping[str, Any], head: str, name: str) -> Layer:
    layer: Layer = {}
    for key, value in tables.items():
        if key in _REFUSED:
            raise SettingsError(_at(head, name, f"{key} cannot be set here", key), reason=_REFUSED[key])
        if key not in BY_NAME and key not in _OPTIONS:
            near = did_you_mean(key, [*BY_NAME, *_OPTIONS])
            raise SettingsError(_at(head, name, f"{key} is not a setting{near}", key))
        if key in BY_NAME:
            layer = {**layer, **_setting(key, value, head, name)}
    return layer


def _setting(key: str, value: object, head: str, name: str) -> Layer:
    """What the head says of one setting: a table key by key, so that an error is found at its line."""
    field = BY_NAME[key]
    if field.table and not isinstance(value, dict):
        raise SettingsError(_at(head, name, f"{key} is not a table", key))
    pieces = {(key, inner): {inner: item} for inner, item in value.items()} if isinstance(value, dict) else {}
    layer: Layer = {}
    for path, piece in (pieces if field.table else {(key,): value}).items():
        try:
            read = read_field(field, piece, name=".".join(path), source=f"prompt file {name}")
        except SettingsError as error:
            raise SettingsError(_at(head, name, error.message, *path)) from None
        _check_references(read, head, name)
        layer = {**layer, **read}
    return layer


def _check_references(layer: Layer, head: str, name: str) -> None:
    for path, given in layer.items():
        if path[0] == "headers" and str(given.value).startswith(REFERENCE):
            message = _at(head, name, f"headers.{given.key} cannot be {given.value}", "headers", given.key)
            raise SettingsError(message, reason="a prompt must not send the variables of your environment")


def _options(tables: Mapping[str, Any], head: str, name: str) -> dict[str, Any]:
    """The parts of the head that are fields of the body."""
    stops = tables.get("stop", [])
    stops = [stops] if isinstance(stops, str) else stops
    effort, schema = tables.get("effort"), tables.get("schema")
    if not isinstance(stops, list) or not all(isinstance(stop, str) and stop for stop in stops):
        raise SettingsError(_at(head, name, "stop is neither text nor a list of texts", "stop"))
    if effort is not None and effort not in EFFORTS:
        raise SettingsError(_at(head, name, f"effort is not one of {', '.join(EFFORTS)}", "effort"))
    if schema is not None and not isinstance(schema, str | dict):
        raise SettingsError(_at(head, name, "schema is neither a table nor the name of a file", "schema"))
    return {"stops": tuple(stops), "effort": effort, "schema": schema}


def _at(head: str, name: str, message: str, *key: str) -> str:
    """A message with the file, and the line of a key in it."""
    found = locate(head, *key)
    return f"{name}, line {found[0]}: {message}" if found else f"{name}: {message}"
