"""`respan batch`: gather the rows, then print their requests or send them."""

from __future__ import annotations

from respan_cli.commands.batch.options import BatchOptions
from respan_cli.errors import ExitCode
from respan_cli.terminal.terminal import Terminal


def batch(terminal: Terminal, options: BatchOptions) -> int:
    """Send a file of prompts, many at once; resumable.

    $ respan batch prompts.jsonl -o answers.jsonl       # run it again, and it resumes
    $ respan batch rows.csv --prompt 'Translate: {text}' --customer-id '{user}' -o answers.jsonl
    $ respan batch rows.csv --prompt-file translate.md --dry-run --limit 3
    $ respan batch prompts.jsonl -j 64 --shard 0/4 -o answers-0.jsonl
    $ cat prompts.txt | respan batch - --format lines > answers.jsonl

    A row has a prompt or messages, or holds the columns of --prompt or --prompt-file. Its 'id' names it. Its
    model, system, max_tokens, customer_identifier, custom_identifier and metadata win over the flags.
    Each answer is one line of JSON: id, request_sha256, and the object of 'respan send --json'.
    """
    options.check()
    from respan_cli.commands.batch.gather import gather

    settings, planner = gather(options, terminal)
    if options.dry_run:
        from respan_cli.commands.batch.dry_run import print_requests

        print_requests(planner.requests(), settings, terminal, show_secrets=options.show_secrets)
        return ExitCode.OK
    from respan_cli.commands.batch.delivery import deliver

    return deliver(planner, settings, options, terminal)
