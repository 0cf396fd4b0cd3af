"""Writes docs/commands.md from the program, or with `--check` says whether it is current.

python -m docs.generate [--check]
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("commands.md")
_EXAMPLES = re.compile(r"(?m)^(?:\$ .*\n)+")
_FENCED = re.compile(r"(?ms)^```.*?^```\n")


def page() -> str:
    """The reference of every command, made from the program's own help."""
    command = [sys.executable, "-m", "typer", "respan_cli.cli", "utils", "docs", "--name", "respan"]
    plain = {**os.environ, "NO_COLOR": "1", "COLUMNS": "100"}
    made = subprocess.run(command, check=True, capture_output=True, text=True, env=plain).stdout  # noqa: S603
    return fenced(f"{made.strip()}\n\n{tables()}")


def fenced(text: str) -> str:
    """The page with the examples of the docstrings as blocks of their own."""
    blocks: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        blocks.append(found[0])
        return f"\0{len(blocks) - 1}\0"

    text = _FENCED.sub(put_aside, text)
    text = _EXAMPLES.sub(lambda found: f"```console\n{found[0]}```\n", text)
    return re.sub("\0(\\d+)\0", lambda found: blocks[int(found[1])], text)


def tables() -> str:
    """The tables of `respan help`, from the same source."""
    from respan_cli.environment import variables
    from respan_cli.errors import MEANINGS

    codes = [(str(int(code)), meaning) for code, meaning in MEANINGS.items()]
    names = [(f"`{name}`", meaning) for name, meaning in variables().items()]
    return (
        f"## Exit codes\n\n{_table('code', codes)}\n## Environment variables\n\n{_table('variable', names)}"
    )


def _table(heading: str, rows: list[tuple[str, str]]) -> str:
    lines = [f"| {heading} | meaning |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
    return "\n".join(lines) + "\n"


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
