"""The file of a thread, read."""

from __future__ import annotations

import stat
from pathlib import Path

from respan_cli.errors import UsageError
from respan_cli.messages.attachments import display_name
from respan_cli.messages.thread import OTHER_FILE, Thread, parse_thread


def read_thread_file(path: str) -> Thread:
    """The thread at `path`; a new one if there is no file.

    Raises:
        UsageError: the file cannot be read, or is not a thread.
    """
    name, file = display_name(path), Path(path)
    try:
        if not stat.S_ISREG(file.stat().st_mode):  # a named pipe could keep its reader waiting for ever
            raise UsageError(f"{name} is not a regular file", hint=OTHER_FILE)
        data = file.read_bytes()
    except FileNotFoundError:
        return Thread(name)
    except OSError as error:
        raise UsageError(f"cannot read the thread {name}", reason=error.strerror, hint=OTHER_FILE) from None
    return parse_thread(data, name)
