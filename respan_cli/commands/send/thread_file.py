"""The file of `--thread` during a send: locked, continued, and written once the answer is whole."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import inf
from pathlib import Path

from respan_cli.commands.shared.thread_input import read_thread_file
from respan_cli.errors import OutputError, RespanError
from respan_cli.exchange import Received
from respan_cli.messages.attachments import display_name
from respan_cli.messages.thread import Thread, answer_turn
from respan_cli.messages.user_json import Turn
from respan_cli.output.result import Result, ThreadState
from respan_cli.output.stop_reasons import problem_with
from respan_cli.settings.files import atomic_write, locked
from respan_cli.settings.resolve import Settings
from respan_cli.terminal.terminal import Terminal


class OpenThread:
    """A thread whose lock this process holds.

    Args:
        thread: what its file holds.
        target: the file itself, symbolic links resolved.
    """

    def __init__(self, thread: Thread, target: Path) -> None:
        self.thread = thread
        self.saved = False
        self._target = target

    def follow(
        self, received: Iterable[Received | Result], turns: Sequence[Turn]
    ) -> Iterator[Received | Result]:
        """Pass on the events; add the thread to the result once the file is saved.

        Args:
            received: an exchange.
            turns: those that this send adds, the answer aside.
        """
        for item in received:
            yield replace(item, thread=self._state(item, turns)) if isinstance(item, Result) else item

    def _state(self, result: Result, turns: Sequence[Turn]) -> ThreadState:
        added = 0 if problem_with(result) else len(turns) + 1
        return ThreadState(self.thread.name, len(self.thread.messages) + added)

    def save(self, result: Result, turns: Sequence[Turn], settings: Settings) -> None:
        """Add the turns and the answer to the file, if the answer is whole.

        Raises:
            OutputError: the file cannot be written; it is as it was.
        """
        if problem_with(result):
            return
        failure = f"cannot add the answer to {self.thread.name}"
        try:
            answer = answer_turn(result.answer.whole()["content"], tools="tools" in result.request.options)
        except (ValueError, RecursionError) as error:
            raise OutputError(failure, reason=f"it {error}") from None
        grown = self.thread.with_turns([*turns, answer], model=settings.model, system=settings.system)
        with _writing(failure):
            atomic_write(self._target, grown.dump())
        self.saved = True


@contextmanager
def open_thread(path: str, terminal: Terminal) -> Iterator[OpenThread]:
    """The thread at `path`, locked.

    Another send that has the same thread open is waited for, and standard error says so. A failure within
    says that nothing was added.

    Raises:
        UsageError: the file cannot be read, or is not a thread.
        OutputError: the file cannot be written.
    """
    name, target = display_name(path), Path(os.path.realpath(path))
    with ExitStack() as stack:
        with _writing(f"cannot write the thread {name}"):
            stack.enter_context(
                locked(target, inf, on_wait=lambda _: _announce_wait(name, terminal), keep_lock_file=False)
            )
            if target.exists():
                os.close(
                    os.open(target, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
                )  # a read-only file stays
        thread = OpenThread(read_thread_file(path), target)
        with _unchanged_on_failure(thread, terminal):
            yield thread


def _announce_wait(name: str, terminal: Terminal) -> None:
    terminal.note(f"waiting for another send to finish with {name}", label="respan: ")
    terminal.update_status("waiting")


@contextmanager
def _unchanged_on_failure(thread: OpenThread, terminal: Terminal) -> Iterator[None]:
    try:
        yield
    except RespanError as error:
        state = ThreadState(thread.thread.name, len(thread.thread.messages))
        raise state.unchanged(error) from error.__cause__
    except BaseException:
        if not thread.saved:
            terminal.note(f"nothing was added to {thread.thread.name}", label="respan: ")
        raise


@contextmanager
def _writing(failure: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(failure, reason=error.strerror) from None
