"""`respan sandbox`: the gateway to try scripts against."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from respan_cli.commands.shared import options
from respan_cli.commands.shared.app import terminal_of
from respan_cli.errors import ExitCode, UsageError


def sandbox(
    ctx: typer.Context,
    port: Annotated[
        int,
        typer.Option(
            "--port", help="The port to listen on; 0 takes a free one.", metavar="PORT", min=0, max=65535
        ),
    ] = 0,
    color: options.ColorMode = options.Color.AUTO,
    debug: options.Debug = False,
) -> int:
    """Run a gateway on this machine that answers without a key or a network, and fails on demand.

    $ respan sandbox --port 8080       # prints its URL, then serves until Ctrl-C
    $ RESPAN_BASE_URL=http://127.0.0.1:8080 RESPAN_API_KEY=any respan send hi
    $ respan send --sandbox -m sandbox-429 hi   # one that lives for one message
    $ respan help faults               # every model like this one, and what it does
    """
    from respan_cli.sandbox import Sandbox

    terminal = terminal_of(ctx)
    try:
        running = Sandbox(port=port)
    except OSError as error:
        free = "'respan sandbox --port 0' takes a port that is free"
        raise UsageError(f"cannot listen on port {port}", reason=error.strerror, hint=free) from None
    gc.enable()
    try:
        terminal.write(running.url + "\n")
        terminal.flush()
        running.serve_forever()
    except KeyboardInterrupt:
        if terminal.stderr_isatty:
            terminal.note("")  # the terminal has echoed ^C, and the shell's prompt would follow it
        raise
    return ExitCode.OK
