"""One command run to its end, and what it cost by the operating system's own accounting."""

from __future__ import annotations

import os
import pty
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """A command line as it is measured.

    Args:
        argv: program and arguments.
        stdin: a file to read, or nothing.
        on_terminal: whether standard output and error are a pseudo-terminal of 80 columns.
    """

    argv: Sequence[str]
    stdin: Path = Path(os.devnull)
    on_terminal: bool = False


@dataclass(frozen=True, slots=True)
class Cost:
    """What a whole process cost: seconds of wall clock and of CPU, KiB at the peak, bytes written."""

    wall: float
    cpu: float
    memory: float
    written: float


def run(command: Command, env: Mapping[str, str]) -> Cost:
    """Run a command, reading everything it writes.

    Raises:
        RuntimeError: it did not end with exit code 0.
    """
    theirs, ours = _terminal() if command.on_terminal else os.pipe()[::-1]
    written = [0]
    reader = threading.Thread(target=_drain, args=(ours, written))
    with command.stdin.open("rb") as stdin:
        start = time.perf_counter()
        errors = theirs if command.on_terminal else subprocess.DEVNULL
        process = subprocess.Popen(command.argv, stdin=stdin, stdout=theirs, stderr=errors, env=dict(env))
    os.close(theirs)
    reader.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    reader.join()
    os.close(ours)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command.argv)} ended with {process.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, written[0])


def _terminal() -> tuple[int, int]:
    import fcntl
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return theirs, ours


def _drain(handle: int, written: list[int]) -> None:
    while True:
        try:
            data = os.read(handle, 1 << 16)
        except OSError:  # a pseudo-terminal says so when its other end is closed
            return
        if not data:
            return
        written[0] += len(data)


def pairs(first: Command, second: Command, count: int, env: Mapping[str, str]) -> list[tuple[Cost, Cost]]:
    """Run two commands in turn, after one run of each that is not counted."""
    run(first, env)
    run(second, env)
    return [(run(first, env), run(second, env)) for _ in range(count)]


def ratio(
    costs: Sequence[tuple[Cost, Cost]], figure: str, allowance: float = 0.0
) -> tuple[float, float, float]:
    """Median, least and greatest of the pairwise ratios of one figure.

    Args:
        costs: the pairs.
        figure: the name of a field of `Cost`.
        allowance: taken off the first of each pair, in the figure's unit.
    """
    ratios = [(getattr(one, figure) - allowance) / getattr(other, figure) for one, other in costs]
    return statistics.median(ratios), min(ratios), max(ratios)
