"""The process around the program: `python -m respan_cli`, `respan` and `respan-cli`."""

from __future__ import annotations

import gc
import os
from typing import NoReturn


def run() -> NoReturn:
    """Run the command line of this process and leave with its exit code.

    Leaves without taking the interpreter apart: by then every byte is flushed, and the modules of the SDK
    take a tenth of a second to tear down.
    """
    # A command lives for moments: looking for garbage while modules are imported only costs. What lives
    # longer turns the collector on again: `gateway.load_sdk`, and the sandbox.
    gc.disable()
    code = 130
    try:
        from respan_cli.cli import main

        code = main()
    except KeyboardInterrupt:  # before `main` could say so itself
        pass
    os._exit(code)


if __name__ == "__main__":
    run()
