"""Rows for people and for scripts: a table on a terminal, tab-separated lines off it.

Off a terminal a line has no heading and nothing is cut; a tab, a newline or a backslash inside a value is
written `\\t`, `\\n` or `\\\\`, so that a line stays a row and a tab stays a border.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from respan_cli.terminal.terminal import Terminal
from respan_cli.terminal.text import clean

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def print_table(terminal: Terminal, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows in the form that standard output asks for.

    Args:
        headings: the names of the columns, shown on a terminal only.
        rows: the cells, text from outside included. Empty ones are shown as "-" on a terminal.
    """
    if terminal.stdout_isatty:
        terminal.write_now(_aligned(terminal, headings, rows))
        return
    for row in rows:
        terminal.write("\t".join(cell.translate(_ESCAPES) for cell in row) + "\n")
    terminal.flush()


def _aligned(terminal: Terminal, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    for row in rows:
        # Text, not str: what comes from outside is no markup.
        table.add_row(*(Text(clean(cell).expandtabs(4)) if cell else Text("-", "dim") for cell in row))
    drawn = StringIO()
    colors = terminal.use_color()
    Console(
        file=drawn,
        width=terminal.width,
        force_terminal=colors,
        color_system="standard" if colors else None,
        no_color=not colors,
        legacy_windows=False,
        highlight=False,
    ).print(table)
    return "".join(line.rstrip() + "\n" for line in drawn.getvalue().splitlines())
