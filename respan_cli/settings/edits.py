"""Changes of a profile, as `config set` and `headers set` make them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from respan_cli.errors import UsageError
from respan_cli.settings import strict_json
from respan_cli.settings.fields import BY_NAME, FIELDS, KEY_FIELDS, Field, did_you_mean
from respan_cli.settings.layers import Layer, SourcedValue, read_field

Tables = dict[str, Any]  # a profile file, parsed


@dataclass(frozen=True, slots=True)
class SettingKey:
    """One value of a profile: a setting, or one key of a table of settings."""

    field: Field
    key: str | None = None

    def __str__(self) -> str:
        return self.field.name if self.key is None else f"{self.field.name}.{self.key}"


def parse_setting_key(dotted: str) -> SettingKey:
    """The setting that a dotted KEY names: `model`, `metadata`, `metadata.agent`.

    Raises:
        UsageError: it is no setting, or a key of a setting that has none.
    """
    name, dot, key = dotted.partition(".")
    field = BY_NAME.get(name)
    if field is None:
        near = did_you_mean(name, BY_NAME)
        hint = "'respan config show' lists the settings"
        if name == "default_profile":
            near, hint = "", "'respan config use PROFILE' chooses the default profile"
        raise UsageError(f"{name!r} is not a setting{near}", hint=hint)
    if dot and not field.table:
        raise UsageError(f"{name} is one value, not a table: it has no {key!r}")
    if len(key) > 2 and key[0] in "\"'" and key[0] == key[-1]:  # a key as TOML writes it
        key = key[1:-1]
    if dot and not key.strip():
        raise UsageError(f"{dotted!r} names no key of the table {name}")
    return SettingKey(field, key if dot else None)


def read_value(setting_key: SettingKey, text: str, source: str) -> Layer:
    """The layer for one typed value. Empty text removes the setting.

    Args:
        text: the value as it is typed; JSON for a Respan parameter.
        source: the name that messages and `--origin` show.

    Raises:
        UsageError: the key is that of a whole table, or its field does not accept the value.
    """
    field, key = setting_key.field, setting_key.key
    if key is None:
        if field.table:
            raise UsageError(f"{setting_key} is a table: set one of its keys, as in {setting_key}.KEY")
        return read_field(field, text, name=str(setting_key), source=source, error=UsageError)
    raw = {key: _parse_parameter(setting_key, text) if field.name == "respan_params" else text}
    # A message that shows the value shows it with its key; one that hides it must name the key.
    name = str(setting_key) if field.secret else field.name
    return read_field(field, raw, name=name, source=source, error=UsageError)


def _parse_parameter(setting_key: SettingKey, text: str) -> Any:
    if not text.strip():
        return ""
    try:
        value = strict_json.loads(text)
    except ValueError:
        raise UsageError(f"{setting_key} is not JSON: text needs its quotes, '\"text\"'") from None
    if _holds_null(value):
        raise UsageError(f"{setting_key} holds a null, which a TOML file cannot", hint="leave it out")
    return value


def _holds_null(value: object) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(_holds_null(item) for item in inner)


def put(table: Tables, layer: Layer) -> None:
    """Write a layer into the table of one profile; a value of None removes the setting.

    A new `api_key` or `api_key_command` takes the place of the other.
    """
    for path, sourced in layer.items():
        field = BY_NAME[path[0]]
        if sourced.value is None:
            remove(table, SettingKey(field, None if len(path) == 1 else sourced.key))
        elif len(path) == 1:
            for rival in KEY_FIELDS if field.name in KEY_FIELDS else ():
                table.pop(rival, None)
            table[field.name] = _stored(sourced.value)
        else:
            remove(table, SettingKey(field, sourced.key))
            table.setdefault(field.name, {})[sourced.key] = sourced.value


def _stored(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def remove(table: Tables, setting_key: SettingKey) -> bool:
    """Take a value, or a whole table of them, out of a profile; say whether it was there."""
    name = setting_key.field.name
    if setting_key.key is None:
        return table.pop(name, None) is not None
    path = setting_key.field.path(setting_key.key)
    inner = table.get(name, {})
    found = [key for key in inner if setting_key.field.path(key) == path]
    for key in found:
        del inner[key]
    if name in table and not inner:
        del table[name]
    return bool(found)


def setting_keys(table: Tables) -> Iterable[str]:
    """Every KEY that can be named for a profile: the settings, and the keys its tables have."""
    for field in FIELDS:
        yield field.name
        if field.table:
            yield from (f"{field.name}.{key}" for key in table.get(field.name, {}))


def key_layer(key: str, source: str) -> Layer:
    """The layer of an API key alone."""
    return {("api_key",): SourcedValue(key, source, "api_key")}
