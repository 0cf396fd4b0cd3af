"""Writes docs/commands.md from the program, or with `--check` says whether it is current.

python -m docs.generate [--check]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("commands.md")


def page() -> str:
    """The reference of every command, made from the program's own help."""
    command = [sys.executable, "-m", "typer", "respan_cli.cli", "utils", "docs", "--name", "respan"]
    plain = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    made = subprocess.run(command, check=True, capture_output=True, text=True, env=plain)  # noqa: S603
    return made.stdout.replace("&#x27;", "'").replace("&quot;", '"').strip() + "\n"


def main() -> int:
    """Write the page, or check it; the exit code is 1 when it is not current."""
    made = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, "utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text("utf-8") == made:
        return 0
    sys.stderr.write(f"{PAGE.name} is not what the program says: run 'make docs'\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
