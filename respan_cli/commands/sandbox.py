"""`respan sandbox`: a local mock gateway for trying scripts."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Annotated

import typer

from respan_cli.commands.shared.options import CommandOptions
from respan_cli.errors import ExitCode, UsageError
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from respan_cli.sandbox import Served

KEY = "sandbox"  # any key will do; this is the one to paste
_MODEL_LENGTH = 60  # characters of a model's name in the line of a request


@dataclass(frozen=True, kw_only=True)
class SandboxOptions(CommandOptions):
    """The options of `sandbox`."""

    port: Annotated[
        int,
        typer.Option(
            "--port", help="Port to listen on; 0 picks a free one.", metavar="PORT", min=0, max=65535
        ),
    ] = 0
    latency: Annotated[
        int,
        typer.Option(
            "--latency", help="Milliseconds before the first byte of each message.", metavar="MS", min=0
        ),
    ] = 0
    max_concurrent: Annotated[
        int | None,
        typer.Option(
            "--max-concurrent",
            help="Messages answered at once; more are refused with HTTP 429.",
            metavar="N",
            min=1,
        ),
    ] = None
    retry_after: Annotated[
        int | None,
        typer.Option(
            "--retry-after", help="Seconds of Retry-After in those refusals.", metavar="SECONDS", min=0
        ),
    ] = None


def sandbox(terminal: Terminal, options: SandboxOptions) -> int:
    """Run a local mock gateway.

    It needs no key and no network, echoes prompts, and fails on demand.

    $ respan sandbox --port 8080       # prints its URL, then serves until Ctrl-C
    $ RESPAN_BASE_URL=http://127.0.0.1:8080 RESPAN_API_KEY=sandbox respan send hi
    $ respan sandbox --latency 200 --max-concurrent 6   # slow, and busy
    $ respan send --sandbox -m sandbox-429 hi   # one that lives for one message
    $ respan help faults               # every model that fails, and how
    """
    if options.retry_after is not None and options.max_concurrent is None:
        raise UsageError("--retry-after needs --max-concurrent", hint="add --max-concurrent N")
    from respan_cli.sandbox import Sandbox

    try:
        running = Sandbox(
            port=options.port,
            latency_ms=options.latency,
            max_concurrent=options.max_concurrent,
            retry_after=options.retry_after,
            on_served=RequestLines(terminal) if terminal.stderr_isatty else None,
        )
    except OSError as error:
        free = "'respan sandbox --port 0' takes a port that is free"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"cannot listen on port {options.port}", reason=reason, hint=free) from None
    gc.enable()
    try:
        terminal.write(running.url + "\n")
        terminal.flush()
        if terminal.stderr_isatty:
            terminal.note(instructions(running.url))
        running.serve_forever()
    except KeyboardInterrupt:
        if terminal.stderr_isatty:
            terminal.note("")  # the terminal has echoed ^C, and the shell's prompt would follow it
        raise
    return ExitCode.OK


def instructions(url: str) -> str:
    """How to use a sandbox, for a person at a terminal."""
    exports = f"export RESPAN_BASE_URL={url} RESPAN_API_KEY={KEY}"
    return f"\nIn another terminal:\n  {exports}\nPress Ctrl-C to stop.\n"


class RequestLines:
    """A line on standard error for each request: method, path, model, status, milliseconds."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._lock = Lock()

    def __call__(self, served: Served) -> None:
        status = "-" if served.status is None else str(served.status)
        words = [served.method, served.path, served.model[:_MODEL_LENGTH], status]
        line = " ".join(filter(None, words)) + f" {served.elapsed_ms:.0f} ms"
        with self._lock:  # requests are answered by many threads
            self._terminal.note(line.replace("\n", " "))
