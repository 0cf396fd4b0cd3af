"""The options of `respan send`, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from respan_cli.commands.shared.options import (
    InputOptions,
    Rendering,
    Sandbox,
    ShowSecretHeaders,
    Text,
    flag,
)
from respan_cli.errors import UsageError
from respan_cli.output.dry_run import DryRunFormat
from respan_cli.settings.fields import THREAD_VARIABLE

STDOUT = "-"  # as the file of `-o`


@dataclass(frozen=True, kw_only=True)
class SendOptions(InputOptions):
    """Everything that the command line of `send` says."""

    thread: Annotated[
        Text,
        typer.Option(
            "-t",
            "--thread",
            help=f"Continue the conversation in a file; the first send makes it. (env: {THREAD_VARIABLE})",
            metavar="FILE",
            rich_help_panel="Message",
        ),
    ] = None
    as_json: Annotated[bool, flag("--json", "One JSON object: answer, usage, ids.", "Output")] = False
    events: Annotated[bool, flag("--events", "Every event as a JSON line.", "Output")] = False
    output: Annotated[
        Text,
        typer.Option(
            "-o",
            "--output",
            help="Write the answer to a file: complete, or not at all.",
            metavar="PATH",
            rich_help_panel="Output",
        ),
    ] = None
    extract: Annotated[
        bool, flag("-x/--extract", "Only the content of the first fenced code block.", "Output")
    ] = False
    usage: Annotated[bool, flag("-u/--usage", "Always show the usage line.", "Output")] = False
    cost: Annotated[
        bool, flag("--cost", "Then ask Respan's log what the request cost, 20 s at most.", "Output")
    ] = False
    quiet: Annotated[bool, flag("-q/--quiet", "No usage line, no spinner.", "Output")] = False
    rendering: Annotated[
        Rendering,
        typer.Option(
            "--render",
            help="How to show the answer; auto is markdown on a terminal and plain elsewhere.",
            rich_help_panel="Output",
            show_default=False,
        ),
    ] = Rendering.AUTO
    show_thinking: Annotated[
        bool, flag("--show-thinking", "Show what the model thinks, dimmed, on standard error.", "Output")
    ] = False
    strict: Annotated[bool, flag("--strict", "Exit 10 if the answer was cut, 11 if refused.", "Output")] = (
        False
    )
    dry_run: Annotated[
        bool, flag("-n/--dry-run", "Print the request; send nothing, need no key.", "Output")
    ] = False
    dry_run_format: Annotated[
        DryRunFormat | None,
        typer.Option("--as", help="The form of --dry-run, which it implies.", rich_help_panel="Output"),
    ] = None
    show_secrets: ShowSecretHeaders = False
    sandbox: Sandbox = False

    @property
    def output_path(self) -> Path | None:
        """The file of `-o`, where the answer goes to one; `-o -` is standard output."""
        return None if self.output in (None, STDOUT) else Path(self.output)

    def thread_path(self, env: Mapping[str, str]) -> str | None:
        """The path of the thread file, if there is one; an empty flag overrides the variable.

        Raises:
            UsageError: the name is `-`; or the flag is empty and there is no variable: its value was lost.
        """
        variable = env.get(THREAD_VARIABLE) or None
        if self.thread == "" and variable is None:
            raise UsageError("--thread has an empty value where the name of a file belongs")
        path = variable if self.thread is None else self.thread or None
        if path == STDOUT:
            name = THREAD_VARIABLE if self.thread is None else "--thread"
            raise UsageError(f"{name} names a file: standard input cannot keep a conversation")
        return path

    @property
    def prints_json(self) -> bool:
        """Whether the output is for a program."""
        return self.as_json or self.events

    def check(self) -> None:
        """Refuse options that contradict each other, or that name a file by an empty name.

        Raises:
            UsageError: two options that cannot both be meant, or the value of one was lost on its way here.
        """
        for one, other, both in (
            ("--json", "--events", self.as_json and self.events),
            ("--usage", "--quiet", self.usage and self.quiet),
        ):
            if both:
                raise UsageError(f"{one} and {other} cannot go together")
        if self.variables and self.prompt_file is None:
            raise UsageError("--var needs a prompt to put its value into", hint="give --prompt-file FILE")
        for name, value in (
            ("--output", self.output),
            ("--prompt-file", self.prompt_file),
            ("--messages", self.messages),
            ("--schema", self.schema),
            ("--file", "" if "" in (self.files or ()) else None),
        ):
            if value == "":
                # As `-o "$FILE"` has it where the variable is not set.
                raise UsageError(f"{name} has an empty value where the name of a file belongs")
