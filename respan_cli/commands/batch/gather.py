"""What `respan batch` is about: its settings, and the rows of its input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from respan_cli.batch.plan import Planner
from respan_cli.batch.report import Tally
from respan_cli.batch.requests import ROW_SETTINGS, RequestBuilder
from respan_cli.batch.rows import RowReader, format_of
from respan_cli.batch.source import STDIN, FileSource, Source, StdinSource
from respan_cli.commands.batch.options import BatchOptions
from respan_cli.commands.shared.context import check_can_send, load_settings
from respan_cli.commands.shared.message_input import read_body_options
from respan_cli.commands.shared.prompt_input import read_prompt_file
from respan_cli.errors import UsageError
from respan_cli.messages.prompt_file import PromptFile
from respan_cli.messages.template import Template, parse_template
from respan_cli.settings.headers import resolve_references
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.terminal import Terminal


def gather(options: BatchOptions, terminal: Terminal) -> tuple[Settings, Planner]:
    """The settings of the command, and what goes through its input.

    Raises:
        RespanError: nothing may be sent like this, or the input cannot be read.
    """
    prompt_file = None if options.prompt_file is None else read_prompt_file(options.prompt_file)
    settings = load_settings(options, terminal.env, sources=[prompt_file] if prompt_file else [])
    _check_can_send(settings, options)
    return settings, _planner(settings, prompt_file, options, terminal)


def _check_can_send(settings: Settings, options: BatchOptions) -> None:
    """Reject settings that may not be sent; those that a row can give are checked for each row."""
    by_command = tuple(name for name in settings.required if name.partition(".")[0] not in ROW_SETTINGS)
    insecure_http = options.insecure_http or options.sandbox
    check_can_send(replace(settings, required=by_command), insecure_http=insecure_http)


def _planner(
    settings: Settings, prompt_file: PromptFile | None, options: BatchOptions, terminal: Terminal
) -> Planner:
    source: Source
    source = StdinSource(terminal) if options.input == STDIN else FileSource(Path(options.input))
    reader = RowReader(source.name, options.row_format or format_of(source.name))
    headers = settings.headers if options.dry_run else resolve_references(settings.headers, terminal.env)
    fields = read_body_options(options, prompt_file)
    prompt = prompt_file.template if prompt_file else _prompt(options)
    builder = RequestBuilder(settings, headers, fields, reader, prompt=prompt, run=options.run)
    return Planner(source, reader, builder, options.selection, Tally())


def _prompt(options: BatchOptions) -> Template | None:
    return None if options.prompt is None else parse_template(options.prompt, "--prompt", error=UsageError)
