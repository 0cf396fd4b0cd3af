"""`respan headers`: the headers that a profile adds, and all headers of a request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import typer

from respan_cli.commands.shared import completion
from respan_cli.commands.shared.app import App, terminal_of
from respan_cli.commands.shared.context import load_settings, read_document
from respan_cli.commands.shared.options import AsJson, ProfileOptions, ShowSecrets
from respan_cli.commands.shared.profile_edit import set_value, unset_value, value_of
from respan_cli.errors import ExitCode, SettingsError, UsageError
from respan_cli.settings import edits, headers, profiles
from respan_cli.settings.api_key import key_origin
from respan_cli.settings.fields import BY_NAME
from respan_cli.settings.resolve import Settings, resolve
from respan_cli.terminal.redact import HIDDEN, REFERENCE, is_secret, redact
from respan_cli.terminal.tables import print_table
from respan_cli.terminal.terminal import Terminal

app = App(name="headers")
FIELD_OF_SCOPE = {"forwarded": "headers", "gateway": "gateway_headers"}

GatewayScope = Annotated[
    bool,
    typer.Option("--gateway", help="A header for the gateway itself, instead of a forwarded one."),
]
Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The header's name.", autocompletion=completion.header_names)
]
NewName = Annotated[
    str, typer.Argument(metavar="NAME", help="The header's name.", autocompletion=completion.settable_headers)
]


class HeaderRow(NamedTuple):
    """One header as it is listed."""

    scope: str
    name: str
    value: str
    source: str


Effective = Annotated[bool, typer.Option("--effective", help="List every header that 'send' sends.")]


@dataclass(frozen=True, kw_only=True)
class HeaderListOptions(ProfileOptions):
    """The options of `headers`, alone and with `list`."""

    effective: Effective = False
    gateway: GatewayScope = False
    as_json: AsJson = False
    show_secrets: ShowSecrets = False


@dataclass(frozen=True, kw_only=True)
class HeaderSetOptions(ProfileOptions):
    """The options of `headers set`."""

    name: NewName
    value: Annotated[
        str | None,
        typer.Argument(
            metavar="VALUE",
            help="The value; '-' reads it from standard input, env:VARIABLE is resolved when sending.",
        ),
    ] = None
    gateway: GatewayScope = False


@dataclass(frozen=True, kw_only=True)
class HeaderUnsetOptions(ProfileOptions):
    """The options of `headers unset`."""

    name: Name
    gateway: GatewayScope = False


@app.callback(invoke_without_command=True)
def bare(ctx: typer.Context, options: HeaderListOptions) -> int:
    """Manage the headers a profile adds.

    $ respan headers                     # the same as 'respan headers list', with the same options
    $ respan headers set anthropic-beta context-1m-2025-08-07
    $ respan headers list --effective    # all that 'send' sends
    """
    if ctx.invoked_subcommand is None:
        return _list(terminal_of(ctx), options)
    if early := [name for name in _OF_LIST if getattr(options, name)]:
        word = ctx.invoked_subcommand
        raise UsageError(
            f"{_OF_LIST[early[0]]} stands before {word!r}, where it would do nothing",
            hint=f"respan headers {word} {_OF_LIST[early[0]]} …",
        )
    return ExitCode.OK


_OF_LIST = {
    "profile": "--profile",
    "effective": "--effective",
    "gateway": "--gateway",
    "as_json": "--json",
    "show_secrets": "--show-secrets",
}


@app.command("list")
def list_headers(terminal: Terminal, options: HeaderListOptions) -> int:
    """List the headers of the profile.

    $ respan headers list -p work
    $ respan headers list --effective --json
    """
    return _list(terminal, options)


def _list(terminal: Terminal, options: HeaderListOptions) -> int:
    find = _effective if options.effective else _of_profile
    rows = [row for row in find(terminal, options) if row.scope == "gateway" or not options.gateway]
    if options.as_json:
        terminal.write(json.dumps([row._asdict() for row in rows], ensure_ascii=False, indent=2) + "\n")
        terminal.flush()
        return ExitCode.OK
    if not rows and terminal.stderr_isatty:
        terminal.note(
            "the profile has no headers; 'respan headers set NAME VALUE' adds one", label="respan: "
        )
        return ExitCode.OK
    print_table(terminal, ("SCOPE", "NAME", "VALUE", "ORIGIN"), rows)
    return ExitCode.OK


def _of_profile(terminal: Terminal, options: HeaderListOptions) -> Iterator[HeaderRow]:
    document = read_document(terminal.env).tables
    name = profiles.choose_profile(options.profile, terminal.env, document).value
    settings = resolve(name, profiles.profile_layers(document, name))
    for scope, table in (("forwarded", settings.headers), ("gateway", settings.gateway_headers)):
        shown = redact(dict(table), show_secrets=options.show_secrets, keep_references=True)
        for header, value in shown.items():
            yield HeaderRow(scope, header, value, settings.sources[_dotted(scope, header)])


def _effective(terminal: Terminal, options: HeaderListOptions) -> Iterator[HeaderRow]:
    settings = load_settings(options, terminal.env)
    show_secrets = options.show_secrets
    for name, value in _displayed(settings.headers, terminal, show_secrets=show_secrets).items():
        yield HeaderRow("forwarded", name, value, settings.sources[_dotted("forwarded", name)])
    wire = headers.on_the_wire(
        _displayed(settings.gateway_headers, terminal, show_secrets=show_secrets),
        authorization=_authorization(settings, show_secrets=show_secrets),
        key_source=key_origin(settings) or "not set",
        sources=settings.sources,
    )
    for header in (*headers.framing(settings.base_url), *wire):
        yield HeaderRow("gateway", header.name, header.value, header.source)


def _dotted(scope: str, header: str) -> str:
    return ".".join(BY_NAME[FIELD_OF_SCOPE[scope]].path(header))


def _displayed(table: Mapping[str, str], terminal: Terminal, *, show_secrets: bool) -> dict[str, str]:
    """Headers to show; references are resolved with `--show-secrets` only."""
    try:
        resolved = headers.resolve_references(table, terminal.env)
    except SettingsError as error:
        if show_secrets:
            raise
        terminal.note(error.message, label="respan: ")
    return dict(resolved if show_secrets else redact(dict(table), keep_references=True))


def _authorization(settings: Settings, *, show_secrets: bool) -> str:
    if settings.api_key is None:
        return "Bearer (from api_key_command)" if settings.api_key_command else "Bearer (no key)"
    return f"Bearer {settings.api_key.reveal().strip() if show_secrets else HIDDEN}"


@app.command("set")
def set_header(terminal: Terminal, options: HeaderSetOptions) -> int:
    """Set a header of the profile.

    $ respan headers set anthropic-beta context-1m-2025-08-07
    $ respan headers set --gateway X-Corp-Token env:CORP_TOKEN
    $ pass show provider | respan headers set x-api-key -
    """
    setting_key = _setting_key(options.name, gateway=options.gateway)
    text = value_of(terminal, options.value, options.name)
    layer = edits.read_value(setting_key, text, "the command line")
    set_value(terminal, options.profile, setting_key, layer)
    exposed = options.value not in ("-", "") and not text.startswith(REFERENCE)
    if exposed and is_secret(options.name) and terminal.stderr_isatty:
        terminal.note(
            "this value is now in your shell history; '-' reads it from standard input, "
            "and env:VARIABLE keeps it out of the file too",
            label="respan: ",
        )
    return ExitCode.OK


@app.command("unset")
def unset_header(terminal: Terminal, options: HeaderUnsetOptions) -> int:
    """Remove a header from the profile.

    $ respan headers unset anthropic-beta
    $ respan headers unset --gateway X-Corp-Token
    """
    unset_value(terminal, options.profile, _setting_key(options.name, gateway=options.gateway))
    return ExitCode.OK


def _setting_key(name: str, *, gateway: bool) -> edits.SettingKey:
    return edits.SettingKey(BY_NAME[FIELD_OF_SCOPE["gateway" if gateway else "forwarded"]], name)
