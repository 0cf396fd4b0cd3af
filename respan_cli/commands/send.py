"""`respan send`: a prompt in, an answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from respan_cli import message
from respan_cli.commands import options
from respan_cli.commands.common import check_can_send, load_settings, target_of
from respan_cli.errors import CutError, DeclinedError, ExitCode, RespanError, UsageError
from respan_cli.headers import resolve_references
from respan_cli.programs import Form, dry_run
from respan_cli.prompt import STDIN, compose, decode
from respan_cli.settings import Settings
from respan_cli.terminal import YELLOW, Terminal

if TYPE_CHECKING:
    from respan_cli import render
    from respan_cli.delivery import Target

WAITING = "respan: waiting for standard input to end (--no-stdin ignores it)"


def send(
    ctx: typer.Context,
    prompt: Annotated[list[str] | None, typer.Argument(help="The prompt; '-' names standard input.")] = None,
    profile: options.Profile = None,
    model: options.Model = None,
    max_tokens: options.MaxTokens = None,
    system: options.System = None,
    no_stdin: Annotated[bool, options.flag("--no-stdin", "Ignore standard input.", "Message")] = False,
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
    quiet: Annotated[bool, options.flag("-q/--quiet", "Never show the usage line.", "Output")] = False,
    strict: Annotated[
        bool, options.flag("--strict", "Exit 10 if the answer was cut, 11 if refused.", "Output")
    ] = False,
    dry: Annotated[
        bool, options.flag("-n/--dry-run", "Print the request; send nothing, need no key.", "Output")
    ] = False,
    form: options.DryForm = None,
    show_secrets: options.ShowSecrets = False,
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
    """Send a message and print the answer."""
    terminal = options.terminal_of(ctx)
    check_flags(ctx.params)
    current = load_settings(ctx.params, terminal.env)
    check_can_send(current, insecure_http=insecure_http)
    if dry or form:
        turn = message.user_turn(read_prompt(prompt or [], terminal, no_stdin=no_stdin))
        terminal.write(dry_run(current, [turn], form or Form.JSON, show_secrets=show_secrets))
        terminal.flush()
        return ExitCode.OK
    with target_of(current, sandbox=sandbox) as target:
        turn = message.user_turn(read_prompt(prompt or [], terminal, no_stdin=no_stdin, meanwhile=preload))
        result = deliver(target, current, turn, ctx.params, terminal)
    return report(result, ctx.params, terminal)


def preload() -> None:
    """Begin what takes longest, the import of the SDK, while something else is waited for."""
    from respan_cli import gateway

    gateway.preload()


def check_flags(flags: Mapping[str, Any]) -> None:
    """Refuse flags that contradict each other.

    Raises:
        UsageError: two flags that cannot both be meant.
    """
    for one, other in (("as_json", "events"), ("usage", "quiet")):
        if flags[one] and flags[other]:
            raise UsageError(f"--{one.removeprefix('as_')} and --{other} cannot go together")
    if flags["no_stdin"] and STDIN in (flags["prompt"] or ()):
        raise UsageError("'-' asks for standard input, which --no-stdin ignores")


def read_prompt(
    words: list[str], terminal: Terminal, *, no_stdin: bool, meanwhile: Callable[[], None] = lambda: None
) -> str:
    """The prompt from its words and from what is piped in.

    Args:
        words: the prompt's words, `-` among them if standard input is named.
        terminal: whose standard input to read.
        no_stdin: whether to leave it alone.
        meanwhile: called before standard input is waited for.

    Raises:
        UsageError: there is none, or it is not UTF-8.
    """
    piped = None
    if STDIN in words or (terminal.piped and not no_stdin):
        meanwhile()
        piped = decode(terminal.read_all(WAITING), "standard input")
    return compose(words, piped)


def deliver(
    target: Target,
    current: Settings,
    turn: Mapping[str, Any],
    flags: Mapping[str, Any],
    terminal: Terminal,
) -> render.Result:
    """Send one turn and write its answer in the form, and to the place, that the flags ask for."""
    from respan_cli.delivery import connect, exchange, sink_for

    request = message.build(current, [turn], resolve_references(current.headers, terminal.env))
    gateway = connect(target, current, terminal)
    with sink_for(flags["output"], terminal) as sink:
        return exchange(gateway, request, current, renderer_for(flags, terminal), sink)


def renderer_for(flags: Mapping[str, Any], terminal: Terminal) -> render.Renderer:
    """The form of the answer that the flags ask for."""
    from respan_cli import render

    if flags["as_json"]:
        return render.JsonObject()
    if flags["events"]:
        return render.JsonLines()
    return render.Plain(for_person=terminal.shows_answers and flags["output"] is None)


def report(result: render.Result, flags: Mapping[str, Any], terminal: Terminal) -> int:
    """Say on standard error what is to be said of an answer that came.

    Raises:
        CutError, DeclinedError: with `--strict`, an answer that was cut or refused.
    """
    from respan_cli.render import usage_line

    to_person = terminal.shows_answers and not (flags["output"] or flags["as_json"] or flags["events"])
    if flags["usage"] or (to_person and not flags["quiet"]):
        terminal.note(usage_line(result))
    if trouble := trouble_with(result):
        if flags["strict"]:
            raise trouble
        terminal.note(f"warning: {trouble.message}; {trouble.hint}", style=YELLOW)
    return ExitCode.OK


def trouble_with(result: render.Result) -> RespanError | None:
    """Why an answer that arrived whole is not what was asked for, if so."""
    reason = result.answer.stop_reason
    kind, message, hint = TROUBLES.get(reason or "", (None, "", ""))
    if kind is None:
        return None
    return kind(message, hint=hint, request_id=result.request_id, log_id=result.log_id)


# stop reason -> what it means for the person who asked
TROUBLES: dict[str, tuple[type[RespanError], str, str]] = {
    "max_tokens": (CutError, "the answer was cut by max_tokens", "a larger --max-tokens lets it end"),
    "model_context_window_exceeded": (
        CutError,
        "the answer was cut at the end of the model's context window",
        "a shorter prompt leaves more room",
    ),
    "refusal": (DeclinedError, "the model refused to answer", "put the request in other words"),
}
