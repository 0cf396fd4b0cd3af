"""What stands in the profile file, and what is in force: `config list`, `show`, `get`, `path` and `mcp`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from respan_cli.commands.shared import completion
from respan_cli.commands.shared.context import load_settings, read_document
from respan_cli.commands.shared.options import CommandOptions, ProfileOptions, ShowSecrets
from respan_cli.errors import ExitCode, SettingsError
from respan_cli.settings import edits, resolve, store
from respan_cli.settings.api_key import key_origin
from respan_cli.settings.fields import DEFAULT_PROFILE, FIELDS, Field, did_you_mean, shown
from respan_cli.settings.layers import SourcedValue, from_environment, from_profile
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import HIDDEN, redact
from respan_cli.terminal.tables import print_table
from respan_cli.terminal.terminal import Terminal

# The docs MCP of Respan (the integration page of its documentation); it needs no key.
DOCS_MCP = {"mcpServers": {"respan-docs": {"url": "https://respan.ai/docs/mcp"}}}

AsJson = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]


@dataclass(frozen=True, kw_only=True)
class ListOptions(CommandOptions):
    """The options of `config list`."""

    as_json: AsJson = False


@dataclass(frozen=True, kw_only=True)
class ShowOptions(ProfileOptions):
    """The options of `config show`."""

    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False
    as_json: AsJson = False
    show_secrets: ShowSecrets = False


@dataclass(frozen=True, kw_only=True)
class GetOptions(ProfileOptions):
    """The options of `config get`."""

    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="A setting, dotted for tables.", autocompletion=completion.setting_keys
        ),
    ]
    show_secrets: ShowSecrets = False


def list_profiles(terminal: Terminal, options: ListOptions) -> int:
    """List the profiles: which is in force, where each sends, and whether it has a key.

    $ respan config list
    $ respan config list --json | jq -r '.[].name'
    """
    document = read_document(terminal.env).tables
    chosen = resolve.choose_profile(None, terminal.env, document)
    known = document.get("profiles", {})
    if chosen.value not in known and chosen.value != DEFAULT_PROFILE:
        terminal.note(f"{chosen.source} names {chosen.value!r}, which is no profile", label="respan: ")
    names = known or [DEFAULT_PROFILE]
    rows = [_profile(name, chosen, document, terminal) for name in names]
    if options.as_json:
        return _print_json(terminal, rows)
    print_table(terminal, ("PROFILE", "STATUS", "BASE URL", "KEY"), [_profile_row(row) for row in rows])
    return ExitCode.OK


def _profile(name: str, chosen: SourcedValue, document: edits.Tables, terminal: Terminal) -> dict[str, Any]:
    """What `-p NAME` would use."""
    of_profile = from_profile(resolve.profile_table(document, name), name)
    current = resolve.resolve(name, [from_environment(terminal.env), of_profile])
    return {
        "name": name,
        "in_force": name == chosen.value,
        "default": name == (document.get("default_profile") or DEFAULT_PROFILE),
        "base_url": current.base_url,
        "key": key_origin(current),
    }


def _profile_row(profile: dict[str, Any]) -> tuple[str, ...]:
    status = [word for word, name in (("in force", "in_force"), ("default", "default")) if profile[name]]
    name, key = profile["name"], profile["key"] or "none"
    # A row need not say its own name again: with it, the usual one is wider than 80 columns.
    key = key.removesuffix(f" of profile {name}").removesuffix(f" {name}")
    return name, ", ".join(status), profile["base_url"], key


def show(terminal: Terminal, options: ShowOptions) -> int:
    """Show the settings in force: flags, environment, profile and defaults merged.

    $ respan config show --origin    # and where each value comes from
    $ respan config show --json | jq .settings.model
    """
    current = load_settings(options, terminal.env)
    chosen = resolve.choose_profile(options.profile, terminal.env, read_document(terminal.env).tables)
    if options.as_json:
        whole = {"profile": current.profile, "settings": in_force(current, show_secrets=options.show_secrets)}
        sources = {"profile": chosen.source, **current.sources}
        return _print_json(terminal, {**whole, "origin": sources} if options.origin else whole)
    rows = [("profile", current.profile, chosen.source), *_rows(current, show_secrets=options.show_secrets)]
    columns = 3 if options.origin or terminal.stdout_isatty else 2
    print_table(terminal, ("SETTING", "VALUE", "ORIGIN")[:columns], [row[:columns] for row in rows])
    return ExitCode.OK


def in_force(current: Settings, *, show_secrets: bool) -> dict[str, Any]:
    """The settings as JSON has them, secrets hidden unless asked for."""
    key = current.api_key
    values = {field.name: getattr(current, field.name) for field in FIELDS}
    values["api_key"] = key and (key.reveal() if show_secrets else HIDDEN)
    values["required"] = list(current.required)
    for field in FIELDS:
        if field.table:
            values[field.name] = redact(
                values[field.name], show_secrets=show_secrets, keep_references=field.ignore_case
            )
    return values


def _rows(current: Settings, *, show_secrets: bool) -> Iterator[tuple[str, str, str]]:
    values = in_force(current, show_secrets=show_secrets)
    for field in FIELDS:
        value = values[field.name]
        if not field.table or not value:
            yield field.name, _text(field, value), current.sources.get(field.name, "") if value else ""
            continue
        for key, item in value.items():
            source = current.sources[".".join(field.path(key))]
            yield f"{field.name}.{key}", _text(field, item), source


def _text(field: Field, value: Any) -> str:
    if value in (None, (), [], {}):
        return ""
    if field.name == "respan_params":
        return json.dumps(value, ensure_ascii=False)
    return shown(tuple(value) if isinstance(value, list) else value)


def get(terminal: Terminal, options: GetOptions) -> int:
    """Print the value of one setting that is in force.

    $ respan config get model
    $ respan config get metadata.agent -p work
    """
    key = options.key
    place = None if key == "profile" else edits.parse_setting_key(key)
    current = load_settings(options, terminal.env)
    text = current.profile if place is None else _value_at(place, current, show_secrets=options.show_secrets)
    if not text:
        near = did_you_mean(key, [name for name in current.sources if name != key])
        raise SettingsError(f"{key} is not set in profile {current.profile!r}{near if '.' in key else ''}")
    terminal.write(text + "\n")
    terminal.flush()
    return ExitCode.OK


def _value_at(place: edits.SettingKey, current: Settings, *, show_secrets: bool) -> str:
    value = in_force(current, show_secrets=show_secrets)[place.field.name]
    if place.key is not None:
        path = place.field.path(place.key)
        value = next((item for name, item in value.items() if place.field.path(name) == path), None)
    return _text(place.field, value)


def path(terminal: Terminal, options: CommandOptions) -> int:
    """Print the path of the profile file, whether or not it exists yet.

    $ ls -l "$(respan config path)"
    """
    terminal.write(f"{store.config_path(terminal.env)}\n")
    terminal.flush()
    return ExitCode.OK


def mcp(terminal: Terminal, options: CommandOptions) -> int:
    """Print the JSON that gives an AI coding tool Respan's documentation; it needs no key.

    $ respan config mcp > .mcp.json
    """
    return _print_json(terminal, DOCS_MCP)


def _print_json(terminal: Terminal, value: object) -> int:
    terminal.write(json.dumps(value, ensure_ascii=False, indent=2) + "\n")
    terminal.flush()
    return ExitCode.OK
