"""A change of the profile file, from the flags that name the profile to the note that it is done."""

from __future__ import annotations

from collections.abc import Callable

from respan_cli.commands.shared.context import check, check_in_the_clear
from respan_cli.errors import UsageError
from respan_cli.messages.prompt import STDIN
from respan_cli.settings import edits, profiles, store
from respan_cli.settings.api_key import KEY_VARIABLE
from respan_cli.settings.fields import DEFAULT_PROFILE, KEY_FIELDS, Field, did_you_mean, format_value
from respan_cli.settings.layers import Layer
from respan_cli.terminal.encoding import decode
from respan_cli.terminal.redact import redact
from respan_cli.terminal.terminal import Terminal

WAITING = "respan: waiting for the value on standard input"


def save(terminal: Terminal, change: Callable[[edits.Tables], None]) -> None:
    """Change the profile file; say so where comments of the user could not be kept.

    Raises:
        SettingsError: the file cannot be read, parsed, locked or written; it is as it was.
    """
    path = store.config_path(terminal.env)
    if copy := store.edit(path, change, check=check):
        terminal.note(f"rewriting {path} dropped its comments; the old file is {copy}", label="respan: ")
    for warning in store.permission_warnings(path):
        terminal.note(warning, label="respan: ")


def save_layer(terminal: Terminal, profile: str | None, layer: Layer) -> tuple[str, bool]:
    """Put a layer into a profile; return its name, and whether it is a new one.

    Args:
        profile: the value of `--profile`.

    Raises:
        SettingsError: the file cannot be changed, or the profile would inherit from none or from itself.
    """
    name = DEFAULT_PROFILE
    new = False

    def change(tables: edits.Tables) -> None:
        nonlocal name, new
        name = profiles.choose_profile(profile, terminal.env, tables).value
        new = name not in tables.get("profiles", {})
        edits.put(tables.setdefault("profiles", {}).setdefault(name, {}), layer)
        profiles.lineage(tables, name)

    save(terminal, change)
    return name, new


def set_value(terminal: Terminal, profile: str | None, setting_key: edits.SettingKey, layer: Layer) -> None:
    """Give a setting of the profile the value of its layer, or unset it; and say so on a terminal.

    Raises:
        SettingsError: there is no such profile to unset anything in.
    """
    if all(sourced.value is None for sourced in layer.values()):
        unset_value(terminal, profile, setting_key)  # which makes no profile of a mistyped name
        return
    name, new = save_layer(terminal, profile, layer)
    if new and name != DEFAULT_PROFILE:  # it may be a mistyped name
        terminal.note(f"created profile {name!r}", label="respan: ")
    tell(terminal, _summary(setting_key, layer, name))
    warn_of_variable(terminal, setting_key.field)


def check_base_url(layer: Layer, *, insecure_http: bool) -> None:
    """Refuse to store a base URL that would send the key over a network in the clear.

    Raises:
        UsageError: it would, and `--insecure-http` is not given.
    """
    sourced = layer.get(("base_url",))
    if sourced and sourced.value:
        check_in_the_clear(sourced.value, UsageError, insecure_http=insecure_http)


def unset_value(terminal: Terminal, profile: str | None, setting_key: edits.SettingKey) -> None:
    """Remove a setting from the profile, and say so on a terminal. It need not be there.

    Raises:
        SettingsError: there is no such profile.
    """
    name, there, near = "", False, ""

    def change(tables: edits.Tables) -> None:
        nonlocal name, there, near
        name = profiles.choose_profile(profile, terminal.env, tables).value
        profiles.profile_table(tables, name)  # or there is none
        table = tables.get("profiles", {}).get(name, {})
        if setting_key.key:
            near = did_you_mean(setting_key.key, table.get(setting_key.field.name, ()))
        there = edits.remove(table, setting_key)

    save(terminal, change)
    tell(terminal, f"profile {name!r}: {setting_key} {'is no longer set' if there else 'was not set' + near}")


def _summary(setting_key: edits.SettingKey, layer: Layer, profile: str) -> str:
    (sourced,) = layer.values()
    field = setting_key.field
    name = setting_key.key or (field.name if field.secret else "")
    value = redact({name: sourced.value}, keep_references=field.ignore_case)[name]
    return f"profile {profile!r}: {setting_key} = {format_value(value)}"


def tell(terminal: Terminal, text: str) -> None:
    """Report the change on a terminal; a script has the exit code."""
    if terminal.stderr_isatty:
        terminal.note(text, label="respan: ")


def warn_of_variable(terminal: Terminal, field: Field) -> None:
    """Warn on a terminal that a variable overrides the profile."""
    variable = KEY_VARIABLE if field.name in KEY_FIELDS else field.env
    if variable and variable in terminal.env and terminal.stderr_isatty:
        terminal.note(f"{variable} is set, and comes before the profile", label="respan: ")


def value_of(terminal: Terminal, text: str | None, name: str) -> str:
    """The VALUE of a command line; `-` reads it from standard input, without its last newline.

    Raises:
        UsageError: there is none, or it is not UTF-8.
    """
    if text is None:
        raise UsageError(f"{name} needs a value", hint=f"give one, or {STDIN} to read it from standard input")
    return read_stdin(terminal) if text == STDIN else text


def read_stdin(terminal: Terminal) -> str:
    """The whole of standard input as text, without its last newline.

    Raises:
        UsageError: it is not UTF-8; the byte offset is named.
    """
    return decode(terminal.read_stdin(WAITING), "standard input").removesuffix("\n").removesuffix("\r")
