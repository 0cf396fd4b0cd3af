"""`respan config edit`: the user's own editor on a copy, which replaces the file if it is valid."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from respan_cli.commands.shared import options
from respan_cli.commands.shared.app import terminal_of
from respan_cli.commands.shared.context import check
from respan_cli.commands.shared.profile_edit import tell
from respan_cli.errors import ExitCode, SettingsError
from respan_cli.settings import store
from respan_cli.settings.fields import FIELDS
from respan_cli.terminal.editor import EditedFile
from respan_cli.terminal.terminal import Terminal


def edit(
    ctx: typer.Context, color: options.ColorMode = options.Color.AUTO, debug: options.Debug = False
) -> int:
    """Open the profile file in $VISUAL or $EDITOR. What is saved replaces it once it is right.

    $ respan config edit
    $ EDITOR='code --wait' respan config edit
    """
    terminal = terminal_of(ctx)
    path = store.config_path(terminal.env)
    original = store.read_bytes(path)
    start = original or starter().encode()
    with EditedFile(terminal, "config.toml", SettingsError, "nothing was changed") as draft:
        draft.write(start)
        _edit_until_valid(draft, terminal, path, original, start)
    return ExitCode.OK


def _edit_until_valid(
    draft: EditedFile, terminal: Terminal, path: Path, original: bytes, start: bytes
) -> None:
    while True:
        data = draft.edit_bytes()
        if data == start:
            tell(terminal, "nothing was changed")
            return
        try:
            store.replace_text(path, data, original=original, check=check)
        except SettingsError as error:
            # If the file itself has changed in the meantime, another round would not help.
            if not terminal.can_prompt or store.read_bytes(path) != original:
                raise
            terminal.print_error(error)
            if not terminal.confirm("Edit it again?", default=True):
                raise
        else:
            tell(terminal, f"saved {path}")
            return


def starter() -> str:
    """The start of a new profile file: every setting, as a comment."""
    lines = ["# Profiles of respan. Take the # away from what you want to set.", "# [profiles.default]"]
    for field in FIELDS:
        example: object = {} if field.table else "" if field.default is None else field.default
        lines.append(f"# {field.name} = {json.dumps(example)}  # {field.help}")
    return "\n".join(lines) + "\n"
