"""`respan batch`: gather the rows, then print their requests or send them."""

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
from respan_cli.errors import ExitCode
from respan_cli.settings.headers import resolve_references
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.terminal import Terminal


def batch(terminal: Terminal, options: BatchOptions) -> int:
    """Send a file of prompts, many at once; resumable.

    $ respan batch prompts.jsonl -o answers.jsonl       # run it again, and it resumes
    $ respan batch rows.csv --prompt 'Translate: {text}' --customer-id '{user}' -o answers.jsonl
    $ respan batch rows.csv --prompt 'Translate: {text}' --dry-run --limit 3
    $ respan batch prompts.jsonl -j 64 --shard 0/4 -o answers-0.jsonl
    $ cat prompts.txt | respan batch - --format lines > answers.jsonl

    A row has a prompt or messages, or holds the columns that --prompt uses. Its 'id' names it. Its
    model, system, max_tokens, customer_identifier, custom_identifier and metadata win over the flags.
    Each answer is one line of JSON: id, request_sha256, and the object of 'respan send --json'.
    """
    options.check()
    settings = load_settings(options, terminal.env)
    _check_can_send(settings, options)
    planner = _planner(settings, options, terminal)
    if options.dry_run:
        from respan_cli.commands.batch.dry_run import print_requests

        print_requests(planner.requests(), settings, terminal, show_secrets=options.show_secrets)
        return ExitCode.OK
    from respan_cli.commands.batch.delivery import deliver

    return deliver(planner, settings, options, terminal)


def _check_can_send(settings: Settings, options: BatchOptions) -> None:
    """Refuse what may not be sent; what a row can give is looked for in each row."""
    by_command = tuple(name for name in settings.required if name.partition(".")[0] not in ROW_SETTINGS)
    insecure_http = options.insecure_http or options.sandbox
    check_can_send(replace(settings, required=by_command), insecure_http=insecure_http)


def _planner(settings: Settings, options: BatchOptions, terminal: Terminal) -> Planner:
    source: Source
    source = StdinSource(terminal) if options.input == STDIN else FileSource(Path(options.input))
    reader = RowReader(source.name, options.row_format or format_of(source.name))
    headers = settings.headers if options.dry_run else resolve_references(settings.headers, terminal.env)
    fields = read_body_options(options)
    builder = RequestBuilder(settings, headers, fields, reader, prompt=options.prompt, run=options.run)
    return Planner(source, reader, builder, options.selection, Tally())
