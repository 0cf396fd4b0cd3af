"""One change of a profile at a time: `config set`, `unset`, `use` and `delete`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from respan_cli.commands.shared import completion
from respan_cli.commands.shared.context import read_document
from respan_cli.commands.shared.options import CommandOptions, InsecureHttp, ProfileOptions
from respan_cli.commands.shared.profile_edit import (
    check_base_url,
    read_stdin,
    save,
    set_value,
    tell,
    unset_value,
    value_of,
)
from respan_cli.errors import ExitCode, SettingsError, UsageError
from respan_cli.messages.prompt import STDIN
from respan_cli.settings import edits, profiles
from respan_cli.settings.api_key import check_key
from respan_cli.settings.fields import PROFILE_VARIABLE
from respan_cli.terminal.terminal import Terminal

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY",
        help="A setting, dotted for tables: metadata.agent.",
        autocompletion=completion.setting_keys,
    ),
]
ProfileName = Annotated[
    str, typer.Argument(metavar="PROFILE", help="A profile.", autocompletion=completion.profile_names)
]


@dataclass(frozen=True, kw_only=True)
class ConfigSetOptions(ProfileOptions):
    """The options of `config set`."""

    key: Key
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="VALUE",
            help="The value; '-' reads it from standard input.",
            autocompletion=completion.setting_values,
        ),
    ] = None
    insecure_http: InsecureHttp = False


@dataclass(frozen=True, kw_only=True)
class ConfigUnsetOptions(ProfileOptions):
    """The options of `config unset`."""

    key: Key


@dataclass(frozen=True, kw_only=True)
class UseOptions(CommandOptions):
    """The options of `config use`."""

    profile: ProfileName


@dataclass(frozen=True, kw_only=True)
class DeleteOptions(CommandOptions):
    """The options of `config delete`."""

    profile: ProfileName
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False


def set_(terminal: Terminal, options: ConfigSetOptions) -> int:
    """Set a value in the profile; empty unsets it.

    $ respan config set model claude-sonnet-5-5
    $ respan config set metadata.agent committer -p work
    $ printf %s "$KEY" | respan config set api_key -
    $ respan config set api_key_command 'pass show respan'
    $ respan config set required customer_identifier,metadata.agent
    """
    setting_key = edits.parse_setting_key(options.key)
    if setting_key.field.name == "api_key" and options.value != "":
        layer = edits.key_layer(read_key(terminal, options.value), "standard input")
    else:
        layer = edits.read_value(
            setting_key, value_of(terminal, options.value, options.key), "the command line"
        )
    check_base_url(layer, insecure_http=options.insecure_http)
    set_value(terminal, options.profile, setting_key, layer)
    return ExitCode.OK


def read_key(terminal: Terminal, value: str | None) -> str:
    """The API key from standard input, which keeps it out of shell history and process lists.

    Raises:
        UsageError: it is on the command line, or there is no terminal to ask for it.
        SettingsError: it does not look like a key.
    """
    if value not in (STDIN, None):
        raise UsageError(
            "an API key on the command line would leak into shell history and process lists",
            hint='pipe it in: printf %s "$KEY" | respan config set api_key -',
        )
    if terminal.can_prompt:
        return check_key(terminal.prompt("API key (not shown): ", hidden=True), "the terminal")
    if value is None:
        raise UsageError(
            "api_key needs a value",
            hint='printf %s "$KEY" | respan config set api_key - reads it from a pipe',
        )
    return check_key(read_stdin(terminal), "standard input")


def unset(terminal: Terminal, options: ConfigUnsetOptions) -> int:
    """Remove a setting or a table.

    $ respan config unset max_tokens
    $ respan config unset metadata.agent -p work
    """
    unset_value(terminal, options.profile, edits.parse_setting_key(options.key))
    return ExitCode.OK


def use(terminal: Terminal, options: UseOptions) -> int:
    """Set the default profile.

    $ respan config use work
    """
    profile = options.profile

    def change(tables: edits.Tables) -> None:
        profiles.profile_table(tables, profile)  # or there is none
        tables["default_profile"] = profile

    save(terminal, change)
    tell(terminal, f"{profile!r} is the default profile")
    if terminal.env.get(PROFILE_VARIABLE, profile) != profile:
        terminal.note(f"{PROFILE_VARIABLE} is set, and comes before it", label="respan: ")
    return ExitCode.OK


def delete(terminal: Terminal, options: DeleteOptions) -> int:
    """Delete a profile and all that it holds, its key included.

    $ respan config delete old --yes
    """
    profile = options.profile
    _require(read_document(terminal.env).tables, profile)
    if not (options.yes or terminal.can_prompt):
        raise UsageError(
            f"deleting profile {profile!r} needs a confirmation",
            hint=f"respan config delete {profiles.shell_quoted(profile)} --yes",
        )
    if not (options.yes or terminal.confirm(f"Delete profile {profile!r} and its key?")):
        return ExitCode.OK

    def change(tables: edits.Tables) -> None:
        _require(tables, profile)
        _require_no_heirs(tables, profile)
        del tables["profiles"][profile]
        if tables.get("default_profile") == profile:
            del tables["default_profile"]

    save(terminal, change)
    tell(terminal, f"deleted profile {profile!r}")
    return ExitCode.OK


def _require(tables: edits.Tables, name: str) -> None:
    if not profiles.profile_table(tables, name) and name not in tables.get("profiles", {}):
        raise SettingsError(f"there is no profile {name!r}", hint="'respan config list' shows them")


def _require_no_heirs(tables: edits.Tables, name: str) -> None:
    for heir in tables["profiles"]:
        if name in profiles.lineage(tables, heir)[1:2]:
            raise SettingsError(
                f"profile {heir!r} inherits from {name!r}",
                hint=f"respan config unset inherits -p {profiles.shell_quoted(heir)}",
            )
