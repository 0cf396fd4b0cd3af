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
from respan_cli.settings import edits, resolve
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
class SetOptions(ProfileOptions):
    """The options of `config set`."""

    key: Key
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help="The value; '-' reads it from standard input.")
    ] = None
    insecure_http: InsecureHttp = False


@dataclass(frozen=True, kw_only=True)
class UnsetOptions(ProfileOptions):
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


def set_(terminal: Terminal, options: SetOptions) -> int:
    """Give a setting of the profile a value; an empty one unsets it. The key comes from standard input.

    $ respan config set model claude-sonnet-5-5
    $ respan config set metadata.agent committer -p work
    $ printf %s "$KEY" | respan config set api_key -
    $ respan config set api_key_command 'pass show respan'
    $ respan config set required customer_identifier,metadata.agent
    """
    place = edits.parse_setting_key(options.key)
    if place.field.name == "api_key" and options.value != "":
        layer = edits.key_layer(read_key(terminal, options.value), "standard input")
    else:
        layer = edits.read_value(place, value_of(terminal, options.value, options.key), "the command line")
    check_base_url(layer, insecure_http=options.insecure_http)
    set_value(terminal, options.profile, place, layer)
    return ExitCode.OK


def read_key(terminal: Terminal, value: str | None) -> str:
    """The API key from standard input, where neither the shell's history nor the process list sees it.

    Raises:
        UsageError: it stands on the command line, or there is nobody to ask for it.
        SettingsError: it is no key.
    """
    if value not in (STDIN, None):
        raise UsageError(
            "an API key on the command line stays in the shell's history and shows in the process list",
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


def unset(terminal: Terminal, options: UnsetOptions) -> int:
    """Take a setting, or a whole table of them, out of the profile.

    $ respan config unset max_tokens
    $ respan config unset metadata.agent -p work
    """
    unset_value(terminal, options.profile, edits.parse_setting_key(options.key))
    return ExitCode.OK


def use(terminal: Terminal, options: UseOptions) -> int:
    """Make a profile the default one, used where nothing else names one.

    $ respan config use work
    """

    profile = options.profile

    def change(tables: edits.Tables) -> None:
        resolve.profile_table(tables, profile)  # or there is none
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
            f"there is nobody to ask whether profile {profile!r} may go",
            hint=f"respan config delete {resolve.shell_quoted(profile)} --yes",
        )
    if not (options.yes or terminal.confirm(f"Delete profile {profile!r} and its key?")):
        return ExitCode.OK

    def change(tables: edits.Tables) -> None:
        _require(tables, profile)
        del tables["profiles"][profile]
        if tables.get("default_profile") == profile:
            del tables["default_profile"]

    save(terminal, change)
    tell(terminal, f"deleted profile {profile!r}")
    return ExitCode.OK


def _require(tables: edits.Tables, name: str) -> None:
    if not resolve.profile_table(tables, name) and name not in tables.get("profiles", {}):
        raise SettingsError(f"there is no profile {name!r}", hint="'respan config list' shows them")
