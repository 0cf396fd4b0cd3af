"""The process around the program: `python -m respan_cli`, `respan` and `respan-cli`."""

from __future__ import annotations

import os
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line of this process and leave with its exit code.

    Leaves without taking the interpreter apart: by then every byte is flushed, and the modules of the SDK
    take a tenth of a second to tear down.
    """
    code = 130
    try:
        from respan_cli.cli import main

        code = main()
    except KeyboardInterrupt:  # before `main` could say so itself
        pass
    os._exit(code)


if __name__ == "__main__":
    run()
