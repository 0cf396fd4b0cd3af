"""The settings that each place gives, as layers. Pure.

A layer is a flat mapping from a path (`("model",)`, `("metadata", "agent")`) to the value and its source.
Whatever the place, a value is parsed by its field, and errors have one form: "NAME=VALUE is not …".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from respan_cli.errors import RespanError, SettingsError, UsageError
from respan_cli.settings import parsers
from respan_cli.settings.fields import BY_NAME, FIELDS, Field, KeyPath, did_you_mean

MAX_SHOWN_LENGTH = 80  # characters of a value that an error repeats


@dataclass(frozen=True, slots=True)
class SourcedValue:
    """A value that one layer gives: its source, and its key as it is written there.

    A value of None removes the value of lower layers.
    """

    value: Any
    source: str
    key: str


Layer = Mapping[KeyPath, SourcedValue]
DEFAULTS: Layer = {
    field.path(): SourcedValue(field.default, "default", field.name)
    for field in FIELDS
    if field.default is not None
}


class MisplacedError(SettingsError):
    """Something wrong in the profile file; `path` is its key, for the line and column."""

    def __init__(self, message: str, path: KeyPath) -> None:
        super().__init__(message)
        self.path = path


def from_flags(params: Mapping[str, Any]) -> Layer:
    """The layer of the command line, from the parameters of a command; other names are skipped.

    Raises:
        UsageError: a flag's value is not what its field accepts.
    """
    layer: dict[KeyPath, SourcedValue] = {}
    for field in FIELDS:
        raw = params.get(field.name)
        # A repeatable flag is read item by item, so that an error names the one that is wrong.
        items = [[one] for one in raw or ()] if field.table else [raw]
        for item in items:
            if item is not None:
                layer |= read_field(field, item, name=field.flag, source=field.flag, error=UsageError)
    return layer


def from_environment(env: Mapping[str, str]) -> Layer:
    """The layer of the environment: the variables that the table names, and no others.

    Raises:
        SettingsError: a variable's value is not what its field accepts.
    """
    layer: dict[KeyPath, SourcedValue] = {}
    for field in FIELDS:
        if field.env and field.env in env:
            layer |= read_field(field, env[field.env], name=field.env, source=field.env)
    return layer


def from_profile(table: Mapping[str, Any], name: str) -> Layer:
    """The layer of one `[profiles.NAME]` table.

    Raises:
        MisplacedError: a key that is no setting, a value that its field does not accept, or `api_key`
            beside `api_key_command`.
    """
    layer: dict[KeyPath, SourcedValue] = {}
    for key, raw in table.items():
        if key not in BY_NAME:
            raise unknown(("profiles", name, key), BY_NAME)
        # A table is read key by key, so that an error is located at the line that is wrong.
        inner = raw if BY_NAME[key].table and isinstance(raw, dict) else {}
        pieces: list[tuple[KeyPath, object]] = [((key, one), {one: value}) for one, value in inner.items()]
        for path, piece in pieces or [((key,), raw)]:
            layer |= _read_piece(BY_NAME[key], piece, ("profiles", name, *path))
    if {"api_key", "api_key_command"} <= table.keys():
        message = f"profile {name!r} has both api_key and api_key_command: keep one of them"
        raise MisplacedError(message, ("profiles", name, "api_key_command"))
    return layer


def _read_piece(field: Field, raw: object, path: KeyPath) -> Layer:
    name = ".".join(path[:3])
    if field.table and raw != "" and not isinstance(raw, dict):
        raise MisplacedError(f"{_with_value(field, name, raw)} is not a table", path)
    try:
        return read_field(field, raw, name=name, source=f"profile {path[1]}")
    except SettingsError as error:
        raise MisplacedError(error.message, path) from None


def read_field(
    field: Field, raw: object, *, name: str, source: str, error: type[RespanError] = SettingsError
) -> Layer:
    """The piece of a layer that one raw value makes. White space at the ends of a text is dropped.

    Args:
        name: the flag, the variable or the dotted key of the file, for messages.
        source: the name that `--origin` shows.
        error: the class to raise.

    Raises:
        RespanError: of the class `error`, in the one form "NAME=VALUE is not …".
    """
    if isinstance(raw, str):
        raw = raw.strip()
    if raw == "":
        return {field.path(): SourcedValue(None, source, field.name)}
    try:
        value = field.parse(raw)
        parsers.check_sendable(value)
        _check_required(field, value)
    except ValueError as wrong:
        raise error(f"{_with_value(field, name, raw)} {wrong}") from None
    if not field.table:
        return {field.path(): SourcedValue(value, source, field.name)}
    return {
        field.path(key): SourcedValue(None if item == "" else item, source, key)
        for key, item in value.items()
    }


def _check_required(field: Field, value: Any) -> None:
    if field.name == "required":
        for name in value:
            word, dot, key = name.partition(".")
            if word not in BY_NAME:
                raise ValueError(f"names {name!r}, which is no setting{did_you_mean(name, BY_NAME)}")
            if dot and not (key and BY_NAME[word].table):  # no layer could ever give it
                raise ValueError(f"names {name!r}, and {word} has no such key")


def _with_value(field: Field, name: str, raw: object) -> str:
    return name if field.secret else f"{name}={_shortened(field, raw)}"


def _shortened(field: Field, raw: object) -> str:
    if isinstance(raw, list) and len(raw) == 1:
        raw = raw[0]
    if field.name == "base_url" and isinstance(raw, str):
        raw = _without_credentials(raw)
    text = repr(raw)
    # The last character is the quote that it began with.
    return text if len(text) <= MAX_SHOWN_LENGTH else text[:MAX_SHOWN_LENGTH] + "…" + text[-1]


def _without_credentials(url: str) -> str:
    """A URL to show, even one that is no URL: a password stands before "@", a token after "?"."""
    url = re.sub(r"^(\w*://)?.*@", r"\1[hidden]@", url, flags=re.DOTALL)
    return re.sub(r"[?#].*", "?[hidden]", url, flags=re.DOTALL)


def unknown(path: KeyPath, known: Iterable[str]) -> MisplacedError:
    """The error for a key that is no setting."""
    return MisplacedError(f"{'.'.join(path)} is not a setting{did_you_mean(path[-1], known)}", path)
