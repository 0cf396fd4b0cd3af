"""`respan config edit`: the user's own editor on a copy, which replaces the file once it is right."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from respan_cli.commands.shared import options
from respan_cli.commands.shared.context import check
from respan_cli.commands.shared.profile_edit import tell
from respan_cli.errors import ExitCode, RespanError, SettingsError
from respan_cli.settings import store
from respan_cli.settings.fields import FIELDS
from respan_cli.terminal.signals import ignore_interrupts
from respan_cli.terminal.terminal import Terminal


def edit(
    ctx: typer.Context, color: options.ColorMode = options.Color.AUTO, debug: options.Debug = False
) -> int:
    """Open the profile file in $VISUAL or $EDITOR. What is saved replaces it once it is right.

    $ respan config edit
    $ EDITOR='code --wait' respan config edit
    """
    terminal = options.terminal_of(ctx)
    path = store.config_path(terminal.env)
    original = store.read_bytes(path)
    start = original or starter().encode()
    with _copy(start, terminal) as copy:
        _edit_until_right(copy, terminal, path, original, start)
    return ExitCode.OK


def _edit_until_right(copy: Path, terminal: Terminal, path: Path, original: bytes, start: bytes) -> None:
    while True:
        _run_editor(copy, terminal)
        data = copy.read_bytes()
        if data == start:
            tell(terminal, "nothing was changed")
            return
        try:
            store.replace_text(path, data, original=original, check=check)
        except SettingsError as error:
            # If the file itself has changed meanwhile, another round would not help.
            if not terminal.can_prompt or store.read_bytes(path) != original:
                raise
            terminal.print_error(error)
            if not terminal.confirm("Edit it again?", default=True):
                raise
        else:
            tell(terminal, f"saved {path}")
            return


@contextmanager
def _copy(start: bytes, terminal: Terminal) -> Iterator[Path]:
    """A file that only its owner can read, in a folder that only its owner can enter.

    The folder also holds what the editor puts beside it, its swap file for one. It stays where it is when
    the text in it was refused, and the error says where that is.
    """
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="respan-", dir=terminal.env.get("TMPDIR")))
    copy = folder / "config.toml"
    copy.touch(0o600)
    copy.write_bytes(start)
    try:
        yield copy
    except BaseException as error:
        if not copy.exists() or copy.read_bytes() == start:
            shutil.rmtree(folder)
        elif isinstance(error, RespanError):
            error.hint = "; ".join(part for part in (error.hint, f"your text is kept in {copy}") if part)
        else:  # Ctrl-C
            terminal.note(f"respan: your text is kept in {copy}")
        raise
    shutil.rmtree(folder)


def _run_editor(copy: Path, terminal: Terminal) -> None:
    import shlex
    import subprocess

    command = editor(terminal)
    try:
        words = [*shlex.split(command), str(copy)]
        with ignore_interrupts():
            code = subprocess.run(words, env=dict(terminal.env), check=False).returncode  # noqa: S603
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SettingsError(
            f"cannot run the editor {command!r}", reason=reason, hint="set VISUAL or EDITOR"
        ) from None
    if code:
        raise SettingsError(f"the editor {command!r} ended with exit code {code}", hint="nothing was changed")


def editor(terminal: Terminal) -> str:
    """The command line of the user's editor."""
    named = terminal.env.get("VISUAL") or terminal.env.get("EDITOR")
    return named or ("notepad" if sys.platform == "win32" else "vi")


def starter() -> str:
    """What a new profile file begins with: every setting, as a comment."""
    lines = ["# Profiles of respan. Take the # away from what you want to set.", "# [profiles.default]"]
    for field in FIELDS:
        example: object = {} if field.table else "" if field.default is None else field.default
        lines.append(f"# {field.name} = {json.dumps(example)}  # {field.help}")
    return "\n".join(lines) + "\n"
