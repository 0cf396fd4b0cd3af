"""The options of `respan batch`, as one value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from respan_cli.batch.choices import ProgressMode, RowFormat, Selection
from respan_cli.commands.shared.options import BodyOptions, Sandbox, ShowSecretHeaders, Text, flag
from respan_cli.errors import UsageError

STDOUT = "-"  # as the file of `-o`
MAX_JOBS = 1000
_SHARD = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True, kw_only=True)
class BatchOptions(BodyOptions):
    """Everything that the command line of `batch` says."""

    input: Annotated[str, typer.Argument(help="A file of rows; '-' is standard input.", metavar="INPUT")]
    row_format: Annotated[
        RowFormat | None,
        typer.Option(
            "--format",
            help="The format of INPUT; by default its suffix says, else it is jsonl.",
            rich_help_panel="Rows",
            show_default=False,
        ),
    ] = None
    prompt: Annotated[
        Text,
        typer.Option(
            "--prompt",
            help="The prompt for every row, with its columns in braces: 'Translate: {text}'.",
            metavar="TEXT",
            rich_help_panel="Rows",
        ),
    ] = None
    prompt_file: Annotated[
        Text,
        typer.Option(
            "--prompt-file",
            help="The prompt and its settings, kept in a file; its variables are the columns.",
            metavar="FILE",
            rich_help_panel="Rows",
        ),
    ] = None
    run: Annotated[
        Text,
        typer.Option(
            "--run",
            help="Name of the run in the log; by default the input's name and a hash of its first row.",
            metavar="NAME",
            rich_help_panel="Identity",
        ),
    ] = None
    output: Annotated[
        Text,
        typer.Option(
            "-o",
            "--output",
            help="Add the answers to a file; rows that are finished there are not sent again.",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None
    errors: Annotated[
        Text,
        typer.Option(
            "--errors",
            help="Write failed rows to a file instead of standard error.",
            metavar="FILE",
            rich_help_panel="Output",
        ),
    ] = None
    ordered: Annotated[bool, flag("--ordered", "Keep the order of the input.", "Output")] = False
    as_json: Annotated[
        bool, flag("--json", "Summary and errors as JSON lines on standard error.", "Output")
    ] = False
    cost: Annotated[bool, flag("--cost", "Ask Respan's log what the run cost, per customer.", "Output")] = (
        False
    )
    progress: Annotated[
        ProgressMode,
        typer.Option(
            "--progress",
            help="auto: a bar at a terminal; plain: a line every 30 s.",
            rich_help_panel="Output",
            show_default=False,
        ),
    ] = ProgressMode.AUTO
    dry_run: Annotated[
        bool, flag("-n/--dry-run", "Print the requests as JSON lines; send nothing.", "Output")
    ] = False
    jobs: Annotated[
        int,
        typer.Option(
            "-j",
            "--jobs",
            help="Requests at once at most; begins with 4 and learns what the gateway takes. (default: 32)",
            metavar="N",
            min=1,
            max=MAX_JOBS,
            rich_help_panel="Rows",
            show_default=False,
        ),
    ] = 32
    limit: Annotated[
        int | None,
        typer.Option("--limit", help="Only the first N rows.", metavar="N", min=1, rich_help_panel="Rows"),
    ] = None
    shard: Annotated[
        Text,
        typer.Option(
            "--shard",
            help="Only the rows of shard I (from 0) of N; the id of a row decides.",
            metavar="I/N",
            rich_help_panel="Rows",
        ),
    ] = None
    max_failures: Annotated[
        int | None,
        typer.Option(
            "--max-failures", help="Stop after N failed rows.", metavar="N", min=1, rich_help_panel="Rows"
        ),
    ] = None
    show_secrets: ShowSecretHeaders = False
    sandbox: Sandbox = False

    @property
    def output_path(self) -> Path | None:
        """The file of `-o`; None for standard output."""
        return None if self.output in (None, STDOUT) else Path(self.output)

    @property
    def selection(self) -> Selection:
        """Which rows of the input to send.

        Raises:
            UsageError: `--shard` is not I/N.
        """
        if self.shard is None:
            return Selection(limit=self.limit)
        found = _SHARD.fullmatch(self.shard)
        shard, shards = (int(found[1]), int(found[2])) if found else (0, 0)
        if shard >= shards:
            raise UsageError(
                f"--shard={self.shard!r} is not I/N with I from 0 to N-1",
                hint="the shards of three are 0/3, 1/3 and 2/3",
            )
        return Selection(shard, shards, self.limit)

    def check(self) -> None:
        """Refuse options that contradict each other or name a file by an empty name.

        Raises:
            UsageError: as it says.
        """
        if self.prompt is not None and self.prompt_file is not None:
            raise UsageError("--prompt and --prompt-file cannot go together")
        for name, value in (
            ("INPUT", self.input),
            ("--prompt-file", self.prompt_file),
            ("--output", self.output),
            ("--errors", self.errors),
        ):
            if value == "":
                raise UsageError(f"{name} has an empty value where the name of a file belongs")
        if self.run is not None and not self.run.strip():
            raise UsageError("--run has an empty value")
        for name, path in (("--output", self.output_path), ("--errors", self.errors and Path(self.errors))):
            if path and _is_same(path, Path(self.input)):
                raise UsageError(f"{name} is the input itself")
        if self.errors and self.output_path and _is_same(Path(self.errors), self.output_path):
            raise UsageError("--errors and --output are the same file")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.is_file() and one.samefile(other)
    except OSError:
        return False
