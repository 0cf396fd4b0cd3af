"""The options of `respan send`, as one value."""

from __future__ import annotations

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

STDOUT = "-"  # as the file of `-o`


@dataclass(frozen=True, kw_only=True)
class SendOptions(InputOptions):
    """Everything that the command line of `send` says."""

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
        for name, value in (
            ("--output", self.output),
            ("--messages", self.messages),
            ("--schema", self.schema),
            ("--file", "" if "" in (self.files or ()) else None),
        ):
            if value == "":
                # As `-o "$FILE"` has it where the variable is not set.
                raise UsageError(f"{name} has an empty value where the name of a file belongs")
