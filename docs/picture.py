"""Draws docs/picture.svg: a real run in a pseudo-terminal, the screen a person then sees, exported by Rich.

python -m docs.picture

The answer is one that the sandbox was given to say. What differs from run to run, the times, is fixed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

from respan_cli.sandbox import Sandbox
from respan_cli.sandbox.api import CannedAnswer
from respan_cli.settings.fields import DEFAULT_MODEL

ROOT = Path(__file__).parent.parent
PICTURE = Path(__file__).with_name("picture.svg")
COLUMNS, ROWS = 92, 40
ARGUMENTS = ("send", "Why is the sky blue?", "--customer-id", "alice", "-M", "agent=tutor")
ANSWER = """\
## Rayleigh scattering

Sunlight is a mixture of all colours. Air scatters the **short** waves most:

| colour | wavelength | scattered |
|:-------|-----------:|----------:|
| blue   |     450 nm |      4.4× |
| red    |     650 nm |      1.0× |

```python
def scattered(wavelength: float) -> float:
    return (650 / wavelength) ** 4  # Rayleigh, 1871
```
"""
_TIMES = re.compile(r"first token \d+\.\d+ s.*?total \d+\.\d+ s(?:, \d+ tokens/s)?")
_FIXED = "first token 0.61 s, total 1.94 s, 82 tokens/s"


def draw() -> str:
    """The picture, as SVG."""
    screen = show(f"$ respan {shlex.join(ARGUMENTS)}\r\n".encode() + record())
    lines = [_line(screen, row) for row in range(ROWS)]
    while lines and not lines[-1].plain.strip():
        lines.pop()
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        for line in lines:
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
        return console.export_svg(title="respan", unique_id="respan")


def record() -> bytes:
    """What a `respan send` writes to a terminal of this size."""
    import fcntl
    import pty
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    with tempfile.TemporaryDirectory() as home, Sandbox() as sandbox:
        sandbox.replies.append(reply())
        env = {"HOME": home, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        env |= {"RESPAN_API_KEY": "any", "RESPAN_BASE_URL": sandbox.url}
        command = [sys.executable, "-m", "respan_cli", *ARGUMENTS]
        with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env):  # noqa: S603
            os.close(slave)
            written = b"".join(iter(lambda: _read(master), b""))
    os.close(master)
    return _TIMES.sub(_FIXED, written.decode()).encode()


def reply() -> bytes:
    """The answer as it comes over the wire."""
    answer = CannedAnswer(id="msg_1", model=DEFAULT_MODEL, text=ANSWER, input_tokens=14, output_tokens=136)
    events = b"".join((*answer.opening(), *answer.deltas(), *answer.closing()))
    log_id = "23cd0118-8a49-58a7-92f7-c1bb4388b5f6"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Respan-Log-Id: {log_id}\r\n\r\n"
    return head.encode() + events


def _read(master: int) -> bytes:
    try:
        return os.read(master, 65536)
    except OSError:  # Linux says EIO when the last writer has gone
        return b""


def show(written: bytes) -> pyte.Screen:
    """The screen of a terminal that was sent these bytes."""
    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.ByteStream(screen).feed(written)
    return screen


def _line(screen: pyte.Screen, row: int) -> Text:
    line = Text()
    for column in range(COLUMNS):
        cell = screen.buffer[row][column]
        line.append(cell.data, _style(cell))
    line.rstrip()
    return line


def _style(cell: pyte.screens.Char) -> Style:
    return Style(
        color=_color(cell.fg),
        bgcolor=_color(cell.bg),
        bold=cell.bold,
        italic=cell.italics,
        underline=cell.underscore,
        strike=cell.strikethrough,
        reverse=cell.reverse,
    )


def _color(name: str) -> str | None:
    if name == "default":
        return None
    if re.fullmatch("[0-9a-f]{6}", name):
        return f"#{name}"
    name = "yellow" if name == "brown" else name  # pyte's name for it
    return f"bright_{name.removeprefix('bright')}" if name.startswith("bright") else name


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
