"""`respan send`: a prompt in, an answer out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from respan_cli.commands.shared import options
from respan_cli.commands.shared.context import check_can_send, load_settings, target_of
from respan_cli.commands.shared.message_input import asked, check_says_something
from respan_cli.errors import ExitCode, UsageError
from respan_cli.messages.request import build
from respan_cli.messages.user_json import Conversation
from respan_cli.output.dry_run import DryRunFormat, dry_run, hides
from respan_cli.settings.headers import resolve_references
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import secret_values
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import DIM

if TYPE_CHECKING:
    from respan_cli.exchange import Target
    from respan_cli.output import renderers
    from respan_cli.output.result import Result

STDOUT = "-"  # as the file of `-o`
NOT_AS_IT_STANDS = (
    "the program sends '[hidden]' where a secret belongs; --show-secrets prints it, "
    "and a header of the form env:VARIABLE is read when the program runs"
)


def send(
    ctx: typer.Context,
    prompt: Annotated[
        list[str] | None,
        typer.Argument(help="The prompt; '-' names standard input.", metavar="PROMPT"),
    ] = None,
    profile: options.Profile = None,
    model: options.Model = None,
    max_tokens: options.MaxTokens = None,
    system: options.System = None,
    files: options.Files = None,
    messages: options.Messages = None,
    editor: Annotated[
        bool, options.flag("-e/--editor", "Write the prompt in $VISUAL or $EDITOR.", "Message")
    ] = False,
    no_stdin: Annotated[bool, options.flag("--no-stdin", "Ignore standard input.", "Message")] = False,
    stops: options.Stops = None,
    effort: options.EffortLevel = None,
    schema: options.Schema = None,
    extra_body: options.ExtraBody = None,
    customer_identifier: options.CustomerIdentifier = None,
    custom_identifier: options.CustomIdentifier = None,
    metadata: options.Metadata = None,
    respan_params: options.Param = None,
    as_json: Annotated[
        bool, options.flag("--json", "One JSON object: answer, usage, ids.", "Output")
    ] = False,
    events: Annotated[bool, options.flag("--events", "Every event as a JSON line.", "Output")] = False,
    output: options.Output = None,
    usage: Annotated[bool, options.flag("-u/--usage", "Always show the usage line.", "Output")] = False,
    quiet: Annotated[bool, options.flag("-q/--quiet", "No usage line, no spinner.", "Output")] = False,
    rendering: options.Render = options.Rendering.AUTO,
    show_thinking: options.ShowThinking = False,
    strict: Annotated[
        bool, options.flag("--strict", "Exit 10 if the answer was cut, 11 if refused.", "Output")
    ] = False,
    dry: Annotated[
        bool, options.flag("-n/--dry-run", "Print the request; send nothing, need no key.", "Output")
    ] = False,
    form: options.DryForm = None,
    show_secrets: options.ShowSecretHeaders = False,
    base_url: options.BaseUrl = None,
    headers: options.Header = None,
    gateway_headers: options.GatewayHeader = None,
    timeout: options.Timeout = None,
    max_retries: options.MaxRetries = None,
    sandbox: options.Sandbox = False,
    insecure_http: options.InsecureHttp = False,
    color: options.ColorMode = options.Color.AUTO,
    debug: options.Debug = False,
) -> int:
    """Send a message and print the answer.

    $ respan send 'Say hello'
    $ git diff | respan send 'Write a commit message' --customer-id alice
    $ respan send 'What is in these?' -f photo.png -f report.pdf
    $ respan send --json 'Name three primes' --custom-id auto -M job=nightly
    $ respan send --as python 'Say hello'   # the same request as a program

    The prompt is the words, then what is piped in, then the text files. On a terminal the answer is
    rendered; a pipe gets its text and nothing else. Settings come from flags, the environment and the
    profile, in this order; an empty value (--customer-id "") unsets.
    """
    terminal = options.terminal_of(ctx)
    check_flags(ctx.params)
    check_says_something(ctx.params, terminal)
    current = load_settings(ctx.params, terminal.env)
    check_can_send(current, insecure_http=insecure_http or sandbox)
    if dry or form:
        with asked(ctx.params, terminal) as said:
            shown = dry_run(current, said, form or DryRunFormat.JSON, show_secrets=show_secrets)
            print_request(shown, file_of(ctx.params), terminal)
        if form in (DryRunFormat.CURL, DryRunFormat.PYTHON) and hides(current, said) and not show_secrets:
            terminal.warn(NOT_AS_IT_STANDS)
        return ExitCode.OK
    if current.api_key_command and not sandbox:
        terminal.stop_status()  # a command that fetches the key may ask for a password
        preload()
    with (
        target_of(current, terminal.env, sandbox=sandbox) as target,
        asked(ctx.params, terminal, preload) as said,
        terminal.status("connecting", quiet=quiet),
    ):
        result = deliver(target, current, said, ctx.params, terminal)
    return report(result, ctx.params, terminal)


def print_request(text: str, output: Path | None, terminal: Terminal) -> None:
    """Print what `--dry-run` shows, or write it to the file of `-o`."""
    if output is None:  # as a rule: the rest of a delivery is not loaded for it
        terminal.write(text)
        terminal.flush()
        return
    from respan_cli.exchange import sink_for

    with sink_for(output, terminal) as sink:
        sink.write(text)
        sink.commit(whole=True)


def preload() -> None:
    """Begin what takes longest, the import of the SDK, while something else is waited for."""
    from respan_cli.gateway import sdk

    sdk.preload()


def check_flags(flags: Mapping[str, Any]) -> None:
    """Refuse flags that contradict each other, or that name a file by an empty name.

    Raises:
        UsageError: two flags that cannot both be meant, or the value of one was lost on its way here.
    """
    for one, other in (("as_json", "events"), ("usage", "quiet")):
        if flags[one] and flags[other]:
            raise UsageError(f"--{one.removeprefix('as_')} and --{other} cannot go together")
    for name in ("output", "messages", "schema"):
        if flags[name] == "":
            raise no_name(f"--{name}")
    if "" in (flags["files"] or ()):
        raise no_name("--file")


def no_name(flag: str) -> UsageError:
    """As `-o "$FILE"` has it where the variable is not set: no file is called that."""
    return UsageError(f"{flag} has an empty value where the name of a file belongs")


def deliver(
    target: Target,
    current: Settings,
    said: Conversation,
    flags: Mapping[str, Any],
    terminal: Terminal,
) -> Result:
    """Send a conversation and write its answer in the form, and to the place, that the flags ask for."""
    from respan_cli.exchange import connect, exchange, sink_for
    from respan_cli.output.progress import ThinkingView
    from respan_cli.output.stop_reasons import trouble_with

    headers = resolve_references(current.headers, terminal.env)
    request = build(current, said.turns, headers, said.options)
    terminal.add_secrets(*secret_values(request.body()))
    renderer = renderer_for(flags, terminal)
    gateway = connect(target, current, terminal, on_sent=renderer.prepare)

    def is_whole(result: Result) -> bool:
        return not (flags["strict"] and trouble_with(result))

    with sink_for(file_of(flags), terminal) as sink:

        def settle() -> None:
            renderer.settle()
            sink.flush()

        aside = ThinkingView(terminal, settle, shown=flags["show_thinking"])
        try:
            return exchange(gateway, request, current, renderer, sink, aside.take, is_whole)
        finally:
            aside.close()


def renderer_for(flags: Mapping[str, Any], terminal: Terminal) -> renderers.Renderer:
    """The form of the answer that the flags ask for."""
    from respan_cli.output import renderers

    if flags["as_json"]:
        return renderers.JsonObject()
    if flags["events"]:
        return renderers.JsonLines()
    to_person = terminal.stdout_isatty and not file_of(flags)
    rendering = flags["rendering"]
    if rendering is options.Rendering.AUTO and to_person and not terminal.is_dumb:
        rendering = options.Rendering.MARKDOWN
    if rendering is not options.Rendering.MARKDOWN:
        return renderers.Plain(mixed=terminal.shows_both_streams and not file_of(flags))
    from respan_cli.output import live_markdown

    return (
        live_markdown.LiveMarkdown(terminal)
        if to_person and not terminal.is_dumb
        else live_markdown.StaticMarkdown(terminal)
    )


def file_of(flags: Mapping[str, Any]) -> Path | None:
    """The file of `-o`, where the answer goes to one; `-o -` is standard output."""
    return None if flags["output"] in (None, STDOUT) else Path(flags["output"])


def report(result: Result, flags: Mapping[str, Any], terminal: Terminal) -> int:
    """Say on standard error what is to be said of an answer that came.

    Raises:
        CutError, DeclinedError: with `--strict`, an answer that was cut or refused.
        BrokenReplyError: see `verdicts.check_parsed`.
    """
    from respan_cli.output.result import SEPARATOR, usage_line
    from respan_cli.output.stop_reasons import check_parsed, trouble_with

    to_person = terminal.stdout_isatty and not (file_of(flags) or flags["as_json"] or flags["events"])
    if flags["usage"] or (to_person and not flags["quiet"]):
        terminal.note(usage_line(result), style=DIM, break_at=(SEPARATOR, ", ", " "))
    if trouble := trouble_with(result):
        if flags["strict"]:
            raise trouble
        terminal.warn(f"{trouble.message}; {trouble.hint}")
    if flags["as_json"] or flags["events"]:
        check_parsed(result)
    return ExitCode.OK
