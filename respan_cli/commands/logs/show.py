"""`respan logs show`: one request whole."""

from __future__ import annotations

from collections.abc import Iterator

from respan_cli.commands.logs.entry_json import print_json, redacted
from respan_cli.commands.logs.faults import fault
from respan_cli.commands.logs.find import find
from respan_cli.commands.logs.options import LogShowOptions
from respan_cli.commands.shared.api_connection import open_log
from respan_cli.errors import ExitCode
from respan_cli.gateway.log_content import Turn, answer_text, prompt_turns
from respan_cli.gateway.log_entry import LogEntry, Record
from respan_cli.output.live_markdown import LiveMarkdown, StaticMarkdown
from respan_cli.output.renderers import Renderer
from respan_cli.output.units import plain, seconds, usd
from respan_cli.terminal.tables import escape
from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import BOLD, DIM, RED, RESET, clean, one_line

BLURRED = "yes: Respan hides the content, as the account is over its usage limit"


def show(terminal: Terminal, options: LogShowOptions) -> int:
    """Print one request."""
    with open_log(options, terminal) as log:
        entry = find(log, options.id)
    if options.as_json:
        print_json(terminal, dict(entry.raw), show_secrets=options.show_secrets)
        return ExitCode.OK
    if not options.show_secrets:
        entry = LogEntry(redacted(dict(entry.raw)))
    page = _EntryPage(terminal)
    page.facts(list(_facts(entry)), failed=entry.failed)
    page.prompt(prompt_turns(entry), full=options.full)
    page.answer(answer_text(entry))
    return ExitCode.OK


class _EntryPage:
    """The output: laid out on a terminal, rows and plain text in a pipe."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._to_person = terminal.stdout_isatty

    def facts(self, facts: list[tuple[str, str]], *, failed: bool) -> None:
        """Names and values."""
        size = max(len(name) for name, _ in facts)
        for name, value in facts:
            if self._to_person:
                style = RED if failed and name in ("status", "error", "fault") else ""
                self._write(self._paint(name.ljust(size), DIM) + f"  {self._paint(one_line(value), style)}\n")
            else:
                self._write(f"{name}\t{escape(value)}\n")

    def prompt(self, turns: list[Turn], *, full: bool) -> None:
        """The last message of the prompt, or all of them."""
        shown = turns if full else turns[-1:]
        if before := len(turns) - len(shown):
            told = f"{before} earlier message{'' if before == 1 else 's'}; --full shows them all"
            self._write("\n" + self._paint(f"({told})", DIM) + "\n")
        for turn in shown:
            self._heading(turn.role)
            self._write(clean(turn.text).rstrip("\n") + "\n")

    def answer(self, text: str) -> None:
        """The answer, as `send` shows one."""
        if not text:
            return
        self._heading("assistant")
        renderer = self._renderer()
        if renderer is None:
            self._write(text.rstrip("\n") + "\n")
            return
        drawn = renderer.render({"type": "content_block_delta"}, text)
        self._write(drawn + renderer.abort())

    def _renderer(self) -> Renderer | None:
        if not self._to_person:
            return None
        return StaticMarkdown(self._terminal) if self._terminal.is_dumb else LiveMarkdown(self._terminal)

    def _heading(self, name: str) -> None:
        self._write("\n" + self._paint(one_line(name), BOLD) + "\n")

    def _paint(self, text: str, style: str) -> str:
        return f"{style}{text}{RESET}" if style and self._to_person and self._terminal.use_color() else text

    def _write(self, text: str) -> None:
        if text:
            self._terminal.write_now(self._terminal.redact_secrets(text))


def _facts(entry: LogEntry) -> Iterator[tuple[str, str]]:
    """The named fields of the entry, without those that it lacks."""
    for name, value in (
        ("log ID", entry.id),
        ("time", _time(entry)),
        ("model", entry.model),
        ("status", _status(entry)),
        ("error", entry.text("error_message")),
        ("fault", fault(entry)),
        ("customer", entry.text("customer_identifier")),
        ("custom ID", entry.text("custom_identifier")),
        ("thread", entry.text("thread_identifier")),
        ("metadata", ", ".join(f"{key}={value}" for key, value in entry.object("metadata").items())),
        ("tokens", _tokens(entry)),
        ("cost", None if entry.cost is None else usd(entry.cost)),
        ("latency", _latency(entry)),
        ("limits", _limits(Record(entry.object("limit_info")))),
        ("credits", _credits(Record(entry.object("limit_info")))),
        ("warnings", _warnings(entry)),
        ("blurred", BLURRED if entry.raw.get("blurred") is True else None),
    ):
        if value:
            yield name, value


def _time(entry: LogEntry) -> str | None:
    moment = entry.timestamp
    return moment.astimezone().isoformat(" ", "seconds") if moment else entry.text("timestamp")


def _status(entry: LogEntry) -> str:
    return " ".join(part for part in (entry.text("status_code"), entry.text("status")) if part)


def _tokens(entry: LogEntry) -> str:
    cached = entry.count("prompt_cache_hit_tokens")
    parts = [
        f"{entry.input_tokens} in" if entry.input_tokens is not None else "",
        f"{entry.output_tokens} out" if entry.output_tokens is not None else "",
        f"{cached} read from the cache" if cached else "",
    ]
    return ", ".join(part for part in parts if part)


def _latency(entry: LogEntry) -> str:
    total, first, speed, routing = (
        entry.number(name) for name in ("latency", "time_to_first_token", "tokens_per_second", "routing_time")
    )
    parts = [
        "" if total is None else seconds(total),
        "" if first is None else f"first token {seconds(first)}",
        "" if speed is None else f"{speed:.0f} tokens/s",
        "" if routing is None else f"routing {1000 * routing:.0f} ms",
    ]
    return ", ".join(part for part in parts if part)


def _limits(info: Record) -> str:
    limits = info.raw.get("limits")
    records = [Record(one) for one in (limits if isinstance(limits, list) else []) if isinstance(one, dict)]
    told = [
        f"{one.text('name') or 'limit'} {plain(one.number('current_value')) or '?'}"
        f" of {plain(one.number('limit_value')) or '?'}"
        for one in records
    ]
    refused = ["not allowed"] if info.raw.get("is_allowed") is False else []
    return ", ".join([*refused, *told])


def _credits(info: Record) -> str | None:
    left = info.number("org_credits")
    return None if left is None else f"{usd(left)} left"


def _warnings(entry: LogEntry) -> str | None:
    warnings = entry.raw.get("warnings")
    if isinstance(warnings, list):
        return ", ".join(map(str, warnings))
    return None if warnings in (None, {}, False) else str(warnings)
