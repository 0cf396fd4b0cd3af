"""Builds the messages of a `send` from arguments, stdin, files, a conversation and the editor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from respan_cli.commands.shared.options import BodyOptions, InputOptions
from respan_cli.errors import UsageError
from respan_cli.messages.prompt import STDIN, compose
from respan_cli.messages.request import user_turn
from respan_cli.messages.user_json import (
    Conversation,
    Turn,
    body_options,
    check_schema,
    parse_input,
    read_turns,
)
from respan_cli.terminal.encoding import decode
from respan_cli.terminal.terminal import Terminal

if TYPE_CHECKING:
    from respan_cli.commands.shared.prompt_input import FilledPrompt
    from respan_cli.messages.prompt_file import PromptFile

WAITING = "respan: waiting for standard input to end (--no-stdin ignores it)"
STDIN_NAME = "standard input"
SEND_AS_FILE = "send an image or a PDF as a file: -f -"
NAMED = "'-'"  # among the words of the prompt


@contextmanager
def read_conversation(
    options: InputOptions,
    terminal: Terminal,
    *,
    prompt_file: FilledPrompt | None = None,
    before_wait: Callable[[], None] = lambda: None,
) -> Iterator[Conversation]:
    """The conversation that the flags describe; a draft from the editor is kept until it has arrived.

    Args:
        terminal: where standard input comes from.
        prompt_file: what `--prompt-file` names, with its variables.
        before_wait: called before waiting for standard input or the editor.

    Raises:
        UsageError: something cannot be read, is not what its flag says, or there is nothing to send.
    """
    stdin = Stdin(terminal, before_wait)
    if not options.editor:
        yield build_conversation(options, stdin, prompt_file)
        return
    from respan_cli.terminal.editor import Draft

    with Draft(terminal) as draft:
        yield build_conversation(options, stdin, prompt_file, draft.edit)


class Stdin:
    """Standard input, which one flag may read, or else the prompt.

    Args:
        terminal: whose it is.
        before_wait: called before it is waited for.
    """

    def __init__(self, terminal: Terminal, before_wait: Callable[[], None]) -> None:
        self.piped = terminal.stdin_is_piped
        self.before_wait = before_wait
        self._terminal = terminal

    def read(self) -> bytes:
        """Everything on it."""
        self.before_wait()
        return self._terminal.read_stdin(WAITING)

    def text(self) -> str:
        """Everything on it, as text."""
        data = self.read()
        try:
            return decode(data, STDIN_NAME)
        except UsageError as error:
            from respan_cli.messages.attachments import media_type

            raise error.with_hint(SEND_AS_FILE if media_type(data) else error.hint) from None


def build_conversation(
    options: InputOptions,
    stdin: Stdin,
    prompt_file: FilledPrompt | None = None,
    edit: Callable[[str], str] | None = None,
) -> Conversation:
    """The turns and the further fields of the body. Whatever needs no waiting is checked first.

    Args:
        stdin: what is piped in.
        prompt_file: what `--prompt-file` names, with its variables.
        edit: lets a person edit the prompt, with --editor.

    Raises:
        UsageError: as `read_conversation` says.
    """
    in_pipe = stdin_reader(options)
    takes_pipe = (stdin.piped and not in_pipe and not options.no_stdin) or in_pipe == NAMED
    fields = read_body_options(options, prompt_file.file if prompt_file else None)
    if prompt_file and prompt_file.takes_stdin and not takes_pipe:
        raise UsageError(f"{prompt_file.name} needs text on standard input", hint="pipe it in")
    earlier = _earlier(options.messages, stdin)
    texts, blocks = _files(options.files or (), stdin)
    piped = stdin.text() if takes_pipe else None
    if prompt_file:
        words = prompt_file.compose(options.prompt or (), piped)
    else:
        words = compose(options.prompt or (), piped)
    if edit:
        stdin.before_wait()
        words = edit(words)
    prompt = compose((), words, texts)
    last = [user_turn(prompt, blocks)] if prompt or blocks else []
    if not earlier and not last:
        raise _no_prompt()
    return Conversation([*earlier, *last], fields)


def read_body_options(options: BodyOptions, prompt_file: PromptFile | None = None) -> dict[str, Any]:
    """The further fields of the body: those of the flags, else those of the prompt file.

    Raises:
        UsageError: a file cannot be read, or a value is not what its flag says.
    """
    extra, schema = _json_flag(options.extra_body, "--extra-body"), _schema(options.schema)
    stops: Sequence[str] = options.stops or ()
    effort = options.effort and str(options.effort)
    if prompt_file:
        stops, effort = stops or prompt_file.stops, effort or prompt_file.effort
        schema = prompt_file.schema if schema is None else schema
    return body_options(extra=extra, stops=stops, effort=effort, schema=schema)


def check_has_prompt(options: InputOptions, terminal: Terminal) -> None:
    """Refuse a command line on a terminal that says nothing, before anybody asks for its key.

    Raises:
        UsageError: there is nothing to send.
    """
    given = options.prompt or options.prompt_file or options.files or options.messages or options.editor
    if terminal.stdin_isatty and not given:
        raise _no_prompt()


def _no_prompt() -> UsageError:
    return UsageError("there is no prompt", hint="respan send 'Say hello', or pipe text in")


def stdin_reader(options: InputOptions) -> str | None:
    """The flag that reads standard input by name, if one does.

    Raises:
        UsageError: two of them do, or one does and `--no-stdin` is given.
    """
    readers = [NAMED] if STDIN in (options.prompt or ()) else []
    readers += ["--messages -"] if options.messages == STDIN else []
    readers += ["--file -" for path in options.files or () if path == STDIN]
    if len(readers) > 1:
        raise UsageError(f"{readers[0]} and {readers[1]} cannot both read standard input")
    if readers and options.no_stdin:
        raise UsageError(f"{readers[0]} asks for standard input, which --no-stdin ignores")
    return readers[0] if readers else None


def _files(paths: Sequence[str], stdin: Stdin) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """Names and texts of the text files, and the blocks of the others."""
    if not paths:
        return [], []
    from respan_cli.messages import attachments

    files = [
        attachments.attach(STDIN_NAME, stdin.read()) if path == STDIN else attachments.read(path)
        for path in paths
    ]
    attachments.check_total(files)
    texts = [(file.name, file.text) for file in files if file.text is not None]
    return texts, [file.block for file in files if file.block]


def _earlier(path: str | None, stdin: Stdin) -> list[Turn]:
    if path is None:
        return []
    text = stdin.text() if path == STDIN else _read(path)
    name = STDIN_NAME if path == STDIN else path
    value = parse_input(text, name)
    if isinstance(value, dict) and "thread_identifier" in value:
        from respan_cli.messages.thread import read_thread

        return list(read_thread(value, name).messages)
    return read_turns(value, name)


def _schema(path: str | None) -> object:
    return None if path is None else check_schema(parse_input(_read(path), path), path)


def _json_flag(value: str | None, flag: str) -> object:
    if value is None:
        return None
    if value.startswith("@"):
        return parse_input(_read(value[1:]), value[1:])
    return parse_input(value, flag)


def _read(path: str) -> str:
    try:
        return decode(Path(path).read_bytes(), path)
    except OSError as error:
        raise UsageError(f"cannot read {path}", reason=error.strerror) from None
