"""`respan config init`: from a fresh install to a profile that works."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from respan_cli.commands.config.show import DOCS_MCP
from respan_cli.commands.shared.app import terminal_of
from respan_cli.commands.shared.context import flag_layer, read_document
from respan_cli.commands.shared.options import MessageOptions
from respan_cli.commands.shared.profile_edit import (
    check_base_url,
    read_stdin,
    save_layer,
    tell,
    warn_of_variable,
)
from respan_cli.errors import ExitCode, SettingsError, UsageError
from respan_cli.settings import edits, profiles, store
from respan_cli.settings.api_key import check_key, key_origin
from respan_cli.settings.fields import BY_NAME
from respan_cli.settings.layers import Layer
from respan_cli.settings.pages import CREDITS_PAGE, KEYS_PAGE, PLATFORM, PROVIDERS_PAGE
from respan_cli.settings.resolve import resolve
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import RED

STEPS = f"""
  1. Sign up             {PLATFORM}
  2. Create an API key   {KEYS_PAGE}
  3. Add credits         {CREDITS_PAGE}
     or a provider key   {PROVIDERS_PAGE}
"""


@dataclass(frozen=True, kw_only=True)
class InitOptions(MessageOptions):
    """The options of `config init`."""

    api_key_stdin: Annotated[
        bool, typer.Option("--api-key-stdin", help="Read the API key from standard input and ask nothing.")
    ] = False


def init(ctx: typer.Context, options: InitOptions) -> int:
    """Create a profile or update its key.

    $ respan config init
    $ printf %s "$KEY" | respan config init --api-key-stdin -p ci --customer-id ci
    """
    terminal = terminal_of(ctx)
    if not (options.api_key_stdin or terminal.can_prompt):
        raise UsageError(
            "the API key cannot be asked for: this is not a terminal",
            hint='printf %s "$KEY" | respan config init --api-key-stdin',
        )
    flags = flag_layer(options)
    check_base_url(flags, insecure_http=options.insecure_http)
    if options.api_key_stdin:
        key = check_key(read_stdin(terminal), "standard input")
        name, _ = save_layer(terminal, options.profile, {**flags, **edits.key_layer(key, "standard input")})
        _say_written(terminal, name)
        return ExitCode.OK
    name, _ = save_layer(terminal, options.profile, {**flags, **_answers(terminal, options.profile, flags)})
    _say_what_next(terminal, name)
    return _offer_check(ctx, name, options)


def _answers(terminal: Terminal, profile: str | None, flags: Layer) -> Layer:
    """The answers to the questions that the flags leave open."""
    document = read_document(terminal.env).tables
    name = profiles.choose_profile(profile, terminal.env, document).value
    table: edits.Tables = document.get("profiles", {}).get(name, {})
    path = store.config_path(terminal.env)
    terminal.note(f"Setting up the profile {name!r} in {path}\n{STEPS}")
    answers: Layer = {}
    if not _has_key(document, name) or terminal.confirm(
        f"The profile {name!r} has a key already. Replace it?"
    ):
        answers = edits.key_layer(_ask_key(terminal), "the terminal")
    if ("customer_identifier",) not in flags:
        answers = {**answers, **_ask_customer(terminal, table.get("customer_identifier", ""))}
    return answers


def _has_key(document: edits.Tables, name: str) -> bool:
    """Whether the profile has a key, of its own or inherited."""
    if name not in document.get("profiles", {}):
        return False
    return key_origin(resolve(name, profiles.profile_layers(document, name))) is not None


def _ask_key(terminal: Terminal) -> str:
    while True:
        try:
            return check_key(
                terminal.prompt("API key (not shown as you paste it): ", hidden=True), "the terminal"
            )
        except SettingsError as error:
            terminal.note(error.message, style=RED)


def _ask_customer(terminal: Terminal, now: str) -> Layer:
    setting_key = edits.SettingKey(BY_NAME["customer_identifier"])
    default = f"Enter keeps {now!r}" if now else "may be empty"
    while True:
        answer = terminal.prompt(f"Customer identifier, for logs and costs ({default}): ") or now
        try:
            return edits.read_value(setting_key, answer, "the terminal")
        except UsageError as error:
            terminal.note(error.message, style=RED)


def _say_written(terminal: Terminal, name: str) -> None:
    tell(terminal, f"wrote profile {name!r}")
    if profiles.choose_profile(None, terminal.env, read_document(terminal.env).tables).value != name:
        typed = profiles.shell_quoted(name)
        tell(terminal, f"use it with '-p {typed}', or always: 'respan config use {typed}'")
    warn_of_variable(terminal, BY_NAME["api_key"])


def _say_what_next(terminal: Terminal, name: str) -> None:
    _say_written(terminal, name)
    snippet = json.dumps(DOCS_MCP, indent=2)
    terminal.note(f"\nRespan's documentation for your AI coding tool ('respan config mcp'):\n{snippet}\n")


def _offer_check(ctx: typer.Context, name: str, options: InitOptions) -> int:
    """Offer `check`, and run it as if it had been typed."""
    terminal = terminal_of(ctx)
    if not terminal.confirm("Check that it can send, with a first message?", default=True):
        return ExitCode.OK
    argv = ["check", "-p", name, "--color", terminal.color]
    argv += ["--insecure-http"] if options.insecure_http else []
    argv += ["--debug"] if terminal.debug else []
    program: Any = ctx.find_root().command
    code: int = program.main(args=argv, prog_name="respan", standalone_mode=False, obj=terminal)
    return code
