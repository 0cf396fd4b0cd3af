"""`respan send`: gather the request, then print it or send it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from respan_cli.commands.send.options import SendOptions
from respan_cli.commands.shared.context import check_can_send, load_settings
from respan_cli.commands.shared.message_input import check_has_prompt, read_conversation
from respan_cli.errors import ExitCode
from respan_cli.messages.user_json import Conversation
from respan_cli.output.dry_run import DryRunFormat, has_secrets, render_dry_run
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from respan_cli.commands.send.cost import CostLookup
    from respan_cli.commands.send.thread_file import OpenThread
    from respan_cli.commands.shared.connection import Target
    from respan_cli.commands.shared.prompt_input import FilledPrompt
    from respan_cli.messages.thread import Thread

HIDDEN_WARNING = (
    "the program sends '[hidden]' where a secret belongs; --show-secrets prints it, "
    "and a header of the form env:VARIABLE is read when the program runs"
)


def send(terminal: Terminal, options: SendOptions) -> int:
    """Send a message and print the answer.

    $ respan send 'Say hello'
    $ git diff | respan send 'Write a commit message' --customer-id alice
    $ respan send 'What is in these?' -f photo.png -f report.pdf
    $ respan send --json 'Name three primes' --custom-id auto -M job=nightly
    $ respan send --as python 'Say hello'   # the same request as a program
    $ respan send -t chat.json 'And then?'  # continue the conversation in a file

    The prompt is the words, then what is piped in, then the text files. On a terminal the answer is
    rendered; a pipe gets its text and nothing else. Settings come from flags, the environment, a
    prompt file, a thread and the profile, in this order; an empty value (--customer-id "") unsets.
    """
    options.check()
    check_has_prompt(options, terminal)
    path = options.thread_path(terminal.env)
    # Read first, so that an error in them is reported before any wait.
    prompt_file, thread = _prompt_file(options), _thread(path)
    settings = _settings(options, terminal, prompt_file, thread)
    check_can_send(settings, insecure_http=options.insecure_http or options.sandbox)
    if options.dry_run or options.dry_run_format:
        with read_conversation(options, terminal, prompt_file=prompt_file) as conversation:
            whole = thread.continued_by(conversation) if thread else conversation
            _print_request(settings, whole, options, terminal)
    else:
        _send(settings, prompt_file, path, options, terminal)
    return ExitCode.OK


def _prompt_file(options: SendOptions) -> FilledPrompt | None:
    if options.prompt_file is None:
        return None
    from respan_cli.commands.shared.prompt_input import read_prompt

    return read_prompt(options.prompt_file, options.variables or ())


def _thread(path: str | None) -> Thread | None:
    if path is None:
        return None
    from respan_cli.commands.shared.thread_input import read_thread_file

    return read_thread_file(path)


def _settings(
    options: SendOptions, terminal: Terminal, prompt_file: FilledPrompt | None, thread: Thread | None
) -> Settings:
    sources = [source for source in (prompt_file, thread) if source]
    return load_settings(options, terminal.env, sources=sources)


def _send(
    settings: Settings,
    prompt_file: FilledPrompt | None,
    thread_path: str | None,
    options: SendOptions,
    terminal: Terminal,
) -> None:
    if settings.api_key_command and not options.sandbox:
        terminal.stop_status()  # a command that fetches the key may ask for a password
        _preload()
    from respan_cli.commands.send.delivery import deliver, report
    from respan_cli.commands.shared.connection import open_target

    with (
        open_target(settings, terminal.env, sandbox=options.sandbox) as target,
        read_conversation(options, terminal, prompt_file=prompt_file, before_wait=_preload) as conversation,
        # Last: stdin may be the answer of another send to the same thread.
        _open_thread(thread_path, terminal) as opened,
        terminal.status("connecting", quiet=options.quiet),
    ):
        if opened:
            settings = _settings(options, terminal, prompt_file, opened.thread)
        cost = _cost_lookup(target, settings, terminal) if options.cost else None
        result = deliver(target, settings, conversation, options, terminal, thread=opened, cost=cost)
        if opened:
            opened.save(result, conversation.turns, settings)
        if cost:
            result = cost(result)
    report(result, options, terminal)


def _open_thread(path: str | None, terminal: Terminal) -> AbstractContextManager[OpenThread | None]:
    if path is None:
        return nullcontext()
    from respan_cli.commands.send.thread_file import open_thread

    return open_thread(path, terminal)


def _cost_lookup(target: Target, settings: Settings, terminal: Terminal) -> CostLookup:
    from respan_cli.commands.send.cost import CostLookup  # rarely: not loaded for the others

    return CostLookup(target, settings, terminal)


def _print_request(
    settings: Settings, conversation: Conversation, options: SendOptions, terminal: Terminal
) -> None:
    form = options.dry_run_format or DryRunFormat.JSON
    text = render_dry_run(settings, conversation, form, show_secrets=options.show_secrets)
    _write(text, options.output_path, terminal)
    if form is not DryRunFormat.JSON and has_secrets(settings, conversation) and not options.show_secrets:
        terminal.warn(HIDDEN_WARNING)


def _write(text: str, path: Path | None, terminal: Terminal) -> None:
    if path is None:
        terminal.write(text)
        terminal.flush()
        return
    from respan_cli.output.sink import open_sink  # rarely: what writes files is not loaded for the others

    with open_sink(path, terminal) as sink:
        sink.write(text)
        sink.commit(whole=True)


def _preload() -> None:
    """Start the import of the SDK, the longest step, during another wait."""
    from respan_cli.gateway import sdk

    sdk.preload()
