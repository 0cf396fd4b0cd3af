"""The process around the program: `python -m respan_cli`, `respan` and `respan-cli`."""

from __future__ import annotations

import gc
import os
import signal
import sys

TYPE_CHECKING = False  # as in `typing`, whose import takes longer than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn


_last_acts: list[Callable[[], None]] = []


def _leave(number: int, frame: FrameType | None) -> None:
    """Exit at once: nothing has started, and an exception here would print the traceback of an import."""
    try:
        for act in _last_acts:
            act()
    except RuntimeError:  # the signal came in the middle of writing the very line that is to be erased
        os.write(2, b"\r\x1b[K")
    finally:
        os._exit(128 + number)


# From the first moment that is ours. Where Ctrl-C is ignored (`nohup`, `&` in a script), it stays so.
_interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _interruptible:
    signal.signal(signal.SIGINT, _leave)

# With these there is nothing to wait for, or no wish to see a status line.
_QUICK = frozenset("-h --help -n --dry-run --as -q --quiet".split())


def run() -> NoReturn:
    """Run the command line of this process and leave with its exit code.

    Leaves without taking the interpreter apart: by then every byte is flushed, and the modules of the SDK
    take a tenth of a second to tear down.
    """
    # A command lives for moments: looking for garbage while modules are imported only costs. What lives
    # longer turns the collector on again: `gateway.load_sdk`, and the sandbox.
    gc.disable()
    from respan_cli.errors import TerminationSignal
    from respan_cli.terminal.signals import raise_on_termination
    from respan_cli.terminal.terminal import Terminal

    terminal = Terminal.standard()
    if terminal.stdin_isatty and sys.argv[1:2] == ["send"] and not _QUICK.intersection(sys.argv):
        _last_acts.append(terminal.stop_status)
        terminal.start_status("starting")  # Typer alone takes a tenth of a second to load
    from respan_cli.cli import main

    code = 130
    try:
        # From here on signals are exceptions: temporary files are removed, the terminal is left in order.
        raise_on_termination(TerminationSignal)
        if _interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        code = main(terminal=terminal)
    except KeyboardInterrupt:  # while `main` was on its way in or out
        pass
    except TerminationSignal as ended:
        code = ended.code
    os._exit(code)


if __name__ == "__main__":
    run()
