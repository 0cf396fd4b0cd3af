"""The answer of `respan send`: written as it arrives, in the form and to the place that were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from respan_cli.commands.send.options import SendOptions
from respan_cli.commands.shared.connection import Target, client_for
from respan_cli.commands.shared.options import Rendering
from respan_cli.errors import OutputError, RespanError
from respan_cli.exchange import Received, exchange
from respan_cli.gateway.error_body import ResponseIds
from respan_cli.gateway.sdk import deprecation
from respan_cli.messages.request import build
from respan_cli.messages.user_json import Conversation
from respan_cli.output.progress import ThinkingView, observer_for
from respan_cli.output.renderers import JsonLines, JsonObject, PlainText, Renderer
from respan_cli.output.result import SEPARATOR, Result, usage_line
from respan_cli.output.sink import AnswerSink, open_sink
from respan_cli.output.stop_reasons import check_parsed, problem_with
from respan_cli.settings.headers import resolve_references
from respan_cli.settings.pages import REQUESTS_PAGE
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.redact import secret_values
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import DIM

if TYPE_CHECKING:
    from respan_cli.commands.send.cost import CostLookup
    from respan_cli.commands.send.thread_file import OpenThread


def deliver(
    target: Target,
    settings: Settings,
    conversation: Conversation,
    options: SendOptions,
    terminal: Terminal,
    *,
    thread: OpenThread | None = None,
    cost: CostLookup | None = None,
) -> Result:
    """Send a conversation, which continues a thread if there is one, and write its answer.

    With `--cost`, the JSON of the answer has its cost.

    Raises:
        RespanError: of every kind that the gateway and the sink know. What had come by then is written.
    """
    headers = resolve_references(settings.headers, terminal.env)
    whole = thread.thread.continued_by(conversation) if thread else conversation
    request = build(settings, whole.turns, headers, whole.options)
    terminal.add_secrets(*secret_values(request.body()))
    renderer = renderer_for(options, terminal, cost)
    with (
        client_for(target, settings, terminal) as client,
        open_sink(options.output_path, terminal) as sink,
    ):
        if terminal.stderr_isatty and (warning := deprecation(settings.model)):
            terminal.warn(warning)
        observer = observer_for(terminal, on_sent=renderer.prepare, on_idle=sink.flush)
        received = exchange(client, request, profile=settings.profile, observer=observer)
        if thread:
            received = thread.follow(received, conversation.turns)
        try:
            return _write_answer(received, renderer, sink, options, terminal)
        except BaseException:
            with suppress(Exception):
                sink.write(renderer.abort())
                sink.flush()
            raise


def _write_answer(
    received: Iterator[Received | Result],
    renderer: Renderer,
    sink: AnswerSink,
    options: SendOptions,
    terminal: Terminal,
) -> Result:
    def finish_block() -> None:
        renderer.finish_block()
        sink.flush()

    thinking = ThinkingView(terminal, finish_block, shown=options.show_thinking)
    ids = ResponseIds()
    try:
        for item in received:
            if isinstance(item, Result):
                item = _extracted(item) if options.extract else item
                sink.write(renderer.finish(item))
                sink.commit(whole=not (options.strict and problem_with(item)))
                return item
            ids = item.ids
            if not item.text:
                thinking.feed(item.event)
            sink.write(renderer.render(item.event, item.text))
    except RespanError as error:
        raise _findable(error, ids) from error.__cause__
    finally:
        thinking.close()
    raise AssertionError("an exchange ends with a result")


def _extracted(result: Result) -> Result:
    from respan_cli.output.code_block import first_code_block

    return replace(result, extracted=first_code_block(result.answer.text))


def _findable(error: RespanError, ids: ResponseIds) -> RespanError:
    """The failure with the ids of an answer that is paid for by now, so that it can be found again."""
    found = error.with_ids(ids.request_id, ids.log_id)
    if isinstance(found, OutputError) and found.log_id:
        return found.with_hint(f"the log may still have the answer: {REQUESTS_PAGE}")
    return found


def renderer_for(options: SendOptions, terminal: Terminal, cost: CostLookup | None) -> Renderer:
    """The form of the answer that the options ask for."""
    if options.prints_json:
        return _json_renderer(options, cost)
    if options.extract:
        from respan_cli.output.code_block import CodeBlock

        return CodeBlock()
    to_person = terminal.stdout_isatty and not options.output_path
    is_live = to_person and not terminal.is_dumb
    if options.rendering is Rendering.PLAIN or (options.rendering is Rendering.AUTO and not is_live):
        return PlainText(shares_terminal=terminal.shows_both_streams and not options.output_path)
    from respan_cli.output.live_markdown import LiveMarkdown, StaticMarkdown

    return LiveMarkdown(terminal) if is_live else StaticMarkdown(terminal)


def _json_renderer(options: SendOptions, cost: CostLookup | None) -> Renderer:
    renderer = JsonObject() if options.as_json else JsonLines()
    if not cost:
        return renderer
    from respan_cli.commands.send.cost import WithCost

    return WithCost(renderer, cost)


def report(result: Result, options: SendOptions, terminal: Terminal) -> None:
    """Say on standard error what there is to say of an answer that came.

    Raises:
        TruncatedError, RefusalError: with `--strict`, an answer that is not whole.
        BadResponseError: see `stop_reasons.check_parsed`.
    """
    to_person = terminal.stdout_isatty and not (options.output_path or options.prints_json)
    if options.usage or (to_person and not options.quiet):
        terminal.note(usage_line(result), style=DIM, break_at=(SEPARATOR, ", ", " "))
    if options.extract and result.extracted is None:
        terminal.warn("the answer has no fenced code block; this is its whole text")
    if problem := problem_with(result):
        if result.thread:
            problem = result.thread.unchanged(problem)
        if options.strict:
            raise problem
        terminal.warn(f"{problem.message}; {problem.hint}")
    if options.prints_json:
        check_parsed(result)
