"""What a person sees: command lines run against a terminal emulator, its scrollback included."""

from __future__ import annotations

import fcntl
import io
import os
import re
import signal
import socket
import struct
import termios
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pyte
import pytest

from respan_cli.cli import main
from respan_cli.gateway.error_body import ResponseIds
from respan_cli.messages.answer import Answer
from respan_cli.messages.request import MessageRequest
from respan_cli.output.result import Result, Timing, usage_line
from respan_cli.sandbox import Sandbox, api
from respan_cli.sandbox.api import THOUGHT
from respan_cli.sandbox.faults import HOSTILE, MARKDOWN
from respan_cli.terminal.terminal import Terminal
from tests.support import PATIENCE, Outcome, Pty, Screen, process_env, run, run_process

Env = dict[str, str]

ANSWER = """\
A heading

Some emphasis, some weight, code, and a
link (https://example.com).

Lists

 1. first
    • nested
      • twice
 2. second

name       width
────────────────
漢字           4
🎉 party       8

  def greet(name: str) -> str:
      return f"hello, {name}"

│ A quotation, and a family: 👨👩👧."""
USAGE = r"sandbox-markdown · 1 token in, 79 out"


class Emulator:
    """A terminal with its scrollback, and a cursor."""

    def __init__(self, columns: int, rows: int) -> None:
        self.screen = pyte.HistoryScreen(columns, rows, history=100_000)
        self._stream = pyte.Stream(self.screen)

    def feed(self, text: str) -> None:
        # pyte does not know zero-width joiners; without them a family is three people.
        self._stream.feed(text.replace("\u200d", ""))

    def lines(self) -> list[str]:
        """Every line there is to see, empty ones at the end left out."""
        width = range(self.screen.columns)
        above = ["".join(row[column].data for column in width) for row in self.screen.history.top]
        lines = [line.rstrip() for line in [*above, *self.screen.display]]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def text(self) -> str:
        return "\n".join(self.lines())


class Seen(NamedTuple):
    """The exit code, what the terminal got, and what it shows."""

    code: int
    raw: str
    emulator: Emulator

    @property
    def text(self) -> str:
        return self.emulator.text()


def see(
    *argv: str,
    env: Env,
    columns: int = 80,
    rows: int = 24,
    encoding: str = "utf-8",
    stdin: io.BytesIO | None = None,
) -> Seen:
    """Run a command line in this process with standard output and error on one emulated terminal."""
    both = Screen()
    size = {"COLUMNS": str(columns), "LINES": str(rows)}
    terminal = Terminal(stdin or Screen(), both, both, {**size, **env}, (encoding, encoding))
    code = main(list(argv), terminal)
    raw = both.getvalue().decode(encoding)
    return Seen(code, raw, emulate(raw.replace("\n", "\r\n"), columns, rows))


def emulate(text: str, columns: int = 80, rows: int = 24) -> Emulator:
    emulator = Emulator(columns, rows)
    emulator.feed(text)
    return emulator


def frames(raw: str) -> list[str]:
    """What the spinner said, in order, each once."""
    said = re.findall("\r[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏|/\\\\-] ([^\x1b\r]+)\x1b\\[K", raw)
    return [words for words, before in zip(said, ["", *said], strict=False) if words != before]


def test_an_answer_is_seen_as_markdown_with_the_usage_below_it(env: Env) -> None:
    seen = see("send", "-m", "sandbox-markdown", "x", "--customer-id", "acme", env=env, columns=40)
    assert seen.code == 0
    assert re.fullmatch(
        re.escape(ANSWER) + rf"\n{USAGE}\nfirst token \d\.\d\d s, total \d\.\d\d s\ncustomer acme"
        r"\nlog [-0-9a-f]{36}",
        seen.text,
    )


def test_a_pipe_gets_the_markdown_itself_byte_for_byte(env: Env) -> None:
    assert run("send", "-m", "sandbox-markdown", "x", env=env) == Outcome(0, MARKDOWN, "")


@pytest.mark.parametrize(("columns", "rows"), [(20, 6), (40, 12), (80, 24), (200, 50)])
def test_a_long_answer_is_seen_once_from_its_first_line_to_its_last(
    columns: int, rows: int, env: Env
) -> None:
    paper = run(
        *("send", "-m", "sandbox-long", "x", "--max-tokens", "9999", "--render", "markdown"),
        env={**env, "COLUMNS": str(columns)},
    )
    assert (paper.code, paper.err, "\x1b" in paper.out, "\r" in paper.out) == (0, "", False, False)
    seen = see("send", "-q", "-m", "sandbox-long", "x", env=env, columns=columns, rows=rows)
    assert seen.text == paper.out.replace("\u200d", "").rstrip("\n")
    assert paper.out.count("A heading") == 20
    assert (seen.emulator.screen.cursor.x, seen.emulator.screen.cursor.hidden) == (0, False)


def test_what_is_written_to_the_terminal_stays_within_a_multiple_of_the_text(env: Env) -> None:
    for deltas in (500, 2000):
        seen = see("send", "-q", "-m", f"sandbox-long-{deltas}", "x", env=env)
        assert " ".join(seen.emulator.lines()) == "lorem ipsum" * deltas
        assert len(seen.raw.encode()) < 12 * 11 * deltas


def test_plain_rendering_shows_the_text_as_it_came_without_its_control_characters(env: Env) -> None:
    seen = see("send", "-q", "--render", "plain", "-m", "sandbox-markdown", "x", env=env)
    assert (seen.code, seen.raw) == (0, MARKDOWN)
    hostile = see("send", "-q", "--render", "plain", "-m", "sandbox-hostile", "x", env=env)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", hostile.raw)


def test_rendered_markdown_brings_no_control_character_of_the_answer_to_the_terminal(env: Env) -> None:
    seen = see("send", "-q", "-m", "sandbox-hostile", "x", env=env, columns=200)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202e]", seen.raw)
    # What begins with an escape is ours: moving within the answer, erasing, styles.
    assert set(re.findall("\x1b(?:\\[[\\d;]*)?(.)", seen.raw)) <= set("mKJAG")
    assert "[red]red[/red]" in seen.text
    assert "[link=https://evil.example]x[/link]" in seen.text
    assert HOSTILE.endswith("end.\n")
    assert seen.text.endswith("end.")


def test_markdown_in_a_pipe_has_styles_only_where_they_are_forced(env: Env) -> None:
    forced = run("send", "-m", "sandbox-markdown", "x", "--render", "markdown", "--color", "always", env=env)
    assert "\x1b[1;4mA heading\x1b[0m\n" in forced.out
    assert set(re.findall("\x1b\\[[\\d;]*(.)", forced.out)) == {"m"}


def test_rendered_markdown_goes_into_a_file_too(env: Env, tmp_path: Path) -> None:
    path = tmp_path / "answer.txt"
    done = run("send", "-m", "sandbox-markdown", "x", "--render", "markdown", "-o", str(path), env=env)
    assert done == Outcome(0, "", "")
    assert "name       width\n────────────────\n" in path.read_text("utf-8")


def test_a_dumb_terminal_gets_no_escape_sequence_at_all(env: Env) -> None:
    env["TERM"] = "dumb"
    plain = see("send", "-q", "-m", "sandbox-markdown", "x", env=env)
    assert (plain.code, plain.raw) == (0, MARKDOWN)
    rendered = see("send", "-m", "sandbox-markdown", "x", "--render", "markdown", env=env, columns=40)
    assert "\x1b" not in rendered.raw
    assert rendered.text.startswith(ANSWER)


def test_a_person_sees_what_is_waited_for_and_then_no_trace_of_it(env: Env) -> None:
    seen = see("send", "--render", "plain", "-u", "Hello", env=env)
    assert frames(seen.raw) == ["connecting", "waiting for the first token", "receiving the answer"]
    assert seen.emulator.lines()[0] == "Hello"
    assert seen.emulator.lines()[1].startswith("claude-sonnet-5-5 · 2 tokens in, 2 out · first token")


def test_a_retry_is_counted_down_and_leaves_no_trace_either(env: Env) -> None:
    env["RESPAN_MAX_RETRIES"] = "1"
    seen = see("send", "-q", "--json", "-m", "sandbox-flaky-529", "Hello", env=env)
    assert frames(seen.raw) == []
    seen = see("send", "-m", "sandbox-429", "Hello", env=env)
    assert frames(seen.raw)[2] == "HTTP 429, retry 1 of 1 in 1 s"
    assert frames(seen.raw)[3:] == ["connecting", "waiting for the first token"]
    assert seen.code == 6
    said = "error: too many requests, or the quota is used up (HTTP 429) after 2 attempts"
    assert seen.emulator.lines()[0] == said


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_is_waited_for_never_takes_a_second_line(encoding: str, env: Env) -> None:
    env["RESPAN_MAX_RETRIES"] = "1"
    for columns in range(20, 30):
        seen = see(
            *("send", "-m", "sandbox-flaky-529", "Hello", "-o", "/dev/null"),
            env=env,
            columns=columns,
            encoding=encoding,
        )
        assert any(words.startswith("HTTP 529, ") for words in frames(seen.raw))
        assert (seen.code, seen.text) == (0, "")


def test_the_answer_to_a_file_is_waited_for_visibly_until_it_is_there(env: Env, tmp_path: Path) -> None:
    seen = see("send", "Hello", "-o", str(tmp_path / "answer"), env=env)
    assert frames(seen.raw) == ["connecting", "waiting for the first token", "receiving the answer"]
    assert (seen.code, seen.text) == (0, "")


@pytest.mark.parametrize("case", ["quiet", "dumb", "stdout is a pipe", "stderr is a pipe"])
def test_nothing_moves_where_nobody_wants_it(case: str, env: Env) -> None:
    if case == "dumb":
        env["TERM"] = "dumb"
    done = run(
        *("send", "Hello", *(["-q"] if case == "quiet" else [])),
        env=env,
        stdin=None,
        stdout_is_terminal=case != "stdout is a pipe",
        stderr_is_terminal=case != "stderr is a pipe",
    )
    assert (done.code, done.out.replace("\r\n", "\n")) == (0, "Hello\n")
    assert "\r" not in done.err


def test_an_error_is_a_block_that_fits_its_terminal(env: Env) -> None:
    shown = see("send", "-m", "sandbox-401", "x", env=env, columns=50)
    lines = shown.emulator.lines()
    assert (shown.code, lines[:4]) == (
        4,
        [
            "error: the key was not accepted (HTTP 401)",
            "  why:  invalid x-api-key",
            "  next: the key came from RESPAN_API_KEY; create",
            "        one at",
        ],
    )
    assert lines[-2].startswith("  ids:  request req_")
    assert re.fullmatch(" {8}log [-0-9a-f]{36}", lines[-1])


def test_an_error_erases_the_spinner_and_is_red_where_colours_are(env: Env) -> None:
    seen = see("send", "-m", "sandbox-400", "x", env=env)
    assert seen.text.startswith("error: ")
    assert "\r\x1b[K\x1b[31m\x1b[1merror: " in seen.raw


@pytest.mark.parametrize("model", ["sandbox-max-tokens", "sandbox-refusal"])
def test_an_answer_cut_or_refused_is_a_warning_to_be_seen(model: str, env: Env) -> None:
    seen = see("send", "-q", "-m", model, "Hello", env=env, columns=40)
    first, second, *_ = seen.emulator.lines()
    assert (first, second[:16]) == ("Hello", "⚠ warning: the m" if "refusal" in model else "⚠ warning: the a")
    assert all(line.startswith("  ") for line in seen.emulator.lines()[2:])
    assert "\x1b[33m⚠ warning: \x1b[0mthe " in seen.raw


@pytest.mark.parametrize(("tokens", "speed"), [(5, "0.5"), (97, "9.7"), (823, "82")])
def test_a_slow_answer_has_a_speed_too(tokens: int, speed: str) -> None:
    answer = Answer({"model": "m", "usage": {"input_tokens": 1, "output_tokens": tokens}})
    request = MessageRequest("m", 1, [], {}, {}, {})
    result = Result(answer, request, "default", "", Timing(0, 1, 11), ResponseIds())
    assert usage_line(result).endswith(f"first token 1.00 s, total 11.00 s, {speed} tokens/s")


def test_the_cache_stands_in_the_usage_line_whole_also_where_it_is_narrow(env: Env, sandbox: Sandbox) -> None:
    answer = api.CannedAnswer(id="msg_1", model="scripted", text="Hi", input_tokens=12, output_tokens=34)
    stream = b"".join((*answer.opening(), *answer.deltas(), *answer.closing()))
    for name, count in ((b"read", b"1200"), (b"creation", b"88")):
        stream = stream.replace(
            b'"cache_%s_input_tokens":0' % name, b'"cache_%s_input_tokens":%s' % (name, count)
        )
    sandbox.replies.append(reply_of([])[0] + stream)
    seen = see("send", "x", env=env, columns=40)
    assert seen.emulator.lines()[:5] == [
        "Hi",
        "scripted",
        "12 tokens in, 34 out",
        "1200 read from the cache",
        "88 written to it",
    ]


def test_a_deprecated_model_is_one_tidy_line(env: Env, deprecated_model: str) -> None:
    seen = see("send", "-q", "-m", deprecated_model, "Hello", env=env, columns=120)
    assert re.fullmatch(
        rf"⚠ warning: The model '{deprecated_model}' is deprecated and will reach end-of-life on .+\n"
        "Hello",
        seen.text,
    )


def test_thoughts_are_shown_dimmed_before_the_answer_and_never_in_it(env: Env) -> None:
    seen = see("send", "-q", "--show-thinking", "-m", "sandbox-thinking", "Hello", env=env)
    assert (seen.code, seen.text) == (0, f"{THOUGHT}\n\nHello")
    assert f"\x1b[2m{THOUGHT}" in seen.raw.replace("\x1b[0m\x1b[2m", "")
    piped = run("send", "--show-thinking", "-m", "sandbox-thinking", "Hello", env=env)
    assert piped == Outcome(0, "Hello\n", THOUGHT + "\n")


def test_thoughts_are_broken_between_words_however_they_come(env: Env, sandbox: Sandbox) -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    thought = "Let me think about this for a while.\n\nIncomprehensibilities 漢字漢字漢字漢字漢字漢字 then."
    for size in (1, 7, 500):
        deltas = [thought[at : at + size] for at in range(0, len(thought), size)]
        parts = [
            api.event("content_block_start", index=0, content_block=thinking),
            *(
                api.event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": delta})
                for delta in deltas
            ),
            api.event("content_block_stop", index=0),
            api.event("content_block_start", index=1, content_block={"type": "text", "text": "Ah."}),
            api.event("content_block_stop", index=1),
        ]
        sandbox.replies.append(reply_of(parts))
        seen = see("send", "-q", "--show-thinking", "x", env=env, columns=16)
        assert seen.emulator.lines() == [
            *("Let me think", "about this for a", "while.", "", "Incomprehensibil", "ities"),
            *("漢字漢字漢字漢字", "漢字漢字 then.", "", "Ah."),
        ]


def test_an_error_in_the_middle_of_a_thought_begins_on_its_own_line(env: Env, sandbox: Sandbox) -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    delta = {"type": "thinking_delta", "thinking": "Half a thou"}
    parts = [
        api.event("content_block_start", index=0, content_block=thinking),
        api.event("content_block_delta", index=0, delta=delta),
    ]
    sandbox.replies.append(reply_of(parts)[:-2])
    seen = see("send", "-q", "--show-thinking", "x", env=env)
    assert (seen.code, seen.emulator.lines()[:2]) == (9, ["Half a thou", "error: the answer broke off"])


def test_thoughts_that_are_not_shown_are_a_sign_of_life(env: Env) -> None:
    seen = see("send", "-m", "sandbox-thinking", "Hello", env=env)
    assert frames(seen.raw)[-2:] == ["thinking", "receiving the answer"]
    assert THOUGHT not in seen.raw
    assert run("send", "-m", "sandbox-thinking", "Hello", env=env) == Outcome(0, "Hello\n", "")


def test_thoughts_in_the_middle_of_an_answer_stand_on_their_own_lines(env: Env, sandbox: Sandbox) -> None:
    text = {"type": "text", "text": ""}
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    parts = [
        api.event("content_block_start", index=0, content_block=text),
        api.delta("*One*", 0),
        api.event("content_block_stop", index=0),
        api.event("content_block_start", index=1, content_block=thinking),
        api.event("content_block_delta", index=1, delta={"type": "thinking_delta", "thinking": "Hm."}),
        api.event("content_block_stop", index=1),
        api.event("content_block_start", index=2, content_block=text),
        api.delta("**two**", 2),
        api.event("content_block_stop", index=2),
    ]
    sandbox.replies.append(reply_of(parts))
    assert see("send", "-q", "--show-thinking", "x", env=env).text == "One\nHm.\n\ntwo"


def reply_of(parts: list[bytes]) -> list[bytes]:
    """A whole HTTP response around some events."""
    answer = api.CannedAnswer(id="msg_1", model="scripted", text="", input_tokens=1, output_tokens=1)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return [head, answer.opening()[0], *parts, *answer.closing()[1:]]


COLORS: list[tuple[dict[str, str], tuple[str, ...], bool, bool]] = [
    # environment, flags, colour in a pipe, colour on a terminal
    ({}, (), False, True),
    ({"NO_COLOR": "1"}, (), False, False),
    ({"NO_COLOR": ""}, (), False, True),
    ({"FORCE_COLOR": "1"}, (), True, True),
    ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False, False),
    ({"TERM": "dumb"}, (), False, False),
    ({}, ("--color", "always"), True, True),
    ({}, ("--color=never",), False, False),
    ({"NO_COLOR": "1"}, ("--color=always",), True, True),
    ({"FORCE_COLOR": "1"}, ("--color", "never"), False, False),
]


@pytest.mark.parametrize(("variables", "flags", "piped", "shown"), COLORS)
@pytest.mark.parametrize("terminal", [False, True])
def test_colour_is_decided_for_each_stream_apart(
    variables: dict[str, str], flags: tuple[str, ...], piped: bool, shown: bool, terminal: bool, env: Env
) -> None:
    # Wrong before --color is read: the error is painted all the same.
    done = run(
        *("send", "--bogus", "x", *flags),
        env={**env, **variables},
        stdout_is_terminal=not terminal,
        stderr_is_terminal=terminal,
    )
    assert (done.code, done.out) == (2, "")
    assert ("\x1b[" in done.err) == (shown if terminal else piped)


@pytest.mark.parametrize(
    ("variables", "flags", "seen"),
    [
        ({}, (), {"1;4", "3", "36", "35"}),
        ({"NO_COLOR": "1"}, (), {"1;4", "3"}),
        ({}, ("--color", "never"), set()),
    ],
)
def test_markdown_without_colours_keeps_its_weight_unless_told_otherwise(
    variables: dict[str, str], flags: tuple[str, ...], seen: set[str], env: Env
) -> None:
    shown = see("send", "-q", "-m", "sandbox-markdown", "x", *flags, env={**env, **variables})
    styles = set(re.findall("\x1b\\[([\\d;]+)m", shown.raw)) - {"0"}
    assert styles & {"1;4", "3", "36", "35"} == seen
    assert bool(styles) == bool(seen)


def test_whatever_is_shown_can_be_read_on_white_and_on_black(env: Env, sandbox: Sandbox) -> None:
    everything = "# A `b`\n**c `d`** [e](f) *i*\n\n> g\n\n| `h` |\n|---|\n\n---\n"
    code = (
        "```python\n@a\nclass B:  # c\n  d = 1, 'e', None\n```\n```diff\n-a\n+b\n```\n```html\n<a b='c'>\n```"
    )
    text = {"type": "text", "text": ""}
    sandbox.replies.append(
        reply_of(
            [
                api.event("content_block_start", index=0, content_block=text),
                api.delta(everything + code),
                api.event("content_block_stop", index=0),
            ]
        )
    )
    shown = [see("send", "x", env=env), see("send", "-h", env=env)]
    shown += [
        see("send", "-m", f"sandbox-{model}", "x", env=env) for model in ("max-tokens", "401", "thinking")
    ]
    shown += [see("send", "-m", "sandbox-flaky-529", "x", "--max-retries", "1", env=env)]
    styles = {style for seen in shown for style in re.findall("\x1b\\[([\\d;]+)m", seen.raw)}
    # Attributes and five colours of the palette: no white or black, nothing bright, no background.
    assert {part for style in styles for part in style.split(";")} == set("0 1 2 3 4 31 32 33 35 36".split())
    # Yellow is for a label, cyan and green never bold: many terminals make that a bright colour.
    assert not {style for style in styles if re.search("(^|;)1;.*3[236]", style)}


@pytest.mark.parametrize(
    ("encoding", "bullet", "bar", "accent"),
    [("ascii", "*", "|", "e"), ("iso8859-1", "*", "|", "é"), ("cp1252", "•", "|", "é")],
)
def test_a_terminal_of_another_encoding_gets_what_it_can_show(
    encoding: str, bullet: str, bar: str, accent: str, env: Env
) -> None:
    seen = see("send", "-q", "-m", "sandbox-markdown", "x", env=env, columns=40, encoding=encoding)
    lines = seen.emulator.lines()
    assert lines[8:10] == [f"    {bullet} nested", f"      {bullet} twice"]
    assert lines[12:16] == ["name      width", "-" * 15, "??            4", "? party       8"]
    assert lines[-1] == f"{bar} A quotation, and a family: ???."
    told = see("send", "-m", "sandbox-markdown", "x", env=env, columns=44, encoding=encoding)
    assert re.fullmatch("sandbox-markdown [-·] 1 token in, 79 out", told.emulator.lines()[-3])
    assert told.emulator.lines()[-1].startswith("log ")
    echoed = see("send", "é → 漢", env=env, encoding=encoding)
    assert echoed.emulator.lines()[0] == f"{accent} -> ?"
    assert "waiting for the first token" in frames(echoed.raw)


def test_legacy_terminals_never_meet_an_encoding_error_and_pipes_get_utf8(env: Env, tmp_path: Path) -> None:
    home = process_env(tmp_path, **{**env, "PYTHONIOENCODING": "ascii"})
    with Pty("send", "--help", env=home, columns=60) as pty:
        code, shown = pty.finish()
    assert (code, shown.isascii()) == (0, True)
    assert "\nOutput:\n" in emulate(shown, 60, 200).text()
    with Pty("send", "naïve … “漢”", env={**home, "PYTHONIOENCODING": "cp1252"}) as pty:
        code = pty.process.wait(PATIENCE)
        pty.finish()
    assert (code, "naïve … “?”".encode("cp1252") in pty.text) == (0, True)
    piped = run_process("send", "naïve … “漢”", env=home)
    assert piped == Outcome(0, "naïve … “漢”\n", "")


def test_the_help_follows_the_colour_flag(env: Env, tmp_path: Path) -> None:
    home = process_env(tmp_path)
    plain = run_process("send", "--help", "--color", "never", env={**home, "FORCE_COLOR": "1"})
    assert (plain.code, "\x1b" in plain.out, plain.err) == (0, False, "")
    painted = run_process("send", "--color=always", "--help", env=home)
    assert (painted.code, "\x1b[" in painted.out, painted.err) == (0, True, "")


def test_the_first_sign_of_life_comes_before_typer_and_the_sdk_are_loaded(env: Env, tmp_path: Path) -> None:
    with Pty("send", "Hello", env={**process_env(tmp_path, **env), "PYTHONPROFILEIMPORTTIME": "1"}) as pty:
        code, shown = pty.finish()
    assert code == 0
    first = shown.index("\r⠋ starting")
    assert first < shown.index("| typer") < shown.index("| anthropic")
    assert frames(shown)[0] == "starting"


def test_interrupted_while_waiting_nothing_stays_but_the_prompt(env: Env, tmp_path: Path) -> None:
    with Pty("send", "-m", "sandbox-silent", "x", env=process_env(tmp_path, **env)) as pty:
        pty.read_until("waiting for the first token")
        pty.type("\x03")
        code, shown = pty.finish()
    emulator = emulate(shown)
    assert (code, emulator.text(), emulator.screen.cursor.hidden) == (130, "", False)


def scripted(steps: list[list[str]], turn: threading.Event) -> Callable[[socket.socket], None]:
    """A reply that tells some deltas, waits for its turn, and tells the next."""

    def play(connection: socket.socket) -> None:
        opening, *_ = reply_of([])
        start = api.event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        connection.sendall(opening + reply_of([])[1] + start)
        for deltas in steps:
            for delta in deltas:
                connection.sendall(api.delta(delta))
            turn.wait(PATIENCE)
            turn.clear()
        connection.sendall(b"".join([api.event("content_block_stop", index=0), *reply_of([])[2:]]))

    return play


def test_interrupted_in_the_middle_the_answer_so_far_stays_on_its_own_line(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn = threading.Event()
    sandbox.replies.append(scripted([["# Half\n\nan **ans", "wer** and so"]], turn))
    with Pty("send", "x", env=process_env(tmp_path, **env), columns=40) as pty:
        pty.read_until("and so")
        pty.type("\x03")
        code, shown = pty.finish()
    turn.set()
    emulator = emulate(shown.replace("^C", ""), 40)
    assert (code, emulator.text()) == (130, "Half\n\nan answer and so")
    assert (emulator.screen.cursor.x, emulator.screen.cursor.hidden) == (0, False)


def test_text_that_has_come_is_drawn_though_nothing_follows_it(
    env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn = threading.Event()
    code = "A line of code that is not short.\n" * 20
    sandbox.replies.append(scripted([["```\n", code], ["# the e", "nd"]], turn))
    with Pty("send", "-q", "x", env=process_env(tmp_path, **env)) as pty:
        pty.read_until("not short.")
        turn.set()
        pty.read_until("the end")
        turn.set()
        assert pty.finish()[0] == 0


@pytest.mark.parametrize("width", [30, 100])
def test_a_resize_in_the_middle_of_an_answer_neither_repeats_nor_loses_a_word(
    width: int, env: Env, sandbox: Sandbox, tmp_path: Path
) -> None:
    turn = threading.Event()
    words = [f"word{number} " for number in range(60)]
    sandbox.replies.append(scripted([["Intro.\n\n", *words[:30], "\n\n"], words[30:]], turn))
    with Pty("send", "-q", "x", env=process_env(tmp_path, **env), columns=60, rows=10) as pty:
        pty.read_until("word29")
        fcntl.ioctl(pty.master, termios.TIOCSWINSZ, struct.pack("HHHH", 10, width, 0, 0))
        before = len(pty.text)
        turn.set()
        pty.read_until("word59")
        turn.set()
        code, _ = pty.finish()
    assert code == 0
    emulator = emulate(pty.text[:before].decode(), 60, 10)
    above = emulator.lines()
    emulator.screen.resize(10, width)  # pyte cuts long lines off, where other terminals wrap them anew
    emulator.feed(pty.text[before:].decode())
    below = emulator.lines()[len(above) :]
    assert re.findall(r"word\d+", "\n".join([*above, *below])) == [word.strip() for word in words]
    assert max(map(len, below)) > 0.7 * width


def test_a_terminal_that_went_away_ends_the_program(env: Env, tmp_path: Path) -> None:
    pty = Pty("send", "-q", "-m", "sandbox-slow", "x", env=process_env(tmp_path, **env))
    pty.read_until("one")
    os.close(pty.master)
    assert pty.process.wait(PATIENCE) in (128 + signal.SIGHUP, 12)


def test_a_first_word_longer_than_the_line_stays_behind_its_label(env: Env, tmp_path: Path) -> None:
    path = tmp_path / ("x" * 60)
    path.write_text("[broken")
    seen = see("config", "show", env={**env, "RESPAN_CLI_CONFIG": str(path)}, columns=50)
    assert seen.raw.count("error:") == 1
    assert seen.emulator.lines()[0].startswith("error: /")
